//! Fetching as a machine meets it: cut connections, wrong files, full disks, a pip in place of the hub, two fetches at once.

mod hub_server;
mod over_the_hub;
mod with_pip;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator_core::{Clock, Sleep};
use async_orchestrator_embedded::{DEFAULT_MODEL, ModelFile};
use async_orchestrator_providers::{Transport, TransportConfig};
use async_orchestrator_resilience::TokioClock;

use super::{FetchError, FetchEvent, FetchSource, WeightsState, WeightsStore};
use hub_server::{HubServer, Reply};

/// The SHA-256 of [`content`], by an independent program: `yes 0123456789abcdef | tr -d '\n' | head -c 1048576 | sha256sum`.
const SHA256: &str = "aca1cd027e979588d14b877b7b0cb8585ad9fec599eb45801992ee5382b3760f";
/// More than one step of progress.
const BYTES: usize = 1 << 20;

/// What stands for a model's weights here.
fn content() -> Vec<u8> {
    b"0123456789abcdef".iter().copied().cycle().take(BYTES).collect()
}

fn model() -> ModelFile {
    let mut model = DEFAULT_MODEL;
    model.bytes = BYTES as u64;
    model.sha256 = SHA256;
    model
}

/// Takes no pause and never finds that a time limit is over, so that no test waits.
#[derive(Clone, Copy, Debug)]
struct HastyClock;

impl Clock for HastyClock {
    fn now(&self) -> Instant {
        TokioClock.now()
    }

    fn wall(&self) -> SystemTime {
        TokioClock.wall()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(async move {
            if duration >= Duration::from_secs(5) {
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
        })
    }
}

/// A cache of its own, and a notebook of what happened.
struct Bench {
    directory: tempfile::TempDir,
    store: WeightsStore,
    events: Arc<Mutex<Vec<FetchEvent>>>,
}

impl Bench {
    /// A machine whose hub is at `hub` and whose search path leads nowhere.
    fn new(hub: String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = WeightsStore {
            model: model(),
            own: None,
            directory: directory.path().join("models"),
            offline: false,
            hub,
            search_path: None,
        };
        Self { directory, store, events: Arc::default() }
    }

    /// A machine that cannot reach the hub.
    fn without_hub() -> Self {
        // Port 9 of loopback: nobody listens on the discard port of a machine of today.
        Self::new("http://127.0.0.1:9".to_owned())
    }

    async fn pull(&self) -> Result<PathBuf, FetchError> {
        let events = Arc::clone(&self.events);
        let note = move |event: &FetchEvent| events.lock().unwrap().push(event.clone());
        let transport = Transport::new(TransportConfig::default(), Arc::new(TokioClock)).unwrap();
        self.store.pull(&transport, &HastyClock, &note).await
    }

    /// Begins to fetch and leaves when `enough` says so of what happened.
    async fn pull_until(&self, enough: impl Fn(&[FetchEvent]) -> bool) {
        let watch = async {
            while !enough(&self.events()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = self.pull() => panic!("it ended by itself: {ended:?}"),
            () = watch => {}
        }
    }

    fn events(&self) -> Vec<FetchEvent> {
        self.events.lock().unwrap().clone()
    }

    /// The files of the cache, without the lock, which stays.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.store.directory).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let start = model().file_name.len();
        let mut names: Vec<String> = names
            .filter(|name| Path::new(name).extension() != Some("lock".as_ref()))
            .map(|name| format!("file{}", &name[start..]))
            .collect();
        names.sort();
        names
    }

    fn part(&self) -> PathBuf {
        super::hub::part_of(&self.store.cached_path())
    }

    #[track_caller]
    fn assert_whole(&self) {
        assert_eq!(fs::read(self.store.cached_path()).unwrap(), content());
        assert_eq!(self.files(), ["file", "file.verified"]);
        assert_eq!(self.store.state(), WeightsState::Ready);
    }
}

#[tokio::test]
async fn a_file_of_the_user_is_used_as_it_is() {
    let mut bench = Bench::without_hub();
    let own = bench.directory.path().join("own.gguf");
    bench.store.own = Some(own.clone());
    assert!(matches!(bench.store.locate().await, Err(FetchError::OwnFile { source: Some(_), .. })));
    fs::write(&own, "anything").unwrap();
    assert_eq!(bench.store.locate().await.unwrap(), Some(own.clone()));
    assert_eq!(bench.store.list().len(), 2);
    bench.store.own = Some(bench.directory.path().to_owned());
    assert!(bench.store.locate().await.unwrap_err().to_string().contains("because it is no file"));
}

#[tokio::test]
async fn a_copied_file_is_checked_once_and_again_when_it_changes() {
    let bench = Bench::without_hub();
    fs::create_dir_all(&bench.store.directory).unwrap();
    let path = bench.store.cached_path();
    fs::write(&path, content()).unwrap();
    assert_eq!(bench.store.state(), WeightsState::Unchecked);
    assert_eq!(bench.store.locate().await.unwrap(), Some(path.clone()));
    bench.assert_whole();

    let mut other = content();
    other[BYTES / 2] ^= 1;
    fs::write(&path, other).unwrap();
    // A coarse file system clock must not hide the change from this test.
    let later = fs::metadata(&path).unwrap().modified().unwrap() + std::time::Duration::from_secs(2);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    assert_eq!(bench.store.state(), WeightsState::Unchecked);
    assert_eq!(bench.store.locate().await.unwrap(), None);
    assert!(bench.store.verify().await.unwrap_err().to_string().contains("SHA-256"));
}

#[tokio::test]
async fn offline_fetches_nothing_and_names_the_ways_out() {
    let mut bench = Bench::without_hub();
    bench.store.offline = true;
    let said = bench.pull().await.unwrap_err().to_string();
    for way in
        ["ORCHESTRATOR_OFFLINE", "OPENAI_API_KEY", "ORCHESTRATOR_EMBEDDED_PATH", SHA256, "1048576 bytes"]
    {
        assert!(said.contains(way), "{said}");
    }
    assert!(!said.contains('\n') && bench.files().is_empty() && bench.events().is_empty());
}
