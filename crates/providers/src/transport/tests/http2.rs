//! HTTP/2 by ALPN: calls share one connection, and giving one up resets its stream alone.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use http::Version;
use http_body::{Body, Frame};
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{sync::mpsc, task::JoinSet};

use super::*;

/// A body that sends its text and then, if it is asked to, nothing for ever; it notes when it is dropped.
struct Reply {
    text: Option<&'static str>,
    ends: bool,
    dropped: mpsc::Sender<bool>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.text.take() {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let _ = self.dropped.try_send(self.ends);
    }
}

#[tokio::test]
async fn a_dropped_stream_leaves_its_connection_to_the_others() {
    let (pem, tls) = certificate("localhost", "h2");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("roots.pem");
    std::fs::write(&file, pem).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let (noting, mut dropped) = mpsc::channel(8);
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(tls);
        let mut served = JoinSet::new();
        while let Ok((tcp, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let io = TokioIo::new(acceptor.accept(tcp).await.unwrap());
            let noting = noting.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let ends = request.uri().path() == "/ends";
                let reply = Reply { text: Some("first"), ends, dropped: noting.clone() };
                async { Ok::<_, Infallible>(Response::new(reply)) }
            });
            served.spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service));
        }
    });

    let roots = TrustRoots::Files { file: Some(file), directory: None };
    let config = TransportConfig { roots, ..TransportConfig::default() };
    let transport = Transport::new(config, Arc::new(ManualClock::new())).unwrap();
    let response = send(&transport, &format!("{url}/stalls")).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let mut body = response.into_body();
    assert_eq!(within(body.chunk()).await.unwrap().unwrap(), "first");
    drop(body);
    assert_eq!(within(dropped.recv()).await, Some(false), "the server's side of the stream is gone");
    for _ in 0..2 {
        assert_eq!(text(send(&transport, &format!("{url}/ends")).await.unwrap()).await, "first");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}
