//! Stage 8: the result is checked, by programs first and then by one model, with one bounded repair.

use async_orchestrator_core::{
    AnswerSource, Cause, Check, CheckKind, Defect, Role, Stage, UnclearCause, ValidationRecord, Verdict,
};
use async_orchestrator_prompts::{PromptInput, ValidationReply};

use super::{
    Run,
    finish::{Asked, Draft, read_text},
};
use crate::{CouncilError, books::text_of, checks::Checked, reply};

impl Run<'_> {
    /// Stage 8: executable checks first, then one model with a rubric; one repair at most.
    pub(super) async fn validate(
        &mut self,
        draft: Draft,
        critical: &[&Defect],
    ) -> Result<(Draft, ValidationRecord, Vec<String>), CouncilError> {
        let (mut validation, mut overruled, mut failures) = self.look_at(&draft, critical).await?;
        if validation.verdict != Verdict::Fail {
            return Ok((draft, validation, overruled));
        }
        let Some(repaired) = self.repair(&draft, failures.split_off(0)).await? else {
            return Ok((draft, validation, overruled));
        };
        let (again, overruled_again, _) = self.look_at(&repaired, critical).await?;
        // A repair that breaks what a program had found whole is no repair.
        if again.verdict == Verdict::Fail && broken(&again) > broken(&validation) {
            validation.repairs = 1;
            return Ok((draft, validation, overruled));
        }
        overruled.extend(overruled_again);
        Ok((repaired, ValidationRecord { repairs: 1, ..again }, overruled))
    }

    async fn look_at(
        &mut self,
        draft: &Draft,
        critical: &[&Defect],
    ) -> Result<(ValidationRecord, Vec<String>, Vec<String>), CouncilError> {
        let checked = self.setting.checked(&draft.text, draft.finish).await?;
        if checked.verdict().0 != Verdict::NotRun {
            // A program has already said no, or the time is up: no model is asked to say it again.
            let failures = checked.failures.clone();
            return Ok((checked.alone(0), Vec::new(), failures));
        }
        let Checked { mut checks, .. } = checked;
        let record =
            |verdict, unclear_cause, checks| ValidationRecord { verdict, unclear_cause, checks, repairs: 0 };
        let request = self.setting.request;
        let input = PromptInput {
            question: &request.query,
            context: request.context.as_deref(),
            answer_kind: self.setting.decision.answer_kind,
            output_schema: request.output_schema.as_ref(),
            draft: Some(&draft.text),
            defects: critical.to_vec(),
            ..PromptInput::default()
        };
        let effect = "no model checked the result";
        let said = self.one(Role::Validator, Stage::Validate, &input, effect, |_, outcome| {
            reply::read::<ValidationReply>(text_of(outcome).unwrap_or_default())
        });
        let reply = match said.await? {
            Asked::Said(_, reply) => reply,
            Asked::NoSeat => return Ok((record(Verdict::NotRun, None, checks), Vec::new(), Vec::new())),
            Asked::Failed(failure) => {
                let cause = match failure.cause {
                    Cause::Timeout => UnclearCause::Timeout,
                    _ => UnclearCause::Infra,
                };
                return Ok((record(Verdict::Unclear, Some(cause), checks), Vec::new(), Vec::new()));
            }
        };
        let standing: Vec<&&Defect> =
            critical.iter().filter(|defect| reply.overrules(defect).is_none()).collect();
        let overruled = critical.iter().filter(|defect| reply.overrules(defect).is_some());
        let overruled: Vec<String> = overruled.map(|defect| defect.quote.clone()).collect();
        let mut failures = reply.reasons.clone();
        failures.extend(standing.iter().map(|defect| format!("critical defect: {}", defect.why)));
        // A critical, quoted defect blocks `pass` until it is overruled with a reason (COUNCIL.md, section 3).
        let verdict = if reply.verdict == Verdict::Pass && !standing.is_empty() {
            Verdict::Fail
        } else {
            reply.verdict
        };
        checks.push(Check {
            name: String::from("rubric"),
            kind: CheckKind::Rubric,
            ok: verdict == Verdict::Pass,
            detail: if failures.is_empty() { verdict.name().to_owned() } else { failures.join("; ") },
        });
        let cause = (verdict == Verdict::Unclear).then_some(UnclearCause::LowConfidence);
        Ok((record(verdict, cause, checks), overruled, failures))
    }

    async fn repair(&mut self, draft: &Draft, failures: Vec<String>) -> Result<Option<Draft>, CouncilError> {
        let request = self.setting.request;
        let input = PromptInput {
            question: &request.query,
            context: request.context.as_deref(),
            answer_kind: self.setting.decision.answer_kind,
            output_schema: request.output_schema.as_ref(),
            draft: Some(&draft.text),
            failures,
            ..PromptInput::default()
        };
        let effect = "the result was not repaired";
        let said = self.one(Role::Implementer, Stage::Repair, &input, effect, read_text).await?;
        Ok(match said {
            Asked::Said(_, (text, finish)) => {
                Some(Draft { text, source: AnswerSource::Implementation, finish: Some(finish) })
            }
            Asked::NoSeat | Asked::Failed(_) => None,
        })
    }
}

/// How many executable checks a result failed.
fn broken(validation: &ValidationRecord) -> usize {
    validation.checks.iter().filter(|check| check.kind == CheckKind::Executable && !check.ok).count()
}
