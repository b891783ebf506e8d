//! Where a setting's value comes from.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

/// Where a value comes from, from the weakest layer to the strongest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1; 0 is the file as a whole.
        line: usize,
        /// The column in characters, from 1; 0 is the line as a whole.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        name: String,
        /// The file and line that set it, where it came from an `--env-file`.
        from: Option<(Arc<Path>, usize)>,
    },
    /// A flag of the command or a call of the builder.
    Explicit {
        /// Its name, such as `--budget`.
        name: String,
    },
}

impl Source {
    /// The file as a whole.
    pub(crate) fn file(path: &Arc<Path>) -> Self {
        Self::at(path, 0, 0)
    }

    pub(crate) fn at(path: &Arc<Path>, line: usize, column: usize) -> Self {
        Self::File { path: Arc::clone(path), line, column }
    }

    /// How strong it is: a stronger source replaces a weaker one.
    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment { .. } => 2,
            Self::Explicit { .. } => 3,
        }
    }

    /// The order in which problems are told: by layers, within a file by lines.
    pub(crate) const fn order(&self) -> (u8, usize, usize) {
        match self {
            Self::File { line, column, .. } => (self.rank(), *line, *column),
            Self::Default | Self::Environment { .. } | Self::Explicit { .. } => (self.rank(), 0, 0),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column: 0 } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment { name, from: None } => write!(f, "env {name}"),
            Self::Environment { name, from: Some((path, line)) } => {
                write!(f, "env {name} ({}:{line})", path.display())
            }
            Self::Explicit { name } => f.write_str(name),
        }
    }
}

/// The source of every setting that somebody set, by the setting's key such as `roles.critic.timeout_seconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    /// The source of `key`; a setting that nobody set has [`Source::Default`].
    pub fn of(&self, key: &str) -> &Source {
        self.0.get(key).unwrap_or(&Source::Default)
    }

    /// The keys that somebody set, in the order of the alphabet.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(key, source)| (key.as_str(), source))
    }

    pub(crate) fn set(&mut self, key: String, source: Source) {
        self.0.insert(key, source);
    }

    pub(crate) fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }
}
