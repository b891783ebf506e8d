//! The fault matrix: every fault, whole and streamed, in both formats, with a fallback and without.
//!
//! A row is a promise with a number. It is judged on real sockets against the simulator, or against bytes that no well-behaved server
//! would send. Times are the real clock's, so limits in it are wide: what is judged is behaviour, not speed.

mod identities;
mod judge;
mod raw;
mod report;
mod rows;
pub(crate) mod world;

use std::time::Duration;

use async_orchestrator_core::Clock;
use async_orchestrator_resilience::TokioClock;
use futures_util::future::{BoxFuture, Either, select};

pub use report::{Case, Report, Verdict};
pub use world::{Backup, Combo, Delivery, Format};

/// A case that takes longer than this has failed: nothing that is promised takes so long.
const CASE_LIMIT: Duration = Duration::from_secs(30);

/// One fault and what must happen.
pub(crate) struct Row {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) run: fn(Combo) -> BoxFuture<'static, judge::Finding>,
}

/// What to play.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only the row of this number, or those whose name holds this text.
    pub filter: Option<String>,
    /// What everything drawn by lot is drawn from; unset, always the same.
    pub seed: Option<u64>,
}

impl Selection {
    fn takes(&self, row: &Row) -> bool {
        match &self.filter {
            None => true,
            Some(text) => match text.parse::<u32>() {
                Ok(number) => number == row.number,
                Err(_) => row.name.contains(text.as_str()),
            },
        }
    }
}

/// Plays the selected rows in every combination and hands each case to `on_case` as it ends.
pub async fn run(selection: &Selection, mut on_case: impl FnMut(&Case)) -> Report {
    let mut report = Report::default();
    for row in rows::ALL.iter().filter(|row| selection.takes(row)) {
        for combo in Combo::all() {
            let combo = selection.seed.map_or(combo, |seed| combo.seeded(seed));
            let limit = TokioClock.sleep(CASE_LIMIT);
            let finding = match select((row.run)(combo), limit).await {
                Either::Left((finding, _)) => finding,
                Either::Right(_) => judge::Finding::failed("it took longer than 30 s"),
            };
            let case = Case::new(row.number, row.name, combo, finding);
            on_case(&case);
            report.cases.push(case);
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_are_judged_and_chosen_by_name() {
        let pick = |text: &str| Selection { filter: Some(text.to_owned()), ..Selection::default() };
        let cut = run(&pick("cut or ended"), |_| {}).await;
        assert_eq!((cut.cases.len(), cut.failed(), cut.rows_passed()), (8, 0, 1), "{cut:?}");
        assert_eq!(cut.count(|verdict| matches!(verdict, Verdict::NotApplicable(_))), 4);
        assert!(run(&pick("no such fault"), |_| {}).await.cases.is_empty());
    }
}
