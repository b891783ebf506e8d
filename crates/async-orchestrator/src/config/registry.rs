//! The one table of settings: each with its key, its range, what it means, and its place in [`Settings`].
//!
//! The file, the environment, flags, `config show` and the template all read this table, so none of them can miss a setting.

mod single;

use super::{
    Settings,
    field::{Field, Range},
    settings::{ModelSettings, ProviderSettings, RoleSettings},
};

/// One setting of a `T`.
pub(super) struct Row<T> {
    /// Its key below its table, such as `timeout_seconds` or `models.strong`.
    pub(super) key: &'static str,
    /// Its environment name where that is not the usual one.
    pub(super) variable: Option<&'static str>,
    /// A value in TOML, as the template shows it.
    pub(super) example: &'static str,
    /// One line for people: meaning, unit, range, default.
    pub(super) about: &'static str,
    pub(super) range: Range,
    pub(super) field: fn(&mut T) -> &mut dyn Field,
}

impl<T> Row<T> {
    const fn new(
        key: &'static str,
        example: &'static str,
        about: &'static str,
        field: fn(&mut T) -> &mut dyn Field,
    ) -> Self {
        Self { key, variable: None, example, about, range: Range::ANY, field }
    }

    const fn range(mut self, min: f64, max: f64) -> Self {
        self.range = Range::new(min, max);
        self
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }
}

type OfProvider = Row<ProviderSettings>;
type OfRole = Row<RoleSettings>;
type OfModel = Row<ModelSettings>;
pub(super) type Once = Row<Settings>;

pub(super) use single::SINGLE;

/// A millisecond to a day: what a time limit may be, in seconds.
const SECONDS: (f64, f64) = (0.001, 86_400.0);
/// A million dollars a million tokens, in micro-dollars: beyond it a price is a slip of the pen.
const PRICE_MAX: f64 = 1e12;

/// `[providers.NAME]`.
pub(super) const PROVIDER: &[OfProvider] = &[
    OfProvider::new(
        "kind",
        r#""openai""#,
        "the wire format: openai (also for compatible servers) or anthropic",
        |p| &mut p.kind,
    ),
    OfProvider::new(
        "base_url",
        r#""http://127.0.0.1:8000/v1""#,
        "the server's address; default: the vendor's own",
        |p| &mut p.base_url,
    ),
    OfProvider::new("api_key", r#""env::MY_KEY""#, "the key, best as \"env::NAME\"", |p| &mut p.api_key),
    OfProvider::new(
        "api_key_cmd",
        r#"["pass", "show", "vendor/key"]"#,
        "a command that prints the key; run without a shell, only when the key is needed",
        |p| &mut p.api_key_cmd,
    ),
    OfProvider::new(
        "auth_token",
        r#""env::MY_TOKEN""#,
        "a bearer token in place of a key, best as \"env::NAME\" (anthropic)",
        |p| &mut p.auth_token,
    ),
    OfProvider::new("organization", r#""org-...""#, "the organization that pays (openai)", |p| {
        &mut p.organization
    }),
    OfProvider::new("project", r#""proj-...""#, "the project that pays (openai)", |p| &mut p.project),
    OfProvider::new(
        "dialect",
        r#""compatible""#,
        "official or compatible (openai); default: by the address",
        |p| &mut p.dialect,
    ),
    OfProvider::new(
        "version",
        r#""2023-06-01""#,
        "the protocol's version: 2023-06-01 or 2026-10-21 (anthropic)",
        |p| &mut p.version,
    ),
    OfProvider::new(
        "structured_output",
        r#""json_schema""#,
        "how JSON is asked for: json_schema, json_object or prompt",
        |p| &mut p.structured_output,
    ),
    OfProvider::new(
        "more_api_keys",
        r#"["env::SECOND_KEY"]"#,
        "further keys for the same models; a key that is refused or used up is left out, the next one serves",
        |p| &mut p.more_api_keys,
    ),
    OfProvider::new(
        "requests_per_minute",
        "500",
        "how many requests a minute each model and key may get",
        |p| &mut p.requests_per_minute,
    )
    .range(1.0, 1e9),
    OfProvider::new(
        "tokens_per_minute",
        "200000",
        "how many tokens a minute, in and out, each model and key may use",
        |p| &mut p.tokens_per_minute,
    )
    .range(1.0, 1e12),
    OfProvider::new(
        "concurrency",
        "8",
        "how many calls may be under way at each model and key; default: found out as it goes",
        |p| &mut p.concurrency,
    )
    .range(1.0, 65_536.0),
    OfProvider::new(
        "trace_context",
        "true",
        "whether calls carry the headers traceparent and tracestate (W3C Trace Context); default: false",
        |p| &mut p.trace_context,
    ),
    OfProvider::new("streaming", "true", "whether replies are streamed; default: true", |p| &mut p.streaming),
    OfProvider::new(
        "models.strong",
        r#""large-model""#,
        "the model for the roles that need the most ability",
        |p| &mut p.models.strong,
    ),
    OfProvider::new(
        "models.fast",
        r#""small-model""#,
        "the model for the roles where a cheap and fast one does",
        |p| &mut p.models.fast,
    ),
];

/// `[roles.ROLE]`.
pub(super) const ROLE: &[OfRole] = &[
    OfRole::new(
        "timeout_seconds",
        "60",
        "how long one attempt at a remote model may take; default: 120",
        |r| &mut r.timeout,
    )
    .range(SECONDS.0, SECONDS.1),
    OfRole::new(
        "seats",
        "1",
        "how many seats the role has; default: 2 proposers, 2 critics, 1 of the others",
        |r| &mut r.seats,
    )
    .range(0.0, 8.0),
    OfRole::new(
        "temperature",
        "0.7",
        "the sampling temperature, 0.0 to 2.0, where the vendor takes one",
        |r| &mut r.temperature,
    )
    .range(0.0, 2.0),
    OfRole::new(
        "models",
        r#"["openai:large-model", "anthropic:another-model"]"#,
        "the models of every seat, as provider:model: the first answers, the others are fallbacks",
        |r| &mut r.models,
    ),
    OfRole::new(
        "seat",
        r#"[{ models = ["openai:large-model"] }, { models = ["anthropic:another-model"] }]"#,
        "the models of each seat, as one [[roles.ROLE.seat]] with its `models` a seat",
        |r| &mut r.seat,
    ),
];

/// `[models."provider:model"]`.
pub(super) const MODEL: &[OfModel] = &[
    OfModel::new("input", "2500000", "micro-dollars a million input tokens", |m| &mut m.input)
        .range(0.0, PRICE_MAX),
    OfModel::new(
        "cached_input",
        "250000",
        "the same for tokens read from the vendor's cache; default: as input",
        |m| &mut m.cached_input,
    )
    .range(0.0, PRICE_MAX),
    OfModel::new("cache_write", "2500000", "the same for tokens written into it; default: as input", |m| {
        &mut m.cache_write
    })
    .range(0.0, PRICE_MAX),
    OfModel::new("output", "10000000", "micro-dollars a million output tokens", |m| &mut m.output)
        .range(0.0, PRICE_MAX),
    OfModel::new("as_of", r#""2026-11""#, "the date of these prices, such as 2026-11", |m| &mut m.as_of),
    OfModel::new("context_window", "128000", "the window in tokens, input and output together", |m| {
        &mut m.context_window
    })
    .range(256.0, 1e9),
    OfModel::new("output_tokens_max", "16384", "the most output tokens of one reply", |m| {
        &mut m.output_tokens_max
    })
    .range(1.0, 1e9),
    OfModel::new(
        "continues",
        "true",
        "whether it goes on from the beginning of a reply (prefill); default: what its name says",
        |m| &mut m.continues,
    ),
];

/// The tables of settings that are there once.
pub(super) const SINGLE_TABLES: [&str; 9] =
    ["embedded", "council", "trust", "resilience", "budget", "history", "state", "network", "prompts"];
/// The tables of named tables.
pub(super) const NAMED_TABLES: [&str; 3] = ["providers", "roles", "models"];

/// The names that other programs use too, from the weakest to the strongest. An `ORCHESTRATOR_...` name wins over all of them.
pub(super) const SHARED_VARIABLES: &[(&str, &str)] = &[
    ("HTTPS_PROXY", "network.https_proxy"),
    ("https_proxy", "network.https_proxy"),
    ("HTTP_PROXY", "network.http_proxy"),
    ("http_proxy", "network.http_proxy"),
    ("ALL_PROXY", "network.all_proxy"),
    ("all_proxy", "network.all_proxy"),
    ("NO_PROXY", "network.no_proxy"),
    ("no_proxy", "network.no_proxy"),
    ("SSL_CERT_FILE", "network.ca_file"),
    ("SSL_CERT_DIR", "network.ca_directory"),
];

/// The vendors' own names: variable, provider, key below the provider's table.
pub(super) const VENDOR_VARIABLES: &[(&str, &str, &str)] = &[
    ("OPENAI_API_KEY", "openai", "api_key"),
    ("OPENAI_BASE_URL", "openai", "base_url"),
    ("OPENAI_ORG_ID", "openai", "organization"),
    ("OPENAI_PROJECT_ID", "openai", "project"),
    ("ANTHROPIC_API_KEY", "anthropic", "api_key"),
    ("ANTHROPIC_AUTH_TOKEN", "anthropic", "auth_token"),
    ("ANTHROPIC_BASE_URL", "anthropic", "base_url"),
];

/// The settings of a provider of which one layer gives at most one.
pub(super) const CREDENTIALS: [&str; 3] = ["api_key", "api_key_cmd", "auth_token"];

/// The variable that names the configuration file.
pub(super) const FILE_VARIABLE: &str = "ORCHESTRATOR_CONFIG";
/// What every variable of our own begins with.
pub(super) const VARIABLE_PREFIX: &str = "ORCHESTRATOR_";

/// The usual environment name of a setting: `roles.critic.timeout_seconds` is `ORCHESTRATOR_ROLES_CRITIC_TIMEOUT_SECONDS`.
pub(super) fn variable_of(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    VARIABLE_PREFIX.chars().chain(key.chars().map(plain)).collect()
}
