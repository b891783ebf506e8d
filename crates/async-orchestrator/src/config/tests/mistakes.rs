//! Mistakes are all reported at once, each with its place and with what would be right, and never with a key.

use proptest::prelude::*;

use super::{Place, complaints, from_file};
use crate::config::{Explicit, Source};

#[test]
fn every_mistake_of_a_file_is_reported_with_its_place() {
    let said = complaints(
        "[roles.critic]\n\
         timout_seconds = 8\n\
         temperature = 3.5\n\
         \u{20} seats = 9\n\
         [roles.crtic]\n\
         [providers.local]\n\
         base_url = \"127.0.0.1:8000\"\n\
         models = { stong = \"x\" }\n\
         [council]\n\
         mode = \"exprss\"\n\
         strict = \"yes\"\n\
         [concil]\n\
         [roles.proposer]\n\
         models = [\"opnai:gpt\", \"local:a\"]\n\
         [embedded]\n\
         timeout_seconds = 0\n\
         [roles.validator]\n\
         models = [\"gpt\"]\n",
        &[("ORCHESTRATOR_COUNCIL_SEED", "many")],
    );
    let expected = "\
config.toml:2:1: roles.critic.timout_seconds: unknown key, did you mean `timeout_seconds`?
config.toml:3:1: roles.critic.temperature: 3.5 is out of range: 0 to 2 is expected
config.toml:4:3: roles.critic.seats: 9 is out of range: 0 to 8 is expected
config.toml:5:8: roles.crtic: unknown role, did you mean `critic`?
config.toml:6:12: providers.local.kind: is missing: write kind = \"openai\" (also for compatible servers) or kind = \"anthropic\"
config.toml:7:1: providers.local.base_url: is no address: write http://HOST:PORT/v1 or https://HOST/v1
config.toml:8:12: providers.local.models.stong: unknown key, did you mean `strong`?
config.toml:10:1: council.mode: unknown value `exprss`, did you mean `express`?
config.toml:11:1: council.strict: true or false is expected, not a text
config.toml:12:2: unknown table `concil`, did you mean `council`?
config.toml:14:1: roles.proposer.models: unknown provider `opnai`, did you mean `openai`?
config.toml:16:1: embedded.timeout_seconds: 0 is out of range: 0.001 to 86400 is expected
config.toml:18:1: roles.validator.models: `gpt` is no model: write provider:model, for example openai:NAME
env ORCHESTRATOR_COUNCIL_SEED: council.seed: `many` is no whole number";
    assert_eq!(said, expected);
}

#[test]
fn what_is_no_toml_has_its_line_and_is_not_quoted() {
    let said = complaints("[providers.openai]\napi_key = \"sk-secret-1234\nbase_url = sk-secret-1234\n", &[]);
    assert!(said.starts_with("config.toml:2:"), "{said}");
    assert!(said.contains("this is not TOML"), "{said}");
    assert!(!said.contains("sk-secret"), "{said}");
}

#[test]
fn a_key_in_the_wrong_place_is_never_repeated() {
    const KEY: &str = "sk-secret-0123456789-0123456789-0123456789";
    for line in [
        "[providers.x]\nkind = KEY",
        "[providers.openai]\nbase_url = KEY",
        "[providers.openai]\nbase_url = URL",
        "[providers.openai]\nstreaming = KEY",
        "[providers.openai]\napi_key = 5\nversion = KEY",
        "[roles.critic]\nmodels = [KEY]",
        "[council]\nbudget_usd = KEY\nmode = KEY\nseed = KEY",
        "[prompts]\ndomain = KEY",
        "[models.KEY]\ninput = 1",
        "api_key = KEY",
    ] {
        let text = line
            .replace("KEY", &format!("\"{KEY}\""))
            .replace("URL", &format!("\"https://u:{KEY}@host/v1\""));
        let said = complaints(&text, &[]);
        assert!(!said.is_empty() && !said.contains("sk-secret"), "{line}: {said}");
    }
}

#[test]
fn seats_must_fit_their_role_and_their_lists() {
    let check = |text: &str, expected: &str| {
        let said = complaints(text, &[]);
        assert!(said.contains(expected), "{text}: {said}");
    };
    check("[roles.proposer]\nseats = 6\n", "6 is out of range: 1 to 5 is expected for this role");
    check("[roles.critic]\nseats = 0\n", "0 is out of range: 1 to 8");
    check("[roles.observer]\nseats = 2\n", "2 is out of range: 0 to 1");
    check(
        "[[roles.observer.seat]]\nmodels = [\"openai:a\"]\n[[roles.observer.seat]]\nmodels = [\"openai:b\"]\n",
        "2 seats are too many",
    );
    check("[roles.critic]\nseats = 1\nseat = [[\"openai:a\"], [\"openai:b\"]]\n", "does not fit the 2 lists");
    check("[roles.critic]\nmodels = [\"openai:a\"]\nseat = [[\"openai:a\"]]\n", "keep one of the two");
    check(
        "[[roles.critic.seat]]\nmodel = [\"openai:a\"]\n",
        "unknown key `model` of a seat, did you mean `models`?",
    );
    check("[roles.critic]\nmodels = []\n", "the list of models is empty");
    assert_eq!(complaints("[roles.observer]\nseats = 0\n", &[]), "");
}

#[test]
fn addresses_and_credentials_that_are_risky_or_idle_are_told() {
    let check = |text: &str, expected: &str| {
        let said = complaints(text, &[("KEY", "sk-1")]);
        assert!(said.contains(expected), "{text}: {said}");
    };
    let local = "[providers.x]\nkind = \"openai\"\napi_key = \"env::KEY\"\n";
    check(&format!("{local}base_url = \"http://example.test/v1\"\n"), "travel unencrypted");
    for quiet in
        ["http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:1/v1", "https://example.test/v1"]
    {
        assert_eq!(
            complaints(&format!("{local}base_url = \"{quiet}\"\n"), &[("KEY", "sk-1")]),
            "",
            "{quiet}"
        );
    }
    check(&format!("{local}base_url = \"https://u:p@example.test/v1\"\n"), "holds a user name or password");
    check(&format!("{local}base_url = \"ftp://example.test/v1\"\n"), "is no address");
    check("[providers.openai]\napi_key = \"sk-1\"\n", "the key itself stands in the file");
    check("[providers.openai]\napi_key = \"env::NOT_SET\"\n", "the environment variable NOT_SET is not set");
    check("[providers.openai]\nauth_token = \"env::KEY\"\n", "means nothing to a provider of kind `openai`");
    check("[providers.anthropic]\nproject = \"p\"\n", "means nothing to a provider of kind `anthropic`");
    check("[providers.anthropic]\nversion = \"2024-01-01\"\n", "2023-06-01 or 2026-10-21");
    check("[providers.embedded]\nkind = \"openai\"\n", "this name belongs to the embedded model");
    check("[providers.\"a b\"]\nkind = \"openai\"\n", "letters, digits");
    check("[models.\"openai:x\"]\ninput = 5\n", "belong together");
}

#[test]
fn an_unknown_variable_of_ours_is_a_warning() {
    let environment = [("ORCHESTRATOR_COUNCIL_BUDGT_USD", "1"), ("ORCHESTRATOR_X", "1")];
    let said = complaints("", &environment);
    assert!(said.contains("did you mean `ORCHESTRATOR_COUNCIL_BUDGET_USD`?"), "{said}");
    assert!(said.contains("env ORCHESTRATOR_X: unknown variable"), "{said}");
}

#[test]
fn a_flag_for_no_setting_is_refused() {
    let place = Place::with("");
    let explicit = Explicit::new().set("council.budgt_usd", "1", "--x").set("roles.crtic.seats", "1", "--y");
    let error = place.load(&[], explicit).unwrap_err().to_string();
    assert!(
        error.contains("--x: council.budgt_usd: unknown setting, did you mean `council.budget_usd`?"),
        "{error}"
    );
    assert!(error.contains("--y: roles.crtic.seats: unknown role, did you mean `critic`?"), "{error}");
}

#[test]
fn numbers_are_exact_and_come_in_every_writing() {
    let settings = from_file(
        "[council]\nseed = 0x7fff_ffff_ffff_ffff\nbudget_usd = 0.000001\ntime_limit_seconds = 0.5\n",
    );
    assert_eq!(settings.council.seed, Some(i64::MAX as u64));
    assert_eq!(settings.council.budget.map(|budget| budget.0), Some(1));
    assert_eq!(settings.council.time_limit.map(|limit| limit.as_millis()), Some(500));
    for text in [
        "budget_usd = -1",
        "budget_usd = nan",
        "budget_usd = 0.0000001",
        "time_limit_seconds = inf",
        "seed = -1",
        "seed = 1.5",
    ] {
        assert_ne!(complaints(&format!("[council]\n{text}\n"), &[]), "", "{text}");
    }
}

#[test]
fn what_would_do_nothing_or_cannot_work_is_refused_at_once_and_by_name() {
    let found = complaints(
        "[resilience]\nhedge = false\nhedge_delay_min_seconds = 1\ncache_fresh_seconds = 9\nretry_attempts_max = 0\n\
         breaker_failure_percent = 101\nbreaker_cooldown_seconds = 90\ncoalesce = false\nreuse = \"allowed\"\n",
        &[],
    );
    for name in ["retry_attempts_max", "breaker_failure_percent"] {
        assert!(found.contains(name), "{name}: {found}");
    }
    let found = complaints(
        "[council]\ntime_limit_seconds = 30\n[resilience]\nhedge = false\nhedge_delay_min_seconds = 1\ncache_fresh_seconds = 9\n\
         breaker_cooldown_seconds = 90\ncoalesce = false\nreuse = \"allowed\"\n",
        &[],
    );
    for (line, name) in [
        (5, "hedge_delay_min_seconds"),
        (6, "cache_fresh_seconds"),
        (7, "breaker_cooldown_seconds"),
        (9, "reuse"),
    ] {
        assert!(found.contains(name) && found.contains(&format!(":{line}")), "{name}: {found}");
    }
}

#[test]
fn presets_are_a_start_that_single_settings_refine() {
    let config = |text: &str| from_file(&format!("[resilience]\n{text}\n")).resilience.config();
    assert_eq!(config("preset = \"batch\"").hedge, None);
    assert!(config("preset = \"batch\"\nhedge = true").hedge.is_some());
    assert_eq!(config("retry_attempts_max = 1").retry.server_error_attempts_max, 1);
    assert_eq!(config("").cache, None);
    assert_eq!(config("cache = true\ncache_bytes_max = 65536").cache.unwrap().bytes_max, 65_536);
    for preset in ["default", "interactive", "batch", "patient"] {
        assert_eq!(config(&format!("preset = \"{preset}\"")).problems(), Vec::<String>::new());
    }
}

proptest! {
    #[test]
    fn no_file_is_too_odd(text in "[a-z\\[\\]{}=.,\"'\n 0-9#ü\\\\-]{0,80}") {
        let place = Place::with(&text);
        let lines = text.lines().count().max(1) + 1;
        if let Err(error) = place.load(&[], Explicit::new()) {
            for problem in error.problems() {
                let Source::File { line, .. } = problem.source else { panic!("{problem}") };
                prop_assert!(line >= 1 && line <= lines, "{problem}");
            }
        }
    }
}
