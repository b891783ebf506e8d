//! One of two vendors is down for a minute while a thousand councils come in: nearly all of them decide, and soon nobody waits for it.
//!
//! The roles' limit is 2 s, also for the first token: what a silent vendor costs is this limit, and with the default of a minute the
//! proof would measure nothing else.

mod vendors;
mod watch;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_orchestrator::{
    AsyncOrchestrator, ConfigFile, Environment, Layers, ModeChoice, Role, RoleDefinition, Status,
    TriageRequest,
};
use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use futures_util::future::{Either, join, select};
use tokio::task::JoinSet;

use self::{vendors::Vendors, watch::Watch};
use super::{
    Measured,
    measure::{ms, quantile},
    report::Findings,
};
use crate::chaos::world::since;

const COUNCILS: u32 = 1_000;
const GAP: Duration = Duration::from_millis(100);
const DOWN_AT: Duration = Duration::from_secs(20);
const UP_AT: Duration = Duration::from_secs(80);
/// The limit of each attempt, and of its first token.
const LIMIT: Duration = Duration::from_secs(2);
/// The stages that follow one another; the Observer runs beside them.
const STAGES: u32 = 5;

/// How a vendor is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Connections are refused, and those that were open break.
    Refused,
    /// Connections are accepted and nothing is ever said.
    Silent,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Silent => "silent",
        })
    }
}

/// One council.
struct Seen {
    begun: Instant,
    took: Duration,
    status: Option<Status>,
}

pub(super) async fn run(seed: u64) -> Measured {
    let mut findings = Findings::default();
    for form in [Form::Refused, Form::Silent] {
        one(seed, form, &mut findings).await?;
    }
    Ok(findings)
}

async fn one(seed: u64, form: Form, findings: &mut Findings) -> Result<(), String> {
    let mut vendors = Vendors::start(seed).await?;
    let watch = Arc::new(Watch::default());
    let orchestrator = orchestrator(seed, &vendors, &watch)?;
    let started = TokioClock.now();
    let councils = councils(&orchestrator, seed, started);
    let outage = async {
        TokioClock.sleep(DOWN_AT).await;
        watch.begins(TokioClock.now());
        vendors.down(form).await?;
        let left = UP_AT.saturating_sub(since(started));
        TokioClock.sleep(left).await;
        watch.ends(TokioClock.now(), &vendors.seen());
        vendors.up(form).await
    };
    let looking = watch.look(&orchestrator);
    let both = join(Box::pin(councils), Box::pin(outage));
    let (seen, fine) = match select(both, Box::pin(looking)).await {
        Either::Left((ended, _)) => ended,
        Either::Right(((), _)) => return Err("the watch ended".to_owned()),
    };
    fine?;
    judge(form, &seen?, &watch, findings)
}

fn orchestrator(seed: u64, vendors: &Vendors, watch: &Arc<Watch>) -> Result<AsyncOrchestrator, String> {
    let environment = [
        ("OPENAI_API_KEY", "key".to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", vendors.openai_url())),
        ("ANTHROPIC_API_KEY", "key".to_owned()),
        ("ANTHROPIC_BASE_URL", vendors.anthropic_url()),
    ];
    let settings = Layers::new(Environment::from_iter(environment)).file(ConfigFile::None).load();
    AsyncOrchestrator::builder()
        .settings(settings.map_err(|error| error.to_string())?)
        .roles(Role::ALL.map(|role| RoleDefinition::new(role).timeout(LIMIT)))
        .seed(seed)
        .observer(Arc::<Watch>::clone(watch))
        .build()
        .map_err(|error| error.to_string())
}

async fn councils(
    orchestrator: &AsyncOrchestrator,
    seed: u64,
    started: Instant,
) -> Result<Vec<Seen>, String> {
    let mut running = JoinSet::new();
    for number in 0..COUNCILS {
        let due = GAP * number;
        TokioClock.sleep(due.saturating_sub(since(started))).await;
        let orchestrator = orchestrator.clone();
        running.spawn(async move {
            let question = format!(
                "Design a scalable service architecture for customer analytics, case {seed}-{number}."
            );
            let begun = TokioClock.now();
            let result =
                orchestrator.process_request(TriageRequest::new(question).mode(ModeChoice::Council)).await;
            Seen { begun, took: since(begun), status: result.ok().map(|result| result.record().status) }
        });
    }
    let mut seen = Vec::new();
    while let Some(council) = running.join_next().await {
        seen.push(council.map_err(|error| error.to_string())?);
    }
    Ok(seen)
}

fn judge(form: Form, councils: &[Seen], watch: &Watch, findings: &mut Findings) -> Result<(), String> {
    let outage = watch.told()?;
    let decided = |council: &&Seen| !matches!(council.status, None | Some(Status::NoDecision));
    let count = councils.iter().filter(decided).count();
    let share = count as f64 / councils.len() as f64 * 100.0;
    findings.must(
        format!("{form}: councils decided, of {}", councils.len()),
        format!("{share:.2} %"),
        ">= 99.9 %",
        share >= 99.9,
    );
    let full = councils.iter().filter(|council| council.status == Some(Status::Full)).count();
    findings.noted(format!("{form}: with every seat"), full);
    let times = |which: &dyn Fn(&Seen) -> bool| -> Vec<Duration> {
        councils.iter().filter(|council| which(council)).map(|council| council.took).collect()
    };
    let healthy = times(&|council| council.begun + council.took < outage.begun);
    let between =
        times(&|council| council.begun + council.took >= outage.begun && council.begun < outage.opened);
    let after = times(&|council| council.begun >= outage.opened);
    let usual = quantile(&healthy, 990);
    findings.noted(
        format!("{form}: p50 and p99 of {} before it", healthy.len()),
        format!("{:.0} and {:.0} ms", ms(quantile(&healthy, 500)), ms(usual)),
    );
    findings.noted(
        format!("{form}: the breaker opened after"),
        format!("{:.0} ms", ms(outage.opened - outage.begun)),
    );
    findings.noted(format!("{form}: one hedge delay"), format!("{:.0} ms", ms(outage.hedge_delay)));
    findings.at_most(
        format!("{form}: p99 of {} begun after it opened", after.len()),
        ms(quantile(&after, 990)),
        ms(usual + outage.hedge_delay),
        "ms",
    );
    findings.noted(format!("{form}: the longest of them"), format!("{:.0} ms", ms(quantile(&after, 1_000))));
    findings.at_most(
        format!("{form}: longest of {} begun before it opened, a limit a stage", between.len()),
        ms(quantile(&between, 1_000)),
        ms(usual + LIMIT * STAGES),
        "ms",
    );
    for target in &outage.targets {
        let name = format!("{form}: {}", target.model);
        findings.noted(format!("{name}: cool-downs while down"), target.cooldowns);
        findings.at_most(format!("{name}: attempts after it opened"), target.probes, target.cooldowns, "");
        if form == Form::Silent {
            findings.at_most(
                format!("{name}: calls upstream after it opened"),
                target.seen,
                target.cooldowns,
                "",
            );
        }
    }
    Ok(())
}
