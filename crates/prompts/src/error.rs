//! Why a library could not be built, and why a prompt could not be rendered. No prompt or answer is ever inside.

use std::fmt;

use async_orchestrator_core::{Domain, Stage};

/// One thing that is wrong in one file of overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1, where one can be named.
    pub line: Option<usize>,
    /// The placeholder that the problem is about.
    pub placeholder: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The overrides cannot be used. Lists every problem of every file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptLibraryError {
    problems: Vec<TemplateProblem>,
}

impl PromptLibraryError {
    pub(crate) fn new(problems: Vec<TemplateProblem>) -> Self {
        Self { problems }
    }

    /// The problems, in the order of the files given; at least one.
    pub fn problems(&self) -> &[TemplateProblem] {
        &self.problems
    }
}

impl fmt::Display for PromptLibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return write!(f, "prompt template {problem}");
        }
        write!(f, "{} problems in the prompt templates:", self.problems.len())?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PromptLibraryError {}

/// A prompt could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// No pack of that name is loaded.
    #[error("unknown domain `{domain}`{}: one of {} is expected; a pack of your own goes into domains/{domain}.toml",
        suggestion.as_ref().map(|near| format!(", did you mean `{near}`?")).unwrap_or_default(), known.join(", "))]
    UnknownDomain {
        /// The domain asked for.
        domain: Domain,
        /// The domains that are loaded.
        known: Vec<String>,
        /// The loaded domain whose name is nearest, if one is near.
        suggestion: Option<String>,
    },
    /// The stage needs something that the input does not carry.
    #[error("the stage {} needs `{field}` in the prompt's input", stage.name())]
    MissingInput {
        /// The stage.
        stage: Stage,
        /// The field of [`PromptInput`](crate::PromptInput).
        field: &'static str,
    },
    /// The labels of the proposals cannot be told apart, or are none of `A` to `H`.
    #[error("the proposals need distinct labels from A to H")]
    BadLabels,
    /// A template failed on this input although it passed its checks.
    #[error("the template {template} failed{}: {what}; `prompts check` tells more",
        line.map(|line| format!(" in line {line}")).unwrap_or_default())]
    Template {
        /// The template's name.
        template: String,
        /// The line, from 1.
        line: Option<usize>,
        /// What happened, in the template engine's words, without any data.
        what: String,
    },
    /// A template dropped, changed or repeated material that it must show once.
    #[error("the template {template} loses, changes or repeats {} for this input; write the placeholder as it is, outside of conditions",
        placeholder.map_or("a placeholder".to_owned(), |name| format!("`{name}`")))]
    LostMaterial {
        /// The template's name.
        template: String,
        /// The placeholder, where it can be told.
        placeholder: Option<&'static str>,
    },
    /// The prompt cannot be hashed.
    #[error("the prompt cannot be written as JSON")]
    NotCanonical,
}
