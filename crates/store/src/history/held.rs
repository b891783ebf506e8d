//! What this process remembers of the runs that it holds: that it holds them, their prices, and their calls until they end.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_orchestrator_core::{ModelRef, Price, RoleOutcome, RunId, RunSetup};
use rusqlite::{Connection, Error};

use super::journal;

/// What the writer remembers of the runs that this process holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    runs: Mutex<Runs>,
    /// The prices of each setup that this process kept, and those of each run.
    prices: Mutex<HashMap<String, Arc<Prices>>>,
    setups: Mutex<HashMap<RunId, Arc<Prices>>>,
    calls: Mutex<HashMap<RunId, Calls>>,
    /// Countings that were handed to the writer and are not done.
    counting: AtomicUsize,
    /// Whether one of them came to nothing.
    behind: AtomicBool,
}

/// A counting of runs that were kept; dropped before it is done, it is to be made up for.
pub(super) struct Counting {
    held: Arc<Held>,
    done: bool,
}

impl Counting {
    pub(super) fn begin(held: &Arc<Held>) -> Self {
        held.counting.fetch_add(1, Ordering::AcqRel);
        Self { held: Arc::clone(held), done: false }
    }

    /// Notes that it is on the disk.
    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        if !self.done {
            self.held.fall_behind();
        }
        self.held.counting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The calls of a run whose outcomes arrived in this process. Their rows are written when the run ends: a page or two for each entry is most of what a
/// journal costs, and until then nobody reads them.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// Whether the run began here, so that these are all.
    pub(super) are_all: bool,
    pub(super) arrived: Vec<(String, Arc<RoleOutcome>)>,
}

#[derive(Debug, Default)]
struct Runs {
    held: BTreeSet<RunId>,
    /// Runs that nobody goes on with, where the file does not say so yet, each with the number of its note.
    leaving: BTreeMap<RunId, u64>,
    notes: u64,
}

/// Runs of which the file is to say that nobody goes on with them.
pub(super) type Leaving = Vec<(RunId, u64)>;

pub(super) type Prices = HashMap<ModelRef, Price>;

/// Setups whose prices are remembered; more are rare, and the oldest knowledge is then read again.
const SETUPS_MAX: usize = 64;

impl Held {
    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, run: &RunId) -> bool {
        let mut runs = self.runs();
        let taken = runs.held.insert(run.clone());
        if taken {
            runs.leaving.remove(run);
        }
        taken
    }

    pub(super) fn holds(&self, run: &RunId) -> bool {
        self.runs().held.contains(run)
    }

    pub(super) fn let_go(&self, run: &RunId) {
        self.runs().held.remove(run);
        self.forget(run);
    }

    pub(super) fn forget(&self, run: &RunId) {
        self.setups.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
        self.calls().remove(run);
    }

    /// Whether the writer has runs to count.
    pub(super) fn is_counting(&self) -> bool {
        self.counting.load(Ordering::Acquire) > 0
    }

    /// Notes that a counting came to nothing.
    pub(super) fn fall_behind(&self) {
        self.behind.store(true, Ordering::Release);
    }

    /// Whether a counting came to nothing since this was asked last.
    pub(super) fn take_behind(&self) -> bool {
        self.behind.swap(false, Ordering::AcqRel)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<RunId, Calls>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `run` begins here.
    pub(super) fn begin_calls(&self, run: &RunId) {
        self.calls().insert(run.clone(), Calls { are_all: true, arrived: Vec::new() });
    }

    /// Notes what a call of `run` came to.
    pub(super) fn note_call(&self, run: &RunId, call: &str, outcome: &Arc<RoleOutcome>) {
        self.calls().entry(run.clone()).or_default().arrived.push((call.to_owned(), Arc::clone(outcome)));
    }

    pub(super) fn calls_of(&self, run: &RunId) -> Calls {
        self.calls().get(run).cloned().unwrap_or_default()
    }

    /// Lets `run` go, and notes that the file is to say so; one whose end is written was let go then.
    pub(super) fn begin_leaving(&self, run: &RunId) {
        let mut runs = self.runs();
        if runs.held.remove(run) {
            runs.notes += 1;
            let note = runs.notes;
            runs.leaving.insert(run.clone(), note);
        }
        drop(runs);
        self.forget(run);
    }

    pub(super) fn leaving(&self) -> Leaving {
        self.runs().leaving.iter().map(|(run, note)| (run.clone(), *note)).collect()
    }

    /// Notes that the file says so of `told`; what was noted anew since then stays.
    pub(super) fn have_left(&self, told: &Leaving) {
        let mut runs = self.runs();
        for (run, note) in told {
            if runs.leaving.get(run) == Some(note) {
                runs.leaving.remove(run);
            }
        }
    }

    /// Whether the setup called `hash` was kept by this process already.
    pub(super) fn knows(&self, hash: &str) -> bool {
        self.prices.lock().unwrap_or_else(PoisonError::into_inner).contains_key(hash)
    }

    pub(super) fn learn(&self, hash: &str, setup: &RunSetup) {
        let prices = prices_of(setup);
        let mut known = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SETUPS_MAX {
            known.clear();
        }
        known.insert(hash.to_owned(), Arc::new(prices));
    }

    pub(super) fn of_run(
        &self,
        connection: &Connection,
        run: &RunId,
        seq: i64,
    ) -> Result<Arc<Prices>, Error> {
        if let Some(prices) = self.setups.lock().unwrap_or_else(PoisonError::into_inner).get(run) {
            return Ok(Arc::clone(prices));
        }
        let hash: Option<String> = connection
            .prepare_cached("SELECT setup FROM runs WHERE seq = ?1")?
            .query_row([seq], |row| row.get(0))?;
        let hash = hash.unwrap_or_default();
        let known = self.prices.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        // What is only read here may be taken back with this very transaction, so it does not count as kept.
        let prices = match known {
            Some(prices) => prices,
            None => Arc::new(
                journal::setup(connection, &hash)?.map(|setup| prices_of(&setup)).unwrap_or_default(),
            ),
        };
        self.setups.lock().unwrap_or_else(PoisonError::into_inner).insert(run.clone(), Arc::clone(&prices));
        Ok(prices)
    }
}

fn prices_of(setup: &RunSetup) -> Prices {
    let models = setup.seats.iter().flat_map(|seat| &seat.models);
    models.filter_map(|model| Some((model.target.clone(), model.price.clone()?))).collect()
}
