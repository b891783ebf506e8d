//! A council that was held once, and any number of others made after it: about other things, on other days, of other fields, by other
//! models that take their time, fail and cost, as a year of use would leave them behind.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_orchestrator::{
    Filter, History, HistoryStore, Journal, JournalBody, JournalEntry, Kept, ModelRef, Price, RunId, RunSetup,
};
use async_orchestrator_core::{
    Cause, Clock, InvalidModelRef, ModelSetup, RoleFailure, RoleOutcome, SealedEntry, canonical_hash,
    content_hash,
};
use async_orchestrator_resilience::TokioClock;
use futures_util::future::try_join_all;

use super::rounds::ms_since;
use crate::eval::sample::SplitMix;

const DAY_MS: u64 = 86_400_000;
/// The days that a history spans.
const DAYS: u64 = 400;
/// The first of them.
const BEGAN_MS: u64 = 1_750_000_000_000;

/// A model that answers calls, made up.
struct Model {
    provider: &'static str,
    name: &'static str,
    /// The median time of a call.
    ms: f64,
    /// Of a thousand calls, so many fail.
    failing: usize,
    /// Micro-dollars of a million tokens, in and out; none are known of the last.
    price: Option<(u64, u64)>,
}

const MODELS: [Model; 5] = [
    Model {
        provider: "openai",
        name: "gpt-6.1-sol",
        ms: 3_800.0,
        failing: 6,
        price: Some((1_250_000, 10_000_000)),
    },
    Model {
        provider: "anthropic",
        name: "claude-sonnet-5-5",
        ms: 5_200.0,
        failing: 9,
        price: Some((3_000_000, 15_000_000)),
    },
    Model {
        provider: "anthropic",
        name: "claude-haiku-5-5",
        ms: 1_700.0,
        failing: 4,
        price: Some((1_000_000, 5_000_000)),
    },
    Model {
        provider: "openai",
        name: "gpt-6.1-mini",
        ms: 1_300.0,
        failing: 14,
        price: Some((250_000, 2_000_000)),
    },
    Model { provider: "local", name: "qwen3-8b", ms: 9_500.0, failing: 40, price: None },
];

impl Model {
    fn target(&self) -> Result<ModelRef, InvalidModelRef> {
        ModelRef::try_new(self.provider, self.name)
    }

    fn price(&self) -> Option<Price> {
        let (input, output) = self.price?;
        Some(Price { input, cached_input: None, cache_write: None, output, as_of: String::from("2026-10") })
    }

    fn set_up(&self, like: &ModelSetup) -> Result<ModelSetup> {
        let target = self.target()?;
        Ok(ModelSetup { target, price: self.price(), ..like.clone() })
    }
}

/// When run `number` of so many began: more of them as time goes on, at every hour.
fn moment(number: usize, of: usize) -> u64 {
    let share = (number as f64 / of.max(1) as f64).sqrt();
    let passed = std::time::Duration::from_millis(DAYS * DAY_MS).mul_f64(share);
    BEGAN_MS + u64::try_from(passed.as_millis()).unwrap_or_default()
}

/// Gives the outcome to some model; tells what it cost, if that is known, and the milliseconds that it took.
fn vary(outcome: &mut RoleOutcome, dice: &mut SplitMix) -> Result<(Option<u64>, f64)> {
    // The smaller of two throws: the first models are asked most.
    let model = &MODELS[dice.below(MODELS.len()).min(dice.below(MODELS.len()))];
    let took_ms = model.ms * dice.normal(0.45).exp();
    let took = std::time::Duration::from_secs_f64(took_ms / 1_000.0).as_millis();
    let RoleOutcome::Answered(completion) = outcome else { return Ok((Some(0), took_ms)) };
    for attempt in &mut completion.trail {
        attempt.target = model.target()?;
        attempt.ended_ms = Some(attempt.started_ms + u64::try_from(took).unwrap_or_default());
    }
    if dice.below(1_000) < model.failing {
        let trail = std::mem::take(&mut completion.trail);
        let why = String::from("the model did not answer in time");
        *outcome = RoleOutcome::Failed(RoleFailure { cause: Cause::Timeout, why, trail });
        return Ok((Some(0), took_ms));
    }
    completion.answered_by = model.target()?;
    Ok((model.price().map(|price| price.cost(&completion.usage).0), took_ms))
}

/// A recorded council, which others are made after.
pub(super) struct Pattern {
    kept: Kept,
    entries: Vec<SealedEntry>,
    setup_hash: String,
    setup: RunSetup,
}

impl Pattern {
    /// After the newest run of `history`.
    pub(super) async fn of(history: &History) -> Result<Self> {
        let rows = history.list(Filter::default()).await?;
        let run = &rows.first().context("nothing was kept")?.run;
        let entries = history.entries(run).await?;
        let Some(JournalBody::Opened { setup: hash, .. }) = entries.first().map(SealedEntry::body) else {
            anyhow::bail!("the journal has no beginning");
        };
        let mut setup = history.setup(hash).await?.context("the setup is not kept")?;
        for seat in &mut setup.seats {
            let like = seat.models.first().context("a seat has no model")?.clone();
            seat.models = MODELS.iter().map(|model| model.set_up(&like)).collect::<Result<_>>()?;
        }
        let kept = history.kept(run).await?.context("the record is not kept")?;
        // The setup is another one now, and its hash with it; the entries that are made name this one.
        Ok(Self { kept, setup_hash: canonical_hash(&setup)?, entries, setup })
    }

    /// The council as run `number`, about something else, on another day, of another field.
    fn varied(&self, number: usize, of: usize, dice: &mut SplitMix) -> Result<(Vec<Arc<SealedEntry>>, Kept)> {
        const WORDS: [&str; 16] = [
            "river", "ledger", "queue", "harbour", "window", "parser", "garden", "engine", "meadow", "cache",
            "bridge", "kernel", "lantern", "socket", "orchard", "thread",
        ];
        const DOMAINS: [&str; 5] =
            ["general", "software_architecture", "research", "mathematics", "business"];
        let words: Vec<&str> = (0..6).map(|_| WORDS[dice.below(WORDS.len())]).collect();
        let domain = DOMAINS[dice.below(DOMAINS.len()).min(dice.below(DOMAINS.len()))];
        let mut kept = self.kept.clone();
        let began_ms = moment(number, of);
        let run =
            RunId::new(format!("019b{:04x}-{:04x}-7000-8000-{number:012x}", number >> 16, number & 0xffff));
        kept.request.query = format!("{} ({} number{number})", self.kept.request.query, words.join(" "));
        kept.record.run_id = run.clone();
        kept.record.timing.began_ms = began_ms;
        kept.record.triage.domain = domain.parse().map_err(|_| anyhow::anyhow!("no field"))?;
        let winner = dice.below(kept.record.proposals.len().max(1));
        kept.record.answer.winner = kept.record.proposals.get(winner).map(|proposal| proposal.id.clone());
        let (mut cost, mut total_ms) = (Some(0), 0.0);
        let mut previous = content_hash(run.as_str().as_bytes());
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in self.entries.iter().map(SealedEntry::entry) {
            let mut body = entry.body.clone();
            if let JournalBody::Opened { request, wall_ms, setup, .. } = &mut body {
                request.clone_from(&kept.request);
                *wall_ms = began_ms;
                setup.clone_from(&self.setup_hash);
            }
            if let JournalBody::Arrived { outcome, .. } = &mut body {
                let (micros, took_ms) = vary(Arc::make_mut(outcome), dice)?;
                cost = cost.zip(micros).map(|(sum, micros)| sum + micros);
                total_ms += took_ms * 0.7;
            }
            let sealed = SealedEntry::seal(JournalEntry {
                index: entry.index,
                previous: previous.clone(),
                at_ms: entry.at_ms,
                body,
            })?;
            sealed.hash().clone_into(&mut previous);
            entries.push(Arc::new(sealed));
        }
        kept.record.log.head = previous;
        kept.record.cost.micro_usd = cost;
        kept.record.timing.total_ms = total_ms;
        Ok((entries, kept))
    }

    /// Fills `history` with `count` varied councils; gives the milliseconds that one took.
    pub(super) async fn fill(&self, history: &History, count: usize) -> Result<f64> {
        const AT_ONCE: usize = 200;
        let mut dice = SplitMix(7);
        history.keep_setup(&self.setup_hash, &self.setup).await?;
        let started = TokioClock.now();
        for first in (0..count).step_by(AT_ONCE) {
            let varied =
                (first..count.min(first + AT_ONCE)).map(|number| self.varied(number, count, &mut dice));
            let varied = varied.collect::<Result<Vec<_>>>()?;
            try_join_all(varied.into_iter().map(|(entries, kept)| async move {
                let run = kept.record.run_id.clone();
                try_join_all(entries.into_iter().map(|entry| history.append(&run, entry))).await?;
                history.keep(&kept.request, &kept.record).await
            }))
            .await?;
        }
        Ok(ms_since(started) / count as f64)
    }
}
