//! Behaviour of the decorators: one module a promise, timelines as text, time by hand.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its timelines with them")]

mod breaking;
mod budget;
mod caching;
mod coalescing;
mod continuing;
mod fallback;
mod hedging;
mod limits;
mod paced;
mod reload;
mod retries;
mod scene;
mod sharing;
mod stack;
mod together;
