//! The parts of a decision record: proposals, ballots, minority reports, synthesis, validation.

use serde::{Deserialize, Serialize};

use crate::{Ballot, JudgedBy, Proposal, SeatId};

/// A proposal as it stands in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalRecord {
    /// Its name: `p1`, `p2`, ... in the order of seats.
    pub id: String,
    /// Its seat.
    pub seat: SeatId,
    /// The hash of its canonical JSON, taken before anyone else read it.
    pub commit: String,
    /// The number of the journal entry after which it could be read.
    pub revealed_after: u64,
    /// The group of equal answers that it belongs to.
    pub cluster: String,
    /// What the model said of its own confidence.
    pub confidence_raw: f64,
    /// Whether the model declined.
    pub abstained: bool,
    /// Whether the question is closed and its answer cannot be read, where others can: it has no vote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
    /// The proposal.
    pub proposal: Proposal,
}

/// Something odd about a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BallotFlag {
    /// Its `best` contradicts its own grades: half the weight.
    Inconsistent,
    /// The first reply could not be read; this is the second.
    Repaired,
    /// A proposal that it read seems to give orders to its readers.
    InjectionSuspected,
    /// The critic is of the family of a proposal that it graded.
    SameFamily,
}

/// A ballot as it stands in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BallotRecord {
    /// Its name: `b1`, `b2`, ...
    pub id: String,
    /// Its seat.
    pub seat: SeatId,
    /// The proposals in the order shown: the first was label A.
    pub order: Vec<String>,
    /// The ballot, with its own labels.
    pub ballot: Ballot,
    /// Its weight in the election.
    pub weight: f64,
    /// What is odd about it.
    pub flags: Vec<BallotFlag>,
    /// How it came about.
    pub judged_by: JudgedBy,
    /// Defects that were dropped because their quote does not occur in the proposal.
    #[serde(default)]
    pub defects_dropped: u32,
}

/// A minority report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dissent {
    /// The seats that hold the position.
    pub bloc: Vec<String>,
    /// Their share of the weight, 0 to 1.
    pub weight: f64,
    /// The proposal that they prefer, or what they object to.
    pub position: String,
    /// Their reasons in their own words; nobody edits them.
    pub report: String,
    /// The seat whose words they are.
    pub author: String,
    /// Defects in the winner that stand.
    pub defects_upheld: Vec<String>,
    /// Whether a critical defect blocks the verdict `pass`.
    pub veto: bool,
}

/// What the synthesis did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynthesisRecord {
    /// Whether a synthesis is in the answer.
    pub done: bool,
    /// Who made it.
    pub seat: Option<SeatId>,
    /// Claims of other proposals that were adopted.
    pub adopted: Vec<String>,
    /// Claims that were not, and why.
    pub rejected: Vec<RejectedClaim>,
    /// Which text went on.
    pub do_no_harm: DoNoHarm,
}

/// A claim that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedClaim {
    /// The claim.
    pub claim: String,
    /// Why.
    pub why: String,
}

/// Which text went on after the synthesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoNoHarm {
    /// The synthesis.
    SynthesisPreferred,
    /// The winner, because the synthesis failed or contradicted it.
    WinnerKept,
    /// There was no synthesis.
    NotRun,
}

/// The verdict of a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check passed.
    Pass,
    /// A check failed.
    Fail,
    /// The checks do not say.
    Unclear,
    /// Nothing was checked.
    NotRun,
}

impl Verdict {
    /// The word in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unclear => "unclear",
            Self::NotRun => "not_run",
        }
    }
}

/// Why a verdict is unclear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnclearCause {
    /// The Validator could not be asked.
    Infra,
    /// The Validator would not say.
    LowConfidence,
    /// The Validator took too long.
    Timeout,
}

/// How a check was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A program decided.
    Executable,
    /// A model decided.
    Rubric,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// How.
    pub kind: CheckKind,
    /// Whether it passed.
    pub ok: bool,
    /// The same for people.
    pub detail: String,
}

/// The validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationRecord {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is unclear, where it is.
    pub unclear_cause: Option<UnclearCause>,
    /// The checks.
    pub checks: Vec<Check>,
    /// How often the result was repaired: 0 or 1.
    pub repairs: u32,
}
