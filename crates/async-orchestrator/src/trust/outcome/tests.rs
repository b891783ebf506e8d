//! What becomes of counts when an outcome becomes known, told by records as councils write them.

use async_orchestrator_core::DecisionRecord;
use serde_json::{Value, json};

use super::*;
use crate::trust::{COUNTED_RUNS_MAX, KeptTrust, Record};

/// A council's record: proposer n of model `p:n` gave answer n; the first critic (`c:1`) approved of the clusters named.
fn record(kind: &str, answers: &[&str], winner: &str, approved: &[&str]) -> DecisionRecord {
    let closed = kind != "text";
    let mut clusters: Vec<(&str, String)> = Vec::new();
    let mut proposals = Vec::new();
    for (at, answer) in answers.iter().enumerate() {
        let id = format!("p{}", at + 1);
        let same = clusters.iter().find(|(known, _)| known == answer && !answer.contains('?'));
        let cluster = same.map_or_else(|| id.clone(), |(_, cluster)| cluster.clone());
        clusters.push((answer, cluster.clone()));
        let key = if closed { json!(answer) } else { json!(null) };
        proposals.push(json!({
            "id": id, "seat": format!("proposer-{}", at + 1), "commit": "", "revealed_after": 0, "cluster": cluster,
            "confidence_raw": 0.5, "abstained": *answer == "-",
            "proposal": {"answer_key": key, "answer": answer, "claims": [], "confidence": 0.5, "abstain": *answer == "-"},
        }));
    }
    let shown: Vec<&Value> = proposals.iter().filter(|proposal| proposal["abstained"] == false).collect();
    let reviews = shown.iter().enumerate().map(|(at, proposal)| {
        let scores = json!({"correctness": 5, "completeness": 5, "feasibility": 5, "safety": 5, "clarity": 5});
        let approve = approved.contains(&proposal["cluster"].as_str().unwrap());
        let label = ["A", "B", "C", "D"][at];
        json!({"label": label, "scores": scores, "approve": approve, "p_correct": 0.5, "predicted_support": 0.5, "defects": []})
    });
    let order: Vec<&Value> = shown.iter().map(|proposal| &proposal["id"]).collect();
    let ballot = json!({"reviews": reviews.collect::<Vec<_>>(), "best": null, "abstain": false, "abstain_reason": null});
    let seat = |role: &str, number: usize, provider: &str, model: String| json!({"seat": format!("{role}-{number}"), "role": role, "provider": provider, "model": model, "family": "f", "substituted_for": null});
    let mut seats: Vec<Value> =
        (1..=answers.len()).map(|number| seat("proposer", number, "p", number.to_string())).collect();
    seats.push(seat("critic", 1, "c", "1".into()));
    let document = json!({
        "schema": "ao/decision/1", "run_id": "run-1", "request_hash": "", "mode": "council",
        "triage": {
            "mode": "council", "task_class": "fact", "domain": "general", "answer_type": if closed { "closed" } else { "open" },
            "answer_kind": kind, "risk": "low", "complexity": 0.5, "p_hard": 0.5, "metrics": {}, "reasons": [],
        },
        "depth": 1, "status": "full", "status_detail": [], "stop_reason": "max_depth",
        "answer": {"text": "", "answer_key": null, "source": "synthesis", "winner": winner},
        "confidence": {"p_correct": null, "calibrated": false, "basis": "raw_posterior", "calibration_id": null},
        "seats": seats, "absences": [], "proposals": proposals,
        "ballots": [{"id": "b1", "seat": "critic-1", "order": order, "ballot": ballot, "weight": 1.0, "flags": [], "judged_by": "grades"}],
        "tally": {
            "rule": "plurality", "scores": {}, "winner": if winner.is_empty() { Value::Null } else { json!(winner) }, "margin": 0.0,
            "posterior": {}, "pairwise": [], "audit": {"condorcet": null, "schulze": [], "borda": {}, "approval": {}, "plurality": {}, "surprisingly_popular": {}},
            "rule_agreement": true, "n_eff": 1.0, "quorum": {"proposals": 2, "ballots": 1, "families": 1, "met": true},
        },
        "dissent": [], "escalations": [],
        "synthesis": {"done": false, "seat": null, "adopted": [], "rejected": [], "do_no_harm": "not_run"},
        "validation": {"verdict": "pass", "unclear_cause": null, "checks": [], "repairs": 0},
        "attempts": [],
        "cost": {"calls": 0, "cached_calls": 0, "saved_calls": 0, "tokens_in": 0, "tokens_out": 0, "micro_usd": null, "price_as_of": null, "ceiling_micro_usd": null},
        "timing": {"total_ms": 0.0, "critical_path_ms": 0.0, "engine_us": 0.0, "per_stage": {}},
        "versions": {"engine": "", "prompts": {}, "tally": "", "seed": 1},
        "log": {"events": 0, "head": "", "decision_hash": ""},
    });
    serde_json::from_value(document).unwrap()
}

/// Each proposer's verdict as a letter (`r`ight, `w`rong, `-` not known), and the critic's hits and false alarms.
#[track_caller]
fn check(record: &DecisionRecord, outcome: &Outcome, verdicts: &str, reviews: &str) {
    let mut trust = Trust::default();
    let learned = learn_from(&mut trust, record, outcome).unwrap();
    let letters: String = learned
        .judged
        .iter()
        .map(|one| match one.right {
            Some(true) => 'r',
            Some(false) => 'w',
            None => '-',
        })
        .collect();
    let of = |one: &Reviewed| format!("{}/{} {}/{}", one.hits, one.of_right, one.false_alarms, one.of_wrong);
    let counted: Vec<String> = learned.reviewed.iter().map(of).collect();
    assert_eq!((letters.as_str(), counted.join(", ").as_str()), (verdicts, reviews));
    for one in &learned.judged {
        let known = trust.members.get(&one.member).map(|member| (member.all.answered, member.all.right));
        let expected = one.right.map(|right| (1.0, f64::from(u8::from(right))));
        assert_eq!(known, expected, "{}", one.member);
        assert_eq!(
            trust.members.get(&one.member).map(|member| member.classes.contains_key("fact")),
            known.map(|_| true)
        );
    }
    trust.check().unwrap();
}

fn answer(text: &str) -> Outcome {
    Outcome::Answer(text.to_owned())
}

#[test]
fn a_closed_question_judges_everybody_as_far_as_it_goes() {
    let choice = record("choice", &["A", "B", "A", "C"], "p1", &["p1"]);
    check(&choice, &Outcome::Right, "rwrw", "1/1 0/2");
    check(&choice, &Outcome::Wrong, "w-w-", "0/0 1/1");
    check(&choice, &answer("(b)"), "wrww", "0/1 1/2");
    check(&choice, &answer("D"), "wwww", "0/0 1/3");
    let number = record("number", &["1,000", "1000.5"], "p2", &["p1", "p2"]);
    check(&number, &answer("1000"), "rw", "1/1 1/1");
}

#[test]
fn what_is_not_known_is_not_counted() {
    // Whoever declined did not answer; what cannot be read may be right in its own words.
    check(&record("choice", &["A", "-", "maybe?", "B"], "p1", &[]), &Outcome::Right, "r-w", "0/1 0/1");
    let unreadable = record("number", &["some?", "7"], "p1", &[]);
    check(&unreadable, &Outcome::Right, "r-", "0/1 0/0");
    check(&unreadable, &answer("8"), "-w", "0/0 0/1");
    // Of open answers another one may be right as well.
    let open = record("text", &["plan one", "plan two"], "p2", &["p1", "p2"]);
    check(&open, &Outcome::Right, "-r", "1/1 0/0");
    check(&open, &Outcome::Wrong, "-w", "0/0 1/1");
    let mut trust = Trust::default();
    assert_eq!(learn_from(&mut trust, &open, &answer("plan three")), Err(OutcomeError::NothingKnown));
    assert_eq!(trust, Trust::default());
}

#[test]
fn the_one_answer_of_an_express_run_is_counted() {
    let express = |kind: &str, key: Option<&str>| {
        let mut express = record(kind, &["B"], "p1", &[]);
        (express.mode, express.proposals, express.tally.winner) = (Mode::Express, Vec::new(), None);
        express.ballots = Vec::new();
        express.answer.answer_key = key.map(str::to_owned);
        express
    };
    let counted = |record: &DecisionRecord, outcome: &Outcome| {
        let mut trust = Trust::default();
        let learned = learn_from(&mut trust, record, outcome)?;
        let all = trust.members["p:1"].all;
        assert_eq!((all.answered, learned.judged.len()), (1.0, 1));
        assert_eq!(learned.winner_right, Some(all.right > 0.5));
        Ok(all.right)
    };
    let (closed, open) = (express("choice", Some("B")), express("text", None));
    assert_eq!(counted(&closed, &Outcome::Right), Ok(1.0));
    assert_eq!(counted(&closed, &Outcome::Wrong), Ok(0.0));
    assert_eq!(counted(&closed, &answer("b)")), Ok(1.0));
    assert_eq!(counted(&closed, &answer("C")), Ok(0.0));
    assert_eq!(counted(&open, &Outcome::Right), Ok(1.0));
    assert_eq!(counted(&open, &answer("another text")), Err(OutcomeError::NothingKnown));
}

#[test]
fn executable_checks_tell_an_outcome_where_they_can() {
    use AnswerSource::{Express, Synthesis, WinnerVerbatim};

    let checked = |kind: &str, source: AnswerSource, checks: &[(&str, bool, &str)]| {
        let mut record = record(kind, &["A", "B"], "p1", &[]);
        record.answer.source = source;
        let check = |(name, ok, detail): &(&str, bool, &str)| async_orchestrator_core::Check {
            name: (*name).to_owned(),
            kind: CheckKind::Executable,
            ok: *ok,
            detail: (*detail).to_owned(),
        };
        record.validation.checks = checks.iter().map(check).collect();
        Outcome::of_checks(&record)
    };
    let own = ("complete", true, "passed");
    assert_eq!(checked("text", WinnerVerbatim, &[own]), None, "a complete text may be wrong");
    assert_eq!(checked("text", Synthesis, &[own, ("compiles", true, "passed")]), Some(Outcome::Right));
    assert_eq!(checked("text", Express, &[own, ("compiles", false, "E0308")]), Some(Outcome::Wrong));
    assert_eq!(
        checked("text", Synthesis, &[own, ("compiles", false, "E0308")]),
        None,
        "whose fault it is is not known"
    );
    assert_eq!(
        checked("choice", Synthesis, &[own, ("arithmetic", false, "2 + 2 = 5")]),
        Some(Outcome::Wrong)
    );
    assert_eq!(checked("text", Express, &[("complete", false, "cut")]), None);
    assert_eq!(checked("text", Express, &[own, ("compiles", false, CHECK_LATE)]), None);
}

#[test]
fn two_that_are_wrong_together_are_counted_as_a_pair() {
    let mut trust = Trust::default();
    learn_from(&mut trust, &record("choice", &["A", "B", "B"], "p2", &[]), &answer("A")).unwrap();
    let pair = trust.pairs[&("p:2".to_owned(), "p:3".to_owned())];
    assert_eq!((pair.both_wrong, pair.same_wrong, trust.pairs.len()), (1.0, 1.0, 1));
}

#[test]
fn one_model_in_two_seats_with_one_answer_counts_once() {
    let mut twice = record("choice", &["A", "A", "B"], "p1", &[]);
    twice.seats[1].model = "1".into();
    let mut trust = Trust::default();
    learn_from(&mut trust, &twice, &Outcome::Right).unwrap();
    assert_eq!(trust.members["p:1"].all, Record { answered: 1.0, right: 1.0, extra: 0.0 });
}

#[test]
fn an_outcome_weighs_half_after_two_thousand_later_ones() {
    let record = record("choice", &["A", "B"], "p1", &["p1"]);
    let mut trust = Trust::default();
    learn_from(&mut trust, &record, &Outcome::Right).unwrap();
    let fresh = trust.members["p:1"].all.right;
    let mut other = record.clone();
    other.seats.iter_mut().for_each(|seat| seat.provider = "q".into());
    for _ in 0..2_000 {
        learn_from(&mut trust, &other, &Outcome::Right).unwrap();
    }
    assert!((trust.members["p:1"].all.right / fresh - 0.5).abs() < 1e-9);
    // What stays of all outcomes is a bounded number.
    let all = trust.members["q:1"].all.answered;
    assert!((1_440.0..1_445.0).contains(&all), "{all}");
}

#[test]
fn what_is_no_council_of_this_version_is_refused_and_changes_nothing() {
    let good = || record("choice", &["A", "B"], "p1", &["p1"]);
    let mut foreign = good();
    foreign.schema = "ao/decision/9".into();
    let mut nameless = good();
    nameless.run_id = RunId::new("");
    let mut crowd = good();
    crowd.ballots = vec![crowd.ballots[0].clone(); 65];
    let mut empty = good();
    (empty.proposals, empty.tally.winner) = (Vec::new(), None);
    for (record, outcome, said) in [
        (foreign, Outcome::Right, "ao/decision/9"),
        (nameless, Outcome::Right, "run_id"),
        (crowd, Outcome::Right, "more than 64"),
        (empty, Outcome::Right, "no proposal stood"),
        (good(), answer("neither of them"), "cannot be read"),
    ] {
        let mut kept = KeptTrust::default();
        let error = kept.learn_from(&record, &outcome, false).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(kept, KeptTrust::default());
    }
}

#[test]
fn a_run_is_counted_once_unless_again_and_ten_thousand_are_remembered() {
    let mut run = record("choice", &["A", "B"], "p1", &[]);
    let mut kept = KeptTrust::default();
    kept.learn_from(&run, &Outcome::Right, false).unwrap();
    let twice = kept.learn_from(&run, &Outcome::Wrong, false);
    assert_eq!(twice, Err(OutcomeError::Counted(RunId::new("run-1"))));
    kept.learn_from(&run, &Outcome::Wrong, true).unwrap();
    assert_eq!(kept.counted_runs.len(), 1);
    kept.counted_runs.extend((2..=COUNTED_RUNS_MAX).map(|n| RunId::new(format!("run-{n}"))));
    run.run_id = RunId::new("the-last");
    kept.learn_from(&run, &Outcome::Right, false).unwrap();
    assert_eq!(kept.counted_runs.len(), COUNTED_RUNS_MAX);
    assert_eq!(
        (kept.counted_runs[0].as_str(), kept.counted_runs[COUNTED_RUNS_MAX - 1].as_str()),
        ("run-2", "the-last")
    );
}
