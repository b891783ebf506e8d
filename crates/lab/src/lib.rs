//! Referees: what the product promises, put to the test against real sockets, by a party that shares no code with what it judges.
//!
//! [`chaos`] plays every fault of the list against the default stack and reads both sides: what the caller got, and what the upstream saw.
//! [`mod@bench`] measures what the product costs beside a bare HTTP client: CPU time, time to the first token, memory, single decisions.
//! [`proofs`] puts it under load: outages, storms, crowds, cancellations, and a thousand hours of simulated time.

pub mod bench;
pub mod chaos;
mod child;
pub mod elections;
pub mod eval;
pub mod proofs;

pub use child::child;
