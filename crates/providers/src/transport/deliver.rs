//! Hands a document to a server that is no model, such as a receiver of telemetry.

use std::pin::pin;

use async_orchestrator_core::ErrorKind;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;

use super::{Transport, TransportError};

/// So much of a reply is read.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// A document to be handed over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// The status of the reply.
    pub status: u16,
    /// What the server asks to wait, in seconds, where it does.
    pub retry_after: Option<u64>,
    /// The reply, at most 64 KiB of it.
    pub body: Vec<u8>,
}

impl Transport {
    /// Posts `body` with `headers` to `url` and reads the reply, all within `limit`. Redirects are not followed; a status such as 503 is no error
    /// here.
    ///
    /// # Errors
    /// If the address or a header is unusable, no connection comes about, or the time is up.
    pub async fn deliver(
        &self,
        url: &str,
        content_type: &'static str,
        headers: &[(String, String)],
        body: Bytes,
        limit: std::time::Duration,
    ) -> Result<Delivered, TransportError> {
        let work = pin!(self.deliver_unlimited(url, content_type, headers, body));
        match select(work, self.clock().sleep(limit)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(TransportError::new(ErrorKind::Unavailable, "no reply came in time")),
        }
    }

    async fn deliver_unlimited(
        &self,
        url: &str,
        content_type: &'static str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Delivered, TransportError> {
        let invalid = |what: &str| TransportError::new(ErrorKind::Invalid, what.to_owned());
        let uri: Uri = url.parse().map_err(|_| invalid("the address is none"))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in headers {
            // A value may be a key: what is wrong with it is said without it.
            let name = HeaderName::try_from(name.as_str()).map_err(|_| invalid("a header's name is none"))?;
            let mut value =
                HeaderValue::try_from(value.as_str()).map_err(|_| invalid("a header's value is none"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        let (head, mut reply) = self.send(request).await?.into_parts();
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.transpose()? {
            body.extend_from_slice(chunk.get(..REPLY_BYTES_MAX.saturating_sub(body.len())).unwrap_or(&chunk));
            if body.len() >= REPLY_BYTES_MAX {
                break;
            }
        }
        let retry_after =
            head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok(Delivered { status: head.status.as_u16(), retry_after, body })
    }
}
