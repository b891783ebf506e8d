//! A loopback server for tests that plays scripts byte by byte, and notes what it got and when its peers left.

use std::{
    collections::VecDeque,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_orchestrator_core::{
    CallContext, CompletionRequest, CompletionStream, ErrorKind, Message, ProviderError, StreamEvent,
    test_util::ManualClock,
};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use crate::{Transport, TransportConfig, TrustRoots};

/// One step of a connection's script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads one whole request and notes it.
    Request,
    /// Reads whatever comes first.
    AnyBytes,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes, each in a packet of its own.
    Trickle(Vec<u8>),
    /// Waits until the peer is gone and notes it.
    AwaitClose,
    /// Closes with a reset instead of an end.
    Reset,
}

/// The server. Its tasks end with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    closed: mpsc::Receiver<()>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Plays one script a connection, in the order in which connections come; later connections are closed at once.
    pub(crate) async fn play(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self::play_over(scripts, |tcp| async { Some(tcp) }).await
    }

    /// The same over what `wrap` makes of a connection, such as TLS.
    pub(crate) async fn play_over<S, F>(
        scripts: impl IntoIterator<Item = Vec<Step>>,
        wrap: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (closing, closed) = mpsc::channel(64);
        let mut scripts: VecDeque<Vec<Step>> = scripts.into_iter().collect();
        let noted = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                let Some(script) = scripts.pop_front() else { continue };
                if matches!(script.last(), Some(Step::Reset)) {
                    // With a linger of zero, dropping the socket sends a reset.
                    tcp.set_zero_linger().unwrap();
                }
                let (noted, closing) = (Arc::clone(&noted), closing.clone());
                if let Some(io) = wrap(tcp).await {
                    connections.spawn(play_one(io, script, noted, closing));
                }
            }
        });
        Self { address, requests, closed, _tasks: tasks }
    }

    /// The address of `path` here.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The body of the last request.
    pub(crate) fn last_body(&self) -> serde_json::Value {
        let requests = self.requests();
        let (_, body) = requests.last().unwrap().split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// Waits until a connection in [`Step::AwaitClose`] has been closed by its peer.
    pub(crate) async fn peer_left(&mut self) {
        within(self.closed.recv()).await.unwrap();
    }
}

async fn play_one<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    script: Vec<Step>,
    noted: Arc<Mutex<Vec<String>>>,
    closing: mpsc::Sender<()>,
) {
    for step in script {
        match step {
            Step::Request => match read_request(&mut io).await {
                Some(request) => noted.lock().unwrap().push(request),
                None => return,
            },
            Step::AnyBytes => {
                let _ = io.read(&mut [0; 4096]).await;
            }
            Step::Send(bytes) => {
                if io.write_all(&bytes).await.is_err() || io.flush().await.is_err() {
                    break;
                }
            }
            Step::Trickle(bytes) => {
                for byte in bytes {
                    if io.write_all(&[byte]).await.is_err() || io.flush().await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Step::AwaitClose => {
                let mut rest = [0; 1024];
                while io.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                let _ = closing.send(()).await;
            }
            Step::Reset => return,
        }
    }
    let _ = io.shutdown().await;
}

async fn read_request<S: AsyncRead + Unpin>(io: &mut S) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        let mut more = [0; 4096];
        let count = io.read(&mut more).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&more[..count]);
    }
}

/// A script that reads one request and sends `bytes`, then closes.
pub(crate) fn answer(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Request, Step::Send(bytes.into())]
}

/// A whole reply; `headers` are further lines, each with its line end.
pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A whole JSON reply.
pub(crate) fn json_reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    reply(status, &format!("content-type: application/json\r\n{headers}"), body)
}

/// The head of a stream that ends with its connection.
pub(crate) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_1\r\nconnection: close\r\n\r\n";

/// A stream of `events`, which are raw, ended by closing the connection.
pub(crate) fn stream_reply(events: &str) -> Vec<u8> {
    format!("{STREAM_HEAD}{events}").into_bytes()
}

/// A transport on a clock that stands still.
pub(crate) fn transport() -> (Transport, ManualClock) {
    let clock = ManualClock::new();
    // Reading the platform's certificates takes longer than most tests.
    let config = TransportConfig { roots: TrustRoots::Bundled, ..TransportConfig::default() };
    (Transport::new(config, Arc::new(clock.clone())).unwrap(), clock)
}

/// A context without any limit.
#[expect(clippy::disallowed_methods, reason = "an `Instant` can only be had from the system")]
pub(crate) fn context() -> CallContext {
    CallContext::detached(std::time::Instant::now())
}

/// A short question.
pub(crate) fn question() -> CompletionRequest {
    CompletionRequest::new(vec![
        Message::system("Be brief."),
        Message::user("Which river flows through Cologne?"),
    ])
}

/// Everything that a stream gave, deltas joined, and its last word.
pub(crate) async fn drain(
    stream: Result<CompletionStream, ProviderError>,
) -> (String, Result<String, ProviderError>) {
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) => return (String::new(), Err(error)),
    };
    let mut shown = String::new();
    while let Some(event) = within(stream.next()).await {
        match event {
            Ok(StreamEvent::Delta(text)) => {
                assert!(!text.is_empty(), "an empty delta");
                shown += &text;
            }
            Ok(StreamEvent::Finished(completion)) => {
                assert_eq!(completion.text, shown, "the whole is what was streamed");
                assert!(within(stream.next()).await.is_none(), "something follows the end");
                let usage = completion.usage;
                return (
                    shown,
                    Ok(format!(
                        "{} in {} ({} cached, {} written) out {} ({} reasoning) {:?} id {}",
                        completion.finish,
                        usage.input_tokens,
                        usage.cached_input_tokens,
                        usage.cache_write_tokens,
                        usage.output_tokens,
                        usage.reasoning_tokens,
                        completion.usage_source,
                        completion.request_id.as_deref().unwrap_or("-"),
                    )),
                );
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(within(stream.next()).await.is_none(), "something follows an error");
                return (shown, Err(error));
            }
        }
    }
    panic!("the stream ended without a last word");
}

/// The kind of a failure, written short.
pub(crate) fn kind(error: &ProviderError) -> String {
    match error.kind() {
        ErrorKind::RateLimited { retry_after } => format!("RateLimited {retry_after:?}"),
        ErrorKind::Overloaded { retry_after } => format!("Overloaded {retry_after:?}"),
        ErrorKind::Timeout { phase } => format!("Timeout {phase:?}"),
        other => format!("{other:?}"),
    }
}

/// `future`, or a failed test: nothing here may hang.
#[expect(clippy::disallowed_methods, reason = "a guard against hanging tests, never part of what is tested")]
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(5), future).await.expect("the test hangs")
}
