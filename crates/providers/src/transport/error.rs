//! How a request fails below HTTP, in kinds that say what to do.

use std::{error::Error, fmt, io};

use async_orchestrator_core::{ErrorKind, ProviderError, RetryAdvice, TimeoutPhase};

use super::connect::{BoxError, ConnectTimedOut, NameNotFound, ProxyFailed};

/// A request that came to nothing below HTTP, or a reply that broke off.
///
/// Its texts name hosts and library errors; they never hold what was sent or received.
#[derive(Debug)]
pub struct TransportError {
    kind: ErrorKind,
    detail: String,
    retry_advice: Option<RetryAdvice>,
    source: Option<BoxError>,
}

impl TransportError {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_advice: None, source: None }
    }

    /// Asking the same address again gives the same.
    fn for_good(mut self) -> Self {
        self.retry_advice = Some(RetryAdvice::Never);
        self
    }

    fn caused_by(mut self, source: BoxError) -> Self {
        self.source = Some(source);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The detail for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<TransportError> for ProviderError {
    fn from(error: TransportError) -> Self {
        let TransportError { kind, detail, retry_advice, source } = error;
        let failed = Self::new(kind).with_detail(detail).with_retry_advice(retry_advice);
        match source {
            Some(source) => failed.with_source(source),
            None => failed,
        }
    }
}

/// A request to `host` that ended before any header of the reply.
pub(super) fn before_reply(error: hyper_util::client::legacy::Error, host: &str) -> TransportError {
    let failed = if error.is_connect() {
        connecting(&error, host)
    } else if let Some(hyper) = find::<hyper::Error>(&error)
        && hyper.is_parse()
    {
        // hyper's words here are fixed phrases ("message head is too large"), never bytes of the reply.
        TransportError::new(ErrorKind::Malformed, format!("the reply's head cannot be read ({hyper})"))
    } else {
        let detail = format!("{host} closed the connection before it answered");
        TransportError::new(ErrorKind::Unavailable, detail)
    };
    failed.caused_by(error.into())
}

/// A body that broke off or cannot be read.
pub(super) fn in_body(error: hyper::Error) -> TransportError {
    let failed = if error.is_parse() {
        TransportError::new(ErrorKind::Malformed, "the reply's body breaks the rules of HTTP")
    } else {
        TransportError::new(ErrorKind::Truncated, "the connection broke off within the reply")
    };
    failed.caused_by(error.into())
}

/// Whether `error` is what a pooled connection gives that the server has closed meanwhile.
pub(super) fn is_stale(error: &hyper_util::client::legacy::Error) -> bool {
    if error.is_connect() {
        return false;
    }
    let closed = find::<hyper::Error>(error)
        .is_some_and(|hyper| hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed());
    closed
        || has_io(error, |kind| {
            matches!(
                kind,
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::NotConnected
                    | io::ErrorKind::UnexpectedEof
            )
        })
}

fn connecting(error: &hyper_util::client::legacy::Error, host: &str) -> TransportError {
    let unavailable = |detail: String| TransportError::new(ErrorKind::Unavailable, detail);
    if let Some(ConnectTimedOut(limit)) = find::<ConnectTimedOut>(error) {
        let detail = format!("no connection to {host} within {:.1} s", limit.as_secs_f64());
        return TransportError::new(ErrorKind::Timeout { phase: TimeoutPhase::Connect }, detail);
    }
    let by = if find::<ProxyFailed>(error).is_some() { " through the proxy" } else { "" };
    if let Some(tls) = find::<rustls::Error>(error) {
        return match tls {
            // Who somebody is does not change by asking again.
            rustls::Error::InvalidCertificate(reason) => unavailable(format!(
                "the certificate of {host} is not trusted ({reason}): check the address, the clock, or name the \
                 issuer's certificate in SSL_CERT_FILE"
            ))
            .for_good(),
            other => unavailable(format!("no secure connection to {host}{by} ({other})")),
        };
    }
    if find::<NameNotFound>(error).is_some() {
        return unavailable(format!("the name {host}{by} cannot be resolved: check the address"));
    }
    if has_io(error, |kind| kind == io::ErrorKind::ConnectionRefused) {
        return unavailable(format!("{host} refused the connection{by}: check that a server listens there"));
    }
    if has_io(error, |kind| kind == io::ErrorKind::UnexpectedEof) {
        return unavailable(format!(
            "{host} closed the connection{by} while it was being secured: is it an https server?"
        ));
    }
    if find::<ProxyFailed>(error).is_some() {
        return unavailable(format!(
            "the proxy did not open the way to {host}: check its address and password"
        ));
    }
    unavailable(format!("no connection to {host}"))
}

/// The first error of type `E` in the chain below `error`.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    chain(error).find_map(<dyn Error>::downcast_ref)
}

/// Whether the chain below `error` holds an I/O error that `matches`.
fn has_io(error: &(dyn Error + 'static), matches: fn(io::ErrorKind) -> bool) -> bool {
    chain(error).filter_map(<dyn Error>::downcast_ref::<io::Error>).any(|io| matches(io.kind()))
}

/// `error` and its causes. An [`io::Error`] leaves its own content out of its `source`, so that is looked into as well.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        let error: &'e (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
