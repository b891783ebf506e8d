//! What a persona says when nothing was scripted or recorded: plausible text, proposals and ballots.
//!
//! The text is made of stock sentences about the question's own words. It means little, but it has the form, the
//! length and the references (labels, quotes) of the real thing, so that everything behind it really works.

pub(crate) mod ballot;
pub(crate) mod blocks;
pub(crate) mod candidates;
pub(crate) mod proposal;
pub(crate) mod prose;
pub(crate) mod roles;
