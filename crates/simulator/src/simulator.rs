//! Builds, starts and holds a simulator.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    CancelledCall, FaultRule, Persona, Question, RecordedRequest, SchemaRules, SimulatorError, Stats,
    TlsIdentity,
    knowledge::Knowledge,
    replay::Replay,
    server,
    timer::{Timer, now},
    world::{Models, Settings, World},
};

/// Requests that are kept for tests to look at.
const REQUESTS_RECORDED_MAX: usize = 256;
/// Anthropic's limit for a request to the Messages API.
const BODY_BYTES_MAX: usize = 32 << 20;

/// Where a simulator begins: [`Simulator::builder`].
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// A simulator on a free port of 127.0.0.1 that accepts any model and any key, and answers at once.
    ///
    /// ```
    /// use async_orchestrator_simulator::{Persona, Simulator};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let simulator = Simulator::builder().model("careful", Persona::new().accuracy(0.9)).start().await?;
    /// assert!(simulator.base_url().starts_with("http://127.0.0.1:"));
    /// assert_eq!(simulator.shutdown().await.calls_started, 0);
    /// # Ok::<(), async_orchestrator_simulator::SimulatorError>(())
    /// # }).unwrap();
    /// ```
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }
}

/// The settings of a simulator; [`SimulatorBuilder::start`] checks them all.
#[derive(Debug)]
pub struct SimulatorBuilder {
    listen: SocketAddr,
    seed: u64,
    models: Vec<(String, Persona)>,
    other_models: Option<Persona>,
    faults: Vec<FaultRule>,
    questions: Vec<Question>,
    replay: Replay,
    keys: Vec<String>,
    schema_rules: SchemaRules,
    body_bytes_max: usize,
    requests_recorded_max: usize,
    tls: Option<TlsIdentity>,
}

impl Default for SimulatorBuilder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            seed: 0,
            models: vec![],
            other_models: Some(Persona::new()),
            faults: vec![],
            questions: vec![],
            replay: Replay::default(),
            keys: vec![],
            schema_rules: SchemaRules::Vendor,
            body_bytes_max: BODY_BYTES_MAX,
            requests_recorded_max: REQUESTS_RECORDED_MAX,
            tls: None,
        }
    }
}

impl SimulatorBuilder {
    /// The address to listen on; port 0 means a free one. Default `127.0.0.1:0`.
    #[must_use]
    pub fn listen(self, address: SocketAddr) -> Self {
        Self { listen: address, ..self }
    }

    /// The seed of all that is drawn; default 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Adds a model; the last persona given for a name counts.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>, persona: Persona) -> Self {
        let name = name.into();
        self.models.retain(|(known, _)| *known != name);
        self.models.push((name, persona));
        self
    }

    /// How models that were not added behave; default [`Persona::new`].
    #[must_use]
    pub fn other_models(self, persona: Persona) -> Self {
        Self { other_models: Some(persona), ..self }
    }

    /// Answers 404 for models that were not added.
    #[must_use]
    pub fn refuse_other_models(self) -> Self {
        Self { other_models: None, ..self }
    }

    /// Adds a fault for every model, after the model's own.
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Adds a closed question that personas answer with their accuracy.
    #[must_use]
    pub fn question(mut self, question: Question) -> Self {
        self.questions.push(question);
        self
    }

    /// Answers from recorded rows, one JSON object a line:
    /// `{"model", "prompt" or "key", "text", "answer"?, "usage"?}`. `prompt` is looked for in the user's message apart
    /// from case and white space, `key` as it stands; the longest one found counts. Rows of one model with the same
    /// prompt are its samples, given in turn. Where a schema is asked for and the text is no JSON, it becomes the
    /// `answer` of an instance.
    ///
    /// # Errors
    /// [`SimulatorError::Parse`] with the line that is wrong.
    pub fn replay(mut self, lines: &str) -> Result<Self, SimulatorError> {
        self.replay = Replay::parse(lines).map_err(|(line, message)| SimulatorError::Parse {
            place: format!("recorded answers, line {line}"),
            message,
        })?;
        Ok(self)
    }

    /// [`SimulatorBuilder::replay`] from a file.
    ///
    /// # Errors
    /// [`SimulatorError::Read`], or [`SimulatorError::Parse`] with the line that is wrong.
    pub fn replay_file(self, path: &Path) -> Result<Self, SimulatorError> {
        self.replay(&crate::config::read(path)?)
    }

    /// Accepts this key; with none given, any key or none is accepted.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Which schemas are accepted for structured output; default the vendor's own subset.
    #[must_use]
    pub fn schema_rules(self, rules: SchemaRules) -> Self {
        Self { schema_rules: rules, ..self }
    }

    /// The largest body of a request, in bytes; default 32 MiB. A larger one is a 413.
    #[must_use]
    pub fn body_bytes_max(self, bytes: usize) -> Self {
        Self { body_bytes_max: bytes, ..self }
    }

    /// How many requests are kept for [`SimulatorHandle::requests`]; default 256, and at most 64 MiB of bodies.
    #[must_use]
    pub fn requests_recorded_max(self, count: usize) -> Self {
        Self { requests_recorded_max: count, ..self }
    }

    /// Speaks TLS with this identity.
    #[must_use]
    pub fn tls(self, identity: TlsIdentity) -> Self {
        Self { tls: Some(identity), ..self }
    }

    /// Checks the settings and starts.
    ///
    /// # Errors
    /// [`SimulatorError::Invalid`] with every wrong setting, or that the address cannot be listened on, or that the
    /// TLS identity cannot be used.
    pub async fn start(self) -> Result<SimulatorHandle, SimulatorError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(SimulatorError::Invalid { problems });
        }
        let tls = self.tls.map(TlsIdentity::acceptor).transpose()?;
        let bind = |source| SimulatorError::Bind { address: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let timer = Timer::start().map_err(|source| SimulatorError::Timer { source })?;
        let mut models = self.models;
        // A recorded model is a model, also where others are refused.
        let mut recorded: Vec<&str> = self.replay.models().collect();
        recorded.sort_unstable();
        for name in recorded {
            if !models.iter().any(|(known, _)| known == name) {
                models.push((name.to_owned(), self.other_models.clone().unwrap_or_default()));
            }
        }
        let settings = Settings {
            models: Models::new(models, self.other_models),
            faults: self.faults,
            knowledge: Knowledge::new(self.questions),
            replay: self.replay,
            seed: self.seed,
            keys: self.keys,
            schema_rules: self.schema_rules,
            body_bytes_max: self.body_bytes_max,
            requests_recorded_max: self.requests_recorded_max,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let world = Arc::new(World::new(settings, timer));
        let mut tasks = JoinSet::new();
        let accepting = server::accept(listener, Arc::clone(&world), tls);
        tasks.spawn(async move {
            accepting.await;
        });
        Ok(SimulatorHandle { world, address, scheme, tasks })
    }

    fn problems(&self) -> Vec<String> {
        let personas = self.models.iter().map(|(name, persona)| (format!("model {name:?}"), persona));
        let other = self.other_models.iter().map(|persona| ("other models".to_owned(), persona));
        let of_personas = personas.chain(other).flat_map(|(whose, persona)| {
            persona.problems().into_iter().map(move |problem| format!("{whose}: {problem}"))
        });
        let of_faults = self.faults.iter().flat_map(FaultRule::problems);
        let empty = self.questions.iter().filter(|question| question.question.trim().is_empty());
        let of_questions =
            empty.map(|question| format!("the question with the answer {:?} is empty", question.answer));
        of_personas.chain(of_faults).chain(of_questions).collect()
    }
}

/// A running simulator. Dropping it closes every connection and frees the port.
#[derive(Debug)]
pub struct SimulatorHandle {
    world: Arc<World>,
    address: SocketAddr,
    scheme: &'static str,
    tasks: JoinSet<()>,
}

impl SimulatorHandle {
    /// `http://127.0.0.1:PORT`, without a path: for Anthropic's clients as it is, for OpenAI's with `/v1`.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it saw.
    pub fn stats(&self) -> Stats {
        self.world.ledger.stats()
    }

    /// The last requests, the oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.world.ledger.requests()
    }

    /// The calls whose client went away since this was last asked, the oldest first; at most as many as requests are recorded.
    pub fn take_cancelled(&self) -> Vec<CancelledCall> {
        self.world.ledger.take_cancelled()
    }

    /// Counts from zero again; what runs goes on running.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Changes how a model behaves from its next call on; its calls are counted from 1 again. A model that was
    /// unknown is known after it.
    ///
    /// # Errors
    /// [`SimulatorError::Invalid`] with what is wrong with the persona.
    pub fn set_persona(&self, model: &str, persona: Persona) -> Result<(), SimulatorError> {
        let problems = persona.problems();
        if !problems.is_empty() {
            return Err(SimulatorError::Invalid { problems });
        }
        self.world.models.set(model, persona);
        Ok(())
    }

    /// Waits until what it saw is as `wanted`, which saves tests from sleeping and asking again.
    ///
    /// # Errors
    /// What it saw in the end, when that did not come within `limit`.
    pub async fn wait_for(
        &self,
        limit: Duration,
        wanted: impl Fn(&Stats) -> bool,
    ) -> Result<Stats, Box<Stats>> {
        let mut over = self.world.timer.wait_until(now() + limit);
        loop {
            let changed = self.world.ledger.changed();
            tokio::pin!(changed);
            // Registered before looking, or a change in between would be missed.
            changed.as_mut().enable();
            let stats = self.stats();
            if wanted(&stats) {
                return Ok(stats);
            }
            tokio::select! {
                () = changed => {}
                () = &mut over => return Err(Box::new(self.stats())),
            }
        }
    }

    /// Closes every connection, and tells what it saw.
    pub async fn shutdown(mut self) -> Stats {
        let stats = self.stats();
        self.tasks.shutdown().await;
        stats
    }
}

/// Runs a simulator until `shutdown` resolves: what the command does. `ready` is told its address when it listens.
///
/// # Errors
/// Those of [`SimulatorBuilder::start`].
pub async fn run(
    settings: SimulatorBuilder,
    ready: impl FnOnce(&SimulatorHandle),
    shutdown: impl Future<Output = ()>,
) -> Result<Stats, SimulatorError> {
    let handle = settings.start().await?;
    ready(&handle);
    shutdown.await;
    Ok(handle.shutdown().await)
}
