//! From proposals and ballots to an election, its result, its minority and its alarms. The counting itself is the `tally` crate's.

use std::collections::{BTreeMap, BTreeSet};

use async_orchestrator_core::{
    Alarm, AnswerType, BallotRecord, Dissent, ProposalRecord, QuorumState, Review, Tally, TallyRule,
};
use async_orchestrator_tally::{
    self as tally, Candidate, Election, GradedBallot, InvalidElection, ReviewWeight, RuleChoice, Weights,
};

use crate::{
    Quorum,
    ballot::{best_of, critical_defects, review_of},
    proposal::{orders_its_reader, shortened, standing},
};

/// The share of the weight from which a bloc has a minority report of its own (COUNCIL.md, section 3).
const MINORITY_SHARE: f64 = 0.20;
/// How much of a dissenting proposal is quoted in its report, in characters.
const REPORT_CHARS_MAX: usize = 4_000;

/// The distinct answers: the first proposal of each group of equal ones stands for all of them.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    proposals: Vec<&'a ProposalRecord>,
    clusters: Vec<String>,
    rule: RuleChoice,
    seed: u64,
    /// What the votes weigh, where that is known.
    weighing: Option<(TallyRule, Weights)>,
}

impl<'a> Field<'a> {
    pub(crate) fn new(records: &'a [ProposalRecord], answers: AnswerType, seed: u64) -> Self {
        let proposals = standing(records);
        let mut clusters: Vec<String> = Vec::new();
        for proposal in &proposals {
            if !clusters.contains(&proposal.cluster) {
                clusters.push(proposal.cluster.clone());
            }
        }
        let rule = match answers {
            AnswerType::Closed => RuleChoice::Closed,
            AnswerType::Open => RuleChoice::Open,
        };
        Self { proposals, clusters, rule, seed, weighing: None }
    }

    /// Decides by this rule, if one is named.
    pub(crate) fn by(self, rule: Option<TallyRule>) -> Self {
        let rule = rule.map_or(self.rule, RuleChoice::Rule);
        Self { rule, ..self }
    }

    /// Weighs votes by `weighing` instead of counting one each.
    pub(crate) fn weighing(self, weighing: Option<(TallyRule, Weights)>) -> Self {
        Self { weighing, ..self }
    }

    /// The same with these weights of reviews; none where votes are not weighed.
    pub(crate) fn reviewing(&self, reviews: BTreeMap<String, ReviewWeight>) -> Self {
        let mut field = self.clone();
        if let Some((_, weights)) = &mut field.weighing {
            weights.reviews = reviews;
        }
        field
    }

    /// The same as if no critic had been measured.
    pub(crate) fn without_reviews(&self) -> Self {
        self.reviewing(BTreeMap::new())
    }

    fn members<'b>(&'b self, cluster: &'b str) -> impl Iterator<Item = &'b &'a ProposalRecord> {
        self.proposals.iter().filter(move |proposal| proposal.cluster == cluster)
    }

    /// The election over `ballots`.
    pub(crate) fn election(&self, ballots: &[BallotRecord]) -> Result<Election, InvalidElection> {
        let candidates = self.clusters.iter().map(|cluster| Candidate {
            id: cluster.clone(),
            supporters: self.members(cluster).map(|proposal| proposal.seat.to_string()).collect(),
        });
        let graded = ballots.iter().map(|ballot| self.graded(ballot));
        let election = Election::try_new(candidates.collect(), graded.collect(), self.rule, self.seed)?;
        match &self.weighing {
            Some((rule, weights)) => election.weighed(*rule, weights),
            None => Ok(election),
        }
    }

    /// One ballot as grades per distinct answer: the mean over the proposals that give it.
    fn graded(&self, ballot: &BallotRecord) -> GradedBallot {
        let reviews = |cluster: &String| -> Vec<&Review> {
            self.members(cluster).filter_map(|proposal| review_of(ballot, &proposal.id)).collect()
        };
        let mean =
            |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let reviewed: Vec<Vec<&Review>> = self.clusters.iter().map(reviews).collect();
        GradedBallot {
            voter: ballot.seat.to_string(),
            weight: ballot.weight,
            grades: reviewed
                .iter()
                .map(|all| mean(all.iter().map(|one| one.scores.mean()).collect()))
                .collect(),
            approvals: reviewed.iter().map(|all| all.iter().any(|one| one.approve)).collect(),
            predicted_support: reviewed
                .iter()
                .map(|all| mean(all.iter().map(|one| one.predicted_support).collect()))
                .collect(),
        }
    }

    /// The proposal that stands for the winning answer: the one that the critics graded best among the equal ones.
    pub(crate) fn winner(&self, cluster: &str, ballots: &[BallotRecord]) -> Option<&'a ProposalRecord> {
        let grade = |proposal: &ProposalRecord| -> f64 {
            let reviews = ballots.iter().filter_map(|ballot| review_of(ballot, &proposal.id));
            reviews.map(|review| review.scores.mean()).sum()
        };
        let mut best: Option<&'a ProposalRecord> = None;
        for proposal in self.members(cluster) {
            if best.is_none_or(|best| grade(proposal) > grade(best)) {
                best = Some(*proposal);
            }
        }
        best
    }

    pub(crate) fn proposals(&self) -> &[&'a ProposalRecord] {
        &self.proposals
    }
}

/// Whether enough seats spoke.
pub(crate) fn quorum_state(quorum: Quorum, proposals: usize, ballots: usize, families: usize) -> QuorumState {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    QuorumState {
        proposals: count(proposals),
        ballots: count(ballots),
        families: count(families),
        met: proposals >= usize::from(quorum.proposals()) && ballots >= usize::from(quorum.ballots()),
    }
}

/// The minority reports: each bloc of a fifth of the weight or more, and each critic with a critical defect in the winner.
pub(crate) fn dissents(
    field: &Field<'_>,
    election: &Election,
    result: &Tally,
    winner: &ProposalRecord,
    ballots: &[BallotRecord],
) -> Vec<Dissent> {
    let mut reports: Vec<Dissent> = tally::blocs(election, result)
        .into_iter()
        .filter(|bloc| bloc.share >= MINORITY_SHARE)
        .filter_map(|bloc| {
            let (author, report) = words_of(field, &bloc.voters, &bloc.prefers, winner, ballots)?;
            Some(Dissent {
                weight: bloc.share,
                position: bloc.prefers,
                report,
                author,
                defects_upheld: Vec::new(),
                veto: false,
                bloc: bloc.voters,
            })
        })
        .collect();
    let weight: f64 = ballots.iter().map(|ballot| ballot.weight).sum();
    let mut objectors: BTreeMap<String, Dissent> = BTreeMap::new();
    for (ballot, defect) in critical_defects(ballots, &winner.id) {
        let author = ballot.seat.to_string();
        let report = objectors.entry(author.clone()).or_insert_with(|| Dissent {
            bloc: vec![author.clone()],
            weight: if weight > 0.0 { ballot.weight / weight } else { 0.0 },
            position: format!("objects to {}", winner.id),
            report: String::new(),
            author,
            defects_upheld: Vec::new(),
            veto: true,
        });
        if !report.report.is_empty() {
            report.report.push('\n');
        }
        report.report.push_str(&defect.why);
        report.defects_upheld.push(defect.quote.clone());
    }
    reports.extend(objectors.into_values());
    reports
}

/// A bloc's reasons in its own words: what its critics say against the winner, else the answer that its proposer gave instead.
fn words_of(
    field: &Field<'_>,
    voters: &[String],
    prefers: &str,
    winner: &ProposalRecord,
    ballots: &[BallotRecord],
) -> Option<(String, String)> {
    let against =
        ballots.iter().filter(|ballot| voters.contains(&ballot.seat.to_string())).find_map(|ballot| {
            let review = review_of(ballot, &winner.id)?;
            let words: Vec<&str> = review.defects.iter().map(|defect| defect.why.as_str()).collect();
            (!words.is_empty()).then(|| (ballot.seat.to_string(), words.join("\n")))
        });
    against.or_else(|| {
        let proposals = field.proposals();
        let own = proposals.iter().find(|proposal| voters.contains(&proposal.seat.to_string()));
        let preferred = own.or_else(|| proposals.iter().find(|proposal| proposal.id == prefers))?;
        Some((preferred.seat.to_string(), shortened(&preferred.proposal.answer, REPORT_CHARS_MAX)))
    })
}

/// What the alarms look at.
pub(crate) struct Scene<'a> {
    pub(crate) field: &'a Field<'a>,
    pub(crate) tally: &'a Tally,
    pub(crate) ballots: &'a [BallotRecord],
    /// Model and family of each proposal's and each ballot's seat.
    pub(crate) models: &'a BTreeMap<String, (String, String)>,
}

/// The deterministic alarms of an election.
pub(crate) fn alarms(scene: &Scene<'_>) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let mut raise = |alarm: &str, detail: String| alarms.push(Alarm { alarm: alarm.to_owned(), detail });
    let Scene { field, tally, ballots, models } = scene;
    let seats = || {
        let proposers = field.proposals().iter().map(|proposal| proposal.seat.to_string());
        proposers.chain(ballots.iter().map(|ballot| ballot.seat.to_string()))
    };
    let used: BTreeSet<&(String, String)> = seats().filter_map(|seat| models.get(&seat)).collect();
    let families: BTreeSet<&str> = used.iter().map(|(_, family)| family.as_str()).collect();
    match (used.len(), families.len()) {
        (1, _) => raise(
            "weak_independence",
            "one model sat in every voting seat: its errors repeat, independence is weak".into(),
        ),
        (_, 1) => raise(
            "weak_independence",
            "all voting seats belong to one family of models: independence is weak".into(),
        ),
        _ => {}
    }
    let firsts: Vec<&str> = ballots.iter().filter_map(best_of).collect();
    let unanimous = firsts.len() > 1 && firsts.windows(2).all(|pair| pair.first() == pair.last());
    // Two that agree say little enough by themselves; the alarm is for a crowd that looks like one.
    if unanimous && firsts.len() > 2 && tally.n_eff < 2.0 {
        raise(
            "thin_unanimity",
            format!("all critics agree, but they count as {:.1} independent votes", tally.n_eff),
        );
    }
    if let Some(seat) = deciding_seat(scene) {
        raise("one_seat_decides", format!("without the ballot of {seat} another proposal would have won"));
    }
    if !tally.quorum.met {
        raise("degraded_quorum", "fewer seats spoke than the quorum asks for".into());
    }
    if !tally.rule_agreement {
        raise(
            "rules_disagree",
            "plurality, Borda, Schulze and the rule in force do not name one winner".into(),
        );
    }
    for ballot in *ballots {
        let own = |id: &str| {
            let proposal = field.proposals().iter().find(|proposal| proposal.id == id)?;
            let (critic, author) =
                (models.get(&ballot.seat.to_string())?, models.get(&proposal.seat.to_string())?);
            (critic.0 == author.0).then_some(())
        };
        // With one model in every voting seat there is nothing else to prefer.
        if used.len() > 1 && best_of(ballot).and_then(own).is_some() {
            raise("self_preference", format!("{} prefers a proposal of its own model", ballot.seat));
        }
    }
    let first_shown =
        ballots.iter().filter(|ballot| best_of(ballot) == ballot.order.first().map(String::as_str));
    if ballots.len() > 1 && !unanimous && first_shown.count() == ballots.len() {
        raise("position_effect", "every critic prefers the proposal that it was shown first".into());
    }
    if field.proposals().iter().any(|proposal| orders_its_reader(&proposal.proposal.answer)) {
        raise("injection_suspected", "a proposal seems to give orders to its readers".into());
    }
    let dropped: u32 = ballots.iter().map(|ballot| ballot.defects_dropped).sum();
    if dropped > 0 {
        raise(
            "quotes_not_found",
            format!("{dropped} defects were dropped: their quotes do not occur in the proposals"),
        );
    }
    alarms
}

/// The seat without whose ballot another proposal would have won.
fn deciding_seat(scene: &Scene<'_>) -> Option<String> {
    if scene.ballots.len() < 2 {
        return None;
    }
    (0..scene.ballots.len()).find_map(|left_out| {
        let mut rest = scene.ballots.to_vec();
        let removed = rest.remove(left_out);
        let without = tally::decide(&scene.field.election(&rest).ok()?);
        (without.winner != scene.tally.winner).then(|| removed.seat.to_string())
    })
}
