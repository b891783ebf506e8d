//! Where calls wait: for a request limit, for tokens, for a place among the calls under way. The rules are pure and stand in `policy`;
//! here is the waiting, bounded by the caller's deadline and by the length of the line.
//!
//! Whatever is taken is owned by the call it was taken for: dropping the call gives it back.

mod lane;
mod requests;
mod tokens;

use std::time::Instant;

use async_orchestrator_core::Guard;

pub(crate) use lane::Lane;
pub(crate) use requests::RequestLimit;
pub(crate) use tokens::TokenGate;

/// Why a call was turned away here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnedAway {
    pub(crate) by: Guard,
    pub(crate) until: Option<Instant>,
    pub(crate) why: &'static str,
}

impl TurnedAway {
    pub(crate) const fn limit(until: Instant, why: &'static str) -> Self {
        Self { by: Guard::Limit, until: Some(until), why }
    }

    pub(crate) const fn queue(why: &'static str) -> Self {
        Self { by: Guard::Queue, until: None, why }
    }
}
