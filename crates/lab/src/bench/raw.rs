//! The bare client that the product is measured against: hyper's pooled client, serde_json in and out, and nothing that keeps a call going.

use anyhow::{Context, Result, bail};
use async_orchestrator_core::CompletionRequest;
use bytes::Bytes;
use http::{Request, Response, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use serde::{Deserialize, Serialize};

use super::upstream;

/// The client.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
}

/// A request as a program of few lines writes it; the same bytes as ours.
#[derive(Serialize)]
pub(super) struct Ask<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// What a program reads of a reply.
#[derive(Deserialize)]
struct Reply {
    choices: Vec<Choice>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    message: Text,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    completion_tokens: u64,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Piece>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Piece {
    delta: Text,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Text {
    #[serde(default)]
    content: Option<String>,
}

/// What came of a call.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) text: String,
    pub(super) events: usize,
    pub(super) tokens: u64,
}

impl<'a> Ask<'a> {
    pub(super) fn whole(model: &'a str, request: &'a CompletionRequest) -> Self {
        let messages = request.messages.iter();
        let messages = messages.map(|message| Said { role: "user", content: &message.content }).collect();
        let max_tokens = request.max_output_tokens.unwrap_or_default();
        Self { model, messages, max_tokens, stream: false, stream_options: None }
    }

    pub(super) fn streamed(model: &'a str, request: &'a CompletionRequest) -> Self {
        let stream_options = Some(StreamOptions { include_usage: true });
        Self { stream: true, stream_options, ..Self::whole(model, request) }
    }
}

impl Raw {
    pub(super) fn new(address: &str) -> Result<Self> {
        let uri = format!("http://{address}/v1/chat/completions").parse()?;
        Ok(Self { client: upstream::client(), uri })
    }

    /// Asks for a whole reply.
    pub(super) async fn complete(&self, ask: &impl Serialize) -> Result<Got> {
        let response = self.send(ask).await?;
        let reply: Reply = serde_json::from_slice(&upstream::whole(response.into_body()).await?)?;
        let choice = reply.choices.into_iter().next().context("no choice")?;
        if choice.finish_reason.is_none() {
            bail!("the reply has no end");
        }
        let text = choice.message.content.unwrap_or_default();
        Ok(Got { text, events: 1, tokens: reply.usage.completion_tokens })
    }

    /// Asks for a stream and reads it to its end; `first` is called at the first piece of text.
    pub(super) async fn stream(&self, ask: &impl Serialize, first: impl FnOnce()) -> Result<Got> {
        let mut body = self.send(ask).await?.into_body();
        let (mut got, mut first, mut buffer) = (Got::default(), Some(first), Vec::new());
        let (mut is_done, mut is_finished) = (false, false);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            buffer.extend_from_slice(&data);
            let mut read = 0;
            while let Some(length) = buffer[read..].iter().position(|byte| *byte == b'\n') {
                let line = &buffer[read..read + length];
                read += length + 1;
                let Some(event) = line.strip_prefix(b"data: ") else { continue };
                if event == b"[DONE]" {
                    is_done = true;
                    continue;
                }
                let chunk: Chunk = serde_json::from_slice(event)?;
                got.tokens = chunk.usage.map_or(got.tokens, |usage| usage.completion_tokens);
                for piece in chunk.choices {
                    is_finished |= piece.finish_reason.is_some();
                    let text = piece.delta.content.unwrap_or_default();
                    if text.is_empty() {
                        continue;
                    }
                    got.events += 1;
                    got.text.push_str(&text);
                    if let Some(first) = first.take() {
                        first();
                    }
                }
            }
            buffer.drain(..read);
        }
        if !(is_done && is_finished) {
            bail!("the stream was cut");
        }
        Ok(got)
    }

    async fn send(&self, ask: &impl Serialize) -> Result<Response<Incoming>> {
        let body = Full::new(Bytes::from(serde_json::to_vec(ask)?));
        let request = Request::post(self.uri.clone()).header(CONTENT_TYPE, "application/json").body(body)?;
        let response = self.client.request(request).await?;
        if !response.status().is_success() {
            bail!("{}", response.status());
        }
        Ok(response)
    }
}
