//! `verify`: proves that the history, or an exported one, is as it was written, or says what is not.

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use async_orchestrator::{Flaw, FlawKind, Verification, VerifyScope, verify_bundle};

use crate::{
    args::{Global, Verify},
    exit::{Exit, Failure},
    kept, output,
    settings::load,
};

pub(crate) async fn run(global: &Global, verify: &Verify) -> Result<(), Failure> {
    if let Some(head) = verify.expect.as_deref().filter(|head| !is_hash(head)) {
        let why = format!("--expect: `{head}` is no hash: give a head as `verify` prints it");
        return Err(Failure::new(Exit::Usage, why));
    }
    let found = if let Some(file) = &verify.file {
        bundle(file, verify.expect.as_deref())?
    } else {
        let store = kept::need(&load(global)?.settings)?;
        let since_ms = verify.since.as_deref().map(|since| kept::time(since, "--since")).transpose()?;
        let scope = VerifyScope { since_ms, expected: verify.expect.clone() };
        store.verify(scope).await.map_err(|error| kept::failed(&error))?
    };
    if verify.json {
        output::json(&found)?;
    } else {
        told(&found)?;
    }
    match found.flaws.len() {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failed, "one thing is not as it was written")),
        count => Err(Failure::new(Exit::Failed, format!("{count} things are not as they were written"))),
    }
}

/// Whether `text` has the form of a hash: what is none cannot be in any chain.
fn is_hash(text: &str) -> bool {
    let digits = text.strip_prefix("blake3:").unwrap_or_default();
    digits.len() == 64 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
}

fn bundle(file: &Path, expected: Option<&str>) -> Result<Verification, Failure> {
    let refused = |why: String| Failure::new(Exit::Usage, format!("{}: {why}", file.display()));
    let found = if file == Path::new("-") {
        verify_bundle(&mut io::stdin().lock(), expected)
    } else {
        let opened = File::open(file).map_err(|error| refused(error.to_string()))?;
        verify_bundle(&mut BufReader::new(opened), expected)
    };
    found.map_err(|error| refused(kept::told(&error)))
}

fn told(found: &Verification) -> Result<(), Failure> {
    let pruned =
        if found.pruned > 0 { format!(", {} of them without content", found.pruned) } else { String::new() };
    let unjournaled = match found.unjournaled {
        0 => String::new(),
        count => format!(", {count} of them without a journal"),
    };
    output::line(&format!(
        "{} links{pruned}, {} records{unjournaled}, of installation {}",
        found.links, found.records, found.installation
    ))?;
    output::line(&format!("head {}", found.head))?;
    for flaw in &found.flaws {
        output::line(&format!("  {}", sentence(flaw)))?;
    }
    if found.flaws.is_empty() {
        output::line("everything is as it was written")?;
    }
    Ok(())
}

fn sentence(flaw: &Flaw) -> String {
    let place = match (flaw.position, &flaw.run) {
        (Some(position), Some(run)) => format!("link {position} (run {run}): "),
        (Some(position), None) => format!("link {position}: "),
        (None, Some(run)) => format!("run {run}: "),
        (None, None) => String::new(),
    };
    let what = match &flaw.kind {
        FlawKind::Altered => String::from("its content was altered"),
        FlawKind::LinkAltered => String::from("the link itself was altered"),
        FlawKind::Removed { count: 1 } => String::from("it was removed"),
        FlawKind::Removed { count } => format!("it and the {} after it were removed", count - 1),
        FlawKind::Reordered => String::from("it does not follow the link before it"),
        FlawKind::Truncated { count: 0 } => String::from("the end is missing from here on"),
        FlawKind::Truncated { count } => format!("{count} links are missing from here to the end"),
        FlawKind::OtherHead => String::from("the chain does not lead to the expected head"),
        FlawKind::BodyMissing => {
            String::from("its content is missing, and the chain does not say that it was pruned")
        }
        FlawKind::RecordMissing => String::from("the run ended with an answer, and its record is missing"),
        FlawKind::JournalAltered { entry } => format!("its journal was altered at entry {entry}"),
        FlawKind::LineAltered => String::from("its line in the list does not say what its record says"),
        FlawKind::SetupAltered { setup } => format!("the setup {setup} was altered"),
        FlawKind::Orphaned { rows } => format!("{rows} rows belong to no run"),
        FlawKind::Unreadable { why } => format!("it cannot be read: {why}"),
        other => format!("{other:?}"),
    };
    format!("{place}{what}")
}
