//! Behaviour of the decorators: one module a promise, timelines as text, time by hand.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its timelines with them")]

mod budget;
mod fallback;
mod limits;
mod paced;
mod scene;
mod stack;
