//! Executable checks of a result: what a program can decide, no model is asked.

mod arithmetic;

use std::{pin::pin, sync::Arc};

use async_orchestrator_core::{
    Check, CheckKind, CheckOutcome, Clock, Deadline, FinishReason, UnclearCause, ValidationRecord, Verdict,
};
use async_trait::async_trait;
use futures_util::future::{Either, select};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::{InvalidRequest, proposal::shortened, reply, reply::Unreadable};

/// A check that the caller supplies: a compiler, a test suite, a look-up.
#[async_trait]
pub trait Checker: Send + Sync {
    /// The check's name in the record.
    fn name(&self) -> &str;

    /// Checks `answer` to `question`. `Err` says in a sentence what is wrong; it goes to the Implementer for one repair.
    ///
    /// It is dropped at the deadline of the run; the verdict is then unclear. A run without a deadline waits for it.
    async fn check(&self, question: &str, answer: &str) -> Result<(), String>;
}

/// The caller's output schema, compiled.
pub(crate) struct OutputSchema(Validator);

impl OutputSchema {
    /// Compiles `schema`.
    pub(crate) fn try_new(schema: &Value) -> Result<Self, InvalidRequest> {
        if !schema.is_object() && !schema.is_boolean() {
            return Err(InvalidRequest::Schema(String::from("a JSON Schema is an object, or true or false")));
        }
        jsonschema::meta::validate(schema).map_err(|error| {
            InvalidRequest::Schema(format!("{error} (at {})", at(&error.instance_path().to_string())))
        })?;
        jsonschema::validator_for(schema).map(Self).map_err(|error| InvalidRequest::Schema(error.to_string()))
    }

    /// The document in `text`, if it satisfies the schema; else what is wrong.
    pub(crate) fn document(&self, text: &str) -> Result<Value, String> {
        let satisfying = |document: Value| {
            let problems: Vec<String> =
                self.0.iter_errors(&document).take(PROBLEMS_MAX).map(|error| told(&error)).collect();
            if problems.is_empty() { Ok(document) } else { Err(Unreadable(problems.join("; "))) }
        };
        reply::find(text, satisfying).map_err(|unreadable| unreadable.0)
    }
}

/// How many violations of a schema, or wrong sums, are named at once, and how many characters each may have.
const PROBLEMS_MAX: usize = 8;
const PROBLEM_CHARS_MAX: usize = 240;

/// A violation without the value that violates: it may be the whole answer.
fn told(error: &ValidationError<'_>) -> String {
    let told = format!("{} (at {})", error.masked(), at(&error.instance_path().to_string()));
    shortened(&told, PROBLEM_CHARS_MAX)
}

fn at(path: &str) -> &str {
    if path.is_empty() { "the root" } else { path }
}

/// A result, and everything by which a program can check it.
pub(crate) struct Subject<'a> {
    pub(crate) question: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) finish: Option<FinishReason>,
    pub(crate) schema: Option<&'a OutputSchema>,
    pub(crate) checkers: &'a [Arc<dyn Checker>],
}

/// What the executable checks found.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) checks: Vec<Check>,
    /// The failures, a sentence each.
    pub(crate) failures: Vec<String>,
    /// A checker did not come to an end in time.
    late: bool,
}

impl Subject<'_> {
    /// Runs every executable check, the caller's ones not past `deadline`.
    /// What the engine's own checks say.
    pub(crate) fn check(&self) -> Checked {
        let mut checked = Checked::default();
        checked.enter(COMPLETE, outcome(complete(self.answer, self.finish)));
        if let Some(schema) = self.schema {
            checked.enter(OUTPUT_SCHEMA, outcome(schema.document(self.answer).map(|_| ())));
        }
        if let Some(said) = arithmetic::check(self.answer) {
            checked.enter(ARITHMETIC, outcome(said));
        }
        checked
    }

    /// What the user's checks say, in order.
    pub(crate) async fn asked(&self, clock: &dyn Clock, deadline: Deadline) -> Vec<CheckOutcome> {
        let mut outcomes = Vec::with_capacity(self.checkers.len());
        for checker in self.checkers {
            let outcome = in_time(checker.check(self.question, self.answer), clock, deadline).await;
            outcomes.push(match outcome {
                Some(Ok(())) => CheckOutcome::Passed,
                Some(Err(problem)) => CheckOutcome::Broken(problem),
                None => CheckOutcome::Late,
            });
        }
        outcomes
    }
}

/// What the record says of a check that the deadline cut short: nothing is known of the answer then.
pub const CHECK_LATE: &str = "it did not end before the deadline";

/// The engine's own checks.
pub const OWN_CHECKS: [&str; 3] = [COMPLETE, OUTPUT_SCHEMA, ARITHMETIC];
const COMPLETE: &str = "complete";
const OUTPUT_SCHEMA: &str = "output_schema";
const ARITHMETIC: &str = "arithmetic";

impl Checked {
    pub(crate) fn enter(&mut self, name: &str, outcome: CheckOutcome) {
        let (ok, detail) = match outcome {
            CheckOutcome::Passed => (true, String::from("passed")),
            CheckOutcome::Broken(problem) => {
                self.failures.push(format!("{name}: {problem}"));
                (false, problem)
            }
            CheckOutcome::Late => {
                self.late = true;
                (false, String::from(CHECK_LATE))
            }
        };
        self.checks.push(Check { name: name.to_owned(), kind: CheckKind::Executable, ok, detail });
    }

    /// What programs alone can say: enough for `fail`, never for `pass`.
    pub(crate) fn verdict(&self) -> (Verdict, Option<UnclearCause>) {
        match (self.failures.is_empty(), self.late) {
            (false, _) => (Verdict::Fail, None),
            (true, true) => (Verdict::Unclear, Some(UnclearCause::Timeout)),
            (true, false) => (Verdict::NotRun, None),
        }
    }

    /// The validation of a result that no model looks at.
    pub(crate) fn alone(self, repairs: u32) -> ValidationRecord {
        let (verdict, unclear_cause) = self.verdict();
        ValidationRecord { verdict, unclear_cause, checks: self.checks, repairs }
    }
}

fn outcome(said: Result<(), String>) -> CheckOutcome {
    match said {
        Ok(()) => CheckOutcome::Passed,
        Err(problem) => CheckOutcome::Broken(problem),
    }
}

async fn in_time<T>(work: impl Future<Output = T>, clock: &dyn Clock, deadline: Deadline) -> Option<T> {
    let Some(left) = deadline.remaining(clock.now()) else { return Some(work.await) };
    match select(pin!(work), clock.sleep(left)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

fn complete(answer: &str, finish: Option<FinishReason>) -> Result<(), String> {
    if answer.trim().is_empty() {
        return Err(String::from("the answer is empty"));
    }
    if finish == Some(FinishReason::Length) {
        return Err(String::from("the answer was cut at the limit of output tokens"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        for (schema, part) in [
            (json!("x"), "an object"),
            (json!({"type": "strin"}), "type"),
            (json!({"properties": 3}), "properties"),
        ] {
            let error =
                OutputSchema::try_new(&schema).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(part), "{schema}: {error}");
        }
        let schema = OutputSchema::try_new(&json!({"type": "object", "required": ["n"]})).unwrap();
        assert!(schema.document("here: {\"n\": 1}").is_ok());
        assert!(schema.document("{\"m\": 1}").unwrap_err().contains("required"));
    }

    #[test]
    fn a_violation_is_told_without_the_answers_words_and_within_bounds() {
        let schema =
            OutputSchema::try_new(&json!({"type": "object", "additionalProperties": {"type": "integer"}}))
                .unwrap();
        let long: serde_json::Map<String, Value> =
            (0..50).map(|n| (format!("key{n}"), json!("SECRET".repeat(10_000)))).collect();
        let problem = schema.document(&Value::Object(long).to_string()).unwrap_err();
        assert!(!problem.contains("SECRET") && problem.len() < 2_500, "{problem}");
        assert!(problem.contains("at /key0"), "{problem}");
    }
}
