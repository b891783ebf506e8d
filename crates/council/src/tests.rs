//! Behaviour of the council: whole runs over scripted models, on a clock that is moved by hand, with timelines as text.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its timelines with them")]

mod absences;
mod blindness;
mod depth;
mod dissent;
mod election;
mod express;
mod limits;
mod panel;
mod record;
mod replies;
mod resume;
mod review;
mod stages;
mod table;
mod timeline;
mod trusting;
mod validation;
