//! The figures of many runs as one page: it holds its style and its plots, runs no script and loads nothing, so that it can be kept, sent
//! and opened anywhere.
//!
//! Names of models come from other people's servers: all text goes through the escaping of the template, and the page's own policy
//! forbids scripts and requests, should something ever get past it.

mod days;
mod plots;

use std::collections::BTreeMap;

use async_orchestrator::{CallFigures, MicroUsd, RunFigures, Stats};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::plots::{Bar, Range};
use super::figures::{self, Table, grouped, share, taken};
use crate::{ask::money, sanitize::one_line};

const STYLE: &str = include_str!("page/page.css");
/// No script, no request, no form, no frame.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// So many rows are drawn; the tables have all.
const DRAWN_MAX: usize = 20;

/// What the page says about itself.
pub(crate) struct About<'a> {
    /// When it was made.
    pub(crate) made: String,
    /// The field that its runs are of, if only one was asked for.
    pub(crate) domain: Option<&'a str>,
}

/// The page, as the text of an HTML file.
pub(crate) fn page(stats: &Stats, about: &About<'_>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let made = format!("Made {} by orchestrator {version}. Days are of UTC.", about.made);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Async Orchestrator: " (headline(stats)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.product { "Async Orchestrator" }
                    h1 { (headline(stats)) }
                    @if let Some(domain) = about.domain { p { "Of the field " (one_line(domain)) " alone." } }
                }
                main { @if stats.total.runs > 0 { (sections(stats)) } @else { p { "No run is kept yet, or none of this kind." } } }
                footer { p { (made) } }
            }
        }
    };
    page.into_string()
}

fn headline(stats: &Stats) -> String {
    let days = stats.by_day.keys().next().zip(stats.by_day.keys().next_back());
    let runs = if stats.total.runs == 1 { "run" } else { "runs" };
    match days {
        None => String::from("no runs"),
        Some((first, last)) if first == last => format!("{} {runs} on {first}", grouped(stats.total.runs)),
        Some((first, last)) => format!("{} {runs} from {first} to {last}", grouped(stats.total.runs)),
    }
}

fn sections(stats: &Stats) -> Markup {
    html! {
        (tiles(&stats.total))
        (days::plots(&stats.by_day))
        section {
            h2 { "Models" }
            div.plots {
                (calls_of(&stats.by_model))
                (latency_of(&stats.by_model))
                (wins_of(&stats.by_model))
                (cost_of(&stats.by_model))
            }
        }
        section {
            h2 { "Roles and fields" }
            div.plots {
                (latency_of(&stats.by_role))
                (fields(&stats.by_domain))
                (outcomes(stats))
                (calibration(stats))
            }
        }
        section {
            h2 { "Tables" }
            @for table in [
                figures::by_outcome(stats),
                figures::by_model(stats),
                figures::by_role(stats),
                figures::by_model_and_role(stats),
                figures::by_domain(stats),
                figures::by_day(stats),
                figures::calibration(stats),
            ] {
                @if !table.rows.is_empty() { (written(&table)) }
            }
        }
    }
}

fn tiles(total: &RunFigures) -> Markup {
    let cost = match total.unpriced {
        0 => String::from("every run's price is known"),
        all if all == total.runs => String::from("no run's price is known"),
        some => format!("and {} runs of unknown cost", grouped(some)),
    };
    let agreement = total.agreement.map_or_else(|| String::from("-"), share);
    let each = [
        ("runs", grouped(total.runs), format!("{} of them councils", grouped(total.councils))),
        (
            "answered",
            figures::percent(total.runs - total.failed, total.runs),
            format!("{} without an answer, {} degraded", grouped(total.failed), grouped(total.degraded)),
        ),
        ("cost", if total.unpriced < total.runs { cents(total.cost) } else { money(None) }, cost),
        (
            "calls",
            grouped(total.calls),
            format!("{} more were planned and not needed", grouped(total.saved_calls)),
        ),
        ("tokens in", grouped(total.tokens_in), format!("{} out", grouped(total.tokens_out))),
        (
            "median time",
            taken(&total.latency, 0.5),
            format!("90 %: {}, 99 %: {}", taken(&total.latency, 0.9), taken(&total.latency, 0.99)),
        ),
        (
            "agreed with the winner",
            agreement,
            format!("of the votes; {} minority reports", grouped(total.dissenting)),
        ),
    ];
    html! {
        dl.tiles {
            @for (name, number, note) in each {
                div { dt { (name) } dd.number { (number) } dd.note { (note) } }
            }
        }
    }
}

/// An amount from a dollar on to the cent, which is what fits into a tile; the tables are exact.
fn cents(amount: MicroUsd) -> String {
    if amount < MicroUsd(1_000_000) {
        return money(Some(amount));
    }
    let cents = amount.0.saturating_add(5_000) / 10_000;
    format!("${}.{:02}", grouped(cents / 100), cents % 100)
}

type Groups<'a> = &'a BTreeMap<String, CallFigures>;

/// The groups with most calls, and how many more there are.
fn drawn(groups: Groups<'_>) -> (Vec<(String, &CallFigures)>, usize) {
    let mut most: Vec<(String, &CallFigures)> =
        groups.iter().map(|(name, figures)| (one_line(name), figures)).collect();
    most.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.calls));
    let more = most.len().saturating_sub(DRAWN_MAX);
    most.truncate(DRAWN_MAX);
    (most, more)
}

fn more_of(more: usize) -> Markup {
    html! { @if more > 0 { p.note { "And " (more) " more with fewer calls: the table has them." } } }
}

fn calls_of(groups: Groups<'_>) -> Markup {
    let (drawn, more) = drawn(groups);
    let most = drawn.iter().map(|(_, figures)| figures.calls).max().unwrap_or_default();
    let bars = drawn.into_iter().map(|(name, figures)| Bar {
        name,
        shares: vec![ratio(figures::answered(figures), most), ratio(figures.failed, most)],
        text: if figures.failed > 0 {
            format!("{}, {} came to nothing", grouped(figures.calls), grouped(figures.failed))
        } else {
            grouped(figures.calls)
        },
    });
    let legend = ["answered", "came to nothing"];
    plots::figure("calls", &legend, &html! { (plots::bars(bars.collect())) (more_of(more)) })
}

fn latency_of(groups: Groups<'_>) -> Markup {
    let (drawn, more) = drawn(groups);
    let ranges = drawn.into_iter().filter_map(|(name, figures)| {
        let latency = |share| figures.latency.percentile(share);
        let (low, middle, high) = (latency(0.5)?, latency(0.9)?, latency(0.99)?);
        let text = format!("{}, {}, {}", figures::time(low), figures::time(middle), figures::time(high));
        Some(Range { name, marks: [low, middle, high], text })
    });
    let legend = ["50 %", "90 %", "99 % of the answered calls"];
    let plot = html! { (plots::ranges(&ranges.collect::<Vec<_>>())) (more_of(more)) };
    plots::figure("time a call took, on a logarithmic scale", &legend, &plot)
}

fn wins_of(groups: Groups<'_>) -> Markup {
    let (drawn, more) = drawn(groups);
    let bars = drawn.into_iter().filter(|(_, figures)| figures.proposals > 0).map(|(name, figures)| Bar {
        name,
        shares: vec![
            ratio(figures.won, figures.proposals),
            ratio(figures.agreed.saturating_sub(figures.won), figures.proposals),
        ],
        text: format!(
            "{} won, {} agreed, of {}",
            figures::percent(figures.won, figures.proposals),
            figures::percent(figures.agreed, figures.proposals),
            grouped(figures.proposals)
        ),
    });
    let legend = ["won", "said what the winner says"];
    plots::figure("proposals", &legend, &html! { (plots::bars(bars.collect())) (more_of(more)) })
}

fn cost_of(groups: Groups<'_>) -> Markup {
    let (drawn, more) = drawn(groups);
    let each = |figures: &CallFigures| {
        let priced = figures::answered(figures).saturating_sub(figures.unpriced);
        (figures::is_priced(figures) && priced > 0).then(|| figures.cost.0 as f64 / priced as f64)
    };
    let most = drawn.iter().filter_map(|(_, figures)| each(figures)).fold(0.0, f64::max);
    let bars = drawn.into_iter().map(|(name, figures)| Bar {
        name,
        shares: each(figures).map(|each| if most > 0.0 { each / most } else { 0.0 }).into_iter().collect(),
        text: each(figures).map_or_else(|| String::from("unknown"), |each| format!("${:.6}", each / 1e6)),
    });
    let plot = html! { (plots::bars(bars.collect())) (more_of(more)) };
    plots::figure("cost of an answered call whose price is known", &[], &plot)
}

fn fields(groups: &BTreeMap<String, RunFigures>) -> Markup {
    let mut most: Vec<(&String, &RunFigures)> = groups.iter().collect();
    most.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.runs));
    let top = most.first().map_or(0, |(_, figures)| figures.runs);
    let bars = most.into_iter().map(|(name, figures)| Bar {
        name: one_line(name).replace('_', " "),
        shares: vec![ratio(figures.runs - figures.failed, top), ratio(figures.failed, top)],
        text: figures.agreement.map_or_else(
            || grouped(figures.runs),
            |agreement| format!("{}, {} of the votes agreed", grouped(figures.runs), share(agreement)),
        ),
    });
    plots::figure("runs of each field", &["answered", "without an answer"], &plots::bars(bars.collect()))
}

fn outcomes(stats: &Stats) -> Markup {
    let table = figures::by_outcome(stats);
    let most = table.rows.iter().map(|row| row.count).max().unwrap_or_default();
    let bars = table.rows.iter().map(|row| Bar {
        name: row.cells[0].clone(),
        shares: vec![ratio(row.count, most)],
        text: grouped(row.count),
    });
    plots::figure("how runs ended", &[], &plots::bars(bars.collect()))
}

fn calibration(stats: &Stats) -> Markup {
    let words = figures::calibration_in_words(stats);
    let plot = html! {
        @match &words {
            Some(words) => {
                (plots::reliability(&stats.calibration.bins))
                p.note { "On the line, what was stated came true: " (words) "." }
            }
            None => p.note {
                "Of no decision with a stated probability it is known how it turned out: "
                code { "orchestrator feedback" } " tells it."
            }
        }
    };
    plots::figure("how far stated probabilities hold", &[], &plot)
}

fn written(table: &Table) -> Markup {
    html! {
        details {
            summary { (table.title) }
            div.wide {
                table {
                    thead { tr { @for name in table.head { th scope="col" { (name) } } } }
                    tbody {
                        @for row in &table.rows {
                            tr {
                                th scope="row" { (row.cells[0]) }
                                @for cell in &row.cells[1..] { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
