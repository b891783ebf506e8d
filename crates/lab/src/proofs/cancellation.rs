//! A hundred thousand calls that their callers give up, in every phase: nothing stays taken, open or in memory.

mod phase;
mod scene;
mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use futures_util::future::{Either, select};
use tokio::task::JoinSet;

use self::{phase::Phase, scene::Scene, watch::Watch};
use super::{Measured, dice::Dice, measure::resident_kib, report::Findings};

const HALF: u64 = 50_000;
/// So many callers at once.
const CALLERS: u64 = 24;
/// A caller has patience up to this.
const PATIENCE: Duration = Duration::from_millis(30);
const CLOSED_WITHIN: Duration = Duration::from_millis(5);
const NONE_OPEN_AFTER: Duration = Duration::from_millis(100);
/// What two measurements of the same process differ by.
const NOISE_MIB: f64 = 8.0;

pub(super) async fn run(seed: u64) -> Measured {
    let mut findings = Findings::default();
    let scene = Arc::new(Scene::new(seed).await?);
    let watch = Arc::new(Watch::default());
    let mut resident = Vec::new();
    let mut in_phase = [0_u64; Phase::COUNT];
    for half in 1..=2_u64 {
        let counts = give_up(seed + half, &scene, &watch).await?;
        in_phase.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        let idle = scene.simulator.wait_for(NONE_OPEN_AFTER, |stats| stats.calls_in_flight == 0).await;
        let open = idle.map_or_else(|stats| stats.calls_in_flight, |_| 0);
        findings.exactly(format!("half {half}: calls open upstream 100 ms after the last one"), open, 0);
        let status = scene.stack.status();
        let taken: u64 = status.iter().map(|target| u64::from(target.in_flight)).sum();
        let waiting: usize = status.iter().map(|target| target.waiting).sum();
        findings.exactly(
            format!("half {half}: places still taken, callers in line"),
            taken + waiting as u64,
            0,
        );
        TokioClock.sleep(Duration::from_secs(1)).await;
        watch.collect(&scene.simulator);
        resident.push(resident_kib());
    }
    findings.exactly("calls given up", in_phase.iter().sum::<u64>(), 2 * HALF);
    for phase in Phase::ALL {
        let count = in_phase.get(phase as usize).copied().unwrap_or_default();
        findings.must(format!("of them {}", phase.name()), count, "> 1000", count > 1_000);
    }
    let seen = watch.seen();
    findings.noted("closes seen upstream that a caller caused", seen.count);
    findings.at_most(
        "close seen upstream after the call was dropped, p99",
        seen.quantile_ms(990),
        CLOSED_WITHIN.as_secs_f64() * 1e3,
        "ms",
    );
    findings.noted(
        "the same, p50, p99.9 and longest",
        format!("{:.2}, {:.2}, {:.2} ms", seen.quantile_ms(500), seen.quantile_ms(999), seen.longest_ms()),
    );
    match resident.as_slice() {
        [Some(first), Some(second)] => {
            let grown = (*second as f64 - *first as f64) / 1_024.0;
            findings
                .noted("resident memory after the first half", format!("{:.1} MiB", *first as f64 / 1_024.0));
            findings.at_most("memory grown over the second half", grown, NOISE_MIB, "MiB");
        }
        _ => findings.noted("memory", "this system does not tell"),
    }
    Ok(findings)
}

/// Gives up `HALF` calls and says in which phases they were.
async fn give_up(seed: u64, scene: &Arc<Scene>, watch: &Arc<Watch>) -> Result<[u64; Phase::COUNT], String> {
    let given_up = Arc::new(AtomicU64::new(0));
    let ids = Arc::new(AtomicU64::new(seed << 32));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let dice = Dice::new(seed, &format!("caller {number}"));
        let (scene, watch) = (Arc::clone(scene), Arc::clone(watch));
        callers.spawn(caller(scene, watch, dice, Arc::clone(&given_up), Arc::clone(&ids)));
    }
    let mut sums = [0; Phase::COUNT];
    loop {
        match select(Box::pin(callers.join_next()), TokioClock.sleep(Duration::from_millis(50))).await {
            Either::Left((Some(counts), _)) => {
                let counts = counts.map_err(|error| error.to_string())?;
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            Either::Left((None, _)) => return Ok(sums),
            Either::Right(_) => watch.collect(&scene.simulator),
        }
    }
}

async fn caller(
    scene: Arc<Scene>,
    watch: Arc<Watch>,
    mut dice: Dice,
    given_up: Arc<AtomicU64>,
    ids: Arc<AtomicU64>,
) -> [u64; Phase::COUNT] {
    let mut counts = [0; Phase::COUNT];
    // Counted before the call and taken back if the call ended by itself: all callers together give up exactly as many.
    let one_more = |count: u64| (count < HALF).then_some(count + 1);
    while given_up.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok() {
        let id = ids.fetch_add(1, Ordering::SeqCst);
        let (call, phase) = scene.call(id, &mut dice);
        let patience = TokioClock.sleep(dice.between(Duration::ZERO, PATIENCE));
        match select(call, patience).await {
            Either::Left(_) => {
                given_up.fetch_sub(1, Ordering::SeqCst);
            }
            Either::Right(((), call)) => {
                if let Some(count) = counts.get_mut(phase.now() as usize) {
                    *count += 1;
                }
                watch.dropped(id, TokioClock.now());
                drop(call);
            }
        }
    }
    counts
}
