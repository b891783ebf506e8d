//! Fetches a model file from its hub, in as many pieces as the network makes of it.
//!
//! What arrived stands in a `.part` file beside the place of the file. The address names a commit, so what it stands for never
//! changes; `If-Range` with the server's etag guards against a server that says otherwise, and the SHA-256 decides in the end.

use std::{
    fs::{self, File},
    future::Future,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use async_orchestrator_core::Clock;
use async_orchestrator_embedded::{ModelFile, Verifier, WeightsError};
use async_orchestrator_providers::{Fetch, Fetched, Transport, TransportError};
use futures_util::future::{Either, select};

use super::{
    FetchError, FetchEvent, FetchLock, FetchSource, OnFetch, stamp,
    storage::{self, blocking},
};

/// How long the head of a reply may take, redirects included; connecting has its own, shorter limit.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// How long no byte may come.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How often a fetch that broke off is taken up again.
const ATTEMPTS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// An event for each piece would be thousands.
const PROGRESS_STEP: u64 = 256 << 10;

/// The file in which the bytes stand until they are all there.
pub(super) fn part_of(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

fn etag_of(part: &Path) -> PathBuf {
    part.with_added_extension("etag")
}

pub(super) struct Hub<'a> {
    pub(super) address: &'a str,
    pub(super) model: &'a ModelFile,
    pub(super) transport: &'a Transport,
    pub(super) clock: &'a dyn Clock,
    pub(super) on_event: OnFetch<'a>,
    pub(super) lock: &'a FetchLock,
}

/// Why the hub gave no file.
pub(super) enum HubFailure {
    /// The disk is at fault: no other source helps.
    Storage(FetchError),
    /// The hub or the network is.
    Gone(String),
}

/// How one attempt failed.
enum Failure {
    Storage(FetchError),
    /// It broke off; the bytes so far are good.
    Broken {
        why: String,
        got_further: bool,
    },
    /// The bytes so far are not to be trusted, because they came in pieces: begin anew.
    Mixed(String),
    /// Asking again would not help.
    Final(String),
}

/// The bytes that are there.
struct Part {
    verifier: Verifier,
    etag: Option<String>,
}

impl Hub<'_> {
    pub(super) async fn fetch(&self, path: &Path) -> Result<(), HubFailure> {
        (self.on_event)(&FetchEvent::Started { source: FetchSource::Hub });
        let part = part_of(path);
        let mut last = String::new();
        // A hub that gave something is worth waiting for; one that gives nothing at all makes room for the next source at once.
        let mut has_given = false;
        for attempt in 1..=ATTEMPTS_MAX {
            match self.attempt(&part).await {
                Ok(()) => return self.finish(&part, path).await.map_err(HubFailure::Storage),
                Err(Failure::Storage(error)) => {
                    // What cannot be finished here only takes up room.
                    discard(&part);
                    return Err(HubFailure::Storage(error));
                }
                Err(Failure::Final(why)) => {
                    discard(&part);
                    return Err(HubFailure::Gone(why));
                }
                Err(Failure::Broken { why, got_further }) => {
                    has_given |= got_further;
                    if !has_given {
                        return Err(HubFailure::Gone(why));
                    }
                    last = why;
                }
                Err(Failure::Mixed(why)) => {
                    discard(&part);
                    last = why;
                }
            }
            self.clock.sleep(PAUSE * attempt).await;
        }
        Err(HubFailure::Gone(last))
    }

    async fn attempt(&self, part: &Path) -> Result<(), Failure> {
        let known = self.read_part(part).await.map_err(|source| self.storage(part, source))?;
        let start = known.verifier.bytes();
        if start == self.model.bytes {
            return self.check(known.verifier, Origin::Pieces);
        }
        let mut reply = self.ask(&known).await?;
        let goes_on = match (reply.status(), reply.range()) {
            (206, Some(range)) if range.first == start && start > 0 => true,
            (200, _) => false,
            (206 | 416, _) => {
                return Err(Failure::Mixed("it does not go on where the file was cut".to_owned()));
            }
            (status, _) => {
                return Err(Failure::Broken { why: format!("it answered {status}"), got_further: false });
            }
        };
        let start = if goes_on { start } else { 0 };
        if reply.content_length().is_some_and(|length| length != self.model.bytes - start) {
            return Err(Failure::Final("it has a file of another size".to_owned()));
        }
        let (file, verifier) = if goes_on {
            (File::options().append(true).open(part), known.verifier)
        } else {
            storage::discard(&etag_of(part));
            remember_etag(part, reply.etag());
            (File::options().create(true).write(true).truncate(true).open(part), self.model.verifier())
        };
        let file = file.map_err(|source| self.storage(part, source))?;
        let verifier = self.receive(&mut reply, file, verifier, part).await?;
        self.check(verifier, if goes_on { Origin::Pieces } else { Origin::Whole })
    }

    async fn ask(&self, known: &Part) -> Result<Fetched, Failure> {
        let ModelFile { hub_repository, hub_commit, file_name, .. } = self.model;
        let url = format!("{}/{hub_repository}/resolve/{hub_commit}/{file_name}", self.address);
        let mut fetch = Fetch::new(url).from_byte(known.verifier.bytes());
        if let Some(etag) = &known.etag {
            fetch = fetch.if_unchanged(etag.clone());
        }
        match self.within(HEAD_LIMIT, self.transport.fetch(fetch)).await {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => Err(Failure::Broken { why: sentence(&error), got_further: false }),
            None => Err(Failure::Broken { why: "it does not answer".to_owned(), got_further: false }),
        }
    }

    async fn receive(
        &self,
        reply: &mut Fetched,
        mut file: File,
        mut verifier: Verifier,
        part: &Path,
    ) -> Result<Verifier, Failure> {
        let (start, total) = (verifier.bytes(), self.model.bytes);
        let mut shown = None;
        let broken = |why: String, bytes: u64| Failure::Broken { why, got_further: bytes > start };
        loop {
            let bytes = verifier.bytes();
            if shown.is_none_or(|shown| bytes >= shown + PROGRESS_STEP || bytes == total) {
                (self.on_event)(&FetchEvent::Progress {
                    source: FetchSource::Hub,
                    bytes,
                    total: Some(total),
                });
                shown = Some(bytes);
            }
            let chunk = match self.within(IDLE_LIMIT, reply.chunk()).await {
                Some(Ok(Some(chunk))) => chunk,
                Some(Ok(None)) if bytes < total => return Err(broken("the reply was cut".to_owned(), bytes)),
                Some(Ok(None)) => break,
                Some(Err(error)) => return Err(broken(sentence(&error), bytes)),
                None => return Err(broken("no bytes come any more".to_owned(), bytes)),
            };
            if chunk.len() as u64 > total - bytes {
                return Err(Failure::Final("it has a file of another size".to_owned()));
            }
            // A piece of some kilobytes goes to the page cache: shorter than a hop to another thread.
            file.write_all(&chunk).map_err(|source| self.storage(part, source))?;
            verifier.update(&chunk);
        }
        Ok(verifier)
    }

    fn check(&self, verifier: Verifier, origin: Origin) -> Result<(), Failure> {
        (self.on_event)(&FetchEvent::Checking);
        match (verifier.finish(), origin) {
            (Ok(()), _) => Ok(()),
            (Err(error), Origin::Pieces) => Err(Failure::Mixed(short(&error))),
            (Err(error), Origin::Whole) => Err(Failure::Final(short(&error))),
        }
    }

    async fn finish(&self, part: &Path, path: &Path) -> Result<(), FetchError> {
        let (from, to, model) = (part.to_owned(), path.to_owned(), *self.model);
        let lock = self.lock.clone();
        let placed = blocking(move || {
            // The work goes on when the future is dropped, and nobody else may touch these files before it ends.
            let _lock = lock;
            storage::put_in_place(&from, &to)?;
            stamp::write(&to, &model);
            storage::discard(&etag_of(&from));
            Ok(())
        });
        placed.await.map_err(|source| storage::refused(path, source, self.model.bytes))?;
        (self.on_event)(&FetchEvent::Ready { source: FetchSource::Hub });
        Ok(())
    }

    /// The bytes of an earlier fetch, hashed; none where there are more than the file has.
    async fn read_part(&self, part: &Path) -> io::Result<Part> {
        let (path, model) = (part.to_owned(), *self.model);
        blocking(move || {
            let mut verifier = model.verifier();
            match File::open(&path) {
                Ok(file) if file.metadata()?.is_file() && file.metadata()?.len() <= model.bytes => {
                    let mut file = file.take(model.bytes);
                    let mut buffer = vec![0; 1 << 16];
                    loop {
                        match file.read(&mut buffer)? {
                            0 => break,
                            count => verifier.update(&buffer[..count]),
                        }
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let etag = fs::read_to_string(etag_of(&path)).ok().filter(|_| verifier.bytes() > 0);
            Ok(Part { verifier, etag })
        })
        .await
    }

    /// `None` if the time is up first.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        match select(std::pin::pin!(work), self.clock.sleep(limit)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    fn storage(&self, path: &Path, source: io::Error) -> Failure {
        Failure::Storage(storage::refused(path, source, self.model.bytes))
    }
}

/// Forgets what arrived.
fn discard(part: &Path) {
    storage::discard(part);
    storage::discard(&etag_of(part));
}

/// Whether the bytes came from one reply.
#[derive(Clone, Copy)]
enum Origin {
    Whole,
    Pieces,
}

/// Only a strong etag can join pieces (RFC 9110, 13.1.5).
fn remember_etag(part: &Path, etag: Option<&str>) {
    if let Some(etag) = etag.filter(|etag| etag.starts_with('"')) {
        // Without it the next fetch asks for the rest unconditionally, and the SHA-256 decides.
        let _ = fs::write(etag_of(part), etag);
    }
}

fn sentence(error: &TransportError) -> String {
    error.detail().to_owned()
}

fn short(error: &WeightsError) -> String {
    match error {
        WeightsError::WrongHash { .. } => "the checksum of its file is wrong".to_owned(),
        other => other.to_string(),
    }
}
