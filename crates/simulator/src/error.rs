//! Why a simulator does not start.

use std::{error::Error, net::SocketAddr, path::PathBuf};

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// Settings that make no sense, all of them.
    #[error("the simulator's settings are wrong: {}", problems.join("; "))]
    Invalid {
        /// What is wrong, with the name of the setting.
        problems: Vec<String>,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or a text is not what it should be.
    #[error("{place}: {message}")]
    Parse {
        /// The file, and the line where one is known.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The address could not be listened on.
    #[error("cannot listen on {address}; choose another port, or 0 for a free one")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate and the key do not make a TLS server.
    #[error("the certificate and the key cannot be used for TLS")]
    Tls {
        /// What is wrong with them.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The timer's thread could not be started.
    #[error("cannot start the simulator's timer")]
    Timer {
        /// What the system said.
        source: std::io::Error,
    },
}
