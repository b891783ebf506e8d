//! Draws bars, ranges and a reliability diagram; knows nothing of runs.
//!
//! Shapes are stretched to the width at hand, words are not: a drawing holds no text but its tooltips, labels stand beside it as HTML.

use async_orchestrator::CalibrationBin;
use maud::{Markup, html};

use crate::view::figures::{self, share};

/// A row of stacked bars.
pub(super) struct Bar {
    pub(super) name: String,
    /// Lengths from 0 to 1, one after the other; none if the number is not known.
    pub(super) shares: Vec<f64>,
    pub(super) text: String,
}

/// A row with three marks on an axis that all rows share.
pub(super) struct Range {
    pub(super) name: String,
    /// Milliseconds, rising.
    pub(super) marks: [u64; 3],
    pub(super) text: String,
}

/// A plot with its title and what its colours mean.
pub(super) fn figure(title: &str, legend: &[&str], plot: &Markup) -> Markup {
    html! {
        figure {
            figcaption {
                h3 { (title) }
                @if !legend.is_empty() {
                    ul.legend { @for (at, name) in legend.iter().enumerate() { li.(series(at)) { (name) } } }
                }
            }
            (plot)
        }
    }
}

/// The class of the series at `at`.
pub(super) const fn series(at: usize) -> &'static str {
    match at {
        0 => "first",
        1 => "second",
        _ => "third",
    }
}

pub(super) fn bars(bars: Vec<Bar>) -> Markup {
    html! {
        @if bars.is_empty() { p.note { "None yet." } }
        ul.rows {
            @for bar in bars {
                li {
                    span.name title=(bar.name) { (bar.name) }
                    span.text { (bar.text) }
                    svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                        rect.track width="100" height="1" {}
                        @for (at, (from, length)) in stacked(&bar.shares).enumerate() {
                            rect.(series(at)) x=(number(from)) width=(number(length)) height="1" {}
                        }
                    }
                }
            }
        }
    }
}

/// Where each part begins and how long it is, in hundredths of the whole.
pub(super) fn stacked(shares: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    let mut from = 0.0_f64;
    shares.iter().map(move |share| {
        let length = (share * 100.0).clamp(0.0, 100.0 - from);
        let begun = from;
        from += length;
        (begun, length)
    })
}

/// Rows of marks on one logarithmic axis, from the power of ten below the least to that above the most.
pub(super) fn ranges(ranges: &[Range]) -> Markup {
    let marks = || ranges.iter().flat_map(|range| range.marks).map(|ms| ms.max(1));
    let (Some(least), Some(most)) = (marks().min(), marks().max()) else {
        return html! { p.note { "None yet." } };
    };
    let (low, high) = (least.ilog10(), most.ilog10() + 1);
    let ticks: Vec<u64> = (low..=high).filter_map(|power| 10_u64.checked_pow(power)).collect();
    let width = f64::from(high - low);
    let at = |ms: u64| (ms.max(1) as f64).log10().mul_add(100.0 / width, -100.0 * f64::from(low) / width);
    html! {
        ul.rows {
            @for range in ranges {
                li {
                    span.name title=(range.name) { (range.name) }
                    span.text { (range.text) }
                    svg.dots viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                        @for tick in &ticks { path.grid d=(format!("M{} 0v1", number(at(*tick)))) {} }
                        path.whisker d=(format!("M{} .5H{}", number(at(range.marks[0])), number(at(range.marks[2])))) {}
                        @for (index, mark) in range.marks.into_iter().enumerate().rev() {
                            path.dot.(series(index)) d=(format!("M{} .5h.001", number(at(mark)))) {}
                        }
                    }
                }
            }
        }
        div.ticks { @for tick in &ticks { span { (figures::time(*tick).replace(".0 ", " ")) } } }
    }
}

/// Stated probability (rightwards) against the share that was right (upwards), a dot a tenth, its area by its decisions.
pub(super) fn reliability(bins: &[CalibrationBin]) -> Markup {
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let told = |bin: &CalibrationBin| {
        format!("stated {}, right {}, {} decisions", share(bin.stated), share(bin.right), bin.count)
    };
    html! {
        div.square {
            div.across { span { "100 %" } span { "were right" } span { "0 %" } }
            svg viewBox="-4 -4 108 108" role="img" aria-label="stated probability against the share that was right; the table has the numbers" {
                path.grid d="M0 0H100V100H0ZM0 50H100M50 0V100" {}
                path.diagonal d="M0 100L100 0" {}
                @for bin in bins.iter().filter(|bin| bin.count > 0) {
                    circle.first cx=(number(bin.stated * 100.0)) cy=(number(100.0 - bin.right * 100.0))
                        r=(number(4.0_f64.mul_add((bin.count as f64 / most).sqrt(), 1.5))) { title { (told(bin)) } }
                }
            }
            div.ticks { span { "0 %" } span { "stated" } span { "100 %" } }
        }
    }
}

/// A number as a drawing takes it: hundredths are finer than a pixel.
pub(super) fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
