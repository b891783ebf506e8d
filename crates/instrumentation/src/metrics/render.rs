//! Writes what was counted in the text format of Prometheus, version 0.0.4.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, PoisonError},
};

use async_orchestrator_core::Role;

use super::{Gate, MODES, Metrics, OfModel, STATUSES, TargetGauge, histogram::Histogram};

/// A text under construction.
struct Page(String);

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        self.0.push_str(name);
        self.labels(labels, None);
        let _ = writeln!(self.0, " {value}");
    }

    fn labels(&mut self, labels: Labels<'_>, bound: Option<&str>) {
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let texts: Vec<String> = all.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        if !texts.is_empty() {
            let _ = write!(self.0, "{{{}}}", texts.join(","));
        }
    }

    /// A histogram whose numbers are thousandths of the unit.
    fn histogram(&mut self, name: &str, labels: Labels<'_>, histogram: &Histogram) {
        let counted = histogram.counted();
        for (bound, count) in &counted.upto {
            let _ = write!(self.0, "{name}_bucket");
            self.labels(labels, Some(&milli(*bound)));
            let _ = writeln!(self.0, " {count}");
        }
        let _ = write!(self.0, "{name}_bucket");
        self.labels(labels, Some("+Inf"));
        let _ = writeln!(self.0, " {}", counted.count);
        self.sample(&format!("{name}_sum"), labels, milli(counted.sum));
        self.sample(&format!("{name}_count"), labels, counted.count);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, "counter", help);
        self.sample(name, &[], value);
    }
}

/// Thousandths as a decimal number.
fn milli(thousandths: u64) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Millionths as a decimal number.
fn micro(millionths: u64) -> String {
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// A value of a label, with what the format gives a meaning escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Metrics {
    pub(crate) fn render(&self, targets: &[TargetGauge], dropped: &[(&str, u64)]) -> String {
        let mut page = Page(String::with_capacity(16_384));
        self.runs(&mut page);
        self.decisions(&mut page);
        self.roles(&mut page);
        self.models(&mut page);
        self.troubles(&mut page, dropped);
        gauges(&mut page, targets);
        page.0
    }

    fn runs(&self, page: &mut Page) {
        page.head("orchestrator_runs_total", "counter", "Runs that ended, by mode and status.");
        for ((_, mode), statuses) in MODES.iter().zip(&self.runs) {
            for (status, counter) in STATUSES.iter().zip(statuses) {
                page.sample(
                    "orchestrator_runs_total",
                    &[("mode", mode), ("status", status.name())],
                    counter.get(),
                );
            }
        }
        let failed = [("mode", "unknown"), ("status", "failed")];
        page.sample("orchestrator_runs_total", &failed, self.failed.get());
        let running = self.started.get().saturating_sub(self.ended.get());
        page.head(
            "orchestrator_runs_in_progress",
            "gauge",
            "Runs that began and have not ended; a run whose caller went away stays in it.",
        );
        page.sample("orchestrator_runs_in_progress", &[], running);
        page.head("orchestrator_run_duration_seconds", "histogram", "From start to end of a run.");
        for ((_, mode), took) in MODES.iter().zip(&self.run_took) {
            page.histogram("orchestrator_run_duration_seconds", &[("mode", mode)], took);
        }
        page.counter(
            "orchestrator_run_cost_usd_total",
            "What runs cost, where every price is known.",
            micro(self.cost_micro.get()),
        );
        page.counter("orchestrator_runs_unpriced_total", "Runs whose cost is unknown.", self.unpriced.get());
        page.counter(
            "orchestrator_calls_saved_total",
            "Planned calls that were not needed.",
            self.saved_calls.get(),
        );
        page.counter("orchestrator_runs_resumed_total", "Runs that were taken up again.", self.resumed.get());
    }

    fn decisions(&self, page: &mut Page) {
        page.head(
            "orchestrator_agreement_ratio",
            "histogram",
            "The share of votes that agree with the winner, a council.",
        );
        page.histogram("orchestrator_agreement_ratio", &[], &self.agreement);
        page.counter("orchestrator_dissents_total", "Minority reports.", self.dissents.get());
        page.counter(
            "orchestrator_escalations_total",
            "Times that a run went deeper than it began.",
            self.escalations.get(),
        );
        page.head("orchestrator_validations_total", "counter", "Validations by verdict.");
        for (verdict, count) in self.verdicts.all() {
            page.sample("orchestrator_validations_total", &[("verdict", verdict)], count);
        }
        page.head("orchestrator_alarms_total", "counter", "Alarms of decisions by kind.");
        let alarms = self.alarms.read().unwrap_or_else(PoisonError::into_inner);
        let sorted: BTreeMap<&String, u64> =
            alarms.iter().map(|(alarm, count)| (alarm, count.get())).collect();
        for (alarm, count) in sorted {
            page.sample("orchestrator_alarms_total", &[("alarm", alarm)], count);
        }
    }

    fn roles(&self, page: &mut Page) {
        page.head(
            "orchestrator_role_calls_total",
            "counter",
            "Calls of roles: ok, recalled (from a journal), or the cause of the failure.",
        );
        for (role, counted) in Role::ALL.iter().zip(&self.roles) {
            for (outcome, count) in counted.calls.all() {
                page.sample(
                    "orchestrator_role_calls_total",
                    &[("role", role.name()), ("outcome", outcome)],
                    count,
                );
            }
        }
        page.head(
            "orchestrator_role_call_duration_seconds",
            "histogram",
            "How long calls of roles took that were answered, retries and fallbacks in it.",
        );
        for (role, counted) in Role::ALL.iter().zip(&self.roles) {
            page.histogram(
                "orchestrator_role_call_duration_seconds",
                &[("role", role.name())],
                &counted.took,
            );
        }
        page.head(
            "orchestrator_replies_total",
            "counter",
            "Replies by where they came from: live, cached, shared, spliced, stale.",
        );
        for (from, count) in self.served.all() {
            page.sample("orchestrator_replies_total", &[("from", from)], count);
        }
    }

    fn models(&self, page: &mut Page) {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(String, String, Arc<OfModel>)> = models
            .iter()
            .map(|(model, counted)| {
                (model.provider().to_owned(), model.model().to_owned(), Arc::clone(counted))
            })
            .collect();
        drop(models);
        all.sort_by(|one, two| (&one.0, &one.1).cmp(&(&two.0, &two.1)));
        all.push((String::from("other"), String::from("other"), Arc::clone(&self.other)));
        let each = |page: &mut Page, write: &dyn Fn(&mut Page, Labels<'_>, &OfModel)| {
            for (provider, model, counted) in &all {
                write(page, &[("provider", provider), ("model", model)], counted);
            }
        };
        page.head(
            "orchestrator_attempts_total",
            "counter",
            "Attempts at models: ok, or the cause of the failure.",
        );
        each(page, &|page, labels, counted| {
            for (outcome, count) in counted.attempts.all() {
                let labels = [labels, &[("outcome", outcome)]].concat();
                page.sample("orchestrator_attempts_total", &labels, count);
            }
        });
        page.head(
            "orchestrator_refusals_total",
            "counter",
            "Calls that a guard of ours kept from a model, by cause.",
        );
        each(page, &|page, labels, counted| {
            for (cause, count) in counted.refused.all() {
                page.sample("orchestrator_refusals_total", &[labels, &[("cause", cause)]].concat(), count);
            }
        });
        for (name, help, pick) in HISTOGRAMS {
            page.head(name, "histogram", help);
            each(page, &|page, labels, counted| page.histogram(name, labels, pick(counted)));
        }
        page.head(
            "orchestrator_tokens_total",
            "counter",
            "Tokens of answered attempts; cached ones are among the input.",
        );
        each(page, &|page, labels, counted| {
            for (direction, count) in
                [("input", &counted.input), ("cached", &counted.cached), ("output", &counted.output)]
            {
                let labels = [labels, &[("direction", direction)]].concat();
                page.sample("orchestrator_tokens_total", &labels, count.get());
            }
        });
        page.head(
            "orchestrator_attempt_cost_usd_total",
            "counter",
            "What answered attempts cost, where the price is known.",
        );
        each(page, &|page, labels, counted| {
            page.sample("orchestrator_attempt_cost_usd_total", labels, micro(counted.cost_micro.get()));
        });
        for (name, help, pick) in COUNTERS {
            page.head(name, "counter", help);
            each(page, &|page, labels, counted| page.sample(name, labels, pick(counted)));
        }
    }

    fn troubles(&self, page: &mut Page, dropped: &[(&str, u64)]) {
        page.counter(
            "orchestrator_runs_not_kept_total",
            "Runs that could not be written to their journal or history.",
            self.not_kept.get(),
        );
        page.counter(
            "orchestrator_shared_state_failures_total",
            "Times that the shared state could not be used.",
            self.state_failures.get(),
        );
        page.head("orchestrator_reader_events_dropped_total", "counter", "Events that a slow reader lost.");
        for (reader, count) in dropped {
            page.sample("orchestrator_reader_events_dropped_total", &[("reader", reader)], count);
        }
    }
}

type OfHistogram = fn(&OfModel) -> &Histogram;
const HISTOGRAMS: [(&str, &str, OfHistogram); 2] = [
    ("orchestrator_attempt_duration_seconds", "How long answered attempts took.", |model| &model.took),
    (
        "orchestrator_first_token_seconds",
        "From the begin of a streamed attempt to its first piece of text.",
        |model| &model.first_token,
    ),
];

type OfCounter = fn(&OfModel) -> u64;
const COUNTERS: [(&str, &str, OfCounter); 3] = [
    ("orchestrator_attempts_unpriced_total", "Answered attempts whose price is unknown.", |model| {
        model.unpriced.get()
    }),
    ("orchestrator_retries_total", "Waits before a model was asked again.", |model| model.retries.get()),
    ("orchestrator_hedges_total", "Second calls because the first was slow to begin.", |model| {
        model.hedges.get()
    }),
];

/// What is known of models and keys at this moment.
fn gauges(page: &mut Page, targets: &[TargetGauge]) {
    let each = |page: &mut Page, write: &dyn Fn(&mut Page, Labels<'_>, &TargetGauge)| {
        for target in targets.iter().take(super::MODELS_MAX) {
            let key = target.key.to_string();
            write(
                page,
                &[("provider", target.model.provider()), ("model", target.model.model()), ("key", &key)],
                target,
            );
        }
    };
    page.head(
        "orchestrator_breaker_state",
        "gauge",
        "1 for the state in which a model's breaker is, else 0.",
    );
    each(page, &|page, labels, target| {
        for gate in Gate::ALL {
            let labels = [labels, &[("state", gate.name())]].concat();
            page.sample("orchestrator_breaker_state", &labels, u8::from(gate == target.gate));
        }
    });
    page.head("orchestrator_key_out", "gauge", "1 while a key is left out.");
    each(page, &|page, labels, target| page.sample("orchestrator_key_out", labels, u8::from(target.key_out)));
    page.head("orchestrator_calls_in_flight", "gauge", "Calls under way.");
    each(page, &|page, labels, target| page.sample("orchestrator_calls_in_flight", labels, target.in_flight));
    page.head("orchestrator_concurrency_limit", "gauge", "How many calls may be under way.");
    each(page, &|page, labels, target| {
        page.sample("orchestrator_concurrency_limit", labels, target.concurrency_limit);
    });
    page.head("orchestrator_calls_waiting", "gauge", "Calls that wait for a place.");
    each(page, &|page, labels, target| page.sample("orchestrator_calls_waiting", labels, target.waiting));
}
