//! Draws what changes from day to day: runs, time, cost, agreement.

use std::collections::BTreeMap;

use async_orchestrator::{MicroUsd, RunFigures};
use jiff::{ToSpan as _, civil::Date};
use maud::{Markup, html};

use super::{
    plots::{figure, number, series, stacked},
    ratio,
};
use crate::{
    ask::money,
    view::figures::{self, grouped, run_cost, share, taken},
};

/// So many days are drawn, the newest; the table has all.
const DAYS_MAX: i32 = 366;
/// At least so many, or a column would be as wide as the page.
const DAYS_MIN: i32 = 14;

type Day<'a> = (Date, Option<&'a RunFigures>);
/// Where a line stands on a day, from 0 to 1.
type Line<'a> = &'a dyn Fn(&RunFigures) -> Option<f64>;

pub(super) fn plots(by_day: &BTreeMap<String, RunFigures>) -> Markup {
    let days = calendar(by_day);
    let drawn = days.iter().filter(|(_, figures)| figures.is_some()).count();
    let older = by_day.len().saturating_sub(drawn);
    html! {
        section {
            h2 { "Day by day" }
            div.plots { (runs(&days)) (latency(&days)) (cost(&days)) (agreement(&days)) }
            @if older > 0 { p.note { "And " (older) " days before: the table has them." } }
        }
    }
}

/// Every day up to the last with a run, also those without one.
fn calendar(by_day: &BTreeMap<String, RunFigures>) -> Vec<Day<'_>> {
    let dates: BTreeMap<Date, &RunFigures> =
        by_day.iter().filter_map(|(day, figures)| Some((day.parse().ok()?, figures))).collect();
    let Some((&first, &last)) = dates.keys().next().zip(dates.keys().next_back()) else { return Vec::new() };
    let back = |days: i32| last.saturating_sub((days - 1).days());
    let from = first.clamp(back(DAYS_MAX), back(DAYS_MIN));
    from.series(1.day())
        .take_while(|date| *date <= last)
        .map(|date| (date, dates.get(&date).copied()))
        .collect()
}

fn runs(days: &[Day<'_>]) -> Markup {
    let most = days.iter().filter_map(|(_, figures)| figures.map(|figures| figures.runs)).max();
    let top = round_up(most.unwrap_or_default());
    let column = |figures: &RunFigures| Column {
        shares: vec![ratio(figures.runs - figures.failed, top), ratio(figures.failed, top)],
        text: format!("{} runs, {} without an answer", grouped(figures.runs), grouped(figures.failed)),
    };
    let plot = columns(days, &grouped(top), column);
    figure("runs", &["answered", "without an answer"], &plot)
}

fn cost(days: &[Day<'_>]) -> Markup {
    let figures = || days.iter().filter_map(|(_, figures)| *figures);
    let top = round_up(figures().map(|figures| figures.cost.0).max().unwrap_or_default());
    let unpriced: u64 = figures().map(|figures| figures.unpriced).sum();
    let column =
        |figures: &RunFigures| Column { shares: vec![ratio(figures.cost.0, top)], text: run_cost(figures) };
    let known = figures().any(|figures| figures.unpriced < figures.runs);
    let plot = html! {
        @if known { (columns(days, &money(Some(MicroUsd(top))), column)) }
        @if unpriced > 0 { p.note { (grouped(unpriced)) " runs of unknown cost are not in it." } }
    };
    figure("known cost", &[], &plot)
}

fn latency(days: &[Day<'_>]) -> Markup {
    let at = |figures: &RunFigures, share| figures.latency.percentile(share);
    let most = days.iter().filter_map(|(_, figures)| figures.and_then(|figures| at(figures, 0.9))).max();
    let top = round_up(most.unwrap_or_default());
    let line = |share: f64| move |figures: &RunFigures| at(figures, share).map(|ms| ratio(ms, top));
    let lines: [Line<'_>; 2] = [&line(0.5), &line(0.9)];
    let told = |figures: &RunFigures| {
        format!("median {}, 90 % {}", taken(&figures.latency, 0.5), taken(&figures.latency, 0.9))
    };
    let plot = curves(days, &figures::time(top), &lines, told);
    figure("time a run took", &["median", "90 %"], &plot)
}

fn agreement(days: &[Day<'_>]) -> Markup {
    let lines: [Line<'_>; 1] = [&|figures| figures.agreement];
    let told = |figures: &RunFigures| {
        let agreed = figures.agreement.map_or_else(|| String::from("no vote"), share);
        format!(
            "{agreed}, {} minority reports of {} runs",
            grouped(figures.dissenting),
            grouped(figures.runs)
        )
    };
    figure("votes that agreed with the winner", &[], &curves(days, "100 %", &lines, told))
}

struct Column {
    /// Heights from 0 to 1, one on the other.
    shares: Vec<f64>,
    text: String,
}

fn columns(days: &[Day<'_>], top: &str, column: impl Fn(&RunFigures) -> Column) -> Markup {
    let shapes = html! {
        @for (x, day) in days.iter().enumerate() {
            @if let (date, Some(figures)) = day {
                @let column = column(figures);
                g {
                    title { (date) ": " (column.text) }
                    @for (at, (from, height)) in stacked(&column.shares).enumerate() {
                        rect.(series(at)) x=(format!("{x}.1")) y=(number(100.0 - from - height)) width=".8" height=(number(height)) {}
                    }
                }
            }
        }
    };
    plot(days, top, &shapes)
}

fn curves(days: &[Day<'_>], top: &str, lines: &[Line<'_>], told: impl Fn(&RunFigures) -> String) -> Markup {
    let shapes = html! {
        @for (at, line) in lines.iter().enumerate() {
            path.line.(series(at)) d=(path(days, line)) {}
        }
        @for (x, day) in days.iter().enumerate() {
            @if let (date, Some(figures)) = day {
                rect.touch x=(x) y="0" width="1" height="100" { title { (date) ": " (told(figures)) } }
            }
        }
    };
    plot(days, top, &shapes)
}

/// Through the days that have a value; a day without one breaks the line.
fn path(days: &[Day<'_>], value: Line<'_>) -> String {
    let mut commands = Vec::new();
    let mut drawing = false;
    for (x, (_, figures)) in days.iter().enumerate() {
        let Some(value) = figures.and_then(value) else {
            drawing = false;
            continue;
        };
        let y = number(100.0 - value.clamp(0.0, 1.0) * 100.0);
        // A step of no length is drawn as a dot, thanks to its round ends.
        commands.push(if drawing { format!("L{x}.5 {y}") } else { format!("M{x}.5 {y}h.001") });
        drawing = true;
    }
    commands.concat()
}

fn plot(days: &[Day<'_>], top: &str, shapes: &Markup) -> Markup {
    let dates = [days.first(), days.get(days.len() / 2), days.last()].map(|day| day.map(|(date, _)| date));
    html! {
        div.days {
            div.across { span { (top) } span { "0" } }
            svg viewBox=(format!("0 0 {} 100", days.len())) preserveAspectRatio="none" role="img" aria-label="by day; the table has the numbers" {
                path.grid d=(format!("M0 0H{0}M0 50H{0}M0 100H{0}", days.len())) {}
                (shapes)
            }
            div.ticks { @for date in dates.into_iter().flatten() { span { (date) } } }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, 50 and so on.
fn round_up(most: u64) -> u64 {
    let power = 10_u64.saturating_pow(most.max(1).ilog10());
    let steps = [1, 2, 5, 10].map(|step| power.saturating_mul(step));
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(of: &[&str]) -> BTreeMap<String, RunFigures> {
        of.iter().map(|day| ((*day).to_owned(), RunFigures::default())).collect()
    }

    #[test]
    fn the_calendar_has_every_day_also_those_without_a_run() {
        let kept = days(&["2026-02-27", "2026-03-02"]);
        let calendar = calendar(&kept);
        assert_eq!(calendar.len(), 14);
        let with: Vec<String> =
            calendar.iter().filter(|day| day.1.is_some()).map(|day| day.0.to_string()).collect();
        assert_eq!(with, ["2026-02-27", "2026-03-02"]);
        assert_eq!(calendar[13].0.to_string(), "2026-03-02");
    }

    #[test]
    fn of_many_years_the_last_is_drawn_and_no_day_hurts() {
        for last in ["2026-12-31", "9999-12-31", "-009999-01-03"] {
            let kept = days(&["-009999-01-01", last, "no day"]);
            let calendar = calendar(&kept);
            assert!((3..=366).contains(&calendar.len()), "{last}: {}", calendar.len());
        }
        assert!(calendar(&days(&[])).is_empty());
    }

    #[test]
    fn the_axis_ends_at_a_round_number() {
        assert_eq!([0, 1, 3, 10, 11, 640, u64::MAX].map(round_up), [1, 1, 5, 10, 20, 1_000, u64::MAX]);
    }

    #[test]
    fn a_line_breaks_where_a_day_has_no_value() {
        let kept = days(&["2026-03-01", "2026-03-02", "2026-03-04"]);
        let calendar = calendar(&kept);
        let path = path(&calendar[calendar.len() - 4..], &|_| Some(0.25));
        assert_eq!(path, "M0.5 75h.001L1.5 75M3.5 75h.001");
    }
}
