//! `stats`: figures over many runs, as tables with bars on the terminal, as JSON, or as a page with plots.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use async_orchestrator::{Stats, StatsFilter};

use super::columns::columns;
use crate::{
    args::{Global, GroupArg, StatsArgs},
    ask::money,
    exit::{Exit, Failure},
    kept, output,
    settings::load,
    view::{
        figures::{self, Table},
        page::{About, page},
    },
};

const ALL: [GroupArg; 5] = [GroupArg::Model, GroupArg::Role, GroupArg::Seat, GroupArg::Domain, GroupArg::Day];
/// The widest bar, in characters.
const BAR_CHARS: u64 = 24;
/// So many days are drawn.
const DAYS_MAX: usize = 31;

pub(crate) async fn run(global: &Global, stats: &StatsArgs) -> Result<(), Failure> {
    let store = kept::need(&load(global)?.settings)?;
    let time = |text: &Option<String>, flag| text.as_deref().map(|text| kept::time(text, flag)).transpose();
    let filter = StatsFilter {
        since_ms: time(&stats.since, "--since")?,
        until_ms: time(&stats.until, "--until")?,
        domain: stats.domain.clone(),
    };
    let found = store.stats(filter).await.map_err(|error| kept::failed(&error))?;
    if let Some(path) = &stats.html {
        let domain = stats.domain.as_deref();
        return write(path, &page(&found, &About { made: kept::moment(kept::now_ms()), domain }));
    }
    if stats.json {
        return output::json(&found);
    }
    let groups = if stats.by.is_empty() { &ALL[..] } else { &stats.by };
    lines(&found, groups).iter().try_for_each(|line| output::line(line))
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    if path == Path::new("-") {
        let mut stdout = io::stdout().lock();
        stdout.write_all(page.as_bytes())?;
        return Ok(stdout.flush()?);
    }
    fs::write(path, page)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))?;
    output::note(&format!("written to {}: it opens in a browser, without a network", path.display()));
    Ok(())
}

fn lines(stats: &Stats, groups: &[GroupArg]) -> Vec<String> {
    if stats.total.runs == 0 {
        return vec![String::from("no run is kept yet, or none of this kind")];
    }
    let mut lines = total(stats);
    for group in groups {
        lines.push(String::new());
        let table = match group {
            GroupArg::Model => figures::by_model(stats),
            GroupArg::Role => figures::by_role(stats),
            GroupArg::Seat => figures::by_model_and_role(stats),
            GroupArg::Domain => figures::by_domain(stats),
            GroupArg::Day => figures::by_day(stats),
        };
        lines.push(table.title.to_owned());
        let most = if matches!(group, GroupArg::Day) { DAYS_MAX } else { usize::MAX };
        let older = table.rows.len().saturating_sub(most);
        lines.extend(columns(&with_bars(&table, older)));
        if older > 0 {
            lines.push(format!("  and {older} before: `--since`, `--json` and `--html` show them"));
        }
    }
    if let Some(words) = figures::calibration_in_words(stats) {
        lines.extend([String::new(), words]);
        lines.extend(columns(&with_bars(&figures::calibration(stats), 0)));
    }
    lines
}

fn total(stats: &Stats) -> Vec<String> {
    let total = &stats.total;
    let mut lines = vec![format!(
        "{} runs, {} of them councils, {} without an answer, {} degraded",
        total.runs, total.councils, total.failed, total.degraded
    )];
    let cost = match total.unpriced {
        0 => money(Some(total.cost)),
        all if all == total.runs => String::from("cost unknown"),
        some => format!("{} and {some} runs of unknown cost", money(Some(total.cost))),
    };
    lines.push(format!(
        "{} calls ({} more were not needed), {} + {} tokens, {cost}",
        total.calls, total.saved_calls, total.tokens_in, total.tokens_out,
    ));
    let agreement = total.agreement.map_or_else(
        || String::from("no council voted"),
        |agreement| format!("{} of the votes agreed with the winner", figures::share(agreement)),
    );
    lines.push(format!("{agreement}, {} decisions had a minority report", total.dissenting));
    let taken = |share| figures::taken(&total.latency, share);
    lines.push(format!("a run took {} (median), {} (90 %), {} (99 %)", taken(0.5), taken(0.9), taken(0.99)));
    let outcomes = with_bars(&figures::by_outcome(stats), 0);
    lines.extend(columns(&outcomes[1..]));
    lines
}

/// The head and the rows after the first `passed_over`, each row with its bar.
fn with_bars(table: &Table, passed_over: usize) -> Vec<Vec<String>> {
    let most = table.rows.iter().map(|row| row.count).max().unwrap_or_default();
    let head = table.head.iter().map(|&name| name.to_owned()).chain([String::new()]).collect();
    let rows = table.rows.iter().skip(passed_over);
    let rows = rows.map(|row| row.cells.iter().cloned().chain([bar(row.count, most)]).collect());
    std::iter::once(head).chain(rows).collect()
}

fn bar(count: u64, most: u64) -> String {
    let length = (count * BAR_CHARS).div_ceil(most.max(1));
    "█".repeat(usize::try_from(length).unwrap_or_default())
}
