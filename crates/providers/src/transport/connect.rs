//! Opens connections: names, TCP with `TCP_NODELAY`, proxies and TLS, all of it within one limit of time.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_orchestrator_core::Clock;
use futures_util::future::{Either, select};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{
        HttpConnector,
        dns::{GaiResolver, Name},
        proxy::{SocksV5, Tunnel},
    },
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{
    connection::Remembered,
    proxy::{NameLookup, Proxies, Route},
};

/// How often a silent connection is probed, so that a peer that vanished without a word is noticed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How often an HTTP/2 connection with calls on it is probed, and how long the answer may take.
pub(super) const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
pub(super) const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;
type Tcp = HttpConnector<Resolver>;
/// A connection to the destination or to a proxy, which may itself speak TLS.
type Hop = MaybeHttpsStream<TokioIo<TcpStream>>;
type Opening<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// The marker of a connection that took too long.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectTimedOut(pub(super) Duration);

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection within {:.1} s", self.0.as_secs_f64())
    }
}

impl StdError for ConnectTimedOut {}

/// The marker of a name that leads nowhere.
#[derive(Debug)]
pub(super) struct NameNotFound(BoxError);

impl fmt::Display for NameNotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host's name cannot be resolved")
    }
}

impl StdError for NameNotFound {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// The marker of a failure between us and a proxy, or of a proxy's refusal.
#[derive(Debug)]
pub(super) struct ProxyFailed(BoxError);

impl fmt::Display for ProxyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proxy did not open the way")
    }
}

impl StdError for ProxyFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// Opens connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Router>,
    proxies: Arc<Proxies>,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(
        tls: ClientConfig,
        proxies: Arc<Proxies>,
        clock: Arc<dyn Clock>,
        limit: Duration,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        // Without it a small write waits for the peer's delayed acknowledgement: 40 ms a call.
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        // Schemes are the router's affair: a plain connection also carries TLS that is added above.
        tcp.enforce_http(false);
        let to_proxy = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp.clone());
        let router = Router { tcp, to_proxy, proxies: Arc::clone(&proxies) };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(router);
        Self { https, proxies, clock, limit }
    }
}

impl Service<Uri> for Connector {
    type Response = Remembered<MaybeHttpsStream<Hop>>;
    type Error = BoxError;
    type Future = Opening<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let is_proxied = matches!(self.proxies.route(&destination), Route::Forward { .. });
        let opening = self.https.call(destination);
        let (clock, limit) = (Arc::clone(&self.clock), self.limit);
        Box::pin(async move {
            match select(opening, clock.sleep(limit)).await {
                Either::Left((opened, _)) => Ok(Remembered::new(opened?, is_proxied)),
                Either::Right(((), _)) => Err(ConnectTimedOut(limit).into()),
            }
        })
    }
}

/// Opens the way to a destination, directly or through its proxy.
#[derive(Clone)]
struct Router {
    tcp: Tcp,
    to_proxy: HttpsConnector<Tcp>,
    proxies: Arc<Proxies>,
}

impl Service<Uri> for Router {
    type Response = Hop;
    type Error = BoxError;
    type Future = Opening<Hop>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        match self.proxies.route(&destination) {
            Route::Direct => {
                let opening = self.tcp.call(destination);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(opening.await?)) })
            }
            Route::Forward { proxy } => {
                let opening = self.to_proxy.call(proxy);
                Box::pin(async move { opening.await.map_err(|error| ProxyFailed(error).into()) })
            }
            Route::Tunnel { proxy, auth } => {
                let mut tunnel = Tunnel::new(proxy, self.to_proxy.clone());
                if let Some(auth) = auth {
                    tunnel = tunnel.with_auth(auth);
                }
                let opening = tunnel.call(destination);
                Box::pin(async move { opening.await.map_err(|error| ProxyFailed(error.into()).into()) })
            }
            Route::Socks { proxy, auth, names } => {
                let mut socks = SocksV5::new(proxy, self.tcp.clone()).local_dns(names == NameLookup::Local);
                if let Some((user, password)) = auth {
                    socks = socks.with_auth(user, password);
                }
                let opening = socks.call(destination);
                Box::pin(async move {
                    let opened = opening.await.map_err(|error| ProxyFailed(error.into()))?;
                    Ok(MaybeHttpsStream::Http(opened))
                })
            }
        }
    }
}

/// The system's resolver, with an error that can be told from others.
#[derive(Clone, Debug)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = <GaiResolver as Service<Name>>::Response;
    type Error = NameNotFound;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NameNotFound>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NameNotFound>> {
        self.0.poll_ready(context).map_err(|error| NameNotFound(error.into()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let looking_up = self.0.call(name);
        Box::pin(async move { looking_up.await.map_err(|error| NameNotFound(error.into())) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_orchestrator_core::test_util::ManualClock;
    use tokio::net::TcpListener;

    use super::*;
    use crate::transport::{ProxyConfig, TrustRoots, tls};

    #[tokio::test]
    async fn small_writes_go_out_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connector = Connector::new(
            tls::client_config(&TrustRoots::Bundled).unwrap(),
            Arc::new(Proxies::try_new(&ProxyConfig::default()).unwrap()),
            Arc::new(ManualClock::new()),
            Duration::from_secs(3),
        );
        let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let opened = connector.call(uri).await.unwrap();
        let MaybeHttpsStream::Http(MaybeHttpsStream::Http(tcp)) = opened.io() else { panic!("no TLS here") };
        assert!(tcp.inner().nodelay().unwrap());
    }
}
