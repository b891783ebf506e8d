//! Whether the winner already stands, so that outstanding calls can be cancelled.

use async_orchestrator_core::TallyRule;

use crate::{
    election::{Election, RuleChoice},
    rules::{AllScores, Z_CLIP, clipped_z_sums, ranking, seeded},
};

/// Two values on the grid of scores are equal within this.
const SAME: f64 = 1e-10;

/// Two sums of z-values within this, for each vote of the total weight, are a dead heat.
const SAME_Z: f64 = 1e-6;

/// Whether no set of `outstanding_ballots` further ballots, each of weight 1 at most and over the same candidates, can change the winner
/// under the rule in force.
///
/// For each rival the worst case is taken: every outstanding ballot puts it first and approves it alone, the winner last. For
/// plurality (closed answers too), approval and Borda the test is exact, ties included; for the clipped z-mean it
/// is exact but for dead heats, which count as open; under joint weights and discounted log-odds each ballot is taken for one of the critic whose
/// reviews say most. Under Schulze's and Black's methods one ballot can turn a whole cycle: there the answer is
/// `false` while anything is outstanding.
///
/// ```
/// use async_orchestrator_tally::{Candidate, Election, RuleChoice, unassailable};
///
/// # fn main() -> Result<(), async_orchestrator_tally::InvalidElection> {
/// let candidate = |id: &str, seats: &[&str]| Candidate {
///     id: id.to_owned(),
///     supporters: seats.iter().map(|seat| (*seat).to_owned()).collect(),
/// };
/// let answers = vec![candidate("p1", &["proposer-1", "proposer-2", "proposer-3"]), candidate("p4", &["proposer-4"])];
/// let election = Election::try_new(answers, vec![], RuleChoice::Closed, 7)?;
/// assert!(unassailable(&election, 1));
/// assert!(!unassailable(&election, 3));
/// # Ok(())
/// # }
/// ```
pub fn unassailable(election: &Election, outstanding_ballots: usize) -> bool {
    let rule = election.rule_in_force();
    if outstanding_ballots == 0 || rule == TallyRule::Single {
        return true;
    }
    if matches!(rule, TallyRule::Schulze | TallyRule::Condorcet) {
        return false;
    }
    let all = AllScores::of(election);
    let winner = ranking(election, all.under(rule), &all.tie_breakers(election))[0];
    let leads = leads(election, rule, &all);
    (0..election.size()).filter(|rival| *rival != winner).all(|rival| {
        stands(&leads, winner, rival, outstanding_ballots as f64)
            .unwrap_or_else(|| seeded(election, winner) < seeded(election, rival))
    })
}

/// One key of the comparison.
struct Lead {
    /// The candidates' values.
    values: Vec<f64>,
    /// How far one ballot can move two candidates against each other.
    swing: f64,
    /// What it means if the worst case ends level.
    level: Level,
}

/// What it means if two candidates end level in a key.
enum Level {
    /// The next key decides.
    NextKey,
    /// Nothing is certain: level means within this margin, and rounding may decide either way.
    Open { margin: f64 },
}

/// The keys in the order in which the rule in force and its ties look at them.
fn leads(election: &Election, rule: TallyRule, all: &AllScores) -> Vec<Lead> {
    let exact = |values: &[f64], swing: f64| Lead { values: values.to_vec(), swing, level: Level::NextKey };
    let rivals = election.size().saturating_sub(1) as f64;
    let z = || Lead {
        values: clipped_z_sums(election),
        swing: z_swing(election.size()),
        level: Level::Open { margin: SAME_Z * (1.0 + all.pairwise.total()) },
    };
    let mut leads = vec![match rule {
        TallyRule::ClippedZMean => z(),
        TallyRule::Borda => exact(&all.borda, rivals),
        TallyRule::Approval => exact(&all.approval, 1.0),
        TallyRule::JointWeights | TallyRule::DiscountedLogOdds => {
            exact(&all.weighed, election.weights().map_or(0.0, |weights| weights.review_swing))
        }
        _ => exact(&all.plurality, 1.0),
    }];
    if election.rule() == RuleChoice::Closed {
        leads.push(z());
    }
    leads.push(exact(&all.approval, 1.0));
    leads
}

/// Whether the winner stays ahead of the rival in the worst case; `None` if they end level in every key.
fn stands(leads: &[Lead], winner: usize, rival: usize, ballots: f64) -> Option<bool> {
    for lead in leads {
        let left = lead.swing.mul_add(-ballots, lead.values[winner] - lead.values[rival]);
        match lead.level {
            Level::NextKey if left.abs() > SAME => return Some(left > 0.0),
            Level::NextKey => {}
            Level::Open { margin } => return Some(left > margin),
        }
    }
    None
}

/// The most by which one ballot can move two candidates against each other: with one at each end and the others in the middle their
/// z-values are `sqrt(n / 2)` from it, clipped.
fn z_swing(candidates: usize) -> f64 {
    2.0 * (candidates as f64 / 2.0).sqrt().min(Z_CLIP)
}
