//! What one call costs: a bare client, the same through a gateway, our provider alone, and our provider under the default stack.

use std::sync::Arc;

use anyhow::{Result, ensure};
use async_orchestrator_core::{Clock, CompletionRequest, LlmProvider};
use async_orchestrator_resilience::TokioClock;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Figure, Sheet,
    process::Helper,
    raw::{Ask, Got, Raw},
    rounds::{Contestant, Prices, cpu, median, ratios, spread},
    upstream::{BURST, PACED, PROMPT, SINGLE},
    world,
};

const CALLS: usize = 1_000;
/// A paced stream takes 67 ms, so many run at once.
const PACED_CALLS: usize = 320;
const PACED_AT_ONCE: usize = 16;
/// More than run at once.
const REQUESTS: usize = 4 * PACED_AT_ONCE;
const FIRST_TOKEN_CALLS: usize = 100;
/// The most that ours may cost beside a bare client.
const RATIO_MAX: f64 = 1.6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Whole,
    Streamed,
}

/// The contestants at one model of the upstream.
struct Field {
    model: &'static str,
    /// Calls that run at the same time must differ, or the stack makes one of them.
    requests: Vec<CompletionRequest>,
    raw: Raw,
    through: Raw,
    alone: Arc<dyn LlmProvider>,
    stack: Arc<dyn LlmProvider>,
}

impl Field {
    fn new(upstream: &Helper, gateway: &Helper, model: &'static str) -> Result<Self> {
        let provider = world::provider(&upstream.address, model)?;
        world::check_same_bytes(&provider, model)?;
        Ok(Self {
            model,
            requests: (0..REQUESTS).map(world::numbered_question).collect(),
            raw: Raw::new(&upstream.address)?,
            through: Raw::new(&gateway.address)?,
            stack: world::stacked(provider.clone())?,
            alone: provider,
        })
    }

    fn request(&self, call: usize) -> &CompletionRequest {
        &self.requests[call % self.requests.len()]
    }

    async fn bare(&self, call: usize, raw: &Raw, how: How, first: impl FnOnce()) -> Result<Got> {
        match how {
            How::Whole => raw.complete(&Ask::whole(self.model, self.request(call))).await,
            How::Streamed => raw.stream(&Ask::streamed(self.model, self.request(call)), first).await,
        }
    }

    async fn ours(
        &self,
        call: usize,
        provider: &dyn LlmProvider,
        how: How,
        first: impl FnOnce(),
    ) -> Result<Got> {
        match how {
            How::Whole => world::complete(provider, self.request(call)).await,
            How::Streamed => world::stream(provider, self.request(call), first).await,
        }
    }

    /// Fails if the contestants do not all get the same reply.
    async fn check(&self, how: How) -> Result<usize> {
        let bare = self.bare(0, &self.raw, how, || ()).await?;
        for provider in [&self.alone, &self.stack] {
            let ours = self.ours(0, &**provider, how, || ()).await?;
            ensure!(
                (&ours.text, ours.events, ours.tokens) == (&bare.text, bare.events, bare.tokens),
                "the contestants read different replies"
            );
        }
        ensure!(
            self.bare(0, &self.through, how, || ()).await?.text == bare.text,
            "the gateway changes replies"
        );
        Ok(bare.events)
    }

    fn bare_contestant<'a>(
        &'a self,
        name: &'static str,
        raw: &'a Raw,
        how: How,
        at_once: usize,
    ) -> Contestant<'a> {
        Contestant::new(name, move |calls| {
            let calls = stream::iter(0..calls).map(move |call| async move {
                self.bare(call, raw, how, || ()).await?;
                Ok(())
            });
            Box::pin(calls.buffer_unordered(at_once).try_collect::<()>())
        })
    }

    fn our_contestant<'a>(
        &'a self,
        name: &'static str,
        provider: &'a dyn LlmProvider,
        how: How,
        at_once: usize,
    ) -> Contestant<'a> {
        Contestant::new(name, move |calls| {
            let calls = stream::iter(0..calls).map(move |call| async move {
                self.ours(call, provider, how, || ()).await?;
                Ok(())
            });
            Box::pin(calls.buffer_unordered(at_once).try_collect::<()>())
        })
    }

    async fn race(
        &self,
        gateway: &Helper,
        rounds: usize,
        how: How,
        calls: usize,
        at_once: usize,
    ) -> Result<Prices> {
        let contestants = [
            self.bare_contestant("raw", &self.raw, how, at_once),
            self.our_contestant("provider", &*self.alone, how, at_once),
            self.our_contestant("stack", &*self.stack, how, at_once),
            self.bare_contestant("gateway", &self.through, how, at_once).with(gateway),
        ];
        cpu(&contestants, rounds, calls).await
    }
}

/// Runs the part.
pub(super) async fn run(rounds: usize, sheet: &mut Sheet<'_>) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let gateway = Helper::start("gateway", &[&upstream.address])?;
    let burst = Field::new(&upstream, &gateway, BURST)?;
    burst.check(How::Whole).await?;
    let whole = burst.race(&gateway, rounds, How::Whole, CALLS, 1).await?;
    tell(sheet, "whole", &whole);

    let events = burst.check(How::Streamed).await?;
    let streamed = burst.race(&gateway, rounds, How::Streamed, CALLS, 1).await?;
    tell(sheet, "streamed", &streamed);
    let single = Field::new(&upstream, &gateway, SINGLE)?;
    single.check(How::Streamed).await?;
    let single = single.race(&gateway, rounds, How::Streamed, CALLS, 1).await?;
    let each = |name: &str| -> Vec<f64> {
        let pairs = streamed.of(name).iter().zip(single.of(name));
        pairs.map(|(many, one)| (many - one) / (events - 1) as f64).collect()
    };
    for name in ["raw", "provider", "stack"] {
        sheet.add(Figure::new(format!("call.event.{name}"), median(each(name)), "ns"));
    }
    let shares = ratios(&each("stack"), &each("raw"));
    sheet.add(
        Figure::new("call.event.ratio", median(shares.clone()), "x")
            .at_most(RATIO_MAX)
            .note(format!("{events} events, {}; the raw client reads each into a struct", spread(&shares))),
    );

    let paced = Field::new(&upstream, &gateway, PACED)?;
    paced.check(How::Streamed).await?;
    let prices = paced.race(&gateway, rounds, How::Streamed, PACED_CALLS, PACED_AT_ONCE).await?;
    tell(sheet, "paced", &prices);
    first_token(&Field::new(&upstream, &gateway, PROMPT)?, rounds, sheet).await
}

/// Makes so many calls in one way, for a profiler.
pub(super) async fn repeat(who: &str, how: &str, calls: &str) -> Result<()> {
    let upstream = Helper::start("upstream", &[])?;
    let model = if how == "paced" { PACED } else { BURST };
    let field = Field::new(&upstream, &upstream, model)?;
    let how = if how == "whole" { How::Whole } else { How::Streamed };
    let contestant = match who {
        "raw" => field.bare_contestant("raw", &field.raw, how, 1),
        "provider" => field.our_contestant("provider", &*field.alone, how, 1),
        _ => field.our_contestant("stack", &*field.stack, how, 1),
    };
    cpu(&[contestant], 1, calls.parse()?).await?;
    Ok(())
}

fn tell(sheet: &mut Sheet<'_>, what: &str, prices: &Prices) {
    for name in ["raw", "provider", "stack", "gateway"] {
        sheet.add(Figure::new(format!("call.{what}.{name}"), prices.us(name), "us"));
    }
    for name in ["provider", "gateway"] {
        let ratio = prices.ratio(name, "raw");
        sheet.add(
            Figure::new(format!("call.{what}.{name}.ratio"), ratio, "x").note(prices.spread(name, "raw")),
        );
    }
    let ratio = prices.ratio("stack", "raw");
    let note = prices.spread("stack", "raw");
    sheet.add(Figure::new(format!("call.{what}.ratio"), ratio, "x").at_most(RATIO_MAX).note(note));
}

/// The time to the first piece of text. The contestants take turns call by call, because time on the wall is noisier than CPU time.
async fn first_token(field: &Field, rounds: usize, sheet: &mut Sheet<'_>) -> Result<()> {
    const NAMES: [&str; 4] = ["raw", "provider", "stack", "gateway"];
    field.check(How::Streamed).await?;
    let mut medians: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        let mut times: [Vec<f64>; 4] = Default::default();
        for call in 0..FIRST_TOKEN_CALLS * NAMES.len() {
            let index = (call + call / NAMES.len()) % NAMES.len();
            let (started, mut took) = (TokioClock.now(), None);
            let first = || took = Some(TokioClock.now().saturating_duration_since(started));
            match index {
                0 => field.bare(call, &field.raw, How::Streamed, first).await?,
                1 => field.ours(call, &*field.alone, How::Streamed, first).await?,
                2 => field.ours(call, &*field.stack, How::Streamed, first).await?,
                _ => field.bare(call, &field.through, How::Streamed, first).await?,
            };
            times[index].push(took.unwrap_or_default().as_nanos() as f64);
        }
        for (index, times) in times.into_iter().enumerate() {
            medians[index].push(median(times));
        }
    }
    let [raw, provider, stack, gateway] = &medians;
    for (name, times) in NAMES.into_iter().zip(&medians) {
        sheet.add(Figure::new(format!("call.first_token.{name}"), median(times.clone()) / 1_000.0, "us"));
    }
    for (name, times) in [("provider.ratio", provider), ("gateway.ratio", gateway)] {
        sheet.add(Figure::new(format!("call.first_token.{name}"), median(ratios(times, raw)), "x"));
    }
    let shares = ratios(stack, raw);
    let ratio = median(shares.clone());
    sheet.add(Figure::new("call.first_token.ratio", ratio, "x").at_most(RATIO_MAX).note(spread(&shares)));
    Ok(())
}
