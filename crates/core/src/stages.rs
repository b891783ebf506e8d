//! Which stages a council runs. A caller who wants the vote and nothing else leaves the others out.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Role, Stage};

/// The stages of a council: all of them unless some are left out. Proposals and the tally are always there; without reviews the
/// proposals' own votes decide, and the quorum asks for no ballots.
///
/// Written and read as names with commas between them, in any order; `canonicalise` may be named and is part of the tally.
///
/// ```
/// use async_orchestrator_core::{Stage, Stages};
///
/// let stages: Stages = "propose,tally".parse()?;
/// assert!(!stages.run(Stage::Review) && stages.run(Stage::Propose));
/// assert_eq!(stages.to_string(), "propose,tally");
/// assert!("review".parse::<Stages>().is_err());
/// # Ok::<(), async_orchestrator_core::InvalidStages>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stages(u8);

/// The stages that may be left out, with their bits and names; the tally stands after the review.
const OPTIONAL: [(Stage, u8); 5] = [
    (Stage::Review, 1),
    (Stage::Synthesize, 2),
    (Stage::Implement, 4),
    (Stage::Validate, 8),
    (Stage::Observe, 16),
];
const ALL: u8 = 31;
const PROPOSE: &str = "propose";
const TALLY: &str = "tally";
const CANONICALISE: [&str; 2] = ["canonicalise", "canonicalize"];

impl Stages {
    /// Every stage.
    pub const ALL: Self = Self(ALL);

    /// Proposals and the tally, nothing else.
    pub const VOTE: Self = Self(0);

    /// Whether `stage` is run. A repair belongs to the validation; what cannot be left out always runs.
    pub fn run(self, stage: Stage) -> bool {
        let stage = if stage == Stage::Repair { Stage::Validate } else { stage };
        OPTIONAL.iter().find(|(known, _)| *known == stage).is_none_or(|(_, bit)| self.0 & bit != 0)
    }

    /// Whether a seat of `role` is asked anything.
    pub fn ask(self, role: Role) -> bool {
        self.run(match role {
            Role::Proposer => Stage::Propose,
            Role::Critic => Stage::Review,
            Role::Synthesizer => Stage::Synthesize,
            Role::Implementer => Stage::Implement,
            Role::Validator => Stage::Validate,
            Role::Observer => Stage::Observe,
        })
    }

    /// Whether nothing is left out.
    pub const fn is_all(&self) -> bool {
        self.0 == ALL
    }

    /// The names of the stages that are run, in order.
    pub fn names(self) -> Vec<&'static str> {
        let optional = |stages: &'static [(Stage, u8)]| {
            stages.iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(stage, _)| stage.name())
        };
        let (review, rest) = OPTIONAL.split_at(1);
        [PROPOSE].into_iter().chain(optional(review)).chain([TALLY]).chain(optional(rest)).collect()
    }
}

impl Default for Stages {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

/// A text that names no stages of a council.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStages {
    /// A word that is no stage.
    #[error(
        "unknown stage `{0}`: some of propose, review, tally, synthesize, implement, validate, observe are expected"
    )]
    Unknown(String),
    /// What cannot be left out is not named.
    #[error(
        "a council always proposes and tallies: name both, and what else it shall do (the least is propose,tally)"
    )]
    TooFew,
}

impl FromStr for Stages {
    type Err = InvalidStages;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut bits, mut proposes, mut tallies) = (0, false, false);
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let bit = OPTIONAL.iter().find(|(stage, _)| stage.name() == word).map(|(_, bit)| bit);
            match bit {
                Some(bit) => bits |= bit,
                None if word == PROPOSE => proposes = true,
                None if word == TALLY => tallies = true,
                None if CANONICALISE.contains(&word) => {}
                None => return Err(InvalidStages::Unknown(word.chars().take(40).collect())),
            }
        }
        if proposes && tallies { Ok(Self(bits)) } else { Err(InvalidStages::TooFew) }
    }
}

impl Serialize for Stages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for Stages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.join(",").parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_order_and_written_in_the_councils() {
        let stages: Stages = " validate, tally ,propose,review".parse().unwrap();
        assert_eq!(stages.to_string(), "propose,review,tally,validate");
        assert!(stages.run(Stage::Repair) && !stages.run(Stage::Observe) && stages.run(Stage::Answer));
        assert!(stages.ask(Role::Critic) && stages.ask(Role::Proposer) && !stages.ask(Role::Implementer));
        assert_eq!("propose,canonicalise,tally".parse(), Ok(Stages::VOTE));
        let all = Stages::ALL.to_string();
        assert_eq!(all, "propose,review,tally,synthesize,implement,validate,observe");
        assert_eq!(all.parse(), Ok(Stages::default()));
        assert!(all.parse::<Stages>().unwrap().is_all() && !stages.is_all());
    }

    #[test]
    fn what_is_no_list_of_stages_says_why() {
        for (text, why) in [("", "always proposes"), ("propose", "always"), ("propose,tally,vote", "`vote`")]
        {
            assert!(text.parse::<Stages>().unwrap_err().to_string().contains(why), "{text}");
        }
        let json = serde_json::to_string(&Stages::VOTE).unwrap();
        assert_eq!(json, r#"["propose","tally"]"#);
        assert_eq!(serde_json::from_str::<Stages>(&json).unwrap(), Stages::VOTE);
        assert!(serde_json::from_str::<Stages>(r#"["tally"]"#).is_err());
    }
}
