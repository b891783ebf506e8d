//! Accepts connections and serves each in a task that the server owns.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{server::conn, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{service::Service, socket::Socket, timer::now, world::World};

/// Connections open at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 16_384;
/// Streams of one HTTP/2 connection open at once.
const STREAMS_MAX: u32 = 4_096;
/// Pause after a failed accept (out of file descriptors, mostly), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Accepts until it is dropped; all connections end with it.
pub(crate) async fn accept(listener: TcpListener, world: Arc<World>, tls: Option<TlsAcceptor>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => _ = connections.spawn(connection(stream, Arc::clone(&world), tls.clone())),
                Err(_) => world.timer.wait_until(now() + ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, world: Arc<World>, tls: Option<TlsAcceptor>) {
    // Without it, small events wait for the acknowledgement of the one before. A socket that refuses is closed already.
    let _ = stream.set_nodelay(true);
    let socket = Socket::new(stream, &world.ledger);
    let reset = socket.reset_switch();
    let Some(tls) = tls else {
        return http1(socket, Service { world, reset, http2: false }).await;
    };
    match tls.accept(socket).await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            http2(stream, Service { world, reset, http2: true }).await;
        }
        Ok(stream) => http1(stream, Service { world, reset, http2: false }).await,
        Err(_) => world.ledger.change(|stats| stats.tls_handshakes_failed += 1),
    }
}

async fn http1(stream: impl AsyncRead + AsyncWrite + Unpin, service: Service) {
    let serve = service_fn(move |request| service.clone().serve(request));
    // An error ends the connection, and what it means for a call is counted where the call is dropped.
    let _ = conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, service: Service) {
    let serve = service_fn(move |request| service.clone().serve(request));
    let mut builder = conn::http2::Builder::new(StreamTasks::default());
    builder.max_concurrent_streams(STREAMS_MAX);
    let _ = builder.serve_connection(TokioIo::new(stream), serve).await;
}

/// Runs the streams of one HTTP/2 connection, which end with it.
#[derive(Clone, Default)]
struct StreamTasks(Arc<Mutex<JoinSet<()>>>);

impl<F> hyper::rt::Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}
