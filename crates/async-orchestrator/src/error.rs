//! The one public error of the facade, and the classes that an exit code or an HTTP status is made from.

use std::fmt;

use async_orchestrator_core::Cause;
use async_orchestrator_council::{CouncilError, SeatFailure};

use crate::{ConfigError, ResumeError};

/// What went wrong, as far as a caller acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request cannot be asked: empty, too long, a schema that is none.
    BadRequest,
    /// The configuration cannot be used.
    Config,
    /// Every failed seat was refused for its key or account.
    Auth,
    /// The quorum was not reached, for several reasons or because the run was strict.
    Quorum,
    /// Every failed seat ended at a budget or a rate limit.
    Budget,
    /// Every failed seat ran out of time.
    Timeout,
    /// Servers failed or could not be reached, or something else went wrong.
    Failed,
}

/// Everything that was wrong when an orchestrator was built, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    pub(crate) fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }

    pub(crate) fn all(problems: Vec<String>) -> Self {
        Self { problems }
    }

    /// The problems, each a sentence that says what would be right; at least one.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for BuildError {}

/// Why there is no orchestrator, or no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The orchestrator cannot be built from what was given.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The run ended without an answer.
    #[error(transparent)]
    Council(#[from] CouncilError),
    /// A run is not gone on with.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The embedded model could not be made ready.
    #[error("{0}")]
    Embedded(String),
}

impl Error {
    /// The class of the error.
    ///
    /// Where several seats failed for several causes, the first of auth, budget, timeout and failure that explains every one of them is it,
    /// else [`ErrorClass::Quorum`].
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Config(_) | Self::Build(_) => ErrorClass::Config,
            Self::Council(CouncilError::Quorum { .. }) => ErrorClass::Quorum,
            Self::Council(CouncilError::NoAnswer { failures }) => class_of(failures),
            Self::Resume(ResumeError::Store(_) | ResumeError::Broken { .. }) | Self::Embedded(_) => {
                ErrorClass::Failed
            }
            Self::Resume(_) | Self::Council(CouncilError::Request(_)) => ErrorClass::BadRequest,
            Self::Council(_) => ErrorClass::Failed,
        }
    }

    /// Every seat that came to nothing, where that is the reason.
    pub fn failures(&self) -> &[SeatFailure] {
        match self {
            Self::Council(error) => error.failures(),
            Self::Config(_) | Self::Build(_) | Self::Resume(_) | Self::Embedded(_) => &[],
        }
    }
}

/// The causes of a class.
fn explains(class: ErrorClass, cause: Cause) -> bool {
    match class {
        ErrorClass::Auth => matches!(cause, Cause::Auth | Cause::Quota),
        ErrorClass::Budget => matches!(cause, Cause::Budget | Cause::RateLimited | Cause::Limit),
        ErrorClass::Timeout => cause == Cause::Timeout,
        ErrorClass::Failed => !matches!(cause, Cause::Abstained | Cause::Refusal),
        ErrorClass::BadRequest | ErrorClass::Config | ErrorClass::Quorum => false,
    }
}

fn class_of(failures: &[SeatFailure]) -> ErrorClass {
    let pure = [ErrorClass::Auth, ErrorClass::Budget, ErrorClass::Timeout];
    let all = |class: ErrorClass| failures.iter().all(|failure| explains(class, failure.cause));
    let causes_of_others = |cause: Cause| pure.into_iter().any(|class| explains(class, cause));
    if failures.is_empty() {
        return ErrorClass::Failed;
    }
    if let Some(class) = pure.into_iter().find(|class| all(*class)) {
        return class;
    }
    let failed = |failure: &SeatFailure| {
        explains(ErrorClass::Failed, failure.cause) && !causes_of_others(failure.cause)
    };
    if failures.iter().all(failed) { ErrorClass::Failed } else { ErrorClass::Quorum }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Role, SeatId};

    use super::*;

    #[test]
    fn the_first_class_that_explains_every_seat_is_the_class() {
        let class = |causes: &[Cause]| {
            let failure = |cause: &Cause| SeatFailure {
                seat: SeatId::new(Role::Proposer, 1),
                cause: *cause,
                why: String::new(),
            };
            class_of(&causes.iter().map(failure).collect::<Vec<_>>())
        };
        assert_eq!(class(&[Cause::Auth, Cause::Quota]), ErrorClass::Auth);
        assert_eq!(class(&[Cause::RateLimited, Cause::Budget]), ErrorClass::Budget);
        assert_eq!(class(&[Cause::Timeout]), ErrorClass::Timeout);
        assert_eq!(class(&[Cause::Unavailable, Cause::Malformed]), ErrorClass::Failed);
        assert_eq!(class(&[Cause::Auth, Cause::Timeout]), ErrorClass::Quorum);
        assert_eq!(class(&[Cause::Abstained]), ErrorClass::Quorum);
    }
}
