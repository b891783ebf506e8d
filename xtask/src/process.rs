//! Runs other programs, and shows each as a line that can be typed again.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::problem::Problem;

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl CommandLine {
    /// `program` without arguments.
    pub(crate) fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// The toolchain's cargo with the arguments in `words`, which are separated by spaces.
    pub(crate) fn cargo(words: &str) -> Self {
        Self::new("cargo").words(words)
    }

    /// Adds the arguments in `words`, which are separated by spaces.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.arguments.extend(words.split_whitespace().map(str::to_owned));
        self
    }

    /// Adds one argument as it is.
    pub(crate) fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a path as one argument.
    pub(crate) fn path(self, path: &Path) -> Self {
        self.argument(path.to_string_lossy())
    }

    /// Sets a variable of the program's environment.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it in `directory`, on our own terminal.
    pub(crate) fn run(&self, directory: &Path) -> Result<(), Problem> {
        let status = self.command(directory).status().map_err(|error| self.not_started(&error))?;
        if status.success() { Ok(()) } else { Err(self.ended_badly(status)) }
    }

    /// Runs it in `directory`, hands each line of its output to `read` and passes it on to our own output.
    pub(crate) fn run_reading(&self, directory: &Path, mut read: impl FnMut(&str)) -> Result<(), Problem> {
        let mut child = self
            .command(directory)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        if let Some(output) = child.stdout.take() {
            let lost =
                |error: io::Error| Problem::failed(format!("the output of `{self}` was lost: {error}"));
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).map_err(lost)? > 0 {
                io::stdout().write_all(&line).map_err(lost)?;
                read(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        }
        let status = child.wait().map_err(|error| self.not_started(&error))?;
        if status.success() { Ok(()) } else { Err(self.ended_badly(status)) }
    }

    /// Runs it in `directory` and gives back what it printed.
    pub(crate) fn output(&self, directory: &Path) -> Result<String, Problem> {
        let output = self
            .command(directory)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| self.not_started(&error))?;
        if !output.status.success() {
            return Err(self.ended_badly(output.status));
        }
        String::from_utf8(output.stdout).map_err(|_| Problem::failed(format!("`{self}` did not print UTF-8")))
    }

    /// Whether it starts and ends well; what it prints is dropped.
    pub(crate) fn succeeds(&self, directory: &Path) -> bool {
        self.command(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(directory);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn not_started(&self, error: &io::Error) -> Problem {
        Problem::failed(format!("`{}` did not start: {error}; is it installed?", self.program))
    }

    fn ended_badly(&self, status: std::process::ExitStatus) -> Problem {
        Problem::failed(format!("`{self}` ended with {status}"))
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// `word` as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The root of the repository.
pub(crate) fn root() -> Result<PathBuf, Problem> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| Problem::failed("xtask stands in no repository"))
}

/// Does `work` and says how many seconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the time of a step is shown to people and decides nothing"
    )]
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let line = CommandLine::cargo("doc --no-deps")
            .variable("RUSTDOCFLAGS", "-D warnings")
            .argument("it's")
            .argument("");
        assert_eq!(line.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s' ''");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let line = CommandLine::new("no-such-program-anywhere");
        assert!(line.run(Path::new(".")).unwrap_err().to_string().contains("no-such-program-anywhere"));
        assert!(!line.succeeds(Path::new(".")));
    }
}
