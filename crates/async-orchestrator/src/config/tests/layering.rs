//! The stronger layer wins, and every value knows where it comes from.

use std::{path::Path, time::Duration};

use async_orchestrator_core::{MicroUsd, Role};

use super::{Place, complaints, from_environment, from_file};
use crate::config::{
    ConfigFile, Directories, Environment, Explicit, Layers, ProviderKind,
    address::Address,
    field::Raw,
    registry::{self, Row},
};

#[test]
fn the_stronger_layer_wins_and_is_named() {
    let place = Place::with("[council]\nquorum_proposals = 3\nbudget_usd = 0.10\nseed = 7\n");
    let environment = [("ORCHESTRATOR_COUNCIL_BUDGET_USD", "0.20"), ("ORCHESTRATOR_COUNCIL_SEED", "8")];
    let settings = place.load(&environment, Explicit::new().set("council.seed", "9", "--seed")).unwrap();

    assert_eq!(settings.council.quorum_ballots, 1);
    assert_eq!(settings.council.quorum_proposals, 3);
    assert_eq!(settings.council.budget, Some(MicroUsd(200_000)));
    assert_eq!(settings.council.seed, Some(9));
    let source = |key: &str| place.plain(&settings.sources().of(key).to_string());
    assert_eq!(source("council.quorum_ballots"), "default");
    assert_eq!(source("council.quorum_proposals"), "config.toml:2:1");
    assert_eq!(source("council.budget_usd"), "env ORCHESTRATOR_COUNCIL_BUDGET_USD");
    assert_eq!(source("council.seed"), "--seed");
}

#[test]
fn an_empty_variable_is_none() {
    let settings = from_environment(&[("ORCHESTRATOR_COUNCIL_SEED", ""), ("OPENAI_API_KEY", "")]);
    assert_eq!(settings.council.seed, None);
    assert!(settings.providers.is_empty());
}

#[test]
fn every_example_is_accepted_where_it_belongs() {
    fn check<T>(rows: &'static [Row<T>], table: &str, extra: &str) {
        for row in rows {
            let key = row.key.strip_prefix(&format!("{table}.")).unwrap_or(row.key);
            let settings = from_file(&format!("[{table}]\n{extra}{key} = {}\n", row.example));
            assert_ne!(settings.sources().iter().count(), 0, "{table}: {key}");
        }
    }
    let (anthropic, openai): (Vec<&Row<_>>, Vec<_>) =
        registry::PROVIDER.iter().partition(|row| ["auth_token", "version"].contains(&row.key));
    for row in anthropic {
        from_file(&format!("[providers.anthropic]\n{} = {}\n", row.key, row.example));
    }
    for row in openai.iter().filter(|row| row.key != "kind") {
        from_file(&format!("[providers.x]\nkind = \"openai\"\n{} = {}\n", row.key, row.example));
    }
    check(registry::ROLE, "roles.critic", "");
    for table in registry::SINGLE_TABLES {
        let rows = registry::SINGLE.iter().filter(|row| row.key.starts_with(&format!("{table}.")));
        for row in rows {
            let key = &row.key[table.len() + 1..];
            // What refines the cache is refused without it.
            let needs = if key.starts_with("cache_") { "cache = true\n" } else { "" };
            let settings = from_file(&format!("[{table}]\n{needs}{key} = {}\n", row.example));
            assert!(settings.sources().of(row.key).rank() == 1, "{}", row.key);
        }
    }
    let price = "input = 1\noutput = 1\nas_of = \"2026\"\n";
    for row in registry::MODEL.iter().filter(|row| !["input", "output", "as_of"].contains(&row.key)) {
        from_file(&format!("[models.\"a:b.c\"]\n{price}{} = {}\n", row.key, row.example));
    }
}

#[test]
fn every_setting_that_is_there_once_stands_in_a_table_that_the_file_knows() {
    for row in registry::SINGLE {
        let table = row.key.split('.').next().unwrap();
        assert!(registry::SINGLE_TABLES.contains(&table), "{}", row.key);
    }
}

#[test]
fn every_setting_of_one_line_has_its_own_variable() {
    let mut addresses: Vec<Address> = registry::SINGLE.iter().map(Address::Single).collect();
    addresses.extend(registry::ROLE.iter().map(|row| Address::Role(Role::Critic, row)));
    addresses.extend(registry::PROVIDER.iter().map(|row| Address::Provider("my-server".to_owned(), row)));
    let mut variables = std::collections::BTreeSet::new();
    for address in addresses {
        let Some(variable) = address.variable() else { continue };
        assert!(variable.starts_with("ORCHESTRATOR_"), "{variable}");
        assert!(variables.insert(variable.clone()), "{variable} is used twice");
        // A word that no type takes shows that the variable reaches its setting.
        if address.write(&mut from_environment(&[]), &Raw::Word(" \u{1} ".to_owned())).is_err() {
            let kind = [("ORCHESTRATOR_PROVIDERS_MY_SERVER_KIND", "openai"), (variable.as_str(), " \u{1} ")];
            let file = "[providers.my-server]\n";
            let said = complaints(file, &kind[usize::from(variable.ends_with("MY_SERVER_KIND"))..]);
            assert!(said.contains(&format!("env {variable}: {}: ", address.key())), "{variable}: {said}");
        }
    }
    assert!(variables.contains("ORCHESTRATOR_EMBEDDED_PATH") && variables.contains("ORCHESTRATOR_OFFLINE"));
}

#[test]
fn the_environment_can_bring_a_provider() {
    let settings = from_environment(&[
        ("ORCHESTRATOR_PROVIDERS_GROQ_KIND", "openai"),
        ("ORCHESTRATOR_PROVIDERS_GROQ_BASE_URL", "https://groq.test/v1"),
        ("ORCHESTRATOR_PROVIDERS_GROQ_MODELS_FAST", "small"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
        ("OPENAI_ORG_ID", "org"),
        ("ANTHROPIC_AUTH_TOKEN", "t"),
    ]);
    let names: Vec<&str> = settings.providers.keys().map(String::as_str).collect();
    assert_eq!(names, ["anthropic", "groq", "openai"]);
    assert_eq!(settings.providers["groq"].models.fast.as_deref(), Some("small"));
    assert_eq!(settings.providers["openai"].organization.as_deref(), Some("org"));
    assert_eq!(settings.providers["anthropic"].kind, ProviderKind::Anthropic);
    // The organization alone says nothing about how to reach the vendor.
    assert!(from_environment(&[("OPENAI_ORG_ID", "org")]).providers.is_empty());
}

#[test]
fn proxies_are_taken_from_the_usual_names_the_small_ones_first() {
    let settings = from_environment(&[
        ("HTTPS_PROXY", "http://user:secret@big:1"),
        ("https_proxy", "http://user:secret@small:1"),
        ("NO_PROXY", ".internal"),
        ("SSL_CERT_FILE", "/ca.pem"),
    ]);
    assert_eq!(settings.sources().of("network.https_proxy").to_string(), "env https_proxy");
    assert_eq!(settings.network.no_proxy.as_deref(), Some(".internal"));
    assert_eq!(settings.network.ca_file.as_deref(), Some(Path::new("/ca.pem")));
    assert!(settings.to_toml().contains("http://***@small:1") && !settings.to_toml().contains("secret"));
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn a_role_is_told_to_the_builder_as_it_was_set() {
    let settings = from_file(
        "[roles.critic]\ntimeout_seconds = 8.5\nseats = 3\ntemperature = 0.5\nmodels = [\"openai:a\", \"anthropic:b\"]\n\
         [[roles.proposer.seat]]\nmodels = [\"openai:a\"]\n[[roles.proposer.seat]]\nmodels = [\"anthropic:b:c\"]\n",
    );
    let critic = settings.role_definition(Role::Critic);
    assert_eq!(critic.timeout_set(), Some(Duration::from_millis(8_500)));
    assert_eq!((critic.seats_set(), critic.temperature_set()), (Some(3), Some(0.5)));
    assert_eq!(critic.seat_models(), vec![vec!["openai:a".to_owned(), "anthropic:b".to_owned()]; 3]);
    let proposer = settings.role_definition(Role::Proposer);
    assert_eq!(proposer.seat_models(), [vec!["openai:a".to_owned()], vec!["anthropic:b:c".to_owned()]]);
    assert!(settings.role_definition(Role::Observer).seat_models().is_empty());
}

#[test]
fn seats_of_a_flag_replace_those_of_the_file() {
    let place = Place::with("[roles.critic]\nseats = 2\nmodels = [\"openai:a\"]\n");
    let seats = vec![vec!["anthropic:x".to_owned(), "openai:y".to_owned()]];
    let settings = place.load(&[], Explicit::new().seats(Role::Critic, seats.clone(), "--role")).unwrap();
    assert_eq!(settings.role_definition(Role::Critic).seat_models(), seats);
    assert_eq!(settings.role_definition(Role::Critic).seats_set(), None);
}

#[test]
fn paths_of_the_file_start_at_the_file_and_a_tilde_is_the_home() {
    let place = Place::with(
        "[prompts]\ndirectory = \"mine\"\n[embedded]\npath = \"~/m.gguf\"\n[state]\npath = \"~/s.db\"\n[trust]\nfile = \"t.json\"\n",
    );
    let environment = [("HOME", "/home/u"), ("ORCHESTRATOR_NETWORK_CA_FILE", "here.pem")];
    let settings = place.load(&environment, Explicit::new()).unwrap();
    assert_eq!(settings.prompts.directory, Some(place.directory.path().join("mine")));
    assert_eq!(settings.embedded.path.as_deref(), Some(Path::new("/home/u/m.gguf")));
    assert_eq!(settings.state_file().as_deref(), Some(Path::new("/home/u/s.db")));
    assert_eq!(settings.trust_file().path(), place.directory.path().join("t.json"));
    assert_eq!(settings.network.ca_file.as_deref(), Some(Path::new("here.pem")));
}

#[test]
fn the_usual_file_may_be_missing_and_a_named_one_may_not() {
    let home = tempfile::tempdir().unwrap();
    let environment = |extra: &[(&str, &str)]| {
        let home = [("HOME", home.path().to_str().unwrap())];
        home.iter().chain(extra).copied().collect::<Environment>()
    };
    assert_eq!(Layers::new(environment(&[])).load().unwrap().file, None);
    let named =
        Layers::new(environment(&[("ORCHESTRATOR_CONFIG", "/no/such/file.toml")])).load().unwrap_err();
    assert!(named.to_string().starts_with("/no/such/file.toml: cannot be read"), "{named}");
    assert!(Layers::new(environment(&[])).file(ConfigFile::At("/".into())).load().is_err());

    let directories = Directories::from_environment(&environment(&[]));
    std::fs::create_dir_all(&directories.config).unwrap();
    std::fs::write(directories.config_file(), "[council]\nseed = 1\n").unwrap();
    assert_eq!(Layers::new(environment(&[])).load().unwrap().council.seed, Some(1));
}

#[test]
fn directories_follow_xdg_and_ignore_relative_ones() {
    let environment: Environment =
        [("HOME", "/home/u"), ("XDG_CACHE_HOME", "/fast"), ("XDG_DATA_HOME", "not/absolute")]
            .into_iter()
            .collect();
    let directories = Directories::from_environment(&environment);
    assert_eq!(directories.config_file(), Path::new("/home/u/.config/async-orchestrator/config.toml"));
    assert_eq!(directories.models(), Path::new("/fast/async-orchestrator/models"));
    assert_eq!(directories.data, Path::new("/home/u/.local/share/async-orchestrator"));
    assert_eq!(directories.state, Path::new("/home/u/.local/state/async-orchestrator"));
}

#[test]
fn an_environment_file_fills_in_what_is_not_set() {
    let place = Place::with("");
    let file = place.directory.path().join(".env");
    let text = "# keys\nexport OPENAI_API_KEY=\"file key\"\nA = one # comment\nB='x # y'\nC=a\\nb\nD=\"a\\nb\"\nHOME=/other\n\nA=two\nEMPTY=\n";
    std::fs::write(&file, text).unwrap();
    let environment =
        Environment::from_iter([("HOME", "/home/u"), ("EMPTY", "")]).with_env_file(&file).unwrap();
    let value = |name| environment.value(name);
    assert_eq!(value("OPENAI_API_KEY"), Some("file key"));
    assert_eq!((value("A"), value("B")), (Some("two"), Some("x # y")));
    assert_eq!((value("C"), value("D")), (Some("a\\nb"), Some("a\nb")));
    assert_eq!((value("HOME"), value("EMPTY")), (Some("/home/u"), None));

    std::fs::write(&file, "OK=1\nsk-secret\n2X=sk-secret\nY=\"sk-secret\nZ=\"a\"sk-secret\n").unwrap();
    let error = Environment::empty().with_env_file(&file).unwrap_err();
    let lines: Vec<String> =
        error.problems().iter().map(|problem| place.plain(&problem.to_string())).collect();
    assert_eq!(lines.len(), 4, "{error}");
    assert!(lines[0].starts_with(".env:2: no assignment") && lines[3].starts_with(".env:5: "), "{error}");
    assert!(!error.to_string().contains("sk-secret"));
}
