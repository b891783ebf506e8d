//! The TLS settings: ring, TLS 1.2 and 1.3, the platform's roots.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::TrustRoots;
use crate::InvalidConfig;

/// The client settings that trust `roots`.
pub(super) fn client_config(roots: &TrustRoots) -> Result<ClientConfig, InvalidConfig> {
    let store = store(roots)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InvalidConfig::Roots {
            from: "the TLS library".to_owned(),
            problem: error.to_string(),
        })?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

fn store(roots: &TrustRoots) -> Result<RootCertStore, InvalidConfig> {
    let mut store = RootCertStore::empty();
    match roots {
        TrustRoots::Bundled => add_bundled(&mut store),
        TrustRoots::Platform => {
            // A single unreadable certificate of a platform's store is common and no reason to stop.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                add_bundled(&mut store);
            }
        }
        TrustRoots::Files { file, directory } => {
            let loaded = rustls_native_certs::load_certs_from_paths(file.as_deref(), directory.as_deref());
            store.add_parsable_certificates(loaded.certs);
            if store.is_empty() {
                let from = [file, directory].into_iter().flatten().map(|path| path.display().to_string());
                let problem = loaded
                    .errors
                    .first()
                    .map_or_else(|| "it holds no PEM certificate".to_owned(), ToString::to_string);
                return Err(InvalidConfig::Roots { from: from.collect::<Vec<_>>().join(" and "), problem });
            }
        }
    }
    Ok(store)
}

fn add_bundled(store: &mut RootCertStore) {
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
}
