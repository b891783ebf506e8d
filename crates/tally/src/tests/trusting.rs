//! Which rule a table of trust puts in force, and what its counts do to reviews.

use async_orchestrator_core::TallyRule;

use super::candidate;
use crate::{
    Election, Labelled, NATS_MAX, REVIEWS_FROM, Reviews, RuleChoice, Trust, Vote, decide, probability,
};

const VOTES: [Vote<'static>; 3] = [
    Vote { seat: "s1", member: "good", candidate: "p1", answer: "A" },
    Vote { seat: "s2", member: "bad", candidate: "p2", answer: "B" },
    Vote { seat: "s3", member: "worse", candidate: "p2", answer: "B" },
];

/// `good` is right nine times in ten, the others three times in ten and always together.
fn labelled(count: usize) -> Vec<Labelled<'static>> {
    let question = |n: usize| {
        let (good, weak) = (if n % 10 == 7 { "B" } else { "A" }, if n % 10 < 3 { "A" } else { "C" });
        Labelled { class: "fact", votes: vec![("good", good), ("bad", weak), ("worse", weak)], truth: "A" }
    };
    (0..count).map(question).collect()
}

fn winner(trust: &Trust) -> Option<String> {
    let (rule, weights) = trust.weights("fact", &VOTES)?;
    let candidates = vec![candidate("p1", &["s1"]), candidate("p2", &["s2", "s3"])];
    let election = Election::try_new(candidates, Vec::new(), RuleChoice::Closed, 7).unwrap();
    let election = election.weighed(rule, &weights).unwrap();
    let tally = decide(&election);
    assert_eq!(tally.rule, rule);
    assert_eq!(probability(&election).is_some(), rule == TallyRule::JointWeights);
    tally.winner
}

#[test]
fn a_fitted_table_lets_one_good_member_outvote_two_that_err_together() {
    assert_eq!(winner(&Trust::learn(&labelled(200))).as_deref(), Some("p1"));
}

#[test]
fn counts_alone_are_discounted_log_odds_from_ten_answers_of_two_members_on() {
    let mut trust = Trust::default();
    for (count, question) in labelled(10).iter().enumerate() {
        assert_eq!(winner(&trust), None, "{count} questions are too few");
        trust.count(question);
    }
    assert_eq!(winner(&trust).as_deref(), Some("p1"));
    trust.forget("bad");
    assert!(winner(&trust).is_some(), "two members are left");
    trust.forget("worse");
    assert_eq!(winner(&trust), None);
    assert!(trust.pairs.is_empty() && !trust.forget("worse"));
}

#[test]
fn a_table_that_knows_nobody_here_weighs_nothing() {
    let mut trust = Trust::learn(&labelled(200));
    trust.members = trust.members.into_iter().map(|(name, member)| (format!("old-{name}"), member)).collect();
    assert_eq!(trust.weights("fact", &VOTES), None);
    // Having reviewed is not having answered.
    trust.count_review("good", true, true);
    assert_eq!(trust.weights("fact", &VOTES), None);
    let mut known = Trust::learn(&labelled(200));
    known.count_review("critic", false, false);
    let weight = |member: &str| known.weight(member, "fact").unwrap();
    assert_eq!(weight("critic").to_bits(), weight("bad").min(weight("worse")).to_bits());
    assert_eq!(known.skill("critic", "fact").to_bits(), known.skill("nobody", "fact").to_bits());
}

#[test]
fn twenty_measured_reviews_give_a_likelihood_ratio() {
    let mut trust = Trust::learn(&labelled(200));
    for n in 0..20 {
        assert_eq!(trust.review_weight("critic"), None, "{n} reviews are too few");
        trust.count_review("critic", n % 2 == 0, n % 2 == 0 && n != 4);
    }
    let counted = Reviews { of_right: 10.0, hits: 9.0, of_wrong: 10.0, false_alarms: 0.0 };
    assert_eq!(trust.members["critic"].reviews, Some(counted));
    let weight = trust.review_weight("critic").unwrap();
    assert!((weight.approved - 10.0_f64.ln()).abs() < 1e-12, "{weight:?}");
    assert!((weight.refused - (2.0_f64 / 11.0).ln()).abs() < 1e-12, "{weight:?}");
    assert_eq!(trust.review_weight("nobody"), None);
    trust.decay(0.9);
    assert_eq!(trust.review_weight("critic"), None, "decayed below {REVIEWS_FROM}");
}

#[test]
fn a_table_of_extremes_still_gives_weights_that_an_election_takes() {
    let mut trust = Trust::learn(&labelled(200));
    let fit = trust.fit.as_mut().unwrap();
    (fit.scale, fit.together, fit.unit) = (100.0, 100.0, 1e-300);
    let good = trust.members.get_mut("good").unwrap();
    (good.all.answered, good.all.right) = (1e15, 1e15);
    trust.check().unwrap();
    let (_, weights) = trust.weights("fact", &VOTES).unwrap();
    assert_eq!(weights.supporters["s1"].to_bits(), NATS_MAX.to_bits());
    assert_eq!(winner(&trust).as_deref(), Some("p1"));
    trust.members.get_mut("good").unwrap().all.answered = 1e16;
    assert!(trust.check().unwrap_err().to_string().contains("good"));
}
