//! The settings of the transport, as plain values. The environment is read above, never here.

use std::{fmt, path::PathBuf, time::Duration};

use secrecy::SecretString;

/// How the transport connects and what it lets through. Every limit has a default that suits both vendors.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransportConfig {
    /// How long name look-up, TCP, proxy and TLS may take together; 3 s.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept; 90 s. A server that closes earlier costs nothing: see [`Transport`](crate::Transport).
    pub pool_idle: Duration,
    /// How many unused connections are kept for one host; 32.
    pub pool_idle_per_host_max: usize,
    /// The most bytes of one JSON reply; 16 MiB.
    pub body_bytes_max: usize,
    /// The most bytes of one server-sent event; 1 MiB.
    pub event_bytes_max: usize,
    /// The most bytes of a reply's status line and headers; 16 KiB. It also is the most that is read from one HTTP/1 connection at a time, so a
    /// thousand streams that all have much to say hold no more than a thousand times this.
    pub header_bytes_max: u32,
    /// The proxies to go through; none.
    pub proxy: ProxyConfig,
    /// Whose certificates are trusted; the platform's.
    pub roots: TrustRoots,
    /// What the `user-agent` header says; `async-orchestrator/VERSION`.
    pub user_agent: String,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            pool_idle: Duration::from_secs(90),
            pool_idle_per_host_max: 32,
            body_bytes_max: 16 << 20,
            event_bytes_max: 1 << 20,
            header_bytes_max: 16 << 10,
            proxy: ProxyConfig::default(),
            roots: TrustRoots::default(),
            user_agent: concat!("async-orchestrator/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// The proxies to go through, with the meaning of the environment variables of the same names.
///
/// Addresses are `http://`, `https://`, `socks5://` (names looked up here) or `socks5h://` (names looked up by the proxy), with an
/// optional `user:password@`; an empty text is none. Loopback addresses are always reached directly.
#[derive(Clone, Default)]
pub struct ProxyConfig {
    /// For `https://` addresses (`HTTPS_PROXY`): a tunnel by `CONNECT`.
    pub https: Option<SecretString>,
    /// For `http://` addresses (`HTTP_PROXY`).
    pub http: Option<SecretString>,
    /// For addresses that the other two do not cover (`ALL_PROXY`).
    pub all: Option<SecretString>,
    /// Hosts that are reached directly (`NO_PROXY`): names with their subdomains, addresses, networks such as `10.0.0.0/8`, or `*`,
    /// separated by commas.
    pub no_proxy: Option<String>,
}

impl fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password.
        f.debug_struct("ProxyConfig")
            .field("https", &self.https.is_some())
            .field("http", &self.http.is_some())
            .field("all", &self.all.is_some())
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustRoots {
    /// The platform's store; where it is empty, the list of Mozilla's that this crate carries.
    #[default]
    Platform,
    /// Only these: a file of PEM certificates (`SSL_CERT_FILE`) and a directory of such files (`SSL_CERT_DIR`).
    Files {
        /// The file.
        file: Option<PathBuf>,
        /// The directory.
        directory: Option<PathBuf>,
    },
    /// Only Mozilla's list that this crate carries.
    Bundled,
}
