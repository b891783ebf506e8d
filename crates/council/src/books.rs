//! What a run has done so far: the calls, their attempts, tokens, times and prompts, and who is missing.

mod prepared;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_orchestrator_core::{
    Absence, Alarm, Attempt, AttemptOutcome, Cause, Completion, CostRecord, Deadline, EventKind,
    FinishReason, MicroUsd, ModelRef, Role, RoleOutcome, SeatId, Served, Stage, StatusDetail, TimingRecord,
    Usage,
};
use futures_util::{StreamExt, stream::SelectAll};

use crate::{
    CouncilError, Panel, SeatFailure,
    fan_out::{Arrival, Asked, Line},
    reply::Unreadable,
};

pub(crate) use prepared::{Prepared, Turn};

/// The books of one run.
pub(crate) struct Books {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) prompts: BTreeMap<String, String>,
    pub(crate) answered_by: BTreeMap<SeatId, ModelRef>,
    pub(crate) absences: Vec<Absence>,
    pub(crate) details: Vec<StatusDetail>,
    pub(crate) saved_calls: u64,
    /// When the run began, in milliseconds since 1970.
    pub(crate) began_ms: u64,
    /// Whether a seat whose reply cannot be read is asked once more.
    pub(crate) ask_again: bool,
    asked: BTreeSet<SeatId>,
    read_shortened: BTreeSet<SeatId>,
    stale: BTreeSet<String>,
    finish: BTreeMap<SeatId, FinishReason>,
    usage: Vec<(ModelRef, Usage)>,
    per_stage: BTreeMap<String, f64>,
    critical_path_ms: f64,
}

/// What a seat gave, after reading and at most one repair.
pub(crate) struct Gathered<T> {
    pub(crate) seat: SeatId,
    pub(crate) result: Result<T, SeatFailure>,
    pub(crate) repaired: bool,
    /// What it wrote last, read or not.
    pub(crate) text: Option<String>,
}

/// Whether a batch goes on waiting after an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    More,
    /// What is still out cannot change anything: it is cancelled.
    Enough,
}

impl Books {
    pub(crate) fn open() -> Self {
        Self {
            attempts: Vec::new(),
            prompts: BTreeMap::new(),
            answered_by: BTreeMap::new(),
            absences: Vec::new(),
            details: Vec::new(),
            saved_calls: 0,
            began_ms: 0,
            ask_again: true,
            asked: BTreeSet::new(),
            read_shortened: BTreeSet::new(),
            stale: BTreeSet::new(),
            finish: BTreeMap::new(),
            usage: Vec::new(),
            per_stage: BTreeMap::new(),
            critical_path_ms: 0.0,
        }
    }

    /// Asks `batch`, reads each reply with `read`, and asks those once more whose reply could not be read.
    ///
    /// `on_value` sees each value as it arrives and may end the waiting. Results come back in the order of `batch`.
    pub(crate) async fn gather<T>(
        &mut self,
        line: &Line,
        panel: &Panel,
        batch: Vec<Prepared>,
        deadline: Deadline,
        read: impl Fn(SeatId, &RoleOutcome) -> Result<T, Unreadable>,
        mut on_value: impl FnMut(SeatId, &T) -> Wait,
    ) -> Result<Vec<Gathered<T>>, CouncilError> {
        let mut results: Vec<Option<Gathered<T>>> = batch.iter().map(|_| None).collect();
        let batch = self.about_to_ask(batch);
        // What these calls lean on is durable before they are sent.
        line.log.settle_arrivals().await?;
        let started = line.now();
        let mut arrivals = SelectAll::new();
        arrivals.push(line.fan_out(asked(panel, &batch, ""), deadline));
        while let Some(arrival) = arrivals.next().await {
            let seat = arrival.call.seat;
            let Some(at) = batch.iter().position(|prepared| prepared.seat == seat) else { continue };
            let (Some(prepared), Some(slot)) = (batch.get(at), results.get_mut(at)) else { continue };
            let mut dependent = false;
            let value = match &*arrival.outcome {
                RoleOutcome::Failed(failure) => {
                    Err(SeatFailure { seat, cause: failure.cause, why: failure.why.clone() })
                }
                outcome => read(seat, outcome).map_err(|unreadable| {
                    let text = text_of(outcome);
                    // The repair goes out now: a seat that is done must not wait for the slowest one of its stage.
                    let repair = text
                        .filter(|_| slot.is_none() && self.ask_again)
                        .and_then(|text| prepared.repair(text, &unreadable.0));
                    if let Some(repair) = &repair {
                        dependent = true;
                        arrivals.push(
                            line.fan_out(asked(panel, std::slice::from_ref(repair), "/repair"), deadline),
                        );
                    }
                    SeatFailure { seat, cause: Cause::Malformed, why: unreadable.0 }
                }),
            };
            let wait = value.as_ref().map_or(Wait::More, |value| on_value(seat, value));
            let text = text_of(&arrival.outcome).map(str::to_owned);
            match (&mut *slot, &value) {
                // A repair that never came about does not change why the seat came to nothing.
                (Some(_), Err(failure)) if failure.cause != Cause::Malformed => {}
                (first, _) => {
                    let repaired = first.is_some();
                    *first = Some(Gathered { seat, result: value, repaired, text });
                }
            }
            self.arrived(arrival)?;
            if wait == Wait::Enough {
                break;
            }
            if dependent {
                // The second call is not polled before this: what it leans on is durable.
                line.log.settle().await?;
            }
        }
        drop(arrivals);
        self.passed(batch.first().map(|first| first.stage), line.now().saturating_duration_since(started));
        let mut gathered = Vec::with_capacity(batch.len());
        for (prepared, result) in batch.iter().zip(results) {
            let answer = match result {
                Some(answer) => answer,
                None => self.saved(line, prepared),
            };
            // The call itself ended well, but the seat came to nothing: whoever watches must hear of it.
            if let Err(failure) = &answer.result
                && failure.cause == Cause::Malformed
            {
                tell(line, prepared.stage, failure);
            }
            gathered.push(answer);
        }
        Ok(gathered)
    }

    /// Notes who is asked, and which of them for the second time in this stage.
    fn about_to_ask(&mut self, mut batch: Vec<Prepared>) -> Vec<Prepared> {
        for prepared in &mut batch {
            self.asked.insert(prepared.seat);
            if !prepared.prompt_read.is_whole() {
                self.read_shortened.insert(prepared.seat);
            }
            if self.prompts.contains_key(&prepared.name("")) {
                prepared.turn = Turn::Second;
            }
        }
        batch
    }

    /// A call that was cancelled because it could no longer change anything.
    fn saved<T>(&mut self, line: &Line, prepared: &Prepared) -> Gathered<T> {
        self.saved_calls += 1;
        let failure = SeatFailure {
            seat: prepared.seat,
            cause: Cause::CancelledUnassailable,
            why: String::from("the winner could no longer change"),
        };
        tell(line, prepared.stage, &failure);
        Gathered { seat: prepared.seat, result: Err(failure), repaired: false, text: None }
    }

    pub(crate) fn arrived(&mut self, arrival: Arrival) -> Result<(), CouncilError> {
        let Arrival { call, outcome, entered } = arrival;
        entered?;
        self.attempts.extend(outcome.trail().iter().cloned());
        let spent = match &*outcome {
            RoleOutcome::Answered(completion) => Some((completion.answered_by.clone(), completion.usage)),
            RoleOutcome::Judged(verdict) => Some((verdict.answered_by.clone(), verdict.usage)),
            RoleOutcome::Failed(_) => None,
        };
        if let Some(completion) = completion_of(&outcome) {
            self.finish.insert(call.seat, completion.finish);
            if !completion.prompt_read.is_whole() {
                self.read_shortened.insert(call.seat);
            }
            if let Served::Stale { age_ms } = completion.served {
                self.stale.insert(format!(
                    "stale: {} gave this answer {} ago, and nobody could be reached now ({})",
                    completion.answered_by,
                    age(age_ms),
                    call.seat
                ));
            }
        }
        if let Some((model, usage)) = spent {
            self.answered_by.insert(call.seat, model.clone());
            self.usage.push((model, usage));
        }
        self.prompts.insert(call.call.clone(), call.prompt_hash);
        Ok(())
    }

    fn passed(&mut self, stage: Option<Stage>, took: Duration) {
        let Some(stage) = stage else { return };
        let took_ms = took.as_secs_f64() * 1_000.0;
        *self.per_stage.entry(stage.name().to_owned()).or_default() += took_ms;
        if stage != Stage::Observe {
            self.critical_path_ms += took_ms;
        }
    }

    /// Notes that a seat is missing, and what that means for the result.
    pub(crate) fn absent(&mut self, failure: &SeatFailure, effect: &str) {
        let role = failure.seat.role;
        self.absences.push(Absence {
            role,
            seat: failure.seat,
            cause: failure.cause,
            why: failure.why.clone(),
        });
        self.details.push(StatusDetail {
            what: format!("{} is absent: {}", failure.seat, failure.why),
            seat: Some(failure.seat),
            cause: failure.cause,
            effect: effect.to_owned(),
        });
    }

    /// The seats that are missing, as failures.
    pub(crate) fn failures(&self) -> Vec<SeatFailure> {
        let failure = |absence: &Absence| SeatFailure {
            seat: absence.seat,
            cause: absence.cause,
            why: absence.why.clone(),
        };
        self.absences.iter().map(failure).collect()
    }

    /// Whether a seat of `role` is missing.
    pub(crate) fn lacks(&self, role: Role) -> bool {
        self.absences
            .iter()
            .any(|absence| absence.role == role && absence.cause != Cause::CancelledUnassailable)
    }

    /// What must be said beside an answer that leans on old replies.
    pub(crate) fn stale_notices(&self) -> impl Iterator<Item = &String> {
        self.stale.iter()
    }

    /// Who answered without having read the whole prompt.
    pub(crate) fn shortened_prompts(&self) -> Option<Alarm> {
        if self.read_shortened.is_empty() {
            return None;
        }
        let seats: Vec<String> = self.read_shortened.iter().map(ToString::to_string).collect();
        Some(Alarm {
            alarm: String::from("prompt_shortened"),
            detail: format!(
                "the question or its context was too long for the model of {}: it read a part of it",
                seats.join(", ")
            ),
        })
    }

    /// Whether anything was asked of `seat`.
    pub(crate) fn was_asked(&self, seat: SeatId) -> bool {
        self.asked.contains(&seat)
    }

    /// How the last reply of `seat` ended.
    pub(crate) fn finish_of(&self, seat: SeatId) -> Option<FinishReason> {
        self.finish.get(&seat).copied()
    }

    /// Every model that spoke, also those whose seat another one answered for later.
    pub(crate) fn speakers(&self) -> impl Iterator<Item = &ModelRef> {
        self.usage.iter().map(|(model, _)| model)
    }

    /// What the run cost. What failed and dropped calls had used stands in the ledger alone, where the budget guard settled it.
    pub(crate) fn cost(&self, line: &Line, panel: &Panel, ceiling: Option<MicroUsd>) -> CostRecord {
        let total: Usage = self.usage.iter().map(|(_, usage)| *usage).sum();
        let prices: Vec<_> = self.usage.iter().map(|(model, usage)| (panel.facts(model), usage)).collect();
        let spent: Option<MicroUsd> = prices
            .iter()
            .map(|(facts, usage)| facts.and_then(|facts| facts.price.as_ref()).map(|price| price.cost(usage)))
            .sum();
        let spent = spent.filter(|_| !self.may_have_cost_unknown(panel));
        let as_of =
            prices.iter().filter_map(|(facts, _)| Some(facts.as_ref()?.price.as_ref()?.as_of.clone())).min();
        CostRecord {
            calls: line.attempts_made().max(self.usage.len() as u64),
            cached_calls: 0,
            saved_calls: self.saved_calls,
            tokens_in: total.input_tokens,
            tokens_out: total.output_tokens,
            micro_usd: spent.map(|money| money.max(line.ledger.settled().cost).0),
            price_as_of: as_of,
            ceiling_micro_usd: ceiling.map(|money| money.0),
        }
    }

    /// Whether a failed attempt may have been billed by a model whose price nobody knows: then the sum is unknown too.
    fn may_have_cost_unknown(&self, panel: &Panel) -> bool {
        self.attempts.iter().any(|attempt| {
            let worked = match attempt.outcome {
                AttemptOutcome::Ok(_) => false,
                AttemptOutcome::Failed(cause) => Cause::MAY_BE_BILLED.contains(&cause),
            };
            worked && panel.facts(&attempt.target).is_none_or(|facts| facts.price.is_none())
        })
    }

    pub(crate) fn timing(&self, total: Duration) -> TimingRecord {
        let total_ms = total.as_secs_f64() * 1_000.0;
        TimingRecord {
            began_ms: self.began_ms,
            total_ms,
            critical_path_ms: self.critical_path_ms.min(total_ms),
            engine_us: (total_ms - self.critical_path_ms).max(0.0) * 1_000.0,
            per_stage: self.per_stage.clone(),
        }
    }
}

fn asked<'a>(panel: &'a Panel, batch: &[Prepared], suffix: &str) -> Vec<Asked<'a>> {
    batch
        .iter()
        .filter_map(|prepared| Some(Asked { seat: panel.seat(prepared.seat)?, call: prepared.call(suffix) }))
        .collect()
}

pub(crate) fn text_of(outcome: &RoleOutcome) -> Option<&str> {
    completion_of(outcome).map(|completion| completion.text.as_str())
}

pub(crate) fn completion_of(outcome: &RoleOutcome) -> Option<&Completion> {
    match outcome {
        RoleOutcome::Answered(completion) => Some(completion),
        RoleOutcome::Judged(_) | RoleOutcome::Failed(_) => None,
    }
}

/// An age as people say it.
fn age(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

/// Tells the observers about an alarm.
pub(crate) fn raise(line: &Line, alarm: &Alarm) {
    line.events.emit(None, || EventKind::Alarm { alarm: alarm.alarm.clone(), detail: alarm.detail.clone() });
}

/// Tells the observers that a seat came to nothing for a reason that its call does not know.
pub(crate) fn tell(line: &Line, stage: Stage, failure: &SeatFailure) {
    line.events.emit(Some(failure.seat), || EventKind::RoleFailed {
        stage,
        cause: failure.cause,
        why: failure.why.clone(),
    });
}
