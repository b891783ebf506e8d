//! Sends spans to an OpenTelemetry receiver: OTLP 1.x over HTTP, as protobuf, configured by the standard variables.

mod config;
mod encode;
mod wire;

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::{
    queue::{Reader, Stamped},
    spans::SpanTree,
};
use encode::Envelope;

pub use config::{InvalidTelemetry, OtlpConfig};

/// Sends one request and waits for its reply, on the exporter's own thread.
pub trait Post: Send {
    /// Sends `body` to `url`; the request ends within `timeout`.
    ///
    /// # Errors
    /// With a sentence, if no reply came.
    fn post(
        &mut self,
        url: &str,
        headers: &[(String, String)],
        body: Bytes,
        timeout: Duration,
    ) -> Result<PostReply, String>;
}

/// What a receiver replied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostReply {
    /// The status.
    pub status: u16,
    /// What it asked to wait, in seconds.
    pub retry_after: Option<u64>,
    /// The body, at most some kilobytes of it.
    pub body: Vec<u8>,
}

/// So often one batch is sent at most; in between is waited as the receiver says, or 1, 2 s.
const SENDS_MAX: u32 = 3;
/// The longest wait between two sends: the queue fills meanwhile.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Spans that wait to be sent, written already.
#[derive(Default)]
struct Held {
    spans: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Where requests are written: each takes the room of the one before it, which nobody reads any more.
    body: BytesMut,
}

/// Spans of runs on their way to a receiver; a [`Reader`].
pub struct Otlp {
    config: OtlpConfig,
    post: Box<dyn Post>,
    pause: Box<dyn FnMut(Duration) + Send>,
    tree: SpanTree,
    envelope: Envelope,
    held: Held,
    lost: u64,
    said: bool,
}

impl Otlp {
    /// Sends through `post` as `config` says; `pause` waits between two tries, and blocks.
    pub fn new(
        config: OtlpConfig,
        post: impl Post + 'static,
        pause: impl FnMut(Duration) + Send + 'static,
    ) -> Self {
        Self {
            envelope: Envelope::new(&config),
            config,
            post: Box::new(post),
            pause: Box::new(pause),
            tree: SpanTree::default(),
            held: Held::default(),
            lost: 0,
            said: false,
        }
    }

    fn send(&mut self) {
        if self.held.ends.is_empty() {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        let mut start = 0;
        for batch in held.ends.chunks(self.config.batch_max) {
            let end = batch.last().copied().unwrap_or(start);
            self.envelope.request(held.spans.get(start..end).unwrap_or_default(), &mut held.body);
            start = end;
            let body = held.body.split().freeze();
            match self.deliver(&body) {
                Ok(0) => {}
                Ok(rejected) => self.complain(rejected, "the receiver did not take them all"),
                Err(why) => self.complain(batch.len() as u64, &why),
            }
        }
        // Their room is used again.
        held.spans.clear();
        held.ends.clear();
        self.held = held;
    }

    /// Sends one batch until it is taken or given up. Gives how many spans the receiver rejected.
    fn deliver(&mut self, body: &Bytes) -> Result<u64, String> {
        let mut why = String::new();
        for turn in 0..SENDS_MAX {
            let config = &self.config;
            let wait = match self.post.post(&config.url, &config.headers, body.clone(), config.timeout) {
                Ok(reply) if (200..300).contains(&reply.status) => return Ok(encode::rejected(&reply.body)),
                // The specification names these four as worth another try.
                Ok(reply) if matches!(reply.status, 429 | 502 | 503 | 504) => {
                    why = format!("status {}", reply.status);
                    reply.retry_after.map(Duration::from_secs)
                }
                Ok(reply) => return Err(format!("status {}", reply.status)),
                Err(error) => {
                    why = error;
                    None
                }
            };
            if turn + 1 < SENDS_MAX {
                let wait = wait.unwrap_or_else(|| Duration::from_secs(1 << turn));
                (self.pause)(wait.min(WAIT_MAX));
            }
        }
        Err(why)
    }

    /// Counts what was lost, and says so the first time.
    fn complain(&mut self, spans: u64, why: &str) {
        self.lost += spans;
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                spans,
                why,
                "spans could not be sent to the OpenTelemetry receiver; further losses are only counted"
            );
        }
    }
}

impl Reader for Otlp {
    fn read(&mut self, event: &Stamped) {
        for span in self.tree.read(event).iter().filter(|span| self.config.takes(span)) {
            encode::span(&mut self.held.spans, span);
            self.held.ends.push(self.held.spans.len());
        }
        if self.held.ends.len() >= self.config.batch_max {
            self.send();
        }
    }

    fn rest(&mut self) {
        self.send();
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        if self.lost > 0 {
            tracing::warn!(spans = self.lost, "spans were lost in all");
        }
    }
}
