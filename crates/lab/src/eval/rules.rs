//! One question, put to the product's own election.

use async_orchestrator_tally::{Candidate, Election, Labelled, RuleChoice, Trust, Vote, decide, probability};

use super::{
    data::{AnswerSet, Question},
    pools::Pool,
};

/// How a pool's answers become one.
pub use async_orchestrator_core::TallyRule as Rule;

/// The rules that are compared, simplest first.
pub const RULES: [Rule; 3] = [Rule::Plurality, Rule::DiscountedLogOdds, Rule::JointWeights];

/// The question as trust learns from it. Where nobody was right the truth is an answer that nobody gave.
pub fn labelled<'a>(set: &'a AnswerSet, pool: &Pool, question: &'a Question) -> Labelled<'a> {
    let vote = |member: &usize| {
        let answer = question.votes[*member]?;
        Some((set.models[*member].as_str(), question.answers[usize::from(answer)].as_str()))
    };
    Labelled {
        class: &question.category,
        votes: pool.members.iter().filter_map(vote).collect(),
        truth: question.truth.map_or("\u{0}", |at| question.answers[usize::from(at)].as_str()),
    }
}

/// What the election over `members`' answers comes to: the place of the winning answer, and how sure it is; `None` if nobody answered.
///
/// How sure: the probability that the answer is right where the rule knows one, else the winner's share of the posterior.
pub fn elect(
    set: &AnswerSet,
    members: &[usize],
    question: &Question,
    rule: Rule,
    trust: &Trust,
) -> Option<(u16, f64)> {
    let election = election_of(set, members, question, rule, trust)?;
    let tally = decide(&election);
    let winner = tally.winner.as_ref()?;
    let sure = probability(&election).or_else(|| tally.posterior.get(winner).copied())?;
    winner.strip_prefix('a')?.parse().ok().map(|winner| (winner, sure))
}

/// The election; answer number n is the candidate `an`. A rule without weights counts one member, one vote.
pub fn election_of(
    set: &AnswerSet,
    members: &[usize],
    question: &Question,
    rule: Rule,
    trust: &Trust,
) -> Option<Election> {
    let given = members.iter().filter_map(|member| Some((&set.models[*member], question.votes[*member]?)));
    let given: Vec<(&String, u16, String)> =
        given.map(|(model, answer)| (model, answer, format!("a{answer}"))).collect();
    let mut candidates: Vec<Candidate> = Vec::new();
    for (model, _, id) in &given {
        match candidates.iter_mut().find(|candidate| candidate.id == *id) {
            Some(candidate) => candidate.supporters.push((*model).clone()),
            None => candidates.push(Candidate { id: id.clone(), supporters: vec![(*model).clone()] }),
        }
    }
    let votes: Vec<Vote<'_>> = given
        .iter()
        .map(|(model, answer, id)| Vote {
            seat: model,
            member: model,
            candidate: id,
            answer: &question.answers[usize::from(*answer)],
        })
        .collect();
    let election =
        Election::try_new(candidates, Vec::new(), RuleChoice::Closed, seed_of(&question.id)).ok()?;
    let class = &question.category;
    match rule {
        Rule::DiscountedLogOdds => election.weighed(rule, &trust.log_odds_weights(class, &votes)).ok(),
        Rule::JointWeights => election.weighed(rule, &trust.joint_weights(class, &votes)?).ok(),
        _ => Some(election),
    }
}

/// A seed for ties, from the question's name alone.
fn seed_of(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[8..16]);
    u64::from_le_bytes(first)
}
