//! How often the product decides rightly, measured on recorded answers of real models.

pub mod adaptive;
pub mod apgr;
pub mod calibration;
pub mod curve;
pub mod data;
pub mod live;
pub mod pools;
pub mod probes;
mod probes_model;
pub mod replay;
pub mod routing;
pub mod rules;
pub mod sample;
pub mod triage;
pub mod votes;
