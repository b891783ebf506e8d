//! What the doctor advises, told by what it found.

use async_orchestrator::SeatId;

use super::*;

fn report(seats: &[(Role, &[&str])]) -> Report {
    let seat = |(role, models): &(Role, &[&str])| PlannedSeat {
        seat: SeatId::new(*role, 1),
        role: *role,
        models: models.iter().map(|model| model.parse().unwrap()).collect(),
    };
    Report {
        configuration: Configuration::default(),
        providers: Vec::new(),
        embedded: None,
        prompts: Prompts::default(),
        seating: Seating { seats: seats.iter().map(seat).collect(), problems: Vec::new() },
        table_as_of: String::from("2026-10"),
        servers: Vec::new(),
    }
}

fn provider(name: &str, reach: Reach, models: Result<&[&str], &str>) -> Provider {
    Provider {
        name: name.to_owned(),
        kind: "openai",
        base_url: String::from("http://127.0.0.1:1/v1"),
        key: String::from("no key"),
        reach,
        models: models
            .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
            .map_err(str::to_owned),
        took: Duration::ZERO,
    }
}

fn embedded(presence: Presence, offline: bool) -> Embedded {
    let file = ModelFile {
        name: Some("small"),
        path: PathBuf::from("/cache/small.gguf"),
        presence,
        bytes: Some(100_000_000),
        licence: None,
        sha256: None,
    };
    Embedded { enabled: true, offline, files: vec![file] }
}

#[test]
fn a_question_can_be_answered_if_one_proposer_has_one_model_that_answers() {
    let mut report = report(&[(Role::Proposer, &["a:x", "b:y"]), (Role::Critic, &["c:z"])]);
    report.providers = vec![provider("c", Reach::Listed, Ok(&["z"]))];
    assert!(!report.can_answer());
    report.providers.push(provider("a", Reach::Unreachable, Err("no answer")));
    assert!(!report.can_answer());
    // A server without a list may answer questions all the same.
    report.providers.push(provider("b", Reach::Unlisted, Err("no list")));
    assert!(report.can_answer());
    assert!(report.next().contains(&String::from("a: no answer")), "{:?}", report.next());
}

#[test]
fn the_embedded_model_counts_if_its_file_is_there_or_may_be_fetched() {
    let mut report = report(&[(Role::Proposer, &["embedded:small"])]);
    assert!(!report.can_answer());
    for (presence, offline, expected) in [
        (Presence::Ready, true, Usable::Now),
        (Presence::Missing, false, Usable::AfterFetch),
        (Presence::Partial(5), false, Usable::AfterFetch),
        (Presence::Missing, true, Usable::No),
    ] {
        let embedded = embedded(presence, offline);
        assert_eq!(embedded.usable(), expected, "{presence:?}, offline {offline}");
        report.embedded = Some(embedded);
        assert_eq!(report.can_answer(), expected != Usable::No);
    }
    report.embedded = Some(Embedded { enabled: false, ..embedded(Presence::Ready, false) });
    assert!(!report.can_answer());
}

#[test]
fn a_model_that_its_server_does_not_list_is_named_once() {
    let mut report = report(&[(Role::Proposer, &["a:one", "a:two"]), (Role::Critic, &["a:three", "a:two"])]);
    report.providers = vec![provider("a", Reach::Listed, Ok(&["one-20260101", "three:latest", "two-large"]))];
    let next = report.next();
    let hints: Vec<&String> =
        next.iter().filter(|hint| hint.contains("is not in its server's list")).collect();
    assert_eq!(hints.len(), 1, "{next:?}");
    assert!(hints[0].starts_with("a:two "));
}

#[test]
fn a_wrong_configuration_comes_before_everything_else() {
    let mut report = report(&[]);
    report.configuration.problems = vec![String::from("config.toml:3: unknown setting")];
    assert_eq!(report.next().len(), 1);
    assert!(!report.can_answer());
    assert!(!super::Report { configuration: Configuration::default(), ..report }.next().is_empty());
}
