//! The certificate and the key of a simulator that speaks TLS.

use std::{error::Error, fmt, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use crate::SimulatorError;

/// A certificate chain with its private key. With it the simulator speaks TLS, and HTTP/2 or HTTP/1.1 by ALPN.
pub struct TlsIdentity {
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}

impl TlsIdentity {
    /// Reads both from PEM; the chain begins with the server's own certificate.
    ///
    /// # Errors
    /// [`SimulatorError::Tls`] when either holds none.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, SimulatorError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let certificates = certificates.map_err(unusable)?;
        if certificates.is_empty() {
            return Err(unusable("the file has no certificate; it needs a PEM block CERTIFICATE"));
        }
        Ok(Self { certificates, key: PrivateKeyDer::from_pem_slice(key).map_err(unusable)? })
    }

    /// Takes both as DER; the key as PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// [`SimulatorError::Tls`] when the key is none of these.
    pub fn from_der(certificates: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, SimulatorError> {
        let key = PrivateKeyDer::try_from(key).map_err(unusable)?;
        Ok(Self { certificates: certificates.into_iter().map(CertificateDer::from).collect(), key })
    }

    pub(crate) fn acceptor(self) -> Result<TlsAcceptor, SimulatorError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(self.certificates, self.key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn unusable(source: impl Into<Box<dyn Error + Send + Sync>>) -> SimulatorError {
    SimulatorError::Tls { source: source.into() }
}
