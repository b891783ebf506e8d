//! The settings that are there once.

use super::{Once, SECONDS};

/// The settings that are there once, with their table.
pub(in crate::config) const SINGLE: &[Once] = &[
    Once::new(
        "embedded.enabled",
        r#""auto""#,
        "auto (where nothing else is configured, or where a list names it) or never",
        |s| &mut s.embedded.enabled,
    ),
    Once::new(
        "embedded.path",
        r#""~/models/other.gguf""#,
        "a GGUF file of your own; default: the built-in choice, fetched once",
        |s| &mut s.embedded.path,
    ),
    Once::new("embedded.offline", "false", "never fetch the model file; default: false", |s| {
        &mut s.embedded.offline
    })
    .variable("ORCHESTRATOR_OFFLINE"),
    Once::new("embedded.timeout_seconds", "300", "how long one call of it may take; default: 300", |s| {
        &mut s.embedded.timeout
    })
    .range(SECONDS.0, SECONDS.1),
    Once::new("embedded.workers", "2", "how many calls it works on at once; default: 2", |s| {
        &mut s.embedded.workers
    })
    .range(1.0, 64.0),
    Once::new(
        "embedded.threads",
        "4",
        "how many threads compute, for all calls together; default: the cores, at most 4",
        |s| &mut s.embedded.threads,
    )
    .range(1.0, 256.0),
    Once::new(
        "embedded.max_tokens",
        "256",
        "the most tokens of one reply; default: what the role needs",
        |s| &mut s.embedded.tokens_max,
    )
    .range(1.0, 4096.0),
    Once::new("council.quorum_proposals", "2", "how many proposals a decision needs; default: 2", |s| {
        &mut s.council.quorum_proposals
    })
    .range(1.0, 5.0),
    Once::new("council.quorum_ballots", "1", "how many valid ballots a decision needs; default: 1", |s| {
        &mut s.council.quorum_ballots
    })
    .range(1.0, 8.0),
    Once::new("council.time_limit_seconds", "120", "how long a run may take in all", |s| {
        &mut s.council.time_limit
    })
    .range(SECONDS.0, SECONDS.1),
    Once::new("council.budget_usd", "0.50", "what a run may cost, in dollars", |s| &mut s.council.budget)
        .range(0.0, 1e9),
    Once::new("council.budget_tokens", "100000", "how many tokens a run may use, in and out", |s| {
        &mut s.council.budget_tokens
    })
    .range(1.0, 1e15),
    Once::new("council.strict", "false", "whether a run below its quorum is an error; default: false", |s| {
        &mut s.council.strict
    }),
    Once::new(
        "council.mode",
        r#""auto""#,
        "auto, express (one call) or council (all roles); default: auto",
        |s| &mut s.council.mode,
    ),
    // A TOML integer ends at 2^63 - 1.
    Once::new("council.seed", "42", "the seed of everything drawn by lot; default: a fresh one a run", |s| {
        &mut s.council.seed
    })
    .range(0.0, 9.223_372_036_854_776e18),
    Once::new(
        "council.stages",
        r#"["propose", "tally"]"#,
        "the stages of a council; default: propose, review, tally, synthesize, implement, validate, observe",
        |s| &mut s.council.stages,
    ),
    Once::new(
        "council.depth",
        r#""adaptive""#,
        "adaptive (another proposer only while the answer is not sure enough) or full; default: adaptive",
        |s| &mut s.council.depth,
    ),
    Once::new(
        "council.ask_again",
        "false",
        "whether a seat whose reply cannot be read is asked once more; default: true",
        |s| &mut s.council.ask_again,
    ),
    Once::new(
        "council.rule",
        r#""schulze""#,
        "plurality, approval, borda, schulze, condorcet or clipped_z_mean; default: by the kind of answer and by what is known of the voters",
        |s| &mut s.council.rule,
    ),
    Once::new(
        "council.stop_at",
        "0.9",
        "how probable it must be that an answer is right; default: 0.8, 0.9 or 0.97 by the price of being wrong",
        |s| &mut s.council.stop_at,
    )
    .range(0.5, 1.0),
    Once::new(
        "trust.use",
        "true",
        "whether votes count by what is known of the models that gave them; default: true, where there is a table",
        |s| &mut s.trust.enabled,
    ),
    Once::new(
        "trust.file",
        r#""~/trust.json""#,
        "the table of trust; default: trust.json in the directory for state",
        |s| &mut s.trust.file,
    ),
    Once::new(
        "resilience.preset",
        r#""interactive""#,
        "what the settings below start from: default, interactive (somebody waits), batch or patient",
        |s| &mut s.resilience.preset,
    ),
    Once::new(
        "resilience.retry_attempts_max",
        "3",
        "how often one model is asked, the first time counted; default: 3",
        |s| &mut s.resilience.retry_attempts_max,
    )
    .range(1.0, 20.0),
    Once::new(
        "resilience.retry_wait_max_seconds",
        "60",
        "the longest wait that a vendor may ask for; beyond it the next model is asked; default: 60",
        |s| &mut s.resilience.retry_wait_max,
    )
    .range(SECONDS.0, SECONDS.1),
    Once::new(
        "resilience.breaker_failures",
        "5",
        "how many failures in a row take a model out; default: 5",
        |s| &mut s.resilience.breaker_failures,
    )
    .range(1.0, 1e6),
    Once::new(
        "resilience.breaker_failure_percent",
        "50",
        "the share of failures, in percent, that takes a model out; default: 50",
        |s| &mut s.resilience.breaker_failure_percent,
    )
    .range(1.0, 100.0),
    Once::new(
        "resilience.breaker_cooldown_seconds",
        "5",
        "how long a model is left out at first; doubled each time in a row; default: 5",
        |s| &mut s.resilience.breaker_cooldown,
    )
    .range(SECONDS.0, SECONDS.1),
    Once::new(
        "resilience.breaker_cooldown_max_seconds",
        "60",
        "how long a model is left out at most; default: 60",
        |s| &mut s.resilience.breaker_cooldown_max,
    )
    .range(SECONDS.0, SECONDS.1),
    Once::new(
        "resilience.breaker_slow_seconds",
        "20",
        "a first token later than this counts as slow; most of them slow takes a model out; default: off",
        |s| &mut s.resilience.breaker_slow,
    )
    .range(SECONDS.0, SECONDS.1),
    Once::new(
        "resilience.hedge",
        "true",
        "whether a second call goes out beside one that is slow to begin; default: true",
        |s| &mut s.resilience.hedge,
    ),
    Once::new(
        "resilience.hedge_delay_min_seconds",
        "0.05",
        "the shortest silence before a second call; default: 0.05",
        |s| &mut s.resilience.hedge_delay_min,
    )
    .range(SECONDS.0, SECONDS.1),
    Once::new(
        "resilience.concurrency_max",
        "256",
        "the most calls under way at one model; default: 256",
        |s| &mut s.resilience.concurrency_max,
    )
    .range(1.0, 65_536.0),
    Once::new(
        "resilience.queue_max",
        "1024",
        "the most calls that wait for a place at one model; default: 1024",
        |s| &mut s.resilience.queue_max,
    )
    .range(0.0, 1e6),
    Once::new(
        "resilience.coalesce",
        "true",
        "whether identical calls at the same time become one; default: true",
        |s| &mut s.resilience.coalesce,
    ),
    Once::new("resilience.cache", "true", "whether answers of models are kept; default: false", |s| {
        &mut s.resilience.cache
    }),
    Once::new(
        "resilience.cache_bytes_max",
        "67108864",
        "how many bytes of answers are kept; default: 67108864",
        |s| &mut s.resilience.cache_bytes_max,
    )
    .range(65_536.0, 1e12),
    Once::new(
        "resilience.cache_fresh_seconds",
        "3600",
        "how long a kept answer serves in place of a call; default: 3600",
        |s| &mut s.resilience.cache_fresh,
    )
    .range(0.0, 31_536_000.0),
    Once::new(
        "resilience.cache_stale_seconds",
        "86400",
        "how much longer it serves, marked stale, where nobody can be reached; default: 86400",
        |s| &mut s.resilience.cache_stale,
    )
    .range(0.0, 31_536_000.0),
    Once::new(
        "resilience.reuse",
        r#""allowed""#,
        "which calls a kept answer may serve: never, deterministic (temperature 0) or allowed; default: deterministic",
        |s| &mut s.resilience.reuse,
    ),
    Once::new(
        "budget.usd_per_day",
        "5.00",
        "what all runs of a day (UTC) may cost together, in dollars",
        |s| &mut s.budget.usd_per_day,
    )
    .range(0.0, 1e9),
    Once::new("budget.usd_per_month", "50.00", "what all runs of a month (UTC) may cost together", |s| {
        &mut s.budget.usd_per_month
    })
    .range(0.0, 1e9),
    Once::new(
        "budget.tokens_per_day",
        "1000000",
        "how many tokens all runs of a day may use together",
        |s| &mut s.budget.tokens_per_day,
    )
    .range(1.0, 1e15),
    Once::new(
        "budget.tokens_per_month",
        "20000000",
        "how many tokens all runs of a month may use together",
        |s| &mut s.budget.tokens_per_month,
    )
    .range(1.0, 1e15),
    Once::new(
        "history.enabled",
        "true",
        "whether runs are journaled as they happen and kept when they have ended; default: true",
        |s| &mut s.history.enabled,
    ),
    Once::new(
        "history.path",
        r#""~/history.db""#,
        "the file for it; default: history.db in the directory for data",
        |s| &mut s.history.path,
    ),
    Once::new(
        "history.content",
        r#""full""#,
        "what is kept of texts: full, hash (hashes once a run has ended) or off (none, so nothing can be resumed); default: full",
        |s| &mut s.history.content,
    ),
    Once::new(
        "history.sync",
        r#""full""#,
        "what a write waits for: full (the disk), normal (the system; a power cut may take the last moments) or off; default: full",
        |s| &mut s.history.sync,
    ),
    Once::new(
        "history.resume",
        r#""auto""#,
        "runs whose process ended in the middle are finished by the next ask (auto) or by `resume` alone (manual); default: auto",
        |s| &mut s.history.resume,
    ),
    Once::new(
        "history.required",
        "false",
        "whether a run that cannot be recorded ends with an error instead of going on; default: false",
        |s| &mut s.history.required,
    ),
    Once::new(
        "history.mib_max",
        "2048",
        "how large the file may become, in MiB; beyond it runs are not recorded until something was pruned; default: no limit",
        |s| &mut s.history.mib_max,
    )
    .range(1.0, 1e7),
    Once::new(
        "history.keep_days",
        "90",
        "after how many days contents go; hashes, figures and lines of the list stay; default: never",
        |s| &mut s.history.keep_days,
    )
    .range(1.0, 36_500.0),
    Once::new(
        "state.enabled",
        "true",
        "whether the command remembers, from one run to the next, what is left out, used, spent and kept; default: true",
        |s| &mut s.state.enabled,
    ),
    Once::new(
        "state.path",
        r#""~/state/orchestrator.db""#,
        "the file for it; default: state.db in the directory for state",
        |s| &mut s.state.path,
    ),
    Once::new("network.connect_timeout_seconds", "3", "how long connecting may take; default: 3", |s| {
        &mut s.network.connect_timeout
    })
    .range(SECONDS.0, 600.0),
    Once::new("network.https_proxy", r#""http://proxy:3128""#, "the proxy for https:// addresses", |s| {
        &mut s.network.https_proxy
    }),
    Once::new("network.http_proxy", r#""http://proxy:3128""#, "the proxy for http:// addresses", |s| {
        &mut s.network.http_proxy
    }),
    Once::new(
        "network.all_proxy",
        r#""socks5://proxy:1080""#,
        "the proxy for what the other two do not cover",
        |s| &mut s.network.all_proxy,
    ),
    Once::new(
        "network.no_proxy",
        r#""localhost,.internal""#,
        "hosts that are reached without a proxy, separated by commas",
        |s| &mut s.network.no_proxy,
    ),
    Once::new(
        "network.ca_file",
        r#""/etc/ssl/own-ca.pem""#,
        "a file of PEM certificates to trust in place of the platform's",
        |s| &mut s.network.ca_file,
    ),
    Once::new("network.ca_directory", r#""/etc/ssl/own-certs""#, "a directory of such files", |s| {
        &mut s.network.ca_directory
    }),
    Once::new(
        "network.body_bytes_max",
        "16777216",
        "the most bytes of one JSON reply; default: 16777216",
        |s| &mut s.network.body_bytes_max,
    )
    .range(1024.0, 1e9),
    Once::new(
        "network.event_bytes_max",
        "1048576",
        "the most bytes of one streamed event; default: 1048576",
        |s| &mut s.network.event_bytes_max,
    )
    .range(1024.0, 1e9),
    Once::new("prompts.directory", r#""prompts""#, "a directory of your own prompts", |s| {
        &mut s.prompts.directory
    }),
    Once::new(
        "prompts.domain",
        r#""general""#,
        "the prompt pack where a question does not say; default: triage finds one",
        |s| &mut s.prompts.domain,
    ),
];
