//! Cross-crate tests through the facade and the command, in one binary.

mod bad_input;
mod command;
mod council;
mod embedded;
mod eval;
mod history;
mod rehearsal;
mod reload;
mod state;
mod support;
mod telemetry;
mod trust;
