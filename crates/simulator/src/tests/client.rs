//! A small HTTP client: one connection, closed when dropped.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};

use crate::{SimulatorHandle, Stats};

/// Generous: it is used up only by a test that fails.
pub(super) const SOON: Duration = Duration::from_secs(5);

pub(super) const OPENAI: &str = "/v1/chat/completions";
pub(super) const ANTHROPIC: &str = "/v1/messages";

pub(super) struct Client {
    sender: conn::http1::SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
}

impl Client {
    pub(super) async fn connect(simulator: &SimulatorHandle) -> Self {
        Self::over(TcpStream::connect(simulator.address()).await.unwrap()).await
    }

    pub(super) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _ = connection.await;
        });
        Self { sender, _connection: tasks }
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Got, hyper::Error> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Got { status: head.status, headers: head.headers, body })
    }

    pub(super) async fn get(&mut self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("host", "simulator").body(Full::default()).unwrap();
        let got = self.send(request).await.unwrap();
        (got.status, got.json().await)
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Got, hyper::Error> {
        self.send(request(path, body)).await
    }

    /// Posts, and takes a whole answer for granted.
    pub(super) async fn ask(&mut self, path: &str, body: &Value) -> Value {
        self.post(path, body).await.unwrap().json().await
    }
}

/// A request with the headers that its format wants.
pub(super) fn request(path: &str, body: &Value) -> Request<Full<Bytes>> {
    let request = Request::post(path).header("host", "simulator").header("content-type", "application/json");
    let request = match path {
        ANTHROPIC => request.header("anthropic-version", "2023-06-01").header("x-api-key", "sk-secret"),
        _ => request.header("authorization", "Bearer sk-secret"),
    };
    request.body(Full::from(body.to_string())).unwrap()
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What came of the body, and whether it came whole.
    pub(super) async fn read(mut self) -> (Vec<Bytes>, Result<(), hyper::Error>) {
        let mut frames = Vec::new();
        while let Some(frame) = self.body.frame().await {
            match frame {
                Ok(frame) => frames.extend(frame.into_data()),
                Err(error) => return (frames, Err(error)),
            }
        }
        (frames, Ok(()))
    }

    pub(super) async fn text(self) -> String {
        let (frames, end) = self.read().await;
        end.unwrap();
        String::from_utf8(frames.concat()).unwrap()
    }

    pub(super) async fn json(self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }
}

/// A request of either format for one message; `more` is laid over it.
pub(super) fn body(path: &str, text: &str, more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    if path == ANTHROPIC {
        body["max_tokens"] = json!(4096);
    }
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The text of a reply that was not streamed, in either format.
pub(super) fn text_of(reply: &Value) -> &str {
    reply["choices"][0]["message"]["content"].as_str().or(reply["content"][0]["text"].as_str()).unwrap()
}

#[track_caller]
pub(super) fn calls(stats: &Stats) -> String {
    let Stats { calls_started, calls_in_flight, calls_finished, calls_cancelled, calls_broken, .. } = stats;
    format!(
        "{calls_started} = {calls_finished} finished + {calls_cancelled} cancelled + {calls_broken} broken + {calls_in_flight} running"
    )
}
