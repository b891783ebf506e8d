//! What is shown can be read back, and what is written for a beginner is valid.

use super::{Place, from_file};
use crate::config::{Discovered, Explicit, FoundKey, FoundServer, template};

#[test]
fn shown_settings_read_back_as_they_are() {
    let place = Place::with(
        "[providers.local]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\nmodels = { strong = \"a\\\"b\" }\n\
         [roles.critic]\nseat = [[\"local:a\", \"openai:b\"], [\"local:c\"]]\ntimeout_seconds = 7.25\n\
         [council]\nbudget_usd = 1.5\nseed = 3\n[models.\"local:x.y\"]\ninput = 1\noutput = 2\nas_of = \"2026-11\"\n",
    );
    let first = place.load(&[], Explicit::new()).unwrap();
    let shown = first.to_toml();
    assert!(place.plain(&shown).contains("budget_usd = 1.5 # config.toml:9"), "{shown}");
    assert!(shown.contains("quorum_ballots = 1 # default"), "{shown}");
    let second = from_file(&shown);
    assert_eq!(second.council, first.council);
    assert_eq!(
        second.roles[&async_orchestrator_core::Role::Critic],
        first.roles[&async_orchestrator_core::Role::Critic]
    );
    assert_eq!(second.models, first.models);
    assert_eq!(second.providers["local"].models, first.providers["local"].models);

    let json = first.to_json();
    assert_eq!(json["settings"]["council.budget_usd"]["value"], 1.5);
    assert_eq!(json["settings"]["council.mode"]["source"], "default");
    assert_eq!(json["settings"]["council.time_limit_seconds"]["value"], serde_json::Value::Null);
}

fn found() -> Discovered {
    let key = |provider: &str, setting: &str, variable: &str| FoundKey {
        provider: provider.to_owned(),
        setting: setting.to_owned(),
        variable: variable.to_owned(),
    };
    Discovered {
        keys: vec![
            key("openai", "api_key", "OPENAI_API_KEY"),
            key("anthropic", "api_key", "ANTHROPIC_API_KEY"),
            key("anthropic", "auth_token", "ANTHROPIC_AUTH_TOKEN"),
        ],
        servers: vec![
            FoundServer {
                provider: "ollama".to_owned(),
                product: "Ollama".to_owned(),
                base_url: "http://127.0.0.1:11434/v1".to_owned(),
                models: ["nomic-embed-text", "qwen3:8b", "odd \" name"].map(str::to_owned).to_vec(),
            },
            FoundServer {
                provider: "vllm".to_owned(),
                product: "vLLM".to_owned(),
                base_url: "http://127.0.0.1:8000/v1".to_owned(),
                models: Vec::new(),
            },
        ],
    }
}

#[test]
fn a_written_template_is_a_valid_configuration() {
    assert!(from_file(&template(&Discovered::default())).providers.is_empty());
    let place = Place::with(&template(&found()));
    let environment = [("OPENAI_API_KEY", "a"), ("ANTHROPIC_API_KEY", "b")];
    let settings = place.load(&environment, Explicit::new()).unwrap();
    let names: Vec<&str> = settings.providers.keys().map(String::as_str).collect();
    assert_eq!(names, ["anthropic", "ollama", "openai", "vllm"]);
    assert_eq!(settings.providers["ollama"].models.strong.as_deref(), Some("qwen3:8b"));
    assert_eq!(settings.warnings(), []);
}

#[test]
fn every_commented_setting_of_the_template_is_known() {
    let written = template(&Discovered::default());
    let lines: Vec<&str> = written
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| {
            line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        })
        .collect();
    let text = lines.join("\n");
    assert!(text.lines().count() > 50, "{text}");
    let place = Place::with(&text);
    // Alternatives stand beside each other, so that conflicts are told; but no key is unknown and no value is unfit.
    let said = place.load(&[], Explicit::new()).unwrap_err().to_string();
    for unfit in ["unknown", "expected", "not TOML"] {
        assert!(!said.contains(unfit), "{said}");
    }
}
