//! A simulator's settings in a TOML or JSON file.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    FaultRule, Persona, Question, SchemaRules, Simulator, SimulatorBuilder, SimulatorError, TlsIdentity,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    other_models: OtherModels,
    #[serde(default)]
    other: Persona,
    #[serde(default)]
    models: BTreeMap<String, Persona>,
    #[serde(default)]
    faults: Vec<FaultRule>,
    #[serde(default)]
    questions: Vec<Question>,
    replay: Option<PathBuf>,
    #[serde(default)]
    schema_rules: SchemaRules,
    body_bytes_max: Option<usize>,
    requests_recorded_max: Option<usize>,
    tls: Option<TlsFiles>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OtherModels {
    #[default]
    Accept,
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl SimulatorBuilder {
    /// Reads settings from a file: JSON where its name ends in `.json`, else TOML. Paths in it are relative to it.
    ///
    /// ```toml
    /// listen = "127.0.0.1:8080"      # default 127.0.0.1:0, a free port
    /// seed = 7                       # of all that is drawn
    /// keys = ["sk-test"]             # left out: any key or none
    /// other_models = "refuse"        # 404 for models not named here; default "accept"
    /// replay = "answers.jsonl"       # recorded answers, see `SimulatorBuilder::replay`
    /// schema_rules = "any"           # default "vendor": refuses the schemas that the vendor refuses
    ///
    /// [models.careful]
    /// accuracy = 0.9
    /// latency = { first_token = { lognormal_ms = [300, 0.5] }, tokens_per_second = 60 }
    ///
    /// [[models.careful.replies]]
    /// user_contains = "capital of France"
    /// text = "Paris."
    ///
    /// [[models.careful.faults]]
    /// fault = { status = { code = 429, headers = { retry-after = "2" } } }
    /// first_calls = 2                # or on_calls = [1, 3], every = 5, probability = 0.1
    ///
    /// [[questions]]
    /// question = "What is 6 times 7?"
    /// answer = "42"
    ///
    /// [other]                        # how models not named here behave
    /// latency = { total = { fixed_ms = 100 } }
    /// usage = { fixed = { input_tokens = 10, output_tokens = 20 } }
    /// ```
    ///
    /// # Errors
    /// [`SimulatorError::Read`] or [`SimulatorError::Parse`], with the file and the line; unknown names are refused.
    pub fn from_file(path: &Path) -> Result<Self, SimulatorError> {
        let text = read(path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let place = path.display().to_string();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            return Self::from_json(&text, directory).map_err(|error| error.in_file(place));
        }
        Self::from_toml(&text, directory).map_err(|error| error.in_file(place))
    }

    /// Reads settings from TOML; paths in it are relative to `directory`.
    ///
    /// # Errors
    /// As [`SimulatorBuilder::from_file`].
    pub fn from_toml(text: &str, directory: &Path) -> Result<Self, SimulatorError> {
        let file: File = toml::from_str(text).map_err(|error| parse(error.to_string()))?;
        file.settings(directory)
    }

    /// Reads settings from JSON; paths in it are relative to `directory`.
    ///
    /// # Errors
    /// As [`SimulatorBuilder::from_file`].
    pub fn from_json(text: &str, directory: &Path) -> Result<Self, SimulatorError> {
        let file: File = serde_json::from_str(text).map_err(|error| parse(error.to_string()))?;
        file.settings(directory)
    }
}

impl File {
    fn settings(self, directory: &Path) -> Result<SimulatorBuilder, SimulatorError> {
        let mut builder = Simulator::builder().seed(self.seed).schema_rules(self.schema_rules);
        builder = match self.other_models {
            OtherModels::Accept => builder.other_models(self.other),
            OtherModels::Refuse => builder.refuse_other_models(),
        };
        if let Some(address) = self.listen {
            builder = builder.listen(address);
        }
        if let Some(bytes) = self.body_bytes_max {
            builder = builder.body_bytes_max(bytes);
        }
        if let Some(count) = self.requests_recorded_max {
            builder = builder.requests_recorded_max(count);
        }
        if let Some(path) = self.replay {
            builder = builder.replay_file(&directory.join(path))?;
        }
        if let Some(files) = self.tls {
            let certificate = read(&directory.join(files.certificate))?;
            let key = read(&directory.join(files.key))?;
            builder = builder.tls(TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes())?);
        }
        builder = self.keys.into_iter().fold(builder, SimulatorBuilder::key);
        builder =
            self.models.into_iter().fold(builder, |builder, (name, persona)| builder.model(name, persona));
        builder = self.faults.into_iter().fold(builder, SimulatorBuilder::fault);
        Ok(self.questions.into_iter().fold(builder, SimulatorBuilder::question))
    }
}

pub(crate) fn read(path: &Path) -> Result<String, SimulatorError> {
    std::fs::read_to_string(path).map_err(|source| SimulatorError::Read { path: path.to_owned(), source })
}

fn parse(message: String) -> SimulatorError {
    SimulatorError::Parse { place: "the simulator's settings".into(), message }
}

impl SimulatorError {
    fn in_file(self, file: String) -> Self {
        match self {
            Self::Parse { message, place } if place == "the simulator's settings" => {
                Self::Parse { place: file, message }
            }
            other => other,
        }
    }
}
