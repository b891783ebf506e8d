//! The commands beside `ask`, one a file. Each does its work and prints it; `main` alone knows them all.

pub(crate) mod chaos;
mod columns;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod feedback;
mod fork;
pub(crate) mod history;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod prompts;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod simulate;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod triage;
pub(crate) mod trust;
pub(crate) mod verify;
pub(crate) mod watch;
mod weights;
mod words;
