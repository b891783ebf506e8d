//! A server that sends the bytes it is told, well-formed or not, one connection after the other.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::world::{Delivery, Format};

/// What a connection does after it has read a request.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Sends these pieces, each by itself, and closes.
    Send(Vec<Vec<u8>>),
    /// Sends the head and then the piece over and over until the other side has had enough.
    Flood { head: Vec<u8>, piece: Vec<u8> },
    /// Says nothing.
    Silence,
}

/// The server; it ends when it is dropped.
pub(super) struct Raw {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Raw {
    pub(super) async fn start(then: Then) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (sent, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let (counted, opened) = (Arc::clone(&sent), Arc::clone(&connections));
        tasks.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::Relaxed);
                calls.spawn(serve(socket, then.clone(), Arc::clone(&counted)));
            }
        });
        Ok(Self { address, sent, connections, _tasks: tasks })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn seen(&self) -> String {
        format!("{} connections, {} bytes sent", self.connections.load(Ordering::Relaxed), self.bytes_sent())
    }
}

async fn serve(mut socket: TcpStream, then: Then, sent: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 << 10];
    // The requests of the matrix fit one read.
    if socket.read(&mut buffer).await.is_err() {
        return;
    }
    let send = async |socket: &mut TcpStream, piece: &[u8]| {
        let done = socket.write_all(piece).await.is_ok() && socket.flush().await.is_ok();
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        done
    };
    match then {
        Then::Send(pieces) => {
            for piece in pieces {
                if !send(&mut socket, &piece).await {
                    return;
                }
            }
            let _ = socket.shutdown().await;
        }
        Then::Flood { head, piece } => {
            if send(&mut socket, &head).await {
                while send(&mut socket, &piece).await {}
            }
        }
        // The other side gives up; until then the connection stays open.
        Then::Silence => while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {},
    }
}

/// The head of a reply that ends with its connection.
pub(super) fn head(delivery: Delivery) -> Vec<u8> {
    let kind = match delivery {
        Delivery::Whole => "application/json",
        Delivery::Streamed => "text/event-stream",
    };
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes()
}

/// A reply that says `text`, which is put into JSON as it is; the pieces of a stream stand apart.
pub(super) fn reply(format: Format, delivery: Delivery, text: &[&[u8]]) -> Vec<Vec<u8>> {
    let around =
        |before: &str, text: &[u8], after: &str| [before.as_bytes(), text, after.as_bytes()].concat();
    let mut pieces = vec![head(delivery)];
    match (format, delivery) {
        (Format::OpenAi, Delivery::Whole) => pieces.push(around(
            r#"{"id":"c1","object":"chat.completion","created":1,"model":"primary","choices":[{"index":0,"message":{"role":"assistant","content":""#,
            &text.concat(),
            r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":5,"total_tokens":10}}"#,
        )),
        (Format::Anthropic, Delivery::Whole) => pieces.push(around(
            r#"{"id":"m1","type":"message","role":"assistant","model":"primary","content":[{"type":"text","text":""#,
            &text.concat(),
            r#""}],"stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":5}}"#,
        )),
        (Format::OpenAi, Delivery::Streamed) => {
            let chunk = r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"primary","choices":[{"index":0,"delta":{"content":""#;
            for part in text {
                pieces.push(around(chunk, part, "\"},\"finish_reason\":null}]}\n\n"));
            }
            pieces.push(b"data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"primary\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n".to_vec());
        }
        (Format::Anthropic, Delivery::Streamed) => {
            pieces.push(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"primary\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n".to_vec());
            for part in text {
                pieces.push(around(
                    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
                    part,
                    "\"}}\n\n",
                ));
            }
            pieces.push(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_vec());
        }
    }
    pieces
}
