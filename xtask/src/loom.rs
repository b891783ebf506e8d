//! Checks the shared policies in every order in which threads can meet.

use std::path::Path;

use crate::{options::Options, problem::Problem, process::CommandLine};

/// Builds the policies with loom's atomics, apart from everything else, and searches.
pub(crate) fn run(root: &Path, _: &Options) -> Result<(), Problem> {
    // A directory of its own: the flag would build everything else anew, and again without it.
    CommandLine::cargo("test --package async-orchestrator-resilience --lib loom_")
        .variable("RUSTFLAGS", "--cfg ao_loom")
        .variable("CARGO_TARGET_DIR", "target/loom")
        .run(root)
}
