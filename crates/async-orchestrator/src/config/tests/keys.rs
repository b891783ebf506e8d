//! Keys come from where they should, stay with their server, and are never shown.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{Place, complaints, from_environment, from_file};
use crate::config::{CommandLine, Credential, Explicit, KeyError, KeySource, Settings};

const KEY: &str = "sk-secret-1234567890";

/// The key that would be sent, or why there is none.
fn revealed(settings: &Settings, provider: &str) -> String {
    match settings.providers[provider].credential() {
        Some(Credential::ApiKey(key)) => {
            key.reveal().map_or_else(|e| e.to_string(), |k| k.expose_secret().to_owned())
        }
        Some(Credential::AuthToken(key)) => format!("token {}", key.reveal().unwrap().expose_secret()),
        None => "none".to_owned(),
    }
}

#[test]
fn a_key_of_the_file_stays_with_its_server() {
    let place = Place::with(
        "[providers.openai]\nbase_url = \"https://local.test/v1\"\napi_key = \"env::LOCAL_KEY\"\n",
    );
    let load = |environment: &[(&str, &str)], explicit| {
        revealed(&place.load(environment, explicit).unwrap(), "openai")
    };
    let ambient = [("OPENAI_API_KEY", "vendor"), ("LOCAL_KEY", "local")];
    assert_eq!(load(&ambient, Explicit::new()), "local");
    // Not even when it is missing.
    assert!(load(&ambient[..1], Explicit::new()).contains("LOCAL_KEY is not set"));
    let own = [("ORCHESTRATOR_PROVIDERS_OPENAI_API_KEY", "own"), ambient[0], ambient[1]];
    assert_eq!(load(&own, Explicit::new()), "own");
    assert_eq!(load(&own, Explicit::new().api_key("openai", "flag".to_owned().into(), "openai_key")), "flag");
}

#[test]
fn the_vendors_variable_fills_in_where_the_file_names_no_key() {
    let place = Place::with("[providers.openai]\norganization = \"o\"\n");
    let settings = place.load(&[("OPENAI_API_KEY", KEY)], Explicit::new()).unwrap();
    assert_eq!(revealed(&settings, "openai"), KEY);
    assert_eq!(revealed(&from_environment(&[("ANTHROPIC_AUTH_TOKEN", "t")]), "anthropic"), "token t");
    let both = from_environment(&[("ANTHROPIC_AUTH_TOKEN", "t"), ("ANTHROPIC_API_KEY", "k")]);
    assert_eq!(revealed(&both, "anthropic"), "k");
    assert!(both.warnings()[0].to_string().contains("is not used"), "{:?}", both.warnings());
}

#[test]
fn two_credentials_in_one_layer_are_refused() {
    let said = complaints("[providers.openai]\napi_key = \"env::A\"\napi_key_cmd = \"pass\"\n", &[]);
    assert!(
        said.contains("config.toml:3:1: providers.openai.api_key_cmd: there is an `api_key` already"),
        "{said}"
    );
    let place = Place::with("[providers.openai]\napi_key_cmd = \"pass\"\n");
    let settings = place.load(&[("ORCHESTRATOR_PROVIDERS_OPENAI_API_KEY", "own")], Explicit::new()).unwrap();
    assert_eq!(revealed(&settings, "openai"), "own");
}

#[test]
fn no_view_of_the_settings_holds_a_key() {
    let place = Place::with(&format!(
        "[providers.a]\nkind = \"openai\"\napi_key = \"{KEY}\"\n[providers.b]\nkind = \"openai\"\napi_key_cmd = [\"echo\", \"{KEY}\"]\n"
    ));
    let environment = [
        ("OPENAI_API_KEY", KEY),
        ("ANTHROPIC_AUTH_TOKEN", KEY),
        ("HTTPS_PROXY", "http://u:sk-secret-1234567890@p:1"),
    ];
    let settings = place.load(&environment, Explicit::new()).unwrap();
    for view in [settings.to_toml(), settings.to_json().to_string(), format!("{settings:#?}")] {
        assert!(!view.contains(KEY), "{view}");
    }
    assert!(settings.to_toml().contains("# api_key: set (env OPENAI_API_KEY)"), "{}", settings.to_toml());
    assert!(!settings.warnings().iter().any(|warning| warning.to_string().contains(KEY)));
}

#[test]
fn a_key_command_is_run_without_a_shell_and_within_bounds() {
    let run = |words: &[&str]| {
        let command = CommandLine::try_from_words(words.iter().map(|word| (*word).to_owned())).unwrap();
        command.output(Duration::from_millis(400)).map(|key| key.expose_secret().to_owned())
    };
    assert_eq!(run(&["printf", "  sk-1\n"]).unwrap(), "sk-1");
    assert!(matches!(run(&["no-such-program-here"]), Err(KeyError::NotStarted { .. })));
    assert!(matches!(run(&["false"]), Err(KeyError::Failed { .. })));
    assert!(matches!(run(&["true"]), Err(KeyError::NoKey { .. })));
    assert!(matches!(run(&["printf", "two words"]), Err(KeyError::NoKey { .. })));
    assert!(matches!(run(&["sleep", "30"]), Err(KeyError::TooSlow { .. })));
    assert!(matches!(
        run(&["cat", "/dev/zero"]),
        Err(KeyError::TooSlow { .. } | KeyError::TooLong { .. } | KeyError::Failed { .. })
    ));
    assert!(matches!(run(&["sh", "-c", "exec >&-; sleep 30"]), Err(KeyError::TooSlow { .. })));

    let settings = from_file("[providers.x]\nkind = \"openai\"\napi_key_cmd = \"printf 'sk-$HOME;ls'\"\n");
    assert_eq!(revealed(&settings, "x"), "sk-$HOME;ls");
}

#[test]
fn a_command_line_is_split_at_blanks_outside_quotes() {
    let words = |line: &str| {
        CommandLine::parse(line).map(|command| {
            let mut words = vec![command.program().to_owned()];
            words.extend_from_slice(command.arguments());
            words
        })
    };
    assert_eq!(words("  a  'b c' \"d'e\" f\"\"g '' ").unwrap(), ["a", "b c", "d'e", "fg", ""]);
    assert!(words("a 'b").is_err() && words("  ").is_err() && words("''").is_err());
}

#[test]
fn equal_sources_give_equal_keys() {
    let literal = |key: &str| KeySource::Literal(key.to_owned().into());
    assert_eq!(literal("a"), literal("a"));
    assert_ne!(literal("a"), literal("b"));
}
