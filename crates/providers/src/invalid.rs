//! Settings that cannot work, refused when a transport or a provider is built.

/// A setting that cannot work. The message names the setting, what is wrong with it and what would be right; it never holds a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// The base URL of a provider.
    #[error("the base URL `{url}` of provider `{provider}` {problem}")]
    BaseUrl {
        /// The provider's name in the configuration.
        provider: String,
        /// The URL as given, without user name and password.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The provider's or the model's name.
    #[error(transparent)]
    Model(#[from] async_orchestrator_core::InvalidModelRef),
    /// A key, an organization, a project or an extra header that no HTTP header can carry.
    #[error("the {what} of provider `{provider}` {problem}")]
    Header {
        /// The provider's name in the configuration.
        provider: String,
        /// Which setting.
        what: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The user agent.
    #[error("the user agent must be visible ASCII text")]
    UserAgent,
    /// A proxy's address.
    #[error(
        "the proxy for {scope} is no usable address: write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
    )]
    Proxy {
        /// Which traffic it was for: `http`, `https` or `all`.
        scope: &'static str,
    },
    /// The certificates to trust.
    #[error("no certificate could be read from {from}: {problem}")]
    Roots {
        /// The file or directory.
        from: String,
        /// Why.
        problem: String,
    },
    /// A limit that would let nothing through.
    #[error("{what} must be greater than zero")]
    Zero {
        /// The setting.
        what: &'static str,
    },
}
