//! Looks for what could be configured: keys in the environment, and model servers on this machine's loopback address.
//!
//! Only done when a person asks for it (`config init`, `doctor`), and never beyond loopback.

use std::time::Duration;

use async_orchestrator_core::Clock;
use async_orchestrator_providers::{Fetch, Transport};
use futures_util::future::{Either, join_all, select};
use serde::Deserialize;

use super::{
    Environment,
    registry::{CREDENTIALS, VENDOR_VARIABLES},
};

/// How long one server may take to list its models.
const PROBE_LIMIT: Duration = Duration::from_millis(700);
/// The longest list of models that is read.
const LIST_BYTES_MAX: usize = 1 << 20;

/// Servers that people run on their own machine: the name of the provider, what it is called, its usual port.
const SERVERS: [(&str, &str, u16); 4] = [
    ("ollama", "Ollama", 11_434),
    ("llama_cpp", "llama.cpp", 8_080),
    ("lm_studio", "LM Studio", 1_234),
    ("vllm", "vLLM", 8_000),
];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// Keys of vendors in the environment.
    pub keys: Vec<FoundKey>,
    /// Model servers on loopback that answered.
    pub servers: Vec<FoundServer>,
}

/// A vendor's key in the environment. The key itself is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// The provider's name.
    pub provider: String,
    /// The setting that it fills: `api_key` or `auth_token`.
    pub setting: String,
    /// The variable.
    pub variable: String,
}

/// A model server on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundServer {
    /// The name that its provider would get.
    pub provider: String,
    /// What usually runs on its port.
    pub product: String,
    /// Its address, as `base_url` wants it.
    pub base_url: String,
    /// The models that it lists.
    pub models: Vec<String>,
}

/// Looks into `environment` for keys, and asks the usual ports of loopback for model lists, all at once and at most 0.7 s.
///
/// A server that does not answer in time, or not with a list of models, is not found; that is no error.
pub async fn discover(environment: &Environment, transport: &Transport, clock: &dyn Clock) -> Discovered {
    Discovered { keys: keys(environment), servers: servers(&SERVERS, transport, clock).await }
}

/// The vendors' keys in the environment.
fn keys(environment: &Environment) -> Vec<FoundKey> {
    let credentials = VENDOR_VARIABLES.iter().filter(|(_, _, key)| CREDENTIALS.contains(key));
    let found = credentials.filter(|(variable, ..)| environment.value(variable).is_some());
    found
        .map(|(variable, provider, key)| FoundKey {
            provider: (*provider).to_owned(),
            setting: (*key).to_owned(),
            variable: (*variable).to_owned(),
        })
        .collect()
}

pub(super) async fn servers(
    known: &[(&str, &str, u16)],
    transport: &Transport,
    clock: &dyn Clock,
) -> Vec<FoundServer> {
    let probes = known.iter().map(|(provider, product, port)| async move {
        let base_url = format!("http://127.0.0.1:{port}/v1");
        let list = std::pin::pin!(models(transport, format!("{base_url}/models")));
        match select(list, clock.sleep(PROBE_LIMIT)).await {
            Either::Left((models, _)) => models.map(|models| FoundServer {
                provider: (*provider).to_owned(),
                product: (*product).to_owned(),
                base_url,
                models,
            }),
            Either::Right(_) => None,
        }
    });
    join_all(probes).await.into_iter().flatten().collect()
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
}

async fn models(transport: &Transport, url: String) -> Option<Vec<String>> {
    let mut reply = transport.fetch(Fetch::new(url).redirects_max(0)).await.ok()?;
    if reply.status() != 200 {
        return None;
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.ok()? {
        if body.len() + chunk.len() > LIST_BYTES_MAX {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    let list: ModelList = serde_json::from_slice(&body).ok()?;
    // A name goes into a file of one-line settings, and a comma ends a model's name.
    let plain = |id: &String| !id.trim().is_empty() && !id.contains(',') && !id.chars().any(char::is_control);
    Some(list.data.into_iter().map(|entry| entry.id).filter(plain).collect())
}
