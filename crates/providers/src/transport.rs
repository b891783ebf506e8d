//! The pooled HTTP client under every provider: connects, sends, limits sizes, and closes what its caller gives up.
//!
//! It knows no vendor and no time limit but the one for connecting: the limits of an attempt live around the providers.

mod body;
mod config;
mod connect;
mod connection;
mod deliver;
mod error;
mod fetch;
mod proxy;
mod tls;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_orchestrator_core::{Clock, ErrorKind};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, PROXY_AUTHORIZATION, USER_AGENT},
    uri::{Scheme, Uri},
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};

pub(crate) use body::ReplyBody;
pub use config::{ProxyConfig, TransportConfig, TrustRoots};
pub use deliver::Delivered;
pub use error::TransportError;
pub use fetch::{ByteRange, Fetch, Fetched};

use self::{connect::Connector, connection::History, proxy::Proxies};
use crate::InvalidConfig;

type Pool = Client<Connector, Full<Bytes>>;

/// One pooled client for every provider of a process. Cloning it is cheap and shares its connections.
///
/// - HTTP/1.1 and HTTP/2 (by ALPN) over rustls, `TCP_NODELAY`, proxies and trusted roots as configured.
/// - A reused connection that the server closed before it answered is replaced once, free of charge: the request goes out again on a
///   new connection.
/// - Redirects are not followed, except by [`Transport::fetch`]. Compressed replies are refused: nothing was asked to be compressed,
///   and a compressed reply may be a bomb.
/// - Dropping a call, at whatever point, closes its HTTP/1 connection at once or resets its HTTP/2 stream.
///
/// It must be used within a tokio runtime.
#[derive(Clone)]
pub struct Transport(Arc<Inner>);

struct Inner {
    pool: Pool,
    /// The way of a replayed request: it never meets a second stale connection.
    unpooled: Pool,
    proxies: Arc<Proxies>,
    clock: Arc<dyn Clock>,
    user_agent: HeaderValue,
    body_bytes_max: usize,
    event_bytes_max: usize,
}

impl Transport {
    /// A transport with these settings. `clock` measures the time to connect and tells the time of day where a server does not.
    ///
    /// # Errors
    /// If a proxy's address, a file of certificates, the user agent or a limit is unusable.
    pub fn new(config: TransportConfig, clock: Arc<dyn Clock>) -> Result<Self, InvalidConfig> {
        check_limits(&config)?;
        let proxies = Arc::new(Proxies::try_new(&config.proxy)?);
        let tls = tls::client_config(&config.roots)?;
        let connector = Connector::new(tls, Arc::clone(&proxies), Arc::clone(&clock), config.connect_timeout);
        let pool = client(&config, config.pool_idle_per_host_max, connector.clone());
        let unpooled = client(&config, 0, connector);
        let user_agent = HeaderValue::try_from(config.user_agent).map_err(|_| InvalidConfig::UserAgent)?;
        Ok(Self(Arc::new(Inner {
            pool,
            unpooled,
            proxies,
            clock,
            user_agent,
            body_bytes_max: config.body_bytes_max,
            event_bytes_max: config.event_bytes_max,
        })))
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(crate) fn body_bytes_max(&self) -> usize {
        self.0.body_bytes_max
    }

    pub(crate) fn event_bytes_max(&self) -> usize {
        self.0.event_bytes_max
    }

    /// Sends `request` and returns the reply's head with its body still to be read.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<ReplyBody>, TransportError> {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, self.0.user_agent.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if request.uri().scheme() == Some(&Scheme::HTTP)
            && let Some(authorization) = self.0.proxies.forward_authorization(request.uri())
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let host = host_of(request.uri());
        let response = self.exchange(request, &host).await?;
        if let Some(history) = response.extensions().get::<History>() {
            history.mark_answered();
        }
        let response = response.map(ReplyBody::new);
        refuse_encoded(&response)?;
        refuse_proxy_challenge(&response, &host)?;
        Ok(response)
    }

    /// Sends `request`, and once more if it met a reused connection that had gone stale.
    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        host: &str,
    ) -> Result<Response<Incoming>, TransportError> {
        let again = request.clone();
        let captured = capture_connection(&mut request);
        let failed = match self.0.pool.request(request).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        let was_reused = captured.connection_metadata().as_ref().is_some_and(|connected| {
            let mut extras = http::Extensions::new();
            connected.get_extras(&mut extras);
            extras.get::<History>().is_some_and(History::has_answered)
        });
        if !(was_reused && error::is_stale(&failed)) {
            return Err(error::before_reply(failed, host));
        }
        self.0.unpooled.request(again).await.map_err(|failed| error::before_reply(failed, host))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("proxies", &self.0.proxies)
            .field("body_bytes_max", &self.0.body_bytes_max)
            .field("event_bytes_max", &self.0.event_bytes_max)
            .finish_non_exhaustive()
    }
}

fn check_limits(config: &TransportConfig) -> Result<(), InvalidConfig> {
    let limits = [
        ("the connect timeout", config.connect_timeout.is_zero()),
        ("the largest body", config.body_bytes_max == 0),
        ("the largest event", config.event_bytes_max == 0),
        ("the largest header section", config.header_bytes_max == 0),
    ];
    match limits.into_iter().find(|(_, is_zero)| *is_zero) {
        Some((what, _)) => Err(InvalidConfig::Zero { what }),
        None => Ok(()),
    }
}

fn client(config: &TransportConfig, idle_max: usize, connector: Connector) -> Pool {
    // hyper's parser needs 8 KiB to work with.
    let header_bytes = usize::try_from(config.header_bytes_max).unwrap_or(usize::MAX).max(8 << 10);
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.pool_idle)
        .pool_max_idle_per_host(idle_max)
        .http1_max_buf_size(header_bytes)
        .http2_adaptive_window(true)
        .http2_max_header_list_size(config.header_bytes_max)
        .http2_keep_alive_interval(connect::HTTP2_PING_INTERVAL)
        .http2_keep_alive_timeout(connect::HTTP2_PING_TIMEOUT)
        .build(connector)
}

/// The host and port for messages; a URI's user name and password never get this far.
fn host_of(uri: &Uri) -> String {
    uri.authority().map_or_else(|| "the server".to_owned(), |authority| authority.as_str().to_owned())
}

fn refuse_encoded(response: &Response<ReplyBody>) -> Result<(), TransportError> {
    let is_encoded = response
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_encoded {
        let detail = "the reply is compressed although that was not asked for";
        return Err(TransportError::new(ErrorKind::Malformed, detail));
    }
    Ok(())
}

fn refuse_proxy_challenge(response: &Response<ReplyBody>, host: &str) -> Result<(), TransportError> {
    if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let detail =
            format!("the proxy in front of {host} asks for a password: put it into the proxy's address");
        return Err(TransportError::new(ErrorKind::Unavailable, detail));
    }
    Ok(())
}
