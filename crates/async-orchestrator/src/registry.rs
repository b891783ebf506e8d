//! From the settings to targets: vendors with their keys, servers with their addresses, a caller's own providers, the embedded model.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
};

use async_orchestrator_core::{AccountId, Capabilities, LlmProvider, ModelRef, ProviderError};
use async_orchestrator_providers::{
    AnthropicConfig, AnthropicCredential, AnthropicProvider, AnthropicVersion, Catalogue, InvalidConfig,
    ModelEntry, OpenAiConfig, OpenAiDialect, OpenAiProvider, ProviderKind as CatalogueKind, ProxyConfig,
    RemoteModel, Transport, TransportConfig, TrustRoots,
};
use async_orchestrator_resilience::{Target, TargetLimits};
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    Credential, Dialect, EMBEDDED_PROVIDER, ModelSettings, NetworkSettings, ProviderKind, ProviderSettings,
    Settings, seating::Vendor,
};

/// Everything that a model name can lead to.
pub(crate) struct Registry {
    transport: Transport,
    catalogue: Catalogue,
    endpoints: BTreeMap<String, Endpoint>,
    custom: Vec<Arc<dyn LlmProvider>>,
    local: Option<Local>,
    made: BTreeMap<ModelRef, Made>,
}

/// The targets of one model, one for each key, and what the model can do.
pub(crate) type Made = (Vec<Target>, Capabilities);

/// The model that runs in this process.
pub(crate) struct Local {
    pub(crate) provider: Arc<dyn LlmProvider>,
    pub(crate) target: Target,
}

/// One configured vendor or server.
enum Endpoint {
    OpenAi { config: OpenAiConfig, serving: Serving },
    Anthropic { config: AnthropicConfig, serving: Serving },
}

/// How a provider is used, whatever it speaks.
struct Serving {
    streaming: bool,
    trace_context: bool,
    more_keys: Vec<SecretString>,
    traffic: TargetLimits,
    /// One for each key, in their order.
    accounts: Vec<AccountId>,
}

/// How the servers of `network` are reached.
pub(crate) fn transport_config(network: &NetworkSettings) -> TransportConfig {
    let mut config = TransportConfig::default();
    if let Some(limit) = network.connect_timeout {
        config.connect_timeout = limit;
    }
    if let Some(bytes) = network.body_bytes_max {
        config.body_bytes_max = bytes;
    }
    if let Some(bytes) = network.event_bytes_max {
        config.event_bytes_max = bytes;
    }
    config.proxy = ProxyConfig {
        https: network.https_proxy.clone(),
        http: network.http_proxy.clone(),
        all: network.all_proxy.clone(),
        no_proxy: network.no_proxy.clone(),
    };
    config.roots = match (&network.ca_file, &network.ca_directory) {
        (None, None) => TrustRoots::default(),
        (file, directory) => TrustRoots::Files { file: file.clone(), directory: directory.clone() },
    };
    config
}

impl Serving {
    /// The first key, which stands in the provider's own configuration, and then the others.
    fn keys(&self) -> impl Iterator<Item = Option<&SecretString>> {
        std::iter::once(None).chain(self.more_keys.iter().map(Some))
    }
}

impl Registry {
    pub(crate) fn new(
        settings: &Settings,
        transport: Transport,
        custom: Vec<Arc<dyn LlmProvider>>,
        local: Option<Local>,
        problems: &mut Vec<String>,
    ) -> Self {
        let entries = settings.models.iter().map(|(model, entry)| (model.clone(), catalogue_entry(entry)));
        let catalogue = Catalogue::builtin().with_entries(entries);
        let mut endpoints = BTreeMap::new();
        for (name, provider) in &settings.providers {
            match endpoint(name, provider) {
                Ok(endpoint) => {
                    endpoints.insert(name.clone(), endpoint);
                }
                Err(problem) => problems.push(format!("provider {name}: {problem}")),
            }
        }
        Self { transport, catalogue, endpoints, custom, local, made: BTreeMap::new() }
    }

    /// The sources of models for seats whose list is not given, in the order of preference.
    pub(crate) fn vendors(&self, settings: &Settings, problems: &mut Vec<String>) -> Vec<Vendor> {
        let mut vendors: Vec<Vendor> = Vec::new();
        for provider in &self.custom {
            let model = provider.capabilities().target.clone();
            vendors.push(Vendor { strong: model.clone(), fast: model });
        }
        // The two vendors come first; which of them leads is of no weight, since seats take turns.
        let rank = |name: &str| match name {
            "openai" => 0,
            "anthropic" => 1,
            _ => 2,
        };
        let mut names: Vec<&String> = self.endpoints.keys().collect();
        names.sort_by_key(|name| (rank(name), name.as_str()));
        for name in names {
            let Some(provider) = settings.providers.get(name) else { continue };
            match self.vendor(name, provider) {
                Ok(vendor) => vendors.push(vendor),
                Err(problem) => problems.push(format!("provider {name}: {problem}")),
            }
        }
        if vendors.is_empty()
            && let Some(local) = &self.local
        {
            let model = local.provider.capabilities().target.clone();
            vendors.push(Vendor { strong: model.clone(), fast: model });
        }
        vendors
    }

    fn vendor(&self, name: &str, provider: &ProviderSettings) -> Result<Vendor, String> {
        let own = &provider.models;
        let table =
            matches!(name, "openai" | "anthropic").then(|| self.catalogue.default_models(kind_of(provider)));
        let table = table.flatten();
        let strong = own.strong.clone().or_else(|| table.map(|table| table.strong.clone()));
        let fast =
            own.fast.clone().or_else(|| own.strong.clone()).or_else(|| table.map(|table| table.fast.clone()));
        let (Some(strong), Some(fast)) = (strong.or_else(|| fast.clone()), fast) else {
            return Err(format!(
                "say which model it serves: `models = {{ strong = \"...\" }}` in [providers.{name}]"
            ));
        };
        let model = |text: &str| ModelRef::try_new(name, text).map_err(|error| error.to_string());
        Ok(Vendor { strong: model(&strong)?, fast: model(&fast)? })
    }

    /// The targets that `model` names, and what it can do.
    pub(crate) fn targets(&mut self, model: &ModelRef) -> Result<Made, String> {
        if let Some(made) = self.made.get(model) {
            return Ok(made.clone());
        }
        let made = self.make(model)?;
        self.made.insert(model.clone(), made.clone());
        Ok(made)
    }

    fn make(&self, model: &ModelRef) -> Result<Made, String> {
        if let Some(own) = self.custom.iter().find(|provider| provider.capabilities().target == *model) {
            return Ok((vec![Target::remote(Arc::clone(own))], own.capabilities().clone()));
        }
        if model.provider() == EMBEDDED_PROVIDER {
            return self.embedded(model);
        }
        let invalid = |error: InvalidConfig| error.to_string();
        let mut providers: Vec<Arc<dyn LlmProvider>> = Vec::new();
        let serving = match self.endpoints.get(model.provider()) {
            Some(Endpoint::OpenAi { config, serving }) => {
                for key in serving.keys() {
                    let config = key.map_or_else(|| config.clone(), |key| config.clone().with_key(key));
                    let transport = self.transport.clone();
                    let made = OpenAiProvider::new(transport, &config, model.model(), &self.catalogue);
                    let made = made.map_err(invalid)?;
                    let made = if serving.trace_context { made.sending_trace_context() } else { made };
                    providers.push(Arc::new(made));
                }
                serving
            }
            Some(Endpoint::Anthropic { config, serving }) => {
                for key in serving.keys() {
                    let config = key.map_or_else(|| config.clone(), |key| config.clone().with_key(key));
                    let transport = self.transport.clone();
                    let made = AnthropicProvider::new(transport, &config, model.model(), &self.catalogue);
                    let made = made.map_err(invalid)?;
                    let made = if serving.trace_context { made.sending_trace_context() } else { made };
                    providers.push(Arc::new(made));
                }
                serving
            }
            None => return Err(self.unknown_provider(model)),
        };
        let capabilities = providers.first().map(|provider| provider.capabilities().clone());
        let capabilities = capabilities.ok_or_else(|| format!("{model}: there is no key for it"))?;
        let accounts = serving.accounts.iter().cloned();
        let targets = providers.into_iter().zip(accounts).zip(1..).map(|((provider, account), key)| {
            let target = Target::remote(provider).key(key).account(account).traffic(serving.traffic);
            let target = if serving.streaming { target } else { target.whole() };
            if key == 1 { target } else { target.beside_previous() }
        });
        Ok((targets.collect(), capabilities))
    }

    fn embedded(&self, model: &ModelRef) -> Result<Made, String> {
        let Some(local) = &self.local else {
            return Err(format!("{model}: this build or configuration has no embedded model"));
        };
        let capabilities = local.provider.capabilities();
        if capabilities.target != *model {
            return Err(format!("{model}: the embedded model here is {}", capabilities.target));
        }
        Ok((vec![local.target.clone()], capabilities.clone()))
    }

    /// Asks the server of `provider` for the names of its models.
    pub(crate) fn lister(
        name: &str,
        provider: &ProviderSettings,
        transport: Transport,
    ) -> Result<BoxFuture<'static, Result<Vec<String>, ProviderError>>, String> {
        let catalogue = Catalogue::builtin();
        let invalid = |error: InvalidConfig| error.to_string();
        let names = |models: Vec<RemoteModel>| models.into_iter().map(|model| model.id).collect();
        Ok(match endpoint(name, provider)? {
            Endpoint::OpenAi { config, .. } => {
                let lister = OpenAiProvider::new(transport, &config, "any", &catalogue).map_err(invalid)?;
                Box::pin(async move { lister.list_models().await.map(names) })
            }
            Endpoint::Anthropic { config, .. } => {
                let lister =
                    AnthropicProvider::new(transport, &config, "any", &catalogue).map_err(invalid)?;
                Box::pin(async move { lister.list_models().await.map(names) })
            }
        })
    }

    fn unknown_provider(&self, model: &ModelRef) -> String {
        let custom = self.custom.iter().map(|provider| provider.capabilities().target.provider());
        let mut known: Vec<&str> = self.endpoints.keys().map(String::as_str).chain(custom).collect();
        known.extend(self.local.is_some().then_some(EMBEDDED_PROVIDER));
        let key = match model.provider() {
            "openai" => "; set OPENAI_API_KEY",
            "anthropic" => "; set ANTHROPIC_API_KEY",
            _ => "",
        };
        let known = if known.is_empty() { String::from("none") } else { known.join(", ") };
        format!("{model}: provider `{}` is not configured{key} (configured: {known})", model.provider())
    }
}

fn kind_of(provider: &ProviderSettings) -> CatalogueKind {
    match provider.kind {
        ProviderKind::OpenAi => CatalogueKind::OpenAi,
        ProviderKind::Anthropic => CatalogueKind::Anthropic,
    }
}

fn catalogue_entry(settings: &ModelSettings) -> ModelEntry {
    ModelEntry {
        price: settings.price(),
        context_window: settings.context_window,
        output_tokens_max: settings.output_tokens_max,
        continues: settings.continues,
    }
}

fn endpoint(name: &str, provider: &ProviderSettings) -> Result<Endpoint, String> {
    let credential = provider.credential();
    let official = provider.base_url() == provider.kind.official_base_url();
    if official && credential.as_ref().is_none_or(|credential| !is_present(credential)) {
        return Err(format!(
            "it has no key: set {}, or take it out of the configuration",
            key_name(provider.kind)
        ));
    }
    let reveal = |source: &crate::KeySource| source.reveal().map_err(|error| error.to_string());
    let more_keys = provider.more_api_keys.iter().map(reveal).collect::<Result<Vec<_>, _>>()?;
    let traffic = TargetLimits {
        requests_per_minute: provider.requests_per_minute.and_then(NonZeroU32::new),
        tokens_per_minute: provider.tokens_per_minute.and_then(NonZeroU64::new),
        concurrency: provider.concurrency.and_then(NonZeroU32::new),
    };
    let first = match &credential {
        Some(Credential::ApiKey(source) | Credential::AuthToken(source)) => Some(reveal(source)?),
        None => None,
    };
    let keys = std::iter::once(first.as_ref()).chain(more_keys.iter().map(Some));
    let accounts = keys.map(|key| account(provider.base_url(), key)).collect();
    let serving = Serving {
        streaming: provider.streaming,
        trace_context: provider.trace_context,
        more_keys,
        traffic,
        accounts,
    };
    match provider.kind {
        ProviderKind::OpenAi => {
            let mut config = OpenAiConfig::compatible(name, provider.base_url());
            config.key = first;
            config.dialect = match provider.dialect() {
                Dialect::Official => OpenAiDialect::Official,
                Dialect::Compatible => OpenAiDialect::Compatible,
            };
            config.organization.clone_from(&provider.organization);
            config.project.clone_from(&provider.project);
            config.structured_output = provider.structured_output;
            Ok(Endpoint::OpenAi { config, serving })
        }
        ProviderKind::Anthropic => {
            let credential = match (credential, first) {
                (Some(Credential::AuthToken(_)), Some(token)) => AnthropicCredential::AuthToken(token),
                (_, Some(key)) => AnthropicCredential::ApiKey(key),
                (_, None) => AnthropicCredential::None,
            };
            let mut config = AnthropicConfig::official(credential);
            name.clone_into(&mut config.name);
            provider.base_url().clone_into(&mut config.base_url);
            config.structured_output = provider.structured_output;
            if let Some(version) = &provider.version {
                config.version = match version.as_str() {
                    "2023-06-01" => AnthropicVersion::V2023_06_01,
                    "2026-10-21" => AnthropicVersion::V2026_10_21,
                    other => return Err(format!("version `{other}` is none of 2023-06-01, 2026-10-21")),
                };
            }
            Ok(Endpoint::Anthropic { config, serving })
        }
    }
}

/// A fingerprint of an address and a key: eight bytes of a hash, which lead back to neither.
fn account(base_url: &str, key: Option<&SecretString>) -> AccountId {
    let mut hash =
        blake3::Hasher::new_derive_key("async-orchestrator 2026-11 account of an endpoint and a key");
    hash.update(&(base_url.len() as u64).to_le_bytes());
    hash.update(base_url.as_bytes());
    if let Some(key) = key {
        hash.update(key.expose_secret().as_bytes());
    }
    AccountId::new(hash.finalize().to_hex().as_str().get(..16).unwrap_or_default())
}

/// A name for the addresses that the settings lead to: answers of one server must not pass for those of another.
pub(crate) fn place(settings: &Settings) -> String {
    let addresses = settings.providers.iter();
    let addresses = addresses.map(|(name, provider)| format!("{name}={}", provider.base_url()));
    addresses.collect::<Vec<_>>().join(" ")
}

fn is_present(credential: &Credential) -> bool {
    match credential {
        Credential::ApiKey(source) | Credential::AuthToken(source) => source.is_present(),
    }
}

const fn key_name(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::OpenAi => "OPENAI_API_KEY",
        ProviderKind::Anthropic => "ANTHROPIC_API_KEY",
    }
}
