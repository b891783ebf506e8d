//! What Linux says of a process: its CPU time and its memory; and the processes that a benchmark starts beside itself.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, anyhow};

/// The CPU time (user and system) of all threads of `process` so far, in nanoseconds: a process id, or `self`.
///
/// The scheduler's own sum, which is exact where a thread just gave up its core; ticks of 10 ms would be too coarse.
pub(super) fn cpu_ns(process: &str) -> Result<u64> {
    threads_ns(process, &|_| true)
}

/// The CPU time so far of the threads of this process whose name begins with `prefix`, in nanoseconds.
pub(super) fn thread_ns(prefix: &str) -> Result<u64> {
    threads_ns("self", &|name| name.starts_with(prefix))
}

fn threads_ns(process: &str, counts: &dyn Fn(&str) -> bool) -> Result<u64> {
    // The sum of a running thread is brought up to date when it yields.
    std::thread::yield_now();
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let path = task?.path();
        // A thread that ended between the two reads is nothing to count.
        let Ok(name) = std::fs::read_to_string(path.join("comm")) else { continue };
        let Ok(text) = std::fs::read_to_string(path.join("schedstat")) else { continue };
        if !counts(name.trim()) {
            continue;
        }
        sum += text.split_whitespace().next().context("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(sum)
}

/// The resident memory of this process, in KiB.
pub(super) fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| anyhow!("no VmRSS"))?.parse()?)
}

/// The limit of open files of this process, as the system words it.
pub(super) fn open_files_max() -> String {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()).unwrap_or("unknown").to_owned()
}

/// This program again, in another role. It is ended when this is dropped, and ends by itself when its parent is gone.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    pub(super) address: String,
}

impl Helper {
    /// Starts `bench ROLE ARGUMENTS`, which prints the address that it listens on.
    pub(super) fn start(role: &str, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned() })
    }

    /// Its CPU time so far, in nanoseconds.
    pub(super) fn cpu_ns(&self) -> Result<u64> {
        cpu_ns(&self.child.id().to_string())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
