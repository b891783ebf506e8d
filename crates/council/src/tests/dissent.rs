//! Minority protection: blocs of a fifth, critical defects, and the Validator's power to overrule them.

use async_orchestrator_core::{Dissent, Status, Verdict};
use serde_json::json;

use super::table::Table;

fn against(dissents: &[Dissent], position: &str) -> Option<Dissent> {
    dissents.iter().find(|dissent| dissent.position == position).cloned()
}

#[test]
fn a_bloc_of_a_fifth_has_a_report_in_its_own_words() {
    // Six voters: two proposers, four critics. One critic and the proposer of beta are a third.
    let table = Table::of(2, 4).ballot("critic-3", |form| {
        form.prefer("beta");
        form.defect("alpha", "major", "split by alpha", "Alpha's shards are uneven.");
    });
    let record = table.record();
    let dissent = against(&record.dissent, "p2").unwrap();
    assert_eq!(dissent.bloc, ["critic-3", "proposer-2"]);
    assert!((dissent.weight - 2.0 / 6.0).abs() < 1e-9);
    assert_eq!(
        (dissent.author.as_str(), dissent.report.as_str()),
        ("critic-3", "Alpha's shards are uneven.")
    );
}

#[test]
fn a_proposer_alone_speaks_by_its_own_proposal() {
    // One of four.
    let record = Table::new().record();
    let dissent = against(&record.dissent, "p2").unwrap();
    assert_eq!((dissent.author.as_str(), dissent.bloc.len(), dissent.weight), ("proposer-2", 1, 0.25));
    assert_eq!(dissent.report, record.proposals[1].proposal.answer);
}

#[test]
fn a_bloc_below_a_fifth_has_none() {
    // One of six.
    let record = Table::of(2, 4).record();
    assert_eq!(against(&record.dissent, "p2"), None);
}

/// A critic that names a critical defect in the winner, which is in the text and quoted to the letter.
fn with_critical() -> Table {
    Table::of(2, 3)
        .ballot("critic-2", |form| form.defect("alpha", "critical", "split by alpha", "It loses data."))
}

#[test]
fn a_critical_defect_blocks_pass_until_it_is_overruled_with_a_reason() {
    let record = with_critical().record();
    assert_eq!(record.validation.verdict, Verdict::Fail);
    assert_eq!(record.validation.repairs, 1);
    let veto = against(&record.dissent, "objects to p1").unwrap();
    assert!(veto.veto);
    assert_eq!(
        (veto.defects_upheld, veto.report),
        (vec!["split by alpha".to_owned()], "It loses data.".to_owned())
    );
    let failed = record.validation.checks.iter().find(|check| !check.ok).unwrap();
    assert!(failed.detail.contains("It loses data."), "{}", failed.detail);

    let overrule = |why: &str| {
        json!({"reasons": [], "overruled": [{"quote": "split  by alpha", "why": why}], "verdict": "pass"})
            .to_string()
    };
    let record =
        with_critical().says("validator-1", overrule("Nothing is lost: the log is replayed.")).record();
    assert_eq!((record.validation.verdict, record.validation.repairs), (Verdict::Pass, 0));
    let report = against(&record.dissent, "objects to p1").unwrap();
    assert!(!report.veto && report.defects_upheld.is_empty());
    assert_eq!(report.report, "It loses data.", "nobody edits it");

    let record = with_critical().says("validator-1", overrule("  ")).record();
    assert_eq!(record.validation.verdict, Verdict::Fail, "an empty reason overrules nothing");
}

#[test]
fn a_critical_defect_in_a_loser_blocks_nothing() {
    let table = Table::of(2, 3)
        .ballot("critic-2", |form| form.defect("beta", "critical", "split by beta", "It loses data."));
    let record = table.record();
    assert_eq!((record.status, record.validation.verdict), (Status::Full, Verdict::Pass));
    assert!(record.dissent.iter().all(|dissent| !dissent.veto));
}

#[test]
fn the_validator_is_shown_the_critical_defects_and_nothing_of_the_votes() {
    let seated = with_critical().seat();
    seated.run().unwrap();
    let shown = super::replies::prompt(&seated.requests("validator-1")[0]);
    assert!(shown.contains("It loses data."));
    assert!(!shown.contains("critic-2"));
}
