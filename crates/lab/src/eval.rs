//! How often the product decides rightly, measured on recorded answers of real models.

pub mod adaptive;
pub mod calibration;
pub mod curve;
pub mod data;
pub mod pools;
pub mod rules;
pub mod sample;
pub mod votes;
