//! What the tests share: simulators as vendors, orchestrators over them, the command in a directory of its own, the published schemas.

#![expect(clippy::expect_used, reason = "a test that cannot be set up must stop")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use async_orchestrator::{AsyncOrchestrator, ConfigFile, Environment, Layers, Role, RoleDefinition};
use async_orchestrator_simulator::{Latency, Persona, Simulator, SimulatorHandle};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A question that triage sends to the council.
pub(crate) const DESIGN: &str = "Design a scalable microservice architecture for customer analytics.";

/// A simulator that answers every model's name after `latency`.
pub(crate) async fn simulator(latency: Duration) -> SimulatorHandle {
    let persona = Persona::new().latency(Latency::fixed(latency));
    Simulator::builder().seed(7).other_models(persona).start().await.expect("a simulator")
}

/// The environment in which both vendors are the simulator.
pub(crate) fn both_vendors(simulator: &SimulatorHandle) -> Vec<(String, String)> {
    let pairs = [
        ("OPENAI_API_KEY", "test-key-openai".to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", simulator.base_url())),
        ("ANTHROPIC_API_KEY", "test-key-anthropic".to_owned()),
        ("ANTHROPIC_BASE_URL", simulator.base_url()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// An orchestrator that knows this environment and no file.
pub(crate) fn orchestrator(
    environment: Vec<(String, String)>,
    roles: Vec<RoleDefinition>,
) -> AsyncOrchestrator {
    let settings =
        Layers::new(Environment::from_iter(environment)).file(ConfigFile::None).load().expect("settings");
    AsyncOrchestrator::builder().settings(settings).roles(roles).seed(7).build().expect("an orchestrator")
}

/// A role whose single seat has these models.
pub(crate) fn seated(role: Role, models: &[&str]) -> RoleDefinition {
    RoleDefinition::new(role).seat(models.iter().copied())
}

/// Fails with every violation if `record` is no decision record as published.
#[track_caller]
pub(crate) fn assert_valid_record(record: &Value) {
    let schema = |name: &str| -> Value {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas").join(format!("{name}.schema.json"));
        serde_json::from_str(&std::fs::read_to_string(path).expect("a schema")).expect("JSON")
    };
    let mut decision = schema("decision");
    decision["$defs"]["proposal"] = schema("proposal");
    decision["$defs"]["ballot"] = schema("ballot");
    let validator = jsonschema::validator_for(&decision).expect("a schema");
    let problems: Vec<String> =
        validator.iter_errors(record).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The command in a home of its own, with nothing of this machine's environment.
pub(crate) struct Shell {
    pub(crate) home: TempDir,
    pub(crate) environment: Vec<(String, String)>,
}

/// What a run of the command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(crate) fn new(environment: Vec<(String, String)>) -> Self {
        Self { home: tempfile::tempdir().expect("a directory"), environment }
    }

    /// The command with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator-under-test"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("ORCHESTRATOR_EMBEDDED_OFFLINE", "true")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("the command"))
    }

    /// Runs with this text as stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("the command");
        let mut pipe = child.stdin.take().expect("a pipe");
        // The command may end before it has read everything: that is its affair, not a failure here.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        Ran::from(child.wait_with_output().expect("the command"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// The exit code and a piece of stderr; stdout must be empty.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, said: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.to_lowercase().contains(&said.to_lowercase()), "`{said}` is missing: {self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.succeeded();
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }
}

/// A JSON Schema that a plan of steps satisfies.
pub(crate) fn plan_schema() -> Value {
    json!({
        "type": "object",
        "required": ["steps"],
        "additionalProperties": false,
        "properties": {"steps": {"type": "array", "items": {"type": "string"}}}
    })
}
