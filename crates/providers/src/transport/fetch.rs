//! Fetching a file: a ranged GET that follows redirects, streamed.

use std::fmt;

use async_orchestrator_core::ErrorKind;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, LOCATION, RANGE},
    uri::Scheme,
};
use http_body_util::Full;

use super::{ReplyBody, Transport, TransportError, proxy::is_loopback};

/// What to fetch.
///
/// ```
/// use async_orchestrator_providers::Fetch;
/// let rest = Fetch::new("https://models.test/weights.gguf").from_byte(1_048_576).if_unchanged("\"etag\"");
/// # let _ = rest;
/// ```
#[derive(Clone, Debug)]
pub struct Fetch {
    url: String,
    from_byte: u64,
    if_unchanged: Option<String>,
    redirects_max: u8,
}

impl Fetch {
    /// The whole of `url`, over at most 5 redirects.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), from_byte: 0, if_unchanged: None, redirects_max: 5 }
    }

    /// Only the bytes from `first` on, counted from 0. A server may ignore that: look at [`Fetched::range`].
    #[must_use]
    pub fn from_byte(mut self, first: u64) -> Self {
        self.from_byte = first;
        self
    }

    /// The part only if the file still has this `etag`; otherwise the server sends the whole.
    #[must_use]
    pub fn if_unchanged(mut self, etag: impl Into<String>) -> Self {
        self.if_unchanged = Some(etag.into());
        self
    }

    /// How many redirects are followed.
    #[must_use]
    pub fn redirects_max(mut self, redirects_max: u8) -> Self {
        self.redirects_max = redirects_max;
        self
    }
}

/// The part of a file that a reply holds, from its `content-range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub first: u64,
    /// The last byte, included.
    pub last: u64,
    /// The size of the whole file, where the server says it.
    pub total: Option<u64>,
}

/// The reply to a [`Fetch`]: its head, and its bytes piece by piece.
pub struct Fetched {
    status: u16,
    content_length: Option<u64>,
    range: Option<ByteRange>,
    etag: Option<String>,
    body: ReplyBody,
}

impl Fetched {
    /// The HTTP status: 200 for the whole, 206 for a part, 404 and others as the server says. Redirects are not seen here.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The bytes that this reply holds, where the server says it.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The part that this reply holds; `None` if it is the whole (the server ignored the asked start).
    pub fn range(&self) -> Option<ByteRange> {
        self.range
    }

    /// The file's version, as the server calls it.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The next bytes; `None` at the well-formed end.
    ///
    /// # Errors
    /// If the connection broke off; what came before is intact.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.body.chunk().await.transpose()
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("status", &self.status)
            .field("content_length", &self.content_length)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Fetches a file. `https` is left only for `https`; plain `http` is taken from this machine only.
    ///
    /// # Errors
    /// If the address is unusable, a redirect leads to an insecure place or there are too many, or no connection comes about. A status such as
    /// 404 is no error here.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Fetched, TransportError> {
        let mut uri: Uri =
            fetch.url.parse().map_err(|_| invalid(format!("`{}` is no address", fetch.url)))?;
        for _ in 0..=fetch.redirects_max {
            check_secure(&uri)?;
            let response = self.send(request(&fetch, uri.clone())?).await?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
                let (head, body) = response.into_parts();
                return Ok(Fetched {
                    status: head.status.as_u16(),
                    content_length: number(&head.headers, &CONTENT_LENGTH),
                    range: head.headers.get(CONTENT_RANGE).and_then(|value| byte_range(value.to_str().ok()?)),
                    etag: head.headers.get(ETAG).and_then(|value| Some(value.to_str().ok()?.to_owned())),
                    body,
                });
            }
            uri = next_hop(&uri, response.headers())?;
        }
        Err(invalid(format!("more than {} redirects", fetch.redirects_max)))
    }
}

fn request(fetch: &Fetch, uri: Uri) -> Result<Request<Full<Bytes>>, TransportError> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    if fetch.from_byte > 0 {
        let header = |text: String| {
            HeaderValue::from_str(&text).map_err(|_| invalid("the etag is no header value".to_owned()))
        };
        request.headers_mut().insert(RANGE, header(format!("bytes={}-", fetch.from_byte))?);
        if let Some(etag) = &fetch.if_unchanged {
            request.headers_mut().insert(IF_RANGE, header(etag.clone())?);
        }
    }
    Ok(request)
}

fn check_secure(uri: &Uri) -> Result<(), TransportError> {
    match (uri.scheme(), uri.host()) {
        (Some(scheme), Some(_)) if *scheme == Scheme::HTTPS => Ok(()),
        (Some(scheme), Some(host)) if *scheme == Scheme::HTTP && is_loopback(host) => Ok(()),
        _ => Err(invalid(format!("`{}` is no https address", display(uri)))),
    }
}

/// Where a redirect leads: never from `https` to anything else.
fn next_hop(from: &Uri, headers: &HeaderMap) -> Result<Uri, TransportError> {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let next = location
        .and_then(|location| resolve(from, location))
        .ok_or_else(|| TransportError::new(ErrorKind::Malformed, "a redirect without a usable address"))?;
    if from.scheme() == Some(&Scheme::HTTPS) && next.scheme() != Some(&Scheme::HTTPS) {
        return Err(invalid(format!("a redirect leads from https to `{}`", display(&next))));
    }
    Ok(next)
}

/// The address that `location` means when it comes from `base`: absolute, or a path of the same host (RFC 9110, 10.2.2).
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{}://{rest}", base.scheme_str()?).parse().ok();
    }
    if location.starts_with('/') {
        return format!("{}://{}{location}", base.scheme_str()?, base.authority()?).parse().ok();
    }
    // A colon before the first slash is a scheme's.
    if location.split('/').next().is_some_and(|first| first.contains(':')) {
        return location.parse().ok();
    }
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{}://{}{folder}/{location}", base.scheme_str()?, base.authority()?).parse().ok()
}

/// The address without its query, which may hold a signature.
fn display(uri: &Uri) -> String {
    format!("{}://{}{}", uri.scheme_str().unwrap_or("?"), uri.host().unwrap_or("?"), uri.path())
}

fn invalid(detail: String) -> TransportError {
    TransportError::new(ErrorKind::Invalid, detail)
}

fn number(headers: &HeaderMap, name: &http::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Reads `bytes FIRST-LAST/TOTAL` or `bytes FIRST-LAST/*` (RFC 9110, 14.4).
fn byte_range(text: &str) -> Option<ByteRange> {
    let (part, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then(|| ByteRange { first, last, total: total.parse().ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_or_refused() {
        let range = byte_range("bytes 100-199/1000").unwrap();
        assert_eq!((range.first, range.last, range.total), (100, 199, Some(1000)));
        assert_eq!(byte_range("bytes 0-9/*").unwrap().total, None);
        for bad in ["bytes */1000", "bytes 5-2/10", "items 0-9/10", "bytes 0-x/10"] {
            assert!(byte_range(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_redirect_never_leaves_https() {
        let from = Uri::from_static("https://hub.test/a/b?x=1");
        let to = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, location.parse().unwrap());
            next_hop(&from, &headers).map(|uri| uri.to_string()).map_err(|error| error.kind())
        };
        assert_eq!(to("https://cdn.test/f?sig=s"), Ok("https://cdn.test/f?sig=s".to_owned()));
        assert_eq!(to("/c#part"), Ok("https://hub.test/c".to_owned()));
        assert_eq!(to("c"), Ok("https://hub.test/a/c".to_owned()));
        assert_eq!(to("//cdn.test/f"), Ok("https://cdn.test/f".to_owned()));
        assert_eq!(to("http://cdn.test/f"), Err(ErrorKind::Invalid));
        assert_eq!(to("ftp://cdn.test/f"), Err(ErrorKind::Invalid));
        assert_eq!(to("file:///etc/passwd"), Err(ErrorKind::Malformed));
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in ["https://hub.test/", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]:1/"] {
            assert!(check_secure(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["http://hub.test/", "ftp://hub.test/", "/path"] {
            assert!(check_secure(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
