//! What outlives a run, in one SQLite file: for now what several processes know together ([`FileState`]); the journal and the history join
//! it later.
//!
//! One thread owns the connection. Callers hand over and go on; what they hand over is written together, many to a commit.

mod file_state;
mod schema;
mod work;
mod writer;

pub use file_state::{FileState, OpenError, Overview, PurseNote};
