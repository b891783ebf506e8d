//! What outlives a run, in one SQLite file: for now what several processes know together ([`FileState`]); the journal and the history join
//! it later.
//!
//! One thread owns the connection. Callers hand over and go on; what they hand over is written together, many to a commit.

mod file;
mod file_state;
mod history;
mod memory;
mod schema;
mod work;
mod writer;

pub use file::OpenError;
pub use file_state::{FileState, Overview, PurseNote};
pub use history::{
    BUNDLE_SCHEMA, BundleError, Calibration, CalibrationBin, CallFigures, Content, Filter, Flaw, FlawKind,
    Found, History, HistoryHead, HistoryOptions, Kept, Latencies, Pack, PruneReport, RunFigures, RunRow,
    RunState, SearchOrder, Stats, StatsFilter, Sync, Verification, VerifyScope, verify_bundle,
};
pub use memory::MemoryStore;
