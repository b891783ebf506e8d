//! `orchestrator chaos`: what would become of one's own council if a server failed.

use crate::support::Shell;

fn keys() -> Vec<(String, String)> {
    // Real addresses and no real key: a vendor that was called would be noticed by the failure.
    [("OPENAI_API_KEY", "no-key"), ("ANTHROPIC_API_KEY", "no-key")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

#[test]
fn every_server_fails_in_turn_and_the_council_is_told() {
    let shell = Shell::new(keys());
    let ran = shell.run(&["chaos", "--json", "--strict"]);
    let document = ran.json();
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 1 + 2 * 4 + 1, "{document:#}");
    assert_eq!((&cases[0]["fault"], &cases[0]["status"]), (&"none".into(), &"full".into()));
    let of = |provider: &str, fault: &str| {
        cases.iter().find(|case| case["provider"] == provider && case["fault"] == fault).unwrap()
    };
    for provider in ["openai", "anthropic"] {
        for fault in ["connection_refused", "status_500", "status_429", "status_401"] {
            let case = of(provider, fault);
            assert_eq!(case["answered"], true, "seats take turns over two vendors: {case}");
            assert!(case["failed"].as_u64().unwrap() > 0, "{case}");
        }
    }
    let last = cases.last().unwrap();
    assert_eq!((&last["provider"], &last["answered"]), (&serde_json::Value::Null, &false.into()));
    assert!(!shell.home.path().join(".local/state").exists(), "a rehearsal leaves nothing behind");
}

#[test]
fn a_single_point_of_failure_is_named() {
    let shell = Shell::new(keys()[..1].to_vec());
    let ran = shell.run(&["chaos", "--strict"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("openai is down") && ran.stderr.contains("no answer with: openai is down"),
        "{ran:?}"
    );
    shell.run(&["chaos", "--provider", "mars"]).failed(2, "there is openai");
    Shell::new(Vec::new()).run(&["chaos"]).failed(3, "no server is configured");
}
