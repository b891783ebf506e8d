//! Looks whether the configured servers answer: what `doctor` and `models list --remote` show. No model is called.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{Clock, ErrorKind, ProviderError};
use async_orchestrator_providers::Transport;
use futures_util::future::{Either, join_all, select};

use crate::{
    BuildError, Error, NetworkSettings, ProviderSettings, Settings,
    registry::{Registry, transport_config},
};

/// How long a server may take to list its models, connecting included. A person waits for it.
const PROBE_LIMIT: Duration = Duration::from_secs(4);

/// What one configured provider answered when it was asked for its models. No model was called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probe {
    /// The provider's name.
    pub provider: String,
    /// Its address.
    pub base_url: String,
    /// How far it came.
    pub reach: Reach,
    /// The names of its models, or what is wrong, for people.
    pub models: Result<Vec<String>, String>,
    /// How long it took.
    pub took: Duration,
}

/// How far a probe came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// The server listed its models.
    Listed,
    /// The server answered without a list. Some have none and answer questions all the same.
    Unlisted,
    /// The server did not accept the key, or there is none to give.
    Refused,
    /// No answer came.
    Unreachable,
}

/// A transport of these settings, for [`discover`](crate::discover) and for fetching model files. Nothing is called.
///
/// # Errors
/// If the settings cannot be used: a proxy that is no address, certificates that cannot be read.
pub fn transport(network: &NetworkSettings, clock: Arc<dyn Clock>) -> Result<Transport, Error> {
    let transport = Transport::new(transport_config(network), clock);
    Ok(transport.map_err(|error| BuildError::one(error.to_string()))?)
}

/// Asks every provider of `settings` for its list of models, all at once and at most 4 s each.
///
/// A key command is run first; that takes as long as it takes, at most 10 s.
///
/// # Errors
/// If the settings cannot be used at all.
pub async fn probe(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Vec<Probe>, Error> {
    let transport = transport(&settings.network, Arc::clone(&clock))?;
    let probes = settings.providers.iter().map(|(name, provider)| {
        let (transport, clock) = (transport.clone(), Arc::clone(&clock));
        async move { probe_one(name, provider, transport, &*clock).await }
    });
    Ok(join_all(probes).await)
}

async fn probe_one(
    name: &str,
    provider: &ProviderSettings,
    transport: Transport,
    clock: &dyn Clock,
) -> Probe {
    let (owned_name, owned) = (name.to_owned(), provider.clone());
    // A key command blocks.
    let lister = tokio::task::spawn_blocking(move || Registry::lister(&owned_name, &owned, transport));
    let lister = lister.await.unwrap_or_else(|failed| Err(failed.to_string()));
    let began = clock.now();
    let (reach, models) = match lister {
        Err(problem) => (Reach::Refused, Err(problem)),
        Ok(list) => match select(list, clock.sleep(PROBE_LIMIT)).await {
            Either::Left((Ok(models), _)) => (Reach::Listed, Ok(models)),
            Either::Left((Err(error), _)) => (reach_of(&error), Err(sentence(&error))),
            Either::Right(_) => {
                let advice = ErrorKind::Unavailable.advice();
                (Reach::Unreachable, Err(format!("no answer within {} s; {advice}", PROBE_LIMIT.as_secs())))
            }
        },
    };
    let took = clock.now().saturating_duration_since(began);
    Probe { provider: name.to_owned(), base_url: provider.base_url().to_owned(), reach, models, took }
}

fn reach_of(error: &ProviderError) -> Reach {
    match error.kind() {
        ErrorKind::Unauthorized | ErrorKind::QuotaExhausted => Reach::Refused,
        ErrorKind::Unavailable | ErrorKind::Overloaded { .. } | ErrorKind::Timeout { .. } => {
            Reach::Unreachable
        }
        _ => Reach::Unlisted,
    }
}

/// The error without its target: no model was meant.
fn sentence(error: &ProviderError) -> String {
    let status = error.status().map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    match reach_of(error) {
        Reach::Unlisted => format!("it answers, but gives no list of models{status}{detail}"),
        _ => format!("{}{status}{detail}; {}", error.kind(), error.kind().advice()),
    }
}
