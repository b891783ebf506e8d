//! Worked examples, and what is refused.

use async_orchestrator_core::TallyRule;

use super::{ballot, candidate};
use crate::{
    Bloc, Candidate, Dropped, Election, GradedBallot, InvalidElection, RuleChoice, WEIGHT_MAX, blocs, decide,
    effective_votes,
};

fn three() -> Vec<Candidate> {
    vec![candidate("a", &[]), candidate("b", &[]), candidate("c", &[])]
}

fn refused(candidates: Vec<Candidate>, ballots: Vec<GradedBallot>, rule: RuleChoice) -> InvalidElection {
    Election::try_new(candidates, ballots, rule, 7).unwrap_err()
}

/// Forty-five voters, from the paper of Schulze (2011), example 1.
#[test]
fn schulzes_own_example_elects_e() {
    let profile = [
        (5, "acbed"),
        (5, "adecb"),
        (8, "bedac"),
        (3, "cabed"),
        (7, "caebd"),
        (2, "cbade"),
        (7, "dceba"),
        (8, "ebadc"),
    ];
    let rank = |order: &str, id: char| 5.0 - order.find(id).unwrap() as f64;
    let mut ballots = Vec::new();
    for (count, order) in profile {
        let grades: Vec<f64> = "abcde".chars().map(|id| rank(order, id)).collect();
        ballots.extend((0..count).map(|number| ballot(&format!("{order}-{number}"), &grades)));
    }
    let candidates = ["a", "b", "c", "d", "e"].map(|id| candidate(id, &[])).to_vec();
    let tally =
        decide(&Election::try_new(candidates, ballots, RuleChoice::Rule(TallyRule::Schulze), 7).unwrap());
    assert_eq!(tally.audit.schulze, ["e", "a", "c", "b", "d"]);
    assert_eq!(tally.winner.as_deref(), Some("e"));
    assert_eq!(tally.audit.condorcet, None);
    assert_eq!(tally.pairwise[0], [0.0, 20.0, 26.0, 30.0, 22.0]);
    assert!(!tally.rule_agreement);
}

#[test]
fn one_answer_needs_no_rule() {
    let election =
        Election::try_new(vec![candidate("p2", &["x", "y"])], vec![], RuleChoice::Closed, 7).unwrap();
    let tally = decide(&election);
    assert_eq!((tally.rule, tally.winner.as_deref()), (TallyRule::Single, Some("p2")));
    assert_eq!(tally.posterior["p2"].to_bits(), 1.0_f64.to_bits());
    assert!((tally.n_eff - effective_votes(2.0, 0.6)).abs() < 1e-12);
    assert!(tally.rule_agreement);
}

#[test]
fn a_tie_of_closed_answers_goes_to_the_better_grades() {
    let answers = vec![candidate("p1", &["x"]), candidate("p2", &["y"])];
    // One first place each, but the second critic is sure and the first is not asked about p1 at all.
    let mut unsure = ballot("critic-1", &[0.0, 6.0]);
    unsure.grades[0] = None;
    let ballots = vec![unsure, ballot("critic-2", &[9.0, 2.0])];
    let tally = decide(&Election::try_new(answers, ballots, RuleChoice::Closed, 7).unwrap());
    assert_eq!(tally.rule, TallyRule::Plurality);
    assert_eq!(tally.winner.as_deref(), Some("p1"));
    assert_eq!(tally.margin.to_bits(), 0.0_f64.to_bits());
    assert!(!tally.rule_agreement, "a tie names nobody");
}

#[test]
fn what_nothing_decides_the_seed_decides_for_no_seat_in_particular() {
    let winner = |seed| {
        let answers = vec![candidate("p1", &["x"]), candidate("p2", &["y"])];
        decide(&Election::try_new(answers, vec![], RuleChoice::Closed, seed).unwrap()).winner.unwrap()
    };
    let first = (0..1000).filter(|seed| winner(*seed) == "p1").count();
    assert!((450..=550).contains(&first), "{first}");
}

#[test]
fn approvals_break_a_tie_of_grades() {
    let mut one = ballot("critic-1", &[8.0, 8.0, 1.0]);
    one.approvals = vec![false, true, false];
    for seed in 0..20 {
        let election = Election::try_new(three(), vec![one.clone()], RuleChoice::Open, seed).unwrap();
        assert_eq!(decide(&election).winner.as_deref(), Some("b"));
    }
}

#[test]
fn blocs_hold_critics_and_proposers_of_other_answers() {
    let answers = vec![
        candidate("p1", &["proposer-1"]),
        candidate("p2", &["proposer-2"]),
        candidate("p3", &["proposer-3"]),
    ];
    let mut heavy = ballot("critic-3", &[1.0, 2.0, 9.0]);
    heavy.weight = 0.5;
    let ballots = vec![ballot("critic-1", &[9.0, 8.0, 1.0]), ballot("critic-2", &[9.0, 9.0, 1.0]), heavy];
    let election = Election::try_new(answers, ballots, RuleChoice::Open, 7).unwrap();
    let tally = decide(&election);
    assert_eq!(tally.winner.as_deref(), Some("p1"));
    let bloc = |prefers: &str, voters: &[&str], share: f64| Bloc {
        prefers: prefers.to_owned(),
        voters: voters.iter().map(|voter| (*voter).to_owned()).collect(),
        share,
    };
    // critic-2 puts p1 and p2 level and so is not against p1.
    assert_eq!(
        blocs(&election, &tally),
        [bloc("p3", &["critic-3", "proposer-3"], 1.5 / 5.5), bloc("p2", &["proposer-2"], 1.0 / 5.5)]
    );
}

#[test]
fn surprise_is_actual_less_expected_share() {
    let mut one = ballot("critic-1", &[9.0, 1.0, 1.0]);
    one.predicted_support = vec![Some(0.25), Some(0.75), None];
    let mut two = ballot("critic-2", &[9.0, 1.0, 1.0]);
    two.predicted_support = vec![Some(0.75), Some(0.25), None];
    let tally = decide(&Election::try_new(three(), vec![one, two], RuleChoice::Open, 7).unwrap());
    let expected = [("a".to_owned(), 0.5), ("b".to_owned(), -0.5)];
    assert_eq!(tally.audit.surprisingly_popular, expected.into_iter().collect());
}

#[test]
fn values_without_meaning_are_dropped_counted_and_said() {
    let mut odd = ballot("critic-1", &[f64::NAN, f64::NEG_INFINITY, 1e300]);
    odd.predicted_support = vec![Some(1.5), Some(f64::NAN), Some(1.0)];
    let election =
        Election::try_new(three(), vec![odd, ballot("critic-2", &[1.0, 9.0, 2.0])], RuleChoice::Open, 7)
            .unwrap();
    assert_eq!(election.dropped(), Dropped { grades: 3, predictions: 2 });
    let tally = decide(&election);
    assert_eq!(tally.winner.as_deref(), Some("b"));
    let alarms: Vec<&str> = tally.audit.alarms.iter().map(|alarm| alarm.alarm.as_str()).collect();
    assert_eq!(alarms, ["grades_dropped", "predictions_dropped"]);
}

#[test]
fn a_ballot_without_a_grade_counts_under_no_rule() {
    let mut silent = ballot("critic-1", &[1.0, 1.0, 1.0]);
    silent.grades = vec![None, Some(f64::NAN), None];
    silent.approvals = vec![true, true, false];
    silent.weight = 1e6;
    let faint = GradedBallot { weight: 1e-300, ..ballot("critic-2", &[1.0, 9.0, 2.0]) };
    for rule in super::RULES {
        let tally =
            decide(&Election::try_new(three(), vec![silent.clone(), faint.clone()], rule, 7).unwrap());
        assert!(tally.audit.approval.values().all(|weight| *weight < 1.0), "{tally:?}");
        assert!(tally.posterior.values().all(|share| share.is_finite()), "{tally:?}");
    }
}

#[test]
fn the_scale_of_a_critic_does_not_matter() {
    let winner = |factor: f64, offset: f64| {
        let bold = [3.0, 1.0, 2.0].map(|grade| grade * factor + offset);
        let ballots = vec![ballot("critic-1", &bold), ballot("critic-2", &[7.0, 6.0, 7.5])];
        decide(&Election::try_new(three(), ballots, RuleChoice::Open, 7).unwrap()).scores
    };
    assert_eq!(winner(1.0, 0.0), winner(1e-12, 0.0));
    assert_eq!(winner(1.0, 0.0), winner(1e8, -5e7));
}

#[test]
fn what_is_no_election_is_refused_with_its_reason() {
    use InvalidElection as No;
    assert_eq!(refused(vec![], vec![], RuleChoice::Open), No::NoCandidate);
    assert_eq!(refused(vec![candidate("", &[])], vec![], RuleChoice::Open), No::UnnamedCandidate);
    let twice = vec![candidate("a", &[]), candidate("a", &[])];
    assert_eq!(refused(twice, vec![], RuleChoice::Open), No::CandidateTwice("a".into()));
    let both = vec![candidate("a", &["x"]), candidate("b", &["x"])];
    assert_eq!(refused(both, vec![], RuleChoice::Open), No::VotesTwice("x".into()));
    let own = vec![candidate("a", &["x"]), candidate("b", &[])];
    assert_eq!(refused(own, vec![ballot("x", &[1.0, 2.0])], RuleChoice::Open), No::VotesTwice("x".into()));
    let many = (0..65).map(|id| candidate(&format!("p{id}"), &[])).collect();
    assert_eq!(refused(many, vec![], RuleChoice::Open), No::TooManyCandidates(65));
    let short = refused(three(), vec![ballot("x", &[1.0])], RuleChoice::Open);
    assert_eq!(short.to_string(), "the ballot of `x` has 1 entries in `grades`, but there are 3 candidates");
    for weight in [f64::NAN, f64::INFINITY, -1.0, WEIGHT_MAX * 2.0] {
        let mut heavy = ballot("x", &[1.0, 2.0, 3.0]);
        heavy.weight = weight;
        assert!(matches!(refused(three(), vec![heavy], RuleChoice::Open), No::InvalidWeight { .. }));
    }
    let unusable = refused(three(), vec![], RuleChoice::Rule(TallyRule::DiscountedLogOdds));
    assert_eq!(unusable, No::UnusableRule(TallyRule::DiscountedLogOdds));
}

/// A cycle of three has no Condorcet winner; then Black's method is Borda's, and else the one that beats all.
#[test]
fn blacks_method_is_the_condorcet_winner_or_else_bordas() {
    let rule = RuleChoice::Rule(TallyRule::Condorcet);
    let elect = |ballots: Vec<GradedBallot>| {
        let candidates = vec![candidate("p1", &[]), candidate("p2", &[]), candidate("p3", &[])];
        decide(&Election::try_new(candidates, ballots, rule, 7).unwrap())
    };
    // Three of five put p1 before both others, but p2 has more points.
    let first = |voter: &str| ballot(voter, &[9.0, 8.0, 1.0]);
    let second = |voter: &str| ballot(voter, &[1.0, 9.0, 5.0]);
    let tally = elect(vec![first("a"), first("b"), first("c"), second("d"), second("e")]);
    assert_eq!((tally.rule, tally.winner.as_deref()), (TallyRule::Condorcet, Some("p1")));
    assert!(tally.audit.borda["p2"] > tally.audit.borda["p1"]);
    assert_eq!(tally.audit.condorcet.as_deref(), Some("p1"));
    let cycle = vec![
        ballot("a", &[9.0, 5.0, 1.0]),
        ballot("b", &[9.0, 5.0, 1.0]),
        ballot("c", &[1.0, 9.0, 5.0]),
        ballot("d", &[1.0, 9.0, 5.0]),
        ballot("e", &[5.0, 1.0, 9.0]),
    ];
    let tally = elect(cycle);
    assert_eq!(tally.audit.condorcet, None);
    assert_eq!(tally.scores, tally.audit.borda);
}
