//! How sure the votes so far are, and whether those to come could still change the winner.

use async_orchestrator_core::{ProposalRecord, Role, SeatId, Stage};
use async_orchestrator_tally as tally;

use super::Run;
use crate::{Depth, depth::stop_at, proposal::standing};

/// So many ways in which the votes to come may fall are tried; where there are more, nothing is said to be out of reach.
const WAYS_MAX: usize = 256;

impl super::Setting<'_> {
    /// The probability of being right at which nobody else is asked.
    pub(super) fn stop_at(&self) -> f64 {
        self.stop_at.unwrap_or_else(|| stop_at(self.decision.risk))
    }

    /// Whether more or fewer may be asked as it goes, and what the votes are worth is known.
    pub(super) fn knows_when_to_stop(&self) -> bool {
        self.depth == Depth::Adaptive
            && self.decision.answer_kind.is_short()
            && self.trust.is_some_and(crate::trusted::Trusted::is_calibrated)
    }
}

impl Run<'_> {
    /// How many of `seats` proposers are asked first; `None` if all of them.
    pub(super) fn first_wave(&self, seats: usize) -> Option<usize> {
        let setting = &self.setting;
        let quorum = usize::from(setting.quorum.proposals());
        if setting.knows_when_to_stop() {
            return Some(quorum);
        }
        // Without weights and critics a majority of all votes is out of reach.
        let counted = setting.trust.is_none() && !setting.request.stages.run(Stage::Review);
        let adaptive = setting.depth == Depth::Adaptive && setting.decision.answer_kind.is_short();
        (adaptive && counted).then(|| quorum.max(seats / 2 + 1))
    }

    /// The probability that the winner among `proposals` is right, where it is known.
    pub(super) fn sureness(&self, proposals: &[ProposalRecord]) -> Option<f64> {
        self.setting.trust.filter(|trust| trust.is_calibrated())?;
        tally::probability(&self.field(proposals).without_reviews().election(&[]).ok()?)
    }

    /// Whether the winner stays the winner however the seats of `rest` vote, each by the first model of its list, and however the critics judge.
    pub(super) fn is_out_of_reach(&self, proposals: &[ProposalRecord], rest: &[SeatId]) -> bool {
        let stages = self.setting.request.stages;
        let critics = if stages.run(Stage::Review) { self.setting.panel.of(Role::Critic).count() } else { 0 };
        let Some(leader) = self.winner_of(proposals, critics) else { return false };
        let mut clusters: Vec<String> =
            standing(proposals).iter().map(|proposal| proposal.cluster.clone()).collect();
        clusters.sort();
        clusters.dedup();
        // An answer that nobody gave yet.
        clusters.push(String::from("another"));
        let Ok(votes) = u32::try_from(rest.len()) else { return false };
        let ways = clusters.len().checked_pow(votes).filter(|ways| *ways <= WAYS_MAX);
        let Some(ways) = ways else { return false };
        let Some(template) = standing(proposals).first().copied() else { return false };
        (0..ways).all(|way| {
            let mut all = proposals.to_vec();
            let mut choice = way;
            for seat in rest {
                let cluster = &clusters[choice % clusters.len()];
                choice /= clusters.len();
                let like =
                    proposals.iter().find(|proposal| proposal.cluster == *cluster && !proposal.abstained);
                let mut vote = like.unwrap_or(template).clone();
                if like.is_none() {
                    // What it says does not matter, but that nobody else said it.
                    vote.proposal.answer_key = None;
                    vote.proposal.answer = String::from("another");
                }
                vote.id = format!("{seat}");
                vote.seat = *seat;
                vote.cluster.clone_from(cluster);
                all.push(vote);
            }
            self.winner_of(&all, critics).as_ref() == Some(&leader)
        })
    }

    /// The answer that wins whatever `critics` ballots say; `None` if they could change it.
    fn winner_of(&self, proposals: &[ProposalRecord], critics: usize) -> Option<String> {
        let election = self.field(proposals).election(&[]).ok()?;
        if critics > 0 && !tally::unassailable(&election, critics) {
            return None;
        }
        tally::decide(&election).winner
    }
}
