//! Counts instructions and allocations of each decision under valgrind: N decisions, 2 N decisions, and the difference.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{Figure, Sheet, policies::NAMES};

/// Counts them all.
pub(super) fn run(decisions: u64, sheet: &mut Sheet<'_>) -> Result<()> {
    ensure!(decisions > 0, "no decisions are nothing to count");
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        bail!("valgrind is not installed: instructions can only be counted with it");
    }
    for name in NAMES {
        let words = ["policy", name];
        let counted = each(decisions, &|decisions| instructions(&words, decisions))?;
        sheet.add(Figure::new(format!("instructions.{name}"), counted, ""));
        let allocations = each(decisions, &|decisions| allocations(&words, decisions))?;
        let figure = Figure::new(format!("allocations.{name}"), allocations, "");
        sheet.add(if name == "breaker" { figure.at_most(0.0) } else { figure });
    }
    // A council is some thousand decisions.
    let councils = decisions.div_ceil(10);
    for how in ["silent", "metrics"] {
        let words = ["watched", how];
        let counted = each(councils, &|councils| instructions(&words, councils))?;
        sheet.add(Figure::new(format!("instructions.council.{how}"), counted, "").note(BUILD));
        let counted = each(councils, &|councils| allocations(&words, councils))?;
        sheet.add(Figure::new(format!("allocations.council.{how}"), counted, "").note(BUILD));
    }
    Ok(())
}

/// Which of the two builds it is that the silent council is compared in.
const BUILD: &str = if cfg!(ao_without_events) {
    "ten calls; in this build no event is ever made"
} else {
    "ten calls; `--cfg ao_without_events` builds the one to compare with"
};

/// What one piece of work adds.
fn each(pieces: u64, count: &dyn Fn(u64) -> Result<u64>) -> Result<f64> {
    let (once, twice) = (count(pieces)?, count(2 * pieces)?);
    Ok((twice as f64 - once as f64) / pieces as f64)
}

fn instructions(words: &[&str], decisions: u64) -> Result<u64> {
    let report = valgrind(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], words, decisions)?;
    number_after(&report, "Collected : ")
}

fn allocations(words: &[&str], decisions: u64) -> Result<u64> {
    let report = valgrind(&["--tool=dhat", "--dhat-out-file=/dev/null"], words, decisions)?;
    number_after(&report, " bytes in ")
}

/// The first number that stands behind `words`; thousands are separated by commas.
fn number_after(report: &str, words: &str) -> Result<u64> {
    let (_, rest) = report.split_once(words).with_context(|| format!("valgrind did not say `{words}`"))?;
    let digits: String = rest.chars().filter(|c| *c != ',').take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

fn valgrind(options: &[&str], words: &[&str], decisions: u64) -> Result<String> {
    let output = Command::new("valgrind")
        .args(options)
        .arg(std::env::current_exe()?)
        .args(words)
        .arg(decisions.to_string())
        .output()?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "valgrind failed on `{}`: {report}", words.join(" "));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_of_both_tools_are_read() {
        assert_eq!(number_after("==7== Collected : 1234\n", "Collected : ").unwrap(), 1234);
        assert_eq!(number_after("==7== Total: 1,024 bytes in 1,001 blocks", " bytes in ").unwrap(), 1001);
        assert!(number_after("nothing", "Collected : ").is_err());
    }
}
