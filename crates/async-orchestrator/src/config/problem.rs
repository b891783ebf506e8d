//! What is wrong with a configuration, said so that a person can put it right. Values of keys never stand in it.

use std::fmt;

use super::Source;

/// One thing that is wrong or risky: where, which setting, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub source: Source,
    /// The setting, such as `roles.critic.timeout_seconds`; empty where it is no single one.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl Problem {
    pub(crate) fn new(source: Source, key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { source, key: key.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source != Source::Default {
            write!(f, "{}: ", self.source)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }

    /// `Ok` where there is nothing wrong.
    pub(crate) fn unless_empty(mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.sort_by_key(|problem| problem.source.order());
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }

    /// Every problem, in the order of the layers and of the lines of a file; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// `, did you mean ...?` where a known word is near, else the list of what is known.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let distance =
        |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    // A third of the letters may differ: `timout_seconds` finds its word and `foo` finds none.
    let near = known
        .clone()
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, candidate)) = near {
        return format!(", did you mean `{candidate}`?");
    }
    let known: Vec<&str> = known.into_iter().collect();
    format!(": one of {} is expected", known.join(", "))
}
