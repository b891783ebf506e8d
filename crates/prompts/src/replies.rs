//! The replies of the roles that core has no type for, as they stand in `docs/schemas`.

use async_orchestrator_core::{Defect, Proposal, RejectedClaim, Verdict};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// What a Synthesizer returns: `docs/schemas/synthesis.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynthesisReply {
    /// The improved answer.
    pub answer: String,
    /// Points that were taken from other proposals.
    #[serde(default)]
    pub adopted: Vec<String>,
    /// Points that were left out, each with its reason.
    #[serde(default)]
    pub rejected: Vec<RejectedClaim>,
}

/// What a Validator returns: `docs/schemas/validation.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationReply {
    /// Pass, fail or unclear; a model cannot say `not_run`.
    #[serde(deserialize_with = "given_verdict")]
    pub verdict: Verdict,
    /// Why: for a failure, what is wrong and where.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Critical defects that do not hold, each with its reason.
    #[serde(default)]
    pub overruled: Vec<OverruledDefect>,
}

/// A critical defect that the Validator overrules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverruledDefect {
    /// The defect's quote, to the letter.
    pub quote: String,
    /// Why it does not hold.
    pub why: String,
}

impl ValidationReply {
    /// The reason for which this reply overrules `defect`, if it does.
    ///
    /// The quotes are compared without regard to white space. An empty reason overrules nothing.
    pub fn overrules(&self, defect: &Defect) -> Option<&str> {
        let wanted = words(&defect.quote);
        if wanted.is_empty() {
            return None;
        }
        self.overruled
            .iter()
            .find(|overruled| words(&overruled.quote) == wanted && !overruled.why.trim().is_empty())
            .map(|overruled| overruled.why.as_str())
    }
}

/// What an Observer returns: `docs/schemas/observation.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationReply {
    /// What a reader of the decision should know.
    pub note: String,
}

/// What a very small model returns for a closed question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BriefAnswer {
    /// The letter, the number, `yes` or `no`.
    pub answer_key: String,
    /// One sentence.
    pub reason: String,
}

impl BriefAnswer {
    /// The same as a proposal. Such a model says nothing of its confidence: it gets 0.5, which is no weight in any case.
    pub fn into_proposal(self) -> Proposal {
        Proposal {
            answer: format!("{}: {}", self.answer_key, self.reason),
            answer_key: Some(self.answer_key),
            claims: Vec::new(),
            confidence: 0.5,
            abstain: false,
        }
    }
}

fn given_verdict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Verdict, D::Error> {
    match Verdict::deserialize(deserializer)? {
        Verdict::NotRun => Err(D::Error::custom("a validator says pass, fail or unclear")),
        given @ (Verdict::Pass | Verdict::Fail | Verdict::Unclear) => Ok(given),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
