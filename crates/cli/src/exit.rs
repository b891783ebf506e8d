//! The exit codes, and how a failure is said: one line a problem on stderr, what is wrong and what to do.

use std::{io::Write, process::ExitCode};

use async_orchestrator::{ConfigError, Error, ErrorClass, Source, trust::TrustFileError};

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something failed or could not be reached.
    Failed = 1,
    /// The arguments or the input are wrong.
    Usage = 2,
    /// The configuration is wrong.
    Config = 3,
    /// A key was not accepted.
    Auth = 4,
    /// The quorum was not reached.
    Quorum = 5,
    /// A budget or a rate limit.
    Budget = 6,
    /// Time ran out without an answer.
    Timeout = 7,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

/// The text that `--help` ends with.
pub(crate) const HELP: &str = "Exit codes:
  0    an answer was printed (a degraded one too, and it says so)
  1    failed, or a server could not be reached, or the answer breaks its --schema
  2    wrong usage or input
  3    wrong configuration
  4    a key was not accepted
  5    the quorum was not reached (nothing was proposed, or --strict)
  6    a budget or a rate limit ended the run
  7    time ran out without an answer
  130  interrupted (Ctrl-C or SIGTERM)";

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: ExitCode,
    message: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit: ExitCode::from(exit as u8), message: Some(message.into()) }
    }

    /// Ctrl-C: who pressed it knows why.
    pub(crate) fn interrupted() -> Self {
        Self { exit: ExitCode::from(Exit::Interrupted as u8), message: Some(String::from("interrupted")) }
    }

    /// The reader of our output has gone: nobody is left to be told.
    pub(crate) fn closed() -> Self {
        Self { exit: ExitCode::SUCCESS, message: None }
    }

    /// What is said of it.
    pub(crate) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    pub(crate) fn report(&self) -> ExitCode {
        if let Some(message) = &self.message {
            let text = crate::sanitize::for_terminal(message);
            // stderr may be closed too; there is nobody else to tell.
            let _ = writeln!(anstream::stderr().lock(), "error: {text}");
        }
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.class() {
            ErrorClass::BadRequest => Exit::Usage,
            ErrorClass::Config => Exit::Config,
            ErrorClass::Auth => Exit::Auth,
            ErrorClass::Quorum => Exit::Quorum,
            ErrorClass::Budget => Exit::Budget,
            ErrorClass::Timeout => Exit::Timeout,
            _ => Exit::Failed,
        };
        Self::new(exit, with_causes(&error))
    }
}

/// The message with those of its causes that it does not repeat itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        // A mistake that is only in the flags is one of usage; the configuration may be in order.
        let flags = error.problems().iter().all(|problem| matches!(problem.source, Source::Explicit { .. }));
        Self::new(if flags { Exit::Usage } else { Exit::Config }, error.to_string())
    }
}

impl From<TrustFileError> for Failure {
    fn from(error: TrustFileError) -> Self {
        let exit = match error {
            TrustFileError::Unreadable { .. } | TrustFileError::NotWritten { .. } => Exit::Failed,
            // The settings name a file that holds no table, or the usual one was damaged.
            _ => Exit::Config,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    /// Writing our own output failed.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::closed(),
            _ => Self::new(Exit::Failed, format!("the output cannot be written: {error}")),
        }
    }
}

/// clap's own message, with its own code: 0 for help and version, 2 for a mistake.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed stdout ends quietly, as everywhere.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS }
}
