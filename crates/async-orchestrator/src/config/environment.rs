//! The environment as a value. [`Environment::from_process`] is the one place that reads the process's own.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, Problem, Source, env_file};

/// The most bytes of a configuration file or an environment file.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Environment variables. An empty value counts as none, as most programs have it; no value is ever shown.
///
/// ```
/// use async_orchestrator::Environment;
///
/// let environment: Environment = [("OPENAI_API_KEY", "sk-x"), ("OPENAI_ORG_ID", "")].into_iter().collect();
/// assert_eq!(environment.value("OPENAI_API_KEY"), Some("sk-x"));
/// assert_eq!(environment.value("OPENAI_ORG_ID"), None);
/// assert!(!format!("{environment:?}").contains("sk-x"));
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone)]
struct Variable {
    value: SecretString,
    from: Option<(Arc<Path>, usize)>,
}

impl Environment {
    /// The environment of this process. Variables whose name or value is no UTF-8 are left out.
    pub fn from_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        // Without a usable HOME the user's own is looked up: a directory that happens to be the current one must not configure us.
        let home = std::env::home_dir()
            .filter(|home| home.is_absolute())
            .and_then(|home| text(home.into_os_string()));
        std::env::vars_os()
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
            .filter(|(name, value)| name != "HOME" || Path::new(value).is_absolute())
            .chain(home.map(|home| ("HOME".to_owned(), home)))
            .collect()
    }

    /// No variable at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds the variables of a file of `NAME=value` lines. What is set already wins over the file.
    ///
    /// Blank lines, `#` comments, a leading `export`, and values in single or double quotes are understood; in double quotes `\n`,
    /// `\t`, `\"`, `\\` and `\$` are. Nothing is expanded and nothing is run.
    ///
    /// # Errors
    /// If the file cannot be read, or with every line that is no assignment; never with a value.
    pub fn with_env_file(mut self, path: &Path) -> Result<Self, ConfigError> {
        let path: Arc<Path> = Arc::from(path);
        let text = read_text(&path)?;
        let mut problems = Vec::new();
        for line in env_file::parse(&text) {
            match line.content {
                Ok((name, value)) => {
                    let from = Some((Arc::clone(&path), line.number));
                    if self.value(&name).is_none_or(|_| self.is_from(&name, &path)) {
                        self.variables.insert(name, Variable { value: value.into(), from });
                    }
                }
                Err(what) => problems.push(Problem::new(Source::at(&path, line.number, 0), "", what)),
            }
        }
        ConfigError::unless_empty(problems)?;
        Ok(self)
    }

    /// The value of `name`; an empty one is none.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(|variable| variable.value.expose_secret())
            .filter(|value| !value.is_empty())
    }

    /// The names of the variables that are not empty.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str).filter(|name| self.value(name).is_some())
    }

    /// Where `name` was set.
    pub(crate) fn source(&self, name: &str) -> Source {
        let from = self.variables.get(name).and_then(|variable| variable.from.clone());
        Source::Environment { name: name.to_owned(), from }
    }

    /// Within one file the last line wins, as in a shell.
    fn is_from(&self, name: &str, path: &Arc<Path>) -> bool {
        matches!(self.variables.get(name), Some(Variable { from: Some((file, _)), .. }) if file == path)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variable = |value: V| Variable { value: SecretString::from(value.into()), from: None };
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), variable(value))).collect(),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The text of a file of settings.
pub(crate) fn read_text(path: &Arc<Path>) -> Result<String, ConfigError> {
    let refused = |what: String| ConfigError::one(Problem::new(Source::file(path), "", what));
    let metadata = std::fs::metadata(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    if metadata.is_dir() {
        return Err(refused("is a directory: give the path of a file".to_owned()));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(refused(format!(
            "is larger than {FILE_BYTES_MAX} bytes: give the path of a file of settings"
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| refused("is no UTF-8 text: save it as UTF-8".to_owned()))
}
