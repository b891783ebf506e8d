//! Where a key comes from, and fetching it at the moment it is needed. Keys live in secret types and in nothing else.

use std::{
    fmt,
    io::{self, Read as _},
    process::{Child, Command, Stdio},
    sync::mpsc::sync_channel,
    thread,
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};

/// How long a command may take to print a key.
const COMMAND_SECONDS_MAX: u64 = 10;
/// How much it may print.
const COMMAND_BYTES_MAX: u64 = 8 << 10;
/// How often its end is looked for once it has closed its output.
const COMMAND_POLL: Duration = Duration::from_millis(10);

/// Where a key comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// An environment variable (`api_key = "env::NAME"`, or one of the vendor's own names).
    Environment {
        /// The variable.
        name: String,
        /// Its value when the settings were loaded; `None` if it was not set.
        value: Option<SecretString>,
    },
    /// The key itself.
    Literal(SecretString),
    /// A command that prints it.
    Command(CommandLine),
}

impl KeySource {
    /// The key. A command is run now, at most 10 s, and its first 8 KiB of output without surrounding blanks are the key; the call
    /// blocks as long.
    ///
    /// # Errors
    /// If the variable is not set, or the command fails, takes too long, or prints nothing or too much.
    pub fn reveal(&self) -> Result<SecretString, KeyError> {
        match self {
            Self::Environment { name, value } => {
                value.clone().ok_or_else(|| KeyError::NotSet { name: name.clone() })
            }
            Self::Literal(key) => Ok(key.clone()),
            Self::Command(command) => command.output(Duration::from_secs(COMMAND_SECONDS_MAX)),
        }
    }

    /// Whether there is a key, as far as can be told without running a command.
    pub const fn is_present(&self) -> bool {
        match self {
            Self::Environment { value, .. } => value.is_some(),
            Self::Literal(_) | Self::Command(_) => true,
        }
    }
}

/// Two sources are equal if they would give the same key.
impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &SecretString, two: &SecretString| one.expose_secret() == two.expose_secret();
        match (self, other) {
            (Self::Environment { name: a, value: v }, Self::Environment { name: b, value: w }) => {
                a == b
                    && match (v, w) {
                        (Some(v), Some(w)) => same(v, w),
                        (None, None) => true,
                        (Some(_), None) | (None, Some(_)) => false,
                    }
            }
            (Self::Literal(a), Self::Literal(b)) => same(a, b),
            (Self::Command(a), Self::Command(b)) => a == b,
            (Self::Environment { .. } | Self::Literal(_) | Self::Command(_), _) => false,
        }
    }
}

impl fmt::Display for KeySource {
    /// What `config show` says of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { name, value: Some(_) } => write!(f, "set (env {name})"),
            Self::Environment { name, value: None } => write!(f, "not set (env {name})"),
            Self::Literal(_) => f.write_str("set (literal)"),
            Self::Command(command) => write!(f, "from the command `{}`", command.program()),
        }
    }
}

/// A program and its arguments, run without a shell. The arguments are never shown: one of them may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    program: String,
    arguments: Vec<String>,
}

impl CommandLine {
    /// A program with its arguments, each as one word.
    ///
    /// # Errors
    /// If there is no word, or the first one is empty.
    pub fn try_from_words(words: impl IntoIterator<Item = String>) -> Result<Self, &'static str> {
        let mut words = words.into_iter();
        let program = words.next().filter(|word| !word.trim().is_empty()).ok_or("names no program")?;
        Ok(Self { program, arguments: words.collect() })
    }

    /// Splits one line at blanks; a word may stand in single or double quotes. There is no shell: no variable is expanded and no
    /// pipe is made.
    ///
    /// ```
    /// use async_orchestrator::CommandLine;
    /// let command = CommandLine::parse("pass show 'vendor keys/openai'").unwrap();
    /// assert_eq!(command.arguments(), ["show", "vendor keys/openai"]);
    /// ```
    ///
    /// # Errors
    /// If a quote is not closed, or there is no word.
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let mut words: Vec<String> = Vec::new();
        let (mut word, mut in_word, mut quote) = (String::new(), false, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), c) => word.push(c),
                (None, '"' | '\'') => (quote, in_word) = (Some(c), true),
                (None, c) if c.is_whitespace() => {
                    if std::mem::take(&mut in_word) {
                        words.push(std::mem::take(&mut word));
                    }
                }
                (None, c) => {
                    word.push(c);
                    in_word = true;
                }
            }
        }
        if quote.is_some() {
            return Err("has a quote that is not closed");
        }
        if in_word {
            words.push(word);
        }
        Self::try_from_words(words)
    }

    /// The program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Runs it and takes what it prints, without the blanks around it.
    pub(crate) fn output(&self, limit: Duration) -> Result<SecretString, KeyError> {
        let program = || self.program.clone();
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit()) // a password manager asks its questions there
            .spawn()
            .map_err(|source| KeyError::NotStarted { program: program(), source })?;
        let printed = read_within(&mut child, limit);
        if printed.is_none() {
            // Killed before it is waited for; a failure means that it is gone already.
            let _ = child.kill();
        }
        let ended = child.wait();
        let printed = printed.ok_or_else(|| KeyError::TooSlow { program: program() })?;
        let bytes = printed.map_err(|source| KeyError::NotStarted { program: program(), source })?;
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(KeyError::Failed { program: program(), status: status.to_string() }),
            Err(source) => return Err(KeyError::NotStarted { program: program(), source }),
        }
        if bytes.len() as u64 > COMMAND_BYTES_MAX {
            return Err(KeyError::TooLong { program: program() });
        }
        let key = String::from_utf8(bytes).unwrap_or_default();
        if key.trim().is_empty() || key.trim().chars().any(char::is_whitespace) {
            return Err(KeyError::NoKey { program: program() });
        }
        Ok(SecretString::from(key.trim()))
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandLine").field("program", &self.program).finish_non_exhaustive()
    }
}

/// What the child printed by its end; `None` if it is still running when the time is up, or prints beyond the bound for ever.
fn read_within(child: &mut Child, limit: Duration) -> Option<io::Result<Vec<u8>>> {
    let mut pipe = child.stdout.take()?;
    let (sender, receiver) = sync_channel(1);
    // A thread, because a pipe cannot be read with a time limit. It ends when the pipe is closed, at the latest with the child.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.by_ref().take(COMMAND_BYTES_MAX + 1).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let read = receiver.recv_timeout(limit).ok()?;
    let polls = limit.as_millis() / COMMAND_POLL.as_millis();
    for _ in 0..=polls {
        match child.try_wait() {
            Ok(None) => thread::park_timeout(COMMAND_POLL),
            Ok(Some(_)) => return Some(read),
            Err(error) => return Some(Err(error)),
        }
    }
    None
}

/// A key that is not to be had. No output of a command stands in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The variable that should hold it is not set.
    #[error("the environment variable {name} is not set: set it, or change where the key comes from")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The command did not start, or its output could not be read.
    #[error("the key command `{program}` could not be run: check its name and that it may be executed")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command ended badly.
    #[error("the key command `{program}` failed ({status}): run it by hand to see why")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
    },
    /// The command took too long.
    #[error(
        "the key command `{program}` took more than {COMMAND_SECONDS_MAX} s: check that it waits for nobody"
    )]
    TooSlow {
        /// The program.
        program: String,
    },
    /// The command printed too much.
    #[error(
        "the key command `{program}` printed more than {COMMAND_BYTES_MAX} bytes: let it print the key alone"
    )]
    TooLong {
        /// The program.
        program: String,
    },
    /// The command printed nothing that is a key.
    #[error("the key command `{program}` printed no key: let it print the key alone, on one line")]
    NoKey {
        /// The program.
        program: String,
    },
}
