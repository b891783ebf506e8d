//! Referees: what the product promises, put to the test against real sockets, by a party that shares no code with what it judges.
//!
//! [`chaos`] plays every fault of the list against the default stack and reads both sides: what the caller got, and what the upstream saw.

pub mod chaos;
