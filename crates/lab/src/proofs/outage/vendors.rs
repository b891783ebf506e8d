//! Two vendors, each a simulator of its own, one of which can be taken down and put up again.

use std::time::Duration;

use async_orchestrator_simulator::{
    Distribution, Fault, FaultRule, Latency, Persona, Simulator, SimulatorHandle, Stats,
};

use super::Form;

/// The provider that goes down.
pub(super) const DEAD: &str = "openai";

pub(super) struct Vendors {
    seed: u64,
    address: std::net::SocketAddr,
    openai: Option<SimulatorHandle>,
    anthropic: SimulatorHandle,
    seen: Stats,
    models: Vec<String>,
}

/// How long the calls of a council take.
fn usual() -> Persona {
    let total =
        Distribution::uniform_ms(20.0, 50.0).unwrap_or(Distribution::fixed(Duration::from_millis(35)));
    Persona::new().latency(Latency { total: Some(total), ..Latency::default() })
}

impl Vendors {
    pub(super) async fn start(seed: u64) -> Result<Self, String> {
        let start = async || Simulator::builder().seed(seed).other_models(usual()).start().await;
        let openai = start().await.map_err(|error| error.to_string())?;
        let anthropic = start().await.map_err(|error| error.to_string())?;
        let (address, seen) = (openai.address(), Stats::default());
        Ok(Self { seed, address, openai: Some(openai), anthropic, seen, models: Vec::new() })
    }

    pub(super) fn openai_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn anthropic_url(&self) -> String {
        self.anthropic.base_url()
    }

    /// What the vendor that goes down has seen of a model; nothing while it refuses connections.
    pub(super) fn seen(&self) -> Stats {
        self.openai.as_ref().map_or_else(Stats::default, SimulatorHandle::stats)
    }

    pub(super) async fn down(&mut self, form: Form) -> Result<(), String> {
        match form {
            Form::Refused => {
                if let Some(openai) = self.openai.take() {
                    self.seen = openai.shutdown().await;
                }
                Ok(())
            }
            Form::Silent => {
                self.models = self.seen().models.keys().cloned().collect();
                let silent = Persona::new().fault(FaultRule::always(Fault::StallBeforeHeaders));
                self.each_model(&silent)
            }
        }
    }

    pub(super) async fn up(&mut self, form: Form) -> Result<(), String> {
        match form {
            Form::Refused => {
                let again = Simulator::builder().seed(self.seed).other_models(usual()).listen(self.address);
                self.openai = Some(again.start().await.map_err(|error| error.to_string())?);
                Ok(())
            }
            Form::Silent => self.each_model(&usual()),
        }
    }

    /// Every model that was asked so far, and those that a council asks when others fail.
    fn each_model(&self, persona: &Persona) -> Result<(), String> {
        let Some(openai) = &self.openai else { return Ok(()) };
        let catalogue = async_orchestrator::Catalogue::builtin();
        let defaults = catalogue.default_models(async_orchestrator::CatalogueKind::OpenAi);
        let fallbacks = defaults.into_iter().flat_map(|models| [models.strong.clone(), models.fast.clone()]);
        for model in self.models.iter().cloned().chain(fallbacks) {
            openai.set_persona(&model, persona.clone()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
