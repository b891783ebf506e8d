//! A thousand identical calls are one call upstream, also when the caller who began it leaves.

use std::{sync::Arc, time::Duration};

use async_orchestrator_core::{CallContext, Clock, LlmProvider};
use async_orchestrator_resilience::{ResilienceConfig, Stack, TokioClock};
use async_orchestrator_simulator::{Latency, Persona, Simulator};
use futures_util::{
    FutureExt,
    future::{Either, LocalBoxFuture, join_all, select},
};

use super::{
    Measured,
    report::Findings,
    upstream::{Upstream, drain, question},
};
use crate::chaos::{Delivery, Format};

const CALLS: usize = 1_000;
const TAKES: Duration = Duration::from_millis(400);
/// When the first caller leaves: in the middle of the call.
const LEAVES_AFTER: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leader {
    Stays,
    Leaves,
}

pub(super) async fn run(seed: u64) -> Measured {
    let mut findings = Findings::default();
    for format in [Format::OpenAi, Format::Anthropic] {
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            for leader in [Leader::Stays, Leader::Leaves] {
                one(seed, format, delivery, leader, &mut findings).await?;
            }
        }
    }
    Ok(findings)
}

async fn one(
    seed: u64,
    format: Format,
    delivery: Delivery,
    leader: Leader,
    findings: &mut Findings,
) -> Result<(), String> {
    let persona = Persona::new().latency(Latency::fixed(TAKES));
    let simulator = Simulator::builder().seed(seed).other_models(persona).start().await;
    let simulator = simulator.map_err(|error| error.to_string())?;
    let upstream = Upstream::new(simulator.base_url())?;
    let stack = Stack::try_new(Arc::new(TokioClock), ResilienceConfig::default(), seed);
    let stack = stack.map_err(|error| error.to_string())?;
    let provider =
        stack.provider(vec![upstream.target(format, "model")?]).map_err(|error| error.to_string())?;
    let ask = || one_call(&provider, delivery);
    let mut first = ask();
    // The first one begins the call.
    if (&mut first).now_or_never().is_some() {
        return Err("the first call ended at once".to_owned());
    }
    let others = join_all((1..CALLS).map(|_| ask()));
    let answered = match leader {
        Leader::Stays => {
            let (first, others) = futures_util::future::join(first, others).await;
            usize::from(first) + others.into_iter().filter(|fine| *fine).count()
        }
        Leader::Leaves => match select(others, TokioClock.sleep(LEAVES_AFTER)).await {
            Either::Left(_) => return Err("the call ended before its first caller left".to_owned()),
            Either::Right(((), others)) => {
                drop(first);
                others.await.into_iter().filter(|fine| *fine).count()
            }
        },
    };
    let asked = if leader == Leader::Stays { CALLS } else { CALLS - 1 };
    let name = format!(
        "{}, {}, {}",
        if format == Format::OpenAi { "openai" } else { "anthropic" },
        if delivery == Delivery::Whole { "complete" } else { "stream" },
        if leader == Leader::Stays { "all stay" } else { "the first caller leaves" },
    );
    findings.exactly(format!("{name}: calls upstream of {CALLS}"), simulator.stats().calls_started, 1);
    findings.exactly(format!("{name}: answered"), answered as u64, asked as u64);
    Ok(())
}

fn one_call(provider: &Arc<dyn LlmProvider>, delivery: Delivery) -> LocalBoxFuture<'_, bool> {
    Box::pin(async move {
        let (request, context) =
            (question("Why do rivers meander?"), CallContext::detached(TokioClock.now()));
        match delivery {
            Delivery::Whole => provider.complete(&request, &context).await.is_ok(),
            Delivery::Streamed => drain(&**provider, &request, &context, || {}).await.is_ok(),
        }
    })
}
