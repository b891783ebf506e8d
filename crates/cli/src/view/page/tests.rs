//! What the page holds, and what must never get into it.

use async_orchestrator::{Calibration, CalibrationBin, Latencies, MicroUsd};

use super::*;

fn latency(each: &[u64]) -> Latencies {
    let mut latency = Latencies::default();
    for ms in each {
        latency.record(*ms);
    }
    latency
}

fn calls(calls: u64) -> CallFigures {
    CallFigures {
        calls,
        proposals: calls,
        won: calls / 2,
        latency: latency(&[120, 900, 4_000]),
        ..Default::default()
    }
}

fn stats() -> Stats {
    let mut run = RunFigures::default();
    (run.runs, run.failed, run.cost, run.latency) = (3, 1, MicroUsd(1_500), latency(&[900]));
    Stats {
        total: run.clone(),
        by_outcome: [(String::from("council/decided"), 2)].into(),
        by_day: [(String::from("2026-11-25"), run.clone())].into(),
        by_domain: [(String::from("mathematics"), run)].into(),
        by_model: [(String::from("openai:one"), calls(10))].into(),
        by_role: [(String::from("proposer"), calls(10))].into(),
        ..Default::default()
    }
}

fn page_of(stats: &Stats) -> String {
    page(stats, &About { made: String::from("2026-11-25 10:00"), domain: None })
}

#[test]
fn names_from_other_servers_are_text_and_nothing_else() {
    let hostile = "x:\"><script>alert(1)</script><img src=http://a.example/>\u{202e}&'";
    let mut stats = stats();
    stats.by_model = [(hostile.to_owned(), calls(4))].into();
    stats.by_model_and_role = [(format!("{hostile} critic"), calls(4))].into();
    stats.by_domain = [(hostile.to_owned(), stats.total.clone())].into();
    let page = page(&stats, &About { made: String::new(), domain: Some(hostile) });
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=http://a.example/&gt;&amp;'";
    assert!(page.matches(escaped).count() >= 6, "{page}");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'));
}

#[test]
fn the_page_asks_for_nothing_from_outside() {
    let page = page_of(&stats());
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"), "{page}");
    for outside in ["http:", "https:", "url(", "@import", "<script", "<link", " src=", " href=", "//"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn what_is_not_known_is_said_and_never_drawn_as_nothing() {
    let mut stats = stats();
    let unknown = CallFigures { unpriced: 10, ..calls(10) };
    stats.by_model = [(String::from("local:model"), unknown)].into();
    stats.total.unpriced = 3;
    let page = page_of(&stats);
    assert!(
        page.contains("<dd class=\"number\">unknown</dd><dd class=\"note\">no run's price is known"),
        "{page}"
    );
    assert!(page.contains("<span class=\"text\">unknown</span>"));
    assert!(page.contains("Of no decision with a stated probability"));
}

#[test]
fn of_many_models_the_most_called_are_drawn_and_all_are_in_the_table() {
    let mut stats = stats();
    stats.by_model =
        (0..33).map(|number| (format!("vendor:model-{number:02}"), calls(100 + number))).collect();
    let page = page_of(&stats);
    assert!(page.contains("And 13 more with fewer calls"));
    assert_eq!(page.matches("vendor:model-00<").count(), 1, "in the table alone");
    assert!(page.matches("vendor:model-32<").count() > 1);
}

#[test]
fn a_calibration_is_a_dot_for_each_tenth_with_a_decision() {
    let mut stats = stats();
    let bin = CalibrationBin { count: 7, stated: 0.8, right: 6.0 / 7.0 };
    let bins = vec![CalibrationBin::default(), bin];
    stats.calibration = Calibration { known: 7, right: 6, brier: Some(0.12), error: Some(0.05), bins };
    let page = page_of(&stats);
    assert_eq!(page.matches("<circle").count(), 1);
    assert!(page.contains("cx=\"80\" cy=\"14.29\""), "{page}");
    assert!(page.contains("stated 80 %, right 86 %, 7 decisions"));
}

#[test]
fn large_amounts_are_rounded_to_the_cent_and_small_ones_are_not() {
    let told = [0, 999_999, 1_004_999, 1_005_000, 1_234_567_890_000].map(|micros| cents(MicroUsd(micros)));
    assert_eq!(told, ["$0.00", "$0.999999", "$1.00", "$1.01", "$1,234,567.89"]);
}

#[test]
fn an_empty_history_is_a_sentence() {
    let page = page_of(&Stats::default());
    assert!(page.contains("No run is kept yet") && !page.contains("<svg"));
}
