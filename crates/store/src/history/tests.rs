//! The history as its users meet it: kept runs, claims of several processes, tampering, policies, damaged files, exports.

mod counting;
mod faults;
mod older;
mod tampering;

use std::{fs, time::Duration};

use async_orchestrator_core::{
    CallContext, Capabilities, CompletionRequest, EventSink, JournalEntry, MicroUsd, Mode, ModeChoice, Price,
    Role, SeatId, Stages, Unended,
    test_util::{ManualClock, Script, ScriptedProvider},
};
use async_orchestrator_council::{Council, Panel, Quorum, Resumption, RunInputs, Seat};
use async_orchestrator_prompts::CollaborativePromptLibrary;
use futures_util::FutureExt;

use super::*;

struct Place {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some/where/history.db");
    Place { _directory: directory, path }
}

impl Place {
    fn open(&self) -> History {
        self.keeping(Content::Full)
    }

    fn keeping(&self, content: Content) -> History {
        let options = HistoryOptions { sync: super::Sync::Normal, content, mib_max: None };
        History::open(&self.path, options).unwrap()
    }

    fn raw(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }
}

fn on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

const QUESTION: &str = "How many lanterns burn on the quay of Ystad?";

/// A council of three that answers at once; `keys` are its answers.
fn council(keys: [&'static str; 3], store: &Arc<History>) -> Council {
    council_after(Duration::ZERO, keys, store)
}

/// Begins a run whose models never answer, and whose caller goes away.
fn begin_and_leave(store: &Arc<History>, run: &str) {
    let council = council_after(Duration::from_secs(1), ["42", "42", "41"], store);
    assert!(council.run(&request(), inputs(run)).now_or_never().is_none());
    // Whatever was handed over before is done when this is answered.
    on(store.outcome(&RunId::new("nobody"), true, 0)).unwrap();
}

fn council_after(after: Duration, keys: [&'static str; 3], store: &Arc<History>) -> Council {
    let clock = Arc::new(ManualClock::new());
    let seat = |number: u8| {
        let price = Price {
            input: 1_000_000,
            cached_input: None,
            cache_write: None,
            output: 2_000_000,
            as_of: "2026-11".into(),
        };
        let target = format!("vendor{number}:model").parse().unwrap();
        let facts = Capabilities { price: Some(price), ..Capabilities::unknown(target) };
        let reply = move |_: &CompletionRequest, _: &CallContext| {
            let key = keys[usize::from(number) - 1];
            let text = format!(
                r#"{{"answer_key":"{key}","answer":"The answer is {key}, counted at dusk.","claims":[],"confidence":0.8,"abstain":false}}"#
            );
            Script::Answer { after, text }
        };
        let provider: Arc<ScriptedProvider> = Arc::new(ScriptedProvider::answering(
            facts.clone(),
            Arc::<ManualClock>::clone(&clock) as _,
            reply,
        ));
        Seat {
            id: SeatId::new(Role::Proposer, number),
            provider,
            models: vec![facts],
            limits: async_orchestrator_core::AttemptLimits::REMOTE_DEFAULT,
            temperature: None,
        }
    };
    let panel = Panel::try_new((1..=3).map(seat).collect()).unwrap();
    Council::new(panel, CollaborativePromptLibrary::built_in().unwrap(), clock)
        .quorum(Quorum::try_new(2, 0).unwrap())
        .depth(async_orchestrator_council::Depth::Full)
        .journal(Arc::<History>::clone(store))
        .history(Arc::<History>::clone(store))
}

fn request() -> TriageRequest {
    TriageRequest::new(QUESTION)
        .mode(ModeChoice::Council)
        .stages(Stages::VOTE)
        .answer_kind(async_orchestrator_core::AnswerKind::Number)
}

fn inputs(run: &str) -> RunInputs {
    let run = RunId::new(run);
    RunInputs { run: run.clone(), seed: 7, events: EventSink::silent(run, ManualClock::new().now()) }
}

use async_orchestrator_core::Clock as _;

/// Runs a council whose every run is kept.
fn deliberate(store: &Arc<History>, run: &str) -> DecisionRecord {
    on(council(["42", "42", "41"], store).run(&request(), inputs(run))).unwrap()
}

fn filled(place: &Place, runs: usize) -> Arc<History> {
    let store = Arc::new(place.open());
    for number in 0..runs {
        deliberate(&store, &format!("run-{number}"));
    }
    on(store.counted());
    store
}

/// Everything that the counting of runs wrote, and what is found by it.
fn counted(store: &History) -> (Vec<String>, Stats, Vec<RunId>) {
    let rows = |connection: &Connection| {
        let select = "SELECT 'call ' || run || ' ' || concat_ws(' ', call, seat, role, stage, model, outcome, attempts, took_ms, tokens_in, tokens_out, micro_usd)
             FROM calls UNION ALL
             SELECT 'attempt ' || run || ' ' || concat_ws(' ', call, number, model, began_ms, ended_ms, outcome, why) FROM attempts ORDER BY 1";
        connection.prepare(select)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()
    };
    let stats = on(store.stats(StatsFilter::default())).unwrap();
    let found = on(store.search("lanterns", SearchOrder::Newest, 9)).unwrap();
    (on(store.reader.ask(rows)).unwrap(), stats, found.into_iter().map(|row| row.run).collect())
}

fn flaws(store: &History) -> Vec<(Option<u64>, FlawKind)> {
    let found = on(store.verify(VerifyScope::default())).unwrap();
    found.flaws.into_iter().map(|flaw| (flaw.position, flaw.kind)).collect()
}

#[test]
fn a_run_is_listed_found_shown_and_counted() {
    let place = place();
    let store = filled(&place, 3);
    let record = deliberate(&store, "last-run");
    let rows = on(store.list(Filter::default())).unwrap();
    assert_eq!(rows.len(), 4);
    let row = &rows[0];
    assert_eq!((row.run.as_str(), row.state, row.question.as_str()), ("last-run", RunState::Done, QUESTION));
    assert_eq!(row.decision_hash.as_ref(), Some(&record.log.decision_hash));
    assert_eq!((row.agreement, row.cost, row.calls), (record.agreement(), record.cost.money(), 3));
    assert_eq!(
        on(store.record(&record.run_id)).unwrap().as_ref(),
        Some(&record),
        "as it was, to every digit"
    );
    assert_eq!(on(store.kept(&record.run_id)).unwrap().unwrap().request, request());
    let search = |words: &str| on(store.search(words, SearchOrder::Relevance, 10)).unwrap().len();
    assert_eq!(
        (search("lanterns ystad"), search("lant* dusk"), search("\"quay of Ystad\""), search("zebra")),
        (4, 4, 4, 0)
    );
    assert_eq!(search("') OR 1=1 -- \" AND NOT"), 0, "what is written is searched for, not run");
    let newest = on(store.search("lanterns", SearchOrder::Newest, 2)).unwrap();
    assert_eq!(newest.iter().map(|row| row.run.as_str()).collect::<Vec<_>>(), ["last-run", "run-2"]);
    let found = |text: &str| on(store.find(text)).unwrap();
    assert!(matches!(found("last"), Found::One(row) if row.run.as_str() == "last-run"));
    assert!(matches!(found("run-1"), Found::One(_)));
    assert!(matches!(found("run-"), Found::Several(runs) if runs.len() == 3));
    assert_eq!((found("nobody"), found("*"), found("")), (Found::None, Found::None, Found::None));
    let filter = |filter: Filter| on(store.list(filter)).unwrap().len();
    assert_eq!(filter(Filter { limit: 2, ..Filter::default() }), 2);
    assert_eq!(filter(Filter { mode: Some("express".into()), ..Filter::default() }), 0);
    assert_eq!(
        filter(Filter { status: Some("done".into()), mode: Some("council".into()), ..Filter::default() }),
        4
    );
}

#[test]
fn figures_are_those_of_the_runs() {
    let place = place();
    let store = filled(&place, 5);
    let stats = on(store.stats(StatsFilter::default())).unwrap();
    assert_eq!((stats.total.runs, stats.total.councils, stats.total.failed), (5, 5, 0));
    assert_eq!((stats.total.calls, stats.by_outcome.values().sum::<u64>()), (15, 5));
    assert!((stats.total.agreement.unwrap() - 2.0 / 3.0).abs() < 1e-9);
    let rows = on(store.list(Filter::default())).unwrap();
    let cost: MicroUsd = rows.iter().map(|row| row.cost.unwrap()).sum();
    assert_eq!((stats.total.cost, stats.total.unpriced), (cost, 0));
    assert_eq!(stats.by_role["proposer"].cost, cost, "the calls' cost is the runs'");
    let odd = &stats.by_model["vendor3:model"];
    assert_eq!((odd.proposals, odd.won, odd.agreed, odd.calls), (5, 0, 0, 5));
    let agreed: u64 = stats.by_model.values().map(|figures| figures.agreed).sum();
    let won: u64 = stats.by_model.values().map(|figures| figures.won).sum();
    assert_eq!((agreed, won), (10, 5));
    assert_eq!(stats.by_domain.len(), 1);
    let elsewhere = StatsFilter { domain: Some("nowhere".into()), ..StatsFilter::default() };
    assert_eq!(
        on(store.stats(elsewhere)).unwrap(),
        Stats {
            calibration: Calibration { bins: vec![CalibrationBin::default(); 10], ..Calibration::default() },
            ..Stats::default()
        }
    );
    assert_eq!(stats.total.latency.count(), 5);
}

/// Journals a run into `store` that begins with `begun` and fails.
fn fail(store: &History, run: &RunId, begun: impl IntoIterator<Item = JournalBody>) {
    for sealed in failing(run, begun) {
        on(store.append(run, sealed)).unwrap();
    }
}

/// The journal of a run that began so and failed.
fn failing(run: &RunId, begun: impl IntoIterator<Item = JournalBody>) -> Vec<Arc<SealedEntry>> {
    let mut previous = async_orchestrator_core::content_hash(run.as_str().as_bytes());
    let ended = JournalBody::Failed { why: String::from("nobody could answer") };
    let bodies = (0..).zip(begun.into_iter().chain([ended]));
    bodies
        .map(|(index, body)| {
            let previous_one = std::mem::take(&mut previous);
            let entry = JournalEntry { index, previous: previous_one, at_ms: 5, body };
            let sealed = SealedEntry::seal(entry).unwrap();
            sealed.hash().clone_into(&mut previous);
            Arc::new(sealed)
        })
        .collect()
}

/// What a council journals up to its first reply.
fn begun() -> Vec<JournalBody> {
    let place = place();
    let store = filled(&place, 1);
    let entries = on(store.entries(&RunId::new("run-0"))).unwrap();
    entries.into_iter().take(3).map(|entry| entry.body().clone()).collect()
}

#[test]
fn a_failed_run_lets_its_texts_go_as_the_policy_says() {
    for content in [Content::Full, Content::Hash, Content::Off] {
        let place = place();
        let store = place.keeping(content);
        let run = RunId::new("failed");
        fail(&store, &run, begun());
        let left = on(store.entries(&run)).unwrap();
        assert_eq!(left.is_empty(), content != Content::Full, "{content:?}: {left:?}");
        assert_eq!(flaws(&store), []);
        drop(store);
        place.raw().execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let file = fs::read(&place.path).unwrap();
        let lanterns = file.windows(8).any(|window| window == b"lanterns");
        assert_eq!(lanterns, content == Content::Full, "{content:?}");
    }
}

#[test]
fn a_failed_run_counts_its_attempts_and_never_an_unknown_cost_as_none() {
    use async_orchestrator_core::{Attempt, AttemptOutcome, Cause, RoleFailure, RoleOutcome};
    let (late, away) = (Cause::Timeout, Cause::Unavailable);
    // By the cause that the call is said to have failed for, and those of its attempts; the last one was never sent.
    for (cause, causes, unpriced) in [
        (late, [late, late, away], 1),
        (away, [away, away, late], 0),
        (away, [late, away, away], 1),
        (late, [away, away, away], 0),
    ] {
        let place = place();
        let store = place.open();
        let mut begun = begun();
        let Some(JournalBody::Arrived { outcome, spent, .. }) = begun.last_mut() else { panic!("{begun:?}") };
        spent.cost = MicroUsd(70);
        // No setup of this history knows the model, so its price is not known.
        let attempt = |(n, cause)| Attempt {
            call: String::from("proposer-1/propose"),
            seat: SeatId::new(Role::Proposer, 1),
            target: "vendor1:model".parse().unwrap(),
            n,
            started_ms: 0,
            ended_ms: Some(1),
            outcome: AttemptOutcome::Failed(cause),
            why: String::from("it failed"),
        };
        let trail = std::iter::zip([1, 2, 0], causes).map(attempt).collect();
        *outcome =
            Arc::new(RoleOutcome::Failed(RoleFailure { cause, why: String::from("it failed"), trail }));
        fail(&store, &RunId::new("failed"), begun);
        let stats = on(store.stats(StatsFilter::default())).unwrap();
        let total = &stats.total;
        assert_eq!((total.calls, total.unpriced, total.failed), (2, unpriced, 1), "{cause:?}");
        assert_eq!(stats.by_model["vendor1:model"].unpriced, 0, "it was never answered");
        assert_eq!(total.cost, MicroUsd(70), "what its journal says that it had spent");
    }
}

#[test]
fn a_failed_run_counts_under_what_triage_said_of_it() {
    let place = place();
    let store = filled(&place, 1);
    fail(&store, &RunId::new("failed"), begun());
    let stats = on(store.stats(StatsFilter::default())).unwrap();
    assert_eq!((stats.total.runs, stats.total.councils, stats.total.failed), (2, 1, 1));
    assert_eq!((stats.by_outcome["council/failed"], stats.by_domain.len()), (1, 1));
    assert_eq!(stats.by_role["proposer"].calls, 4, "its paid call counts too");
    assert_eq!(flaws(&store), []);
}

#[test]
fn a_kept_run_is_kept_once_and_decides_the_same_again() {
    let place = place();
    let store = filled(&place, 1);
    let record = on(store.record(&RunId::new("run-0"))).unwrap().unwrap();
    on(store.keep(&request(), &record)).unwrap();
    assert_eq!(on(store.stats(StatsFilter::default())).unwrap().total.runs, 1);
    let entries = on(store.entries(&record.run_id)).unwrap();
    let JournalBody::Opened { setup, .. } = entries[0].body() else { panic!("no beginning") };
    let setup = on(store.setup(setup)).unwrap().unwrap();
    let prompts = CollaborativePromptLibrary::built_in().unwrap();
    let council = Council::of_setup(&setup, prompts, Arc::new(ManualClock::new())).unwrap();
    assert_eq!(council.replay(&record.run_id, entries).unwrap().log, record.log);
    assert_eq!(record.mode, Mode::Council);
}

use async_orchestrator_core::JournalBody;

#[test]
fn an_interrupted_run_is_taken_over_by_one_process_alone() {
    let place = place();
    let whole = filled(&place, 1);
    let entries = on(whole.entries(&RunId::new("run-0"))).unwrap();
    let run = RunId::new("run-9");
    // The first process gets to its second call, and dies.
    let first = Arc::new(place.open());
    {
        let seal = |entry: &JournalEntry, previous: &str| {
            SealedEntry::seal(JournalEntry { previous: previous.to_owned(), ..entry.clone() }).unwrap()
        };
        let mut previous = async_orchestrator_core::content_hash(b"run-9");
        for entry in &entries[..4] {
            let sealed = seal(entry.entry(), &previous);
            sealed.hash().clone_into(&mut previous);
            on(first.append(&run, Arc::new(sealed))).unwrap();
        }
    }
    let (second, third) = (Arc::new(place.open()), place.open());
    let state = |store: &History| on(store.unfinished()).unwrap()[0].state;
    assert_eq!(state(&second), Unended::Running);
    assert!(matches!(on(second.claim(&run)).unwrap(), Takeover::Running));
    assert!(matches!(on(first.claim(&run)).unwrap(), Takeover::Running), "by this very process");
    drop(first);
    let unfinished = on(second.unfinished()).unwrap();
    assert_eq!((unfinished[0].state, unfinished[0].calls), (Unended::Interrupted, 2));
    let Takeover::Taken(taken) = on(second.claim(&run)).unwrap() else { panic!("not taken") };
    assert_eq!(taken.len(), 4);
    assert!(matches!(on(third.claim(&run)).unwrap(), Takeover::Running));
    assert!(matches!(on(second.claim(&run)).unwrap(), Takeover::Running));
    assert!(matches!(on(second.claim(&RunId::new("nobody"))).unwrap(), Takeover::Unknown));
    assert!(matches!(on(second.claim(&RunId::new("run-0"))).unwrap(), Takeover::Ended));
    // It is finished as if nothing had happened.
    let resumption = Resumption::read(run.clone(), taken).unwrap();
    let record = on(council(["42", "42", "41"], &second).resume(resumption, inputs("run-9").events)).unwrap();
    let before = on(whole.record(&RunId::new("run-0"))).unwrap().unwrap();
    assert_eq!(record.log.decision_hash, before.log.decision_hash);
    assert!(on(third.unfinished()).unwrap().is_empty());
    assert_eq!(flaws(&third), []);
    let locks = fs::read_dir(place.path.with_added_extension("owners")).unwrap().count();
    assert_eq!(locks, 3, "the locks of the living, and none of the dead");
}

#[test]
fn a_schema_that_a_caller_asks_for_is_not_counted_as_a_call() {
    let place = place();
    let opened = on(filled(&place, 1).entries(&RunId::new("run-0"))).unwrap().swap_remove(0);
    let mut opened = opened.entry().clone();
    let run = RunId::new("run-9");
    async_orchestrator_core::content_hash(b"run-9").clone_into(&mut opened.previous);
    let JournalBody::Opened { request, .. } = &mut opened.body else { panic!("{opened:?}") };
    // It stands in the entry as it is, with the words that an arrived call has.
    request.output_schema = Some(serde_json::json!({"const": {"entry": "arrived"}}));
    let store = place.open();
    on(store.append(&run, Arc::new(SealedEntry::seal(opened).unwrap()))).unwrap();
    let unfinished = on(store.unfinished()).unwrap();
    assert_eq!((&unfinished[0].run, unfinished[0].calls), (&run, 0));
}

#[test]
fn a_run_whose_caller_left_is_left() {
    let place = place();
    let store = Arc::new(place.open());
    begin_and_leave(&store, "run-1");
    let unfinished = on(store.unfinished()).unwrap();
    assert_eq!((unfinished[0].state, unfinished[0].question.as_str()), (Unended::Left, QUESTION));
    assert!(matches!(on(store.claim(&RunId::new("run-1"))).unwrap(), Takeover::Taken(_)));
}

#[test]
fn what_is_pruned_is_gone_and_the_chain_says_so() {
    let place = place();
    let store = filled(&place, 3);
    let bytes = |place: &Place| {
        [place.path.clone(), place.path.with_added_extension("x").with_file_name("history.db-wal")]
            .iter()
            .flat_map(|path| fs::read(path).unwrap_or_default())
            .collect::<Vec<u8>>()
    };
    let contains =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains(&bytes(&place), "counted at dusk"));
    let report = on(store.prune(u64::MAX, 5, Pack::Now)).unwrap();
    assert_eq!((report.records, report.runs), (3, 0));
    assert!(report.bytes > 1_000);
    assert!(!contains(&bytes(&place), "counted at dusk"), "not a word is left");
    let found = on(store.verify(VerifyScope::default())).unwrap();
    assert_eq!((found.flaws, found.pruned, found.links), (vec![], 3, 4));
    assert_eq!(on(store.list(Filter::default())).unwrap().len(), 3, "the lines stay");
    assert_eq!(on(store.stats(StatsFilter::default())).unwrap().total.runs, 3, "and the figures");
    assert!(on(store.record(&RunId::new("run-1"))).unwrap().is_none());
    assert!(on(store.search("lanterns", SearchOrder::Newest, 9)).unwrap().is_empty());
}

#[test]
fn a_policy_keeps_texts_out_of_the_file() {
    for (content, resumable) in [(Content::Hash, true), (Content::Off, false)] {
        let place = place();
        let store = Arc::new(place.keeping(content));
        let record = deliberate(&store, "run-0");
        let row = &on(store.list(Filter::default())).unwrap()[0];
        assert_eq!(row.decision_hash.as_ref(), Some(&record.log.decision_hash));
        assert_eq!(row.question.starts_with("blake3:"), content == Content::Hash);
        let body = on(store.body(&record.run_id)).unwrap().unwrap();
        for text in ["lanterns", "dusk", "\"42\""] {
            assert!(!body.contains(text), "{content:?}: {text} in {body}");
        }
        assert!(body.contains("vendor1") && body.contains(&record.log.head));
        assert!(on(store.entries(&record.run_id)).unwrap().is_empty());
        assert_eq!(flaws(&store), []);
        assert_eq!(on(store.stats(StatsFilter::default())).unwrap().by_model.len(), 3);
        drop(store);
        place.raw().execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let file = fs::read(&place.path).unwrap();
        let lanterns = file.windows(8).any(|window| window == b"lanterns");
        assert!(!lanterns, "{content:?}");
        assert!(resumable || !file.windows(4).any(|window| window == b"dusk"));
    }
}

#[test]
fn many_entries_at_once_are_all_there_afterwards() {
    let place = place();
    let store = Arc::new(place.open());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let runs = (0..200).map(|number| {
            let store = Arc::clone(&store);
            runtime.spawn(async move {
                let council = council(["42", "42", "41"], &store);
                council.run(&request(), inputs(&format!("run-{number}"))).await.unwrap()
            })
        });
        for run in runs.collect::<Vec<_>>() {
            assert_eq!(run.await.unwrap().log.unrecorded, None);
        }
    });
    assert_eq!(on(store.list(Filter::default())).unwrap().len(), 200);
    let found = on(store.verify(VerifyScope::default())).unwrap();
    assert_eq!((found.flaws, found.records), (vec![], 200));
}

#[test]
fn a_full_file_fails_what_does_not_fit_and_keeps_all_that_was_answered() {
    let place = place();
    let options = HistoryOptions { mib_max: Some(1), sync: super::Sync::Normal, content: Content::Full };
    let open = || Arc::new(History::open(&place.path, options).unwrap());
    let store = open();
    let mut kept = Vec::new();
    let refused = (0..400).find_map(|number| {
        let run = format!("run-{number}");
        let record = on(council(["42", "42", "41"], &store).run(&request(), inputs(&run))).unwrap();
        match record.log.unrecorded {
            None => kept.push(run),
            Some(why) => return Some(why),
        }
        None
    });
    assert!(refused.unwrap().contains("full"), "1 MiB does not hold 400 runs");
    assert!(kept.len() > 10);
    drop(store);
    let store = open();
    for run in &kept {
        assert!(
            on(store.record(&RunId::new(run.as_str()))).unwrap().is_some(),
            "{run} was answered and is gone"
        );
    }
    assert_eq!(flaws(&store), []);
    // Room is made, and it goes on.
    on(store.prune(u64::MAX, 5, Pack::Now)).unwrap();
    assert_eq!(deliberate(&store, "after").log.unrecorded, None);
}
