//! Which proxy a connection goes through, decided from configured values.

use std::net::IpAddr;

use http::{HeaderValue, Uri, uri::Scheme};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::{ExposeSecret, SecretString};

use super::ProxyConfig;
use crate::InvalidConfig;

/// The port of a SOCKS proxy whose address names none (RFC 1928).
const SOCKS_PORT: u16 = 1080;

/// The proxies by kind of address.
#[derive(Debug)]
pub(super) struct Proxies(Matcher);

/// How a destination is reached.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// By its own address.
    Direct,
    /// By asking the proxy with an absolute address.
    Forward { proxy: Uri },
    /// Through a tunnel that the proxy opens.
    Tunnel { proxy: Uri, auth: Option<HeaderValue> },
    /// Through a SOCKS 5 proxy.
    Socks { proxy: Uri, auth: Option<(String, String)>, names: NameLookup },
}

/// Who looks up the destination's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameLookup {
    Local,
    ByProxy,
}

impl Proxies {
    pub(super) fn try_new(config: &ProxyConfig) -> Result<Self, InvalidConfig> {
        for (scope, address) in [("https", &config.https), ("http", &config.http), ("all", &config.all)] {
            if let Some(address) = address {
                check(scope, address)?;
            }
        }
        let text = |address: &Option<SecretString>| {
            address.as_ref().map(|address| address.expose_secret().trim().to_owned()).unwrap_or_default()
        };
        let matcher = Matcher::builder()
            .all(text(&config.all))
            .https(text(&config.https))
            .http(text(&config.http))
            .no(config.no_proxy.clone().unwrap_or_default())
            .build();
        Ok(Self(matcher))
    }

    /// How `destination` is reached.
    pub(super) fn route(&self, destination: &Uri) -> Route {
        let Some(proxy) = self.intercept(destination) else { return Route::Direct };
        let names = match proxy.uri().scheme_str() {
            Some("socks5") => Some(NameLookup::Local),
            Some("socks5h") => Some(NameLookup::ByProxy),
            _ => None,
        };
        let uri = proxy.uri().clone();
        match names {
            Some(names) => {
                let auth = proxy.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned()));
                Route::Socks { proxy: with_socks_port(uri), auth, names }
            }
            None if destination.scheme() == Some(&Scheme::HTTPS) => {
                Route::Tunnel { proxy: uri, auth: proxy.basic_auth().cloned() }
            }
            None => Route::Forward { proxy: uri },
        }
    }

    /// The `proxy-authorization` that a request to `destination` itself must carry: only where it goes to the proxy as it is.
    pub(super) fn forward_authorization(&self, destination: &Uri) -> Option<HeaderValue> {
        match self.route(destination) {
            Route::Forward { .. } => {
                let mut value = self.intercept(destination)?.basic_auth()?.clone();
                value.set_sensitive(true);
                Some(value)
            }
            Route::Direct | Route::Tunnel { .. } | Route::Socks { .. } => None,
        }
    }

    fn intercept(&self, destination: &Uri) -> Option<Intercept> {
        if destination.host().is_some_and(is_loopback) { None } else { self.0.intercept(destination) }
    }
}

/// Whether `host` (an IPv6 address in brackets) is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The matcher drops what it cannot read, which would send the traffic around the proxy: refuse it instead.
fn check(scope: &'static str, address: &SecretString) -> Result<(), InvalidConfig> {
    let text = address.expose_secret().trim();
    if text.is_empty() {
        return Ok(());
    }
    let probe = Uri::from_static("https://proxy-check.invalid/");
    Matcher::builder()
        .https(text.to_owned())
        .build()
        .intercept(&probe)
        .filter(|proxy| matches!(proxy.uri().scheme_str(), Some("http" | "https" | "socks5" | "socks5h")))
        .map(drop)
        .ok_or(InvalidConfig::Proxy { scope })
}

fn with_socks_port(proxy: Uri) -> Uri {
    if proxy.port().is_some() {
        return proxy;
    }
    let host = proxy.host().unwrap_or_default().to_owned();
    Uri::builder()
        .scheme("socks5")
        .authority(format!("{host}:{SOCKS_PORT}"))
        .path_and_query("/")
        .build()
        .unwrap_or(proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(all: &str, no: &str) -> Proxies {
        let config = ProxyConfig {
            all: Some(all.to_owned().into()),
            no_proxy: Some(no.to_owned()),
            ..ProxyConfig::default()
        };
        Proxies::try_new(&config).unwrap()
    }

    #[track_caller]
    fn route(all: &str, no: &str, destination: &str) -> String {
        match proxies(all, no).route(&destination.parse().unwrap()) {
            Route::Direct => "direct".to_owned(),
            Route::Forward { proxy } => format!("forward {proxy}"),
            Route::Tunnel { proxy, auth } => {
                format!("tunnel {proxy} {}", auth.as_ref().map_or("-", |auth| auth.to_str().unwrap()))
            }
            Route::Socks { proxy, auth, names } => format!("socks {proxy} {auth:?} {names:?}"),
        }
    }

    #[test]
    fn the_route_follows_the_proxy_values() {
        let with_password = "http://user:pass@proxy.test:3128";
        assert_eq!(
            route(with_password, "", "https://api.test/v1"),
            "tunnel http://proxy.test:3128/ Basic dXNlcjpwYXNz"
        );
        assert_eq!(route(with_password, "", "http://api.test/v1"), "forward http://proxy.test:3128/");
        assert_eq!(route(with_password, "api.test", "https://eu.api.test/v1"), "direct");
        assert_eq!(route(with_password, "10.0.0.0/8", "https://10.1.2.3/v1"), "direct");
        assert_eq!(route(with_password, "*", "https://api.test/v1"), "direct");
        assert_eq!(
            route("socks5h://u:p@proxy.test", "", "https://api.test"),
            "socks socks5://proxy.test:1080/ Some((\"u\", \"p\")) ByProxy"
        );
        assert_eq!(route("", "", "https://api.test"), "direct");
    }

    #[test]
    fn this_machine_is_never_behind_a_proxy() {
        for host in ["localhost", "127.0.0.1:8080", "[::1]:8080"] {
            assert_eq!(route("http://proxy.test:3128", "", &format!("http://{host}/v1")), "direct", "{host}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_read_is_refused_and_not_gone_around() {
        for bad in ["ftp://proxy.test", "http://", "not a proxy", "socks4://proxy.test:1"] {
            let config = ProxyConfig { https: Some(bad.to_owned().into()), ..ProxyConfig::default() };
            assert_eq!(
                Proxies::try_new(&config).unwrap_err(),
                InvalidConfig::Proxy { scope: "https" },
                "{bad}"
            );
        }
    }
}
