//! The commands beside `ask`, one a file. Each does its work and prints it; `main` alone knows them all.

pub(crate) mod chaos;
mod columns;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod feedback;
pub(crate) mod models;
pub(crate) mod prompts;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod triage;
pub(crate) mod trust;
mod weights;
mod words;
