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

/// Four members on questions of ten options, right in 80, 75, 70 and 65 % of them, each on its own; wrong answers fall anywhere.
fn independent(count: usize, salt: u64) -> Vec<(Vec<String>, String)> {
    let mut state = salt;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let question = |_| {
        let truth = next(10);
        let vote = |rate: u64| {
            let wrong = (truth + 1 + next(9)) % 10;
            (if next(100) < rate { truth } else { wrong }).to_string()
        };
        ([80, 75, 70, 65].map(vote).to_vec(), truth.to_string())
    };
    (0..count).map(question).collect()
}

#[test]
fn fewer_voters_are_as_probably_right_as_they_are_right() {
    let names = ["a", "b", "c", "d"];
    let known = independent(4_000, 7);
    let labelled: Vec<Labelled<'_>> = known
        .iter()
        .map(|(votes, truth)| Labelled {
            class: "fact",
            votes: names.into_iter().zip(votes.iter().map(String::as_str)).collect(),
            truth,
        })
        .collect();
    let trust = Trust::learn(&labelled);
    for voters in [&[0][..], &[3], &[0, 1], &[2, 3], &[0, 3], &[0, 1, 2], &[1, 2, 3], &[0, 1, 2, 3]] {
        let (mut stated, mut right, mut count) = (0.0, 0.0, 0.0);
        for (votes, truth) in independent(4_000, 8) {
            let votes: Vec<Vote<'_>> = voters
                .iter()
                .map(|at| Vote {
                    seat: names[*at],
                    member: names[*at],
                    candidate: &votes[*at],
                    answer: &votes[*at],
                })
                .collect();
            let mut candidates: Vec<crate::Candidate> = Vec::new();
            for vote in &votes {
                match candidates.iter_mut().find(|candidate| candidate.id == vote.candidate) {
                    Some(candidate) => candidate.supporters.push(vote.seat.to_owned()),
                    None => candidates.push(candidate(vote.candidate, &[vote.seat])),
                }
            }
            let (rule, weights) = trust.weights("fact", &votes).unwrap();
            let election = Election::try_new(candidates, Vec::new(), RuleChoice::Closed, 7).unwrap();
            let election = election.weighed(rule, &weights).unwrap();
            stated += probability(&election).unwrap();
            right += f64::from(u8::from(decide(&election).winner.as_deref() == Some(truth.as_str())));
            count += 1.0;
        }
        assert!(
            (stated - right).abs() / count < 0.03,
            "{voters:?}: {} stated, {} right",
            stated / count,
            right / count
        );
    }
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
