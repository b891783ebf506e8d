//! What readers get of a run that was written down by hand: metrics, spans, and what becomes of a reader that hangs.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_orchestrator_core::{
    Cause, Clock, Event, EventKind, MicroUsd, Mode, Observer, Role, RunId, RunSummary, SeatId, Served,
    SpanId, Stage, Status, StopReason, TallyRule, TraceContext, Usage, Verdict, test_util::ManualClock,
};

use bytes::Bytes;

use crate::{
    FinishedSpan, Gate, OrchestrationInstrumentation, Reader, SpanTree, Stamped, TargetGauge,
    otlp::{Otlp, OtlpConfig, Post, PostReply},
};

const CALL: &str = "critic-1/review";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn event(sequence: u64, call: Option<&str>, kind: EventKind) -> Event {
    let seat = call.map(|_| SeatId::new(Role::Critic, 1));
    Event { run: RunId::new("run-1"), sequence, at_ms: sequence, seat, call: call.map(Arc::from), kind }
}

fn summary() -> RunSummary {
    RunSummary {
        status: Status::Degraded,
        mode: Mode::Council,
        stop_reason: StopReason::MaxDepth,
        verdict: Verdict::Pass,
        rule: Some(TallyRule::Plurality),
        agreement: Some(2.0 / 3.0),
        p_correct: None,
        dissents: 1,
        calls: 9,
        saved_calls: 2,
        tokens_in: 900,
        tokens_out: 300,
        cost: Some(MicroUsd(1_250)),
        total_ms: 730.0,
    }
}

/// A run with one call: its first attempt fails, the second model answers.
fn run() -> Vec<Event> {
    let one: async_orchestrator_core::ModelRef = "a:one".parse().unwrap();
    // A name may hold what formats give a meaning.
    let two: async_orchestrator_core::ModelRef = "b:two\"x".parse().unwrap();
    let usage = Usage { input_tokens: 100, output_tokens: 20, cached_input_tokens: 60, ..Usage::default() };
    let call = Some(CALL);
    [
        (None, EventKind::RunStarted { seats: Vec::new(), trace: PARENT.parse().ok() }),
        (call, EventKind::RoleStarted { stage: Stage::Review, target: one.clone() }),
        (call, EventKind::AttemptStarted { target: one.clone(), attempt: 1 }),
        (
            call,
            EventKind::AttemptFailed {
                target: one.clone(),
                attempt: 1,
                cause: Cause::Overloaded,
                why: "secret words".into(),
            },
        ),
        (call, EventKind::AttemptWaits { target: one.clone(), wait_ms: 40 }),
        (call, EventKind::AttemptHedged { target: two.clone(), after_ms: 90 }),
        (call, EventKind::AttemptStarted { target: two.clone(), attempt: 2 }),
        (call, EventKind::Delta { text: "secret words".into() }),
        (
            call,
            EventKind::AttemptFinished {
                target: two.clone(),
                attempt: 2,
                usage,
                cost: Some(MicroUsd(140)),
                first_token_ms: Some(70),
                took_ms: 240,
            },
        ),
        (
            call,
            EventKind::RoleFinished {
                stage: Stage::Review,
                target: two,
                usage,
                served: Served::Live,
                took_ms: 400,
            },
        ),
        (None, EventKind::Completed { summary: Box::new(summary()) }),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (call, kind))| event(at as u64, call, kind))
    .collect()
}

fn spans(events: Vec<Event>) -> Vec<FinishedSpan> {
    let mut tree = SpanTree::default();
    let began = ManualClock::new().now();
    let stamped = |event: Event| {
        let since = Duration::from_millis(event.at_ms);
        Stamped { at: UNIX_EPOCH + Duration::from_secs(1) + since, now: began + since, event }
    };
    events.into_iter().flat_map(|event| tree.read(&stamped(event))).collect()
}

#[test]
fn a_run_is_a_tree_of_spans_under_its_callers() {
    let spans = spans(run());
    let run = RunId::new("run-1");
    let named = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"))
    };
    let caller: TraceContext = PARENT.parse().unwrap();
    let root = named("invoke_workflow async-orchestrator");
    assert_eq!((root.id, root.parent), (SpanId::of(&run, "run"), caller.parent()));
    assert!(spans.iter().all(|span| span.trace == caller.trace_id()));
    let role = named("invoke_agent critic-1");
    assert_eq!(role.parent, Some(root.id));
    let call = named("chat one");
    assert_eq!((call.id, call.parent), (SpanId::of(&run, CALL), Some(role.id)));
    let (first, second) = (named("chat one attempt 1"), named("chat two\"x attempt 2"));
    assert_eq!((first.parent, first.id), (Some(call.id), SpanId::of_attempt(&run, CALL, 1)));
    assert_eq!((first.error.as_deref(), second.error.as_deref()), (Some("overloaded"), None));
    assert!(first.is_client && !call.is_client && first.end <= second.start);
    assert_eq!(call.events.iter().map(|event| event.name).collect::<Vec<_>>(), ["retry", "hedge"]);
    assert_eq!(spans.len(), 5);
    let everything = format!("{spans:?}");
    assert!(!everything.contains("secret"), "no words of models in a span");
    assert!(
        spans.iter().all(|span| span.start <= span.end && span.start >= root.start && span.end <= root.end)
    );
}

#[test]
fn a_trace_that_its_caller_does_not_record_is_not_recorded_here() {
    let mut events = run();
    events[0].kind =
        EventKind::RunStarted { seats: Vec::new(), trace: PARENT.replace("-01", "-00").parse().ok() };
    assert!(spans(events).is_empty());
}

#[test]
fn what_was_open_when_a_run_failed_ends_with_it() {
    let mut events: Vec<Event> = run().into_iter().take(3).collect();
    events.push(event(9, None, EventKind::Failed { why: String::from("secret words") }));
    let spans = spans(events);
    assert_eq!(spans.len(), 4);
    assert_eq!(spans.last().unwrap().error.as_deref(), Some("no_answer"));
    assert!(spans.iter().any(|span| span.error.as_deref() == Some("cancelled")));
}

fn observed(instrumentation: &OrchestrationInstrumentation) {
    for event in &run() {
        instrumentation.observe(event);
    }
}

fn counted() -> OrchestrationInstrumentation {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    OrchestrationInstrumentation::builder(clock).metrics().build().unwrap()
}

/// Reads the text format strictly: every sample has a type before it, histograms are complete and grow.
fn parse(page: &str) -> Vec<(String, String, f64)> {
    let mut types = std::collections::BTreeMap::new();
    let mut samples = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} stands twice");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = sample.split_once('{').map_or((sample, ""), |(name, labels)| {
            (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}")))
        });
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let family = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
        let known = types.get(name).or_else(|| types.get(family?));
        let kind = known.unwrap_or_else(|| panic!("{line} has no type"));
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        samples.push((
            name.to_owned(),
            labels.to_owned(),
            value.parse().unwrap_or_else(|_| panic!("{line}")),
        ));
    }
    samples
}

#[test]
fn what_was_counted_is_a_page_that_prometheus_reads() {
    let instrumentation = counted();
    observed(&instrumentation);
    let target = TargetGauge {
        model: "a:one".parse().unwrap(),
        key: 2,
        gate: Gate::Refusing,
        key_out: true,
        in_flight: 3,
        concurrency_limit: 8,
        waiting: 1,
    };
    let page = instrumentation.render(&[target]);
    let samples = parse(&page);
    let value = |name: &str, labels: &str| {
        let found = samples.iter().find(|(known, with, _)| known == name && with == labels);
        found.unwrap_or_else(|| panic!("{name}{{{labels}}} is missing in {page}")).2
    };
    let is = |name: &str, labels: &str, expected: f64| {
        let found = value(name, labels);
        assert!((found - expected).abs() < 1e-9, "{name}{{{labels}}} is {found}, not {expected}");
    };
    is("orchestrator_runs_total", r#"mode="council",status="degraded""#, 1.0);
    is("orchestrator_runs_in_progress", "", 0.0);
    is("orchestrator_run_cost_usd_total", "", 0.001_25);
    is("orchestrator_run_duration_seconds_sum", r#"mode="council""#, 0.73);
    is("orchestrator_agreement_ratio_bucket", r#"le="0.6""#, 0.0);
    is("orchestrator_agreement_ratio_bucket", r#"le="0.8""#, 1.0);
    is("orchestrator_attempts_total", r#"provider="a",model="one",outcome="overloaded""#, 1.0);
    is("orchestrator_retries_total", r#"provider="a",model="one""#, 1.0);
    is("orchestrator_role_calls_total", r#"role="critic",outcome="ok""#, 1.0);
    is("orchestrator_breaker_state", r#"provider="a",model="one",key="2",state="refusing""#, 1.0);
    is("orchestrator_breaker_state", r#"provider="a",model="one",key="2",state="admitting""#, 0.0);
    is("orchestrator_calls_waiting", r#"provider="a",model="one",key="2""#, 1.0);
    is("orchestrator_dissents_total", "", 1.0);
    // Buckets of one histogram grow and end in its count.
    for (name, labels, count) in samples.iter().filter(|(name, ..)| name.ends_with("_count")) {
        let family = name.trim_end_matches("_count");
        let buckets: Vec<f64> = samples
            .iter()
            .filter(|(known, with, _)| {
                *known == format!("{family}_bucket") && with.starts_with(labels.as_str())
            })
            .map(|(.., value)| *value)
            .collect();
        assert!(buckets.windows(2).all(|pair| pair[0] <= pair[1]), "{family}");
        assert_eq!(buckets.last(), Some(count), "{family}{{{labels}}}");
    }
}

#[test]
fn models_beyond_the_limit_are_counted_together() {
    let instrumentation = counted();
    for number in 0..200 {
        let target = format!("vendor:model-{number}").parse().unwrap();
        let kind = EventKind::AttemptFailed { target, attempt: 1, cause: Cause::Timeout, why: String::new() };
        instrumentation.observe(&event(number, Some(CALL), kind));
    }
    let samples = parse(&instrumentation.render(&[]));
    let attempts: Vec<_> =
        samples.iter().filter(|(name, ..)| name == "orchestrator_attempts_total").collect();
    assert_eq!(attempts.len(), 65);
    let other = attempts.iter().find(|(_, labels, _)| labels.contains(r#"model="other""#)).unwrap();
    assert!((other.2 - 136.0).abs() < 1e-9);
}

/// A reader that waits for ever until it is let go.
struct Stuck(Receiver<()>);

impl Reader for Stuck {
    fn read(&mut self, _: &Stamped) {
        let _ = self.0.recv();
    }
}

/// A reader that keeps what it read.
#[derive(Clone, Default)]
struct Keeping(Arc<Mutex<Vec<Stamped>>>);

impl Reader for Keeping {
    fn read(&mut self, event: &Stamped) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[test]
fn a_reader_that_hangs_loses_events_and_keeps_nobody_waiting() {
    let (let_go, stuck) = sync_channel(0);
    let keeping = Keeping::default();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let instrumentation = OrchestrationInstrumentation::builder(clock)
        .metrics()
        .reader("stuck", Stuck(stuck))
        .reader("keeping", keeping.clone())
        .build()
        .unwrap();
    for _ in 0..2_000 {
        observed(&instrumentation);
        // The other reader is given the time to read, so that what it loses is not the machine's doing.
        while instrumentation.dropped()[1].1 == 0 && keeping.0.lock().unwrap().len() % 10 != 0 {
            std::thread::yield_now();
        }
    }
    let dropped = instrumentation.dropped();
    assert!(dropped[0].1 > 10_000, "{dropped:?}");
    let page = instrumentation.render(&[]);
    assert!(
        page.contains(&format!(
            "orchestrator_reader_events_dropped_total{{reader=\"stuck\"}} {}",
            dropped[0].1
        ))
    );
    let read = keeping.0.lock().unwrap();
    assert!(
        read.iter().all(|stamped| !matches!(stamped.event.kind, EventKind::Delta { .. })),
        "nobody wanted pieces"
    );
    drop(let_go);
}

/// A reader that falls over its first event.
struct Falling;

impl Reader for Falling {
    fn read(&mut self, _: &Stamped) {
        panic!("this reader falls");
    }
}

#[test]
fn what_a_reader_that_fell_will_not_read_is_counted_and_nobody_waits_for_it() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let builder = OrchestrationInstrumentation::builder(clock).reader("falling", Falling);
    let instrumentation = builder.build().unwrap();
    let read = run().iter().filter(|event| !matches!(event.kind, EventKind::Delta { .. })).count() as u64;
    observed(&instrumentation);
    // The limit is never reached: the end of the thread answers.
    assert!(!instrumentation.flush(Duration::from_secs(600)));
    assert_eq!(instrumentation.dropped()[0].1, read - 1, "all but the one that it fell over");
    observed(&instrumentation);
    assert_eq!(instrumentation.dropped()[0].1, 2 * read - 1);
    assert!(!instrumentation.flush(Duration::from_secs(600)));
}

#[test]
fn a_clock_that_is_set_while_runs_are_under_way_changes_the_length_of_none() {
    let began = ManualClock::new().now();
    let lasting = |set: fn(u64) -> SystemTime| {
        let mut tree = SpanTree::default();
        let mut other = run();
        for event in &mut other {
            event.run = RunId::new("run-2");
            event.at_ms += 3;
        }
        let mut events: Vec<Event> = run().into_iter().chain(other).collect();
        events.sort_by_key(|event| event.at_ms);
        let stamped = |event: Event| {
            let now = began + Duration::from_millis(event.at_ms);
            Stamped { at: set(event.at_ms), now, event }
        };
        let spans = events.into_iter().flat_map(|event| tree.read(&stamped(event)));
        spans.map(|span| span.end.duration_since(span.start).unwrap()).collect::<Vec<_>>()
    };
    let steady = lasting(|at| UNIX_EPOCH + Duration::from_millis(9_000_000 + at));
    assert!(steady.len() > 6 && steady.iter().all(|long| !long.is_zero()), "{steady:?}");
    // Set back by an hour as the second run begins, and later by a day to the front.
    let set = lasting(|at| {
        let moved = [9_000_000, 5_400_000, 91_800_000][usize::from(at >= 3) + usize::from(at >= 7)];
        UNIX_EPOCH + Duration::from_millis(moved + at)
    });
    assert_eq!(set, steady);
}

/// Says when it has read and when it may send.
struct Resting(SyncSender<&'static str>);

impl Reader for Resting {
    fn read(&mut self, _: &Stamped) {
        let _ = self.0.send("read");
    }

    fn rest(&mut self) {
        let _ = self.0.send("rest");
    }
}

#[test]
fn events_that_trickle_in_hold_back_nothing_that_waits_to_be_sent() {
    let (say, said) = sync_channel(1_000);
    let clock = ManualClock::new();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let builder = OrchestrationInstrumentation::builder(shared).reader("resting", Resting(say));
    let instrumentation = builder.build().unwrap();
    let trickle = run().remove(0);
    // A machine so slow that the queue runs dry in between rests of itself; then nothing is held either.
    let told = [0; 5].map(|_| {
        instrumentation.observe(&trickle);
        clock.advance(Duration::from_millis(400));
        said.recv().unwrap()
    });
    assert!(told.contains(&"rest"), "the fourth event was more than a second later than the first: {told:?}");
}

type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

struct Scripted {
    replies: Vec<Result<PostReply, String>>,
    sent: Sent,
}

impl Post for Scripted {
    fn post(
        &mut self,
        url: &str,
        _: &[(String, String)],
        body: Bytes,
        _: Duration,
    ) -> Result<PostReply, String> {
        self.sent.lock().unwrap().push((url.to_owned(), body.to_vec()));
        if self.replies.is_empty() { Ok(reply(200, None)) } else { self.replies.remove(0) }
    }
}

fn reply(status: u16, retry_after: Option<u64>) -> PostReply {
    PostReply { status, retry_after, body: Vec::new() }
}

#[test]
fn a_receiver_that_is_busy_is_asked_again_as_it_wishes_and_one_that_refuses_is_not() {
    for (replies, sends, waits) in [
        (vec![Ok(reply(503, Some(2))), Err(String::from("refused"))], 3, vec![2, 2]),
        (vec![Ok(reply(400, None))], 1, vec![]),
        (vec![Ok(reply(429, Some(900))), Ok(reply(429, None)), Ok(reply(429, None))], 3, vec![5, 2]),
    ] {
        let (sent, waited): (Sent, Arc<Mutex<Vec<u64>>>) = Default::default();
        let value = |name: &str| {
            (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| String::from("http://collector:4318"))
        };
        let config = OtlpConfig::read(&value).unwrap().unwrap();
        let post = Scripted { replies, sent: Arc::clone(&sent) };
        let noted = Arc::clone(&waited);
        let mut otlp = Otlp::new(config, post, move |wait| noted.lock().unwrap().push(wait.as_secs()));
        for event in run() {
            otlp.read(&Stamped { at: UNIX_EPOCH, now: ManualClock::new().now(), event });
        }
        otlp.rest();
        let sent = sent.lock().unwrap();
        assert_eq!((sent.len(), &*waited.lock().unwrap()), (sends, &waits));
        assert!(
            sent.iter().all(|(url, body)| url == "http://collector:4318/v1/traces" && *body == sent[0].1)
        );
    }
}

/// The names of metrics in a text.
fn names(text: &str) -> std::collections::BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|word| word.starts_with("orchestrator_")).map(str::to_owned).collect()
}

#[test]
fn the_dashboard_and_the_alerts_use_metrics_that_there_are() {
    let page = counted().render(&[]);
    let families: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for text in [
        include_str!("../../../docs/prometheus/alerts.yml"),
        include_str!("../../../docs/grafana/dashboard.json"),
    ] {
        let used = names(text);
        assert!(used.len() > 5);
        for name in used {
            let family = name.strip_suffix("_bucket").unwrap_or(&name);
            assert!(families.contains(&family), "`{name}` is no metric");
        }
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/grafana/dashboard.json")).unwrap();
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
}
