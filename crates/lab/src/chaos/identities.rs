//! Servers of the matrix that speak TLS, and whether they are who they say they are.

use std::path::PathBuf;

use async_orchestrator_providers::TrustRoots;
use async_orchestrator_simulator::{Persona, Simulator, SimulatorHandle, TlsIdentity};

use super::world::PRIMARY;

/// How a server proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// By a root that its caller trusts.
    Good,
    /// By a root that its caller does not trust.
    Untrusted,
    /// For another host.
    WrongHost,
    /// With a certificate whose time is over.
    Expired,
}

impl Identity {
    pub(super) const ALL: [Self; 4] = [Self::Good, Self::Untrusted, Self::WrongHost, Self::Expired];

    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Good => "a good certificate",
            Self::Untrusted => "an untrusted certificate",
            Self::WrongHost => "a certificate of another host",
            Self::Expired => "an expired certificate",
        }
    }

    /// A simulator with this identity.
    pub(super) async fn serve(self) -> Result<SimulatorHandle, String> {
        let (certificate, key): (&[u8], &[u8]) = match self {
            Self::Good | Self::Untrusted => {
                (include_bytes!("../../identities/good.pem"), include_bytes!("../../identities/good.key.pem"))
            }
            Self::WrongHost => (
                include_bytes!("../../identities/wrong-host.pem"),
                include_bytes!("../../identities/wrong-host.key.pem"),
            ),
            Self::Expired => (
                include_bytes!("../../identities/expired.pem"),
                include_bytes!("../../identities/expired.key.pem"),
            ),
        };
        let identity = TlsIdentity::from_pem(certificate, key).map_err(|error| error.to_string())?;
        let simulator = Simulator::builder().model(PRIMARY, Persona::new()).tls(identity);
        simulator.start().await.map_err(|error| error.to_string())
    }

    /// Whom its callers trust.
    pub(super) fn roots(self) -> TrustRoots {
        match self {
            Self::Untrusted => TrustRoots::Bundled,
            Self::Good | Self::WrongHost | Self::Expired => {
                let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/identities/root.pem"));
                TrustRoots::Files { file: Some(root), directory: None }
            }
        }
    }
}
