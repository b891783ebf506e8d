//! The rules: each turns an election into one score a candidate, in the order of the election's candidates.
//!
//! Scores are on the grid of [`on_grid`](crate::sum::on_grid); what is equal there is a tie for `ranking` to break.

mod counted;
mod pairwise;
mod weighed;
mod z_mean;

use async_orchestrator_core::TallyRule;

pub(crate) use counted::{approval, borda, first_places_of_critics, plurality};
pub(crate) use pairwise::{Pairwise, black, condorcet_winner, schulze};
pub(crate) use weighed::weighed;
pub use z_mean::Z_CLIP;
pub(crate) use z_mean::{clipped_z_mean, clipped_z_sums};

use crate::{
    election::{Election, RuleChoice},
    mix::tie_key,
};

/// Every rule's scores of one election, each computed once.
pub(crate) struct AllScores {
    pub(crate) plurality: Vec<f64>,
    pub(crate) approval: Vec<f64>,
    pub(crate) borda: Vec<f64>,
    pub(crate) schulze: Vec<f64>,
    pub(crate) condorcet: Vec<f64>,
    pub(crate) z_mean: Vec<f64>,
    /// In nats; zeros where votes are not weighed.
    pub(crate) weighed: Vec<f64>,
    pub(crate) pairwise: Pairwise,
}

impl AllScores {
    pub(crate) fn of(election: &Election) -> Self {
        let pairwise = Pairwise::of(election);
        Self {
            plurality: plurality(election),
            approval: approval(election),
            condorcet: black(&pairwise),
            borda: borda(&pairwise),
            schulze: schulze(&pairwise),
            z_mean: clipped_z_mean(election),
            weighed: weighed(election, election.rule_in_force()),
            pairwise,
        }
    }

    /// The scores by which `rule` decides.
    pub(crate) fn under(&self, rule: TallyRule) -> &[f64] {
        match rule {
            TallyRule::Approval => &self.approval,
            TallyRule::Borda => &self.borda,
            TallyRule::Schulze => &self.schulze,
            TallyRule::Condorcet => &self.condorcet,
            TallyRule::ClippedZMean => &self.z_mean,
            TallyRule::JointWeights | TallyRule::DiscountedLogOdds => &self.weighed,
            // The constructor of an election lets no other rule in than these two (and `Single`, where any score wins).
            _ => &self.plurality,
        }
    }

    /// The keys by which ties under the rule in force are broken, before the seeded order.
    pub(crate) fn tie_breakers(&self, election: &Election) -> Vec<&[f64]> {
        match election.rule() {
            RuleChoice::Closed => vec![&self.z_mean, &self.approval],
            RuleChoice::Open | RuleChoice::Rule(_) => vec![&self.approval],
        }
    }
}

/// The candidates' indices, best first: by `scores`, then by each of `tie_breakers`, then in the order that the seed draws from
/// the ids, so that no seat is favoured by its number.
pub(crate) fn ranking(election: &Election, scores: &[f64], tie_breakers: &[&[f64]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..election.size()).collect();
    order.sort_by(|&one, &two| {
        let keys = std::iter::once(&scores).chain(tie_breakers);
        keys.map(|key| key[two].total_cmp(&key[one]))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| seeded(election, one).cmp(&seeded(election, two)))
    });
    order
}

/// The one candidate with the highest score; `None` if several share it, for a rule that ends in a tie names nobody.
pub(crate) fn sole_leader(scores: &[f64]) -> Option<usize> {
    let best = scores.iter().copied().max_by(f64::total_cmp)?;
    let mut leaders = scores.iter().enumerate().filter(|(_, score)| **score >= best);
    let leader = leaders.next()?.0;
    leaders.next().is_none().then_some(leader)
}

/// The candidate's place in the seeded order, lower first; the id itself decides the collision of two hashes.
pub(crate) fn seeded(election: &Election, candidate: usize) -> (u64, &str) {
    let id = election.candidates()[candidate].id.as_str();
    (tie_key(election.tie_seed(), id), id)
}
