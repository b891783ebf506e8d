//! The body of a reply, read in pieces or whole within a limit.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_orchestrator_core::ErrorKind;
use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;

use super::{TransportError, error};

/// What is left of a reply after its headers. Dropped before its end, it closes its HTTP/1 connection at once; an HTTP/2 stream is reset.
pub(crate) struct ReplyBody(Incoming);

impl ReplyBody {
    pub(super) fn new(incoming: Incoming) -> Self {
        Self(incoming)
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(broken)) => return Poll::Ready(Some(Err(error::in_body(broken)))),
                // Trailers say nothing in either protocol.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => {}
                },
            }
        }
    }

    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, TransportError>> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// The whole body, if it has at most `bytes_max` bytes.
    pub(crate) async fn read_whole(mut self, bytes_max: usize) -> Result<Vec<u8>, TransportError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await {
            let chunk = chunk?;
            if whole.len() + chunk.len() > bytes_max {
                let detail = format!("the reply is larger than {bytes_max} bytes");
                return Err(TransportError::new(ErrorKind::Malformed, detail));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// As much of the body as comes within `bytes_max` bytes: for the text of an error, where a part is better than nothing.
    pub(crate) async fn read_start(mut self, bytes_max: usize) -> Vec<u8> {
        let mut start = Vec::new();
        while start.len() < bytes_max {
            match self.chunk().await {
                Some(Ok(chunk)) => {
                    let wanted = chunk.len().min(bytes_max - start.len());
                    start.extend_from_slice(&chunk[..wanted]);
                }
                Some(Err(_)) | None => break,
            }
        }
        start
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyBody").finish_non_exhaustive()
    }
}
