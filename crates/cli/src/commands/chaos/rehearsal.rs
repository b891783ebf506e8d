//! The stage of `chaos`: the user's settings with every address replaced by a simulator's, well or faulty.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_orchestrator::{AsyncOrchestrator, KeySource, ModeChoice, ProviderKind, Settings, TriageRequest};
use async_orchestrator_simulator::{Fault, FaultRule, Latency, Persona, Simulator, SimulatorHandle};
use secrecy::SecretString;

use crate::exit::{Exit, Failure};

/// How long a played model takes to answer.
const LATENCY: Duration = Duration::from_millis(40);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Down,
    Errors,
    Limited,
    KeyRefused,
}

/// One rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    wrong: Wrong,
    /// Who has it; `None` is everybody.
    provider: Option<String>,
}

/// What became of the council.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) answered: bool,
    pub(super) status: String,
    pub(super) detail: String,
    pub(super) took: Duration,
    pub(super) attempts: usize,
    pub(super) failed: usize,
}

impl Case {
    /// Nothing, every fault at each of `providers`, and all of them down.
    pub(super) fn all(providers: &[String]) -> Vec<Self> {
        let faults = [Wrong::Down, Wrong::Errors, Wrong::Limited, Wrong::KeyRefused];
        let mut all = vec![Self { wrong: Wrong::Nothing, provider: None }];
        for provider in providers {
            all.extend(faults.map(|wrong| Self { wrong, provider: Some(provider.clone()) }));
        }
        if providers.len() > 1 {
            all.push(Self { wrong: Wrong::Down, provider: None });
        }
        all
    }

    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// Whether everybody fails at once.
    pub(super) fn is_everybody(&self) -> bool {
        self.provider.is_none() && self.wrong != Wrong::Nothing
    }

    pub(super) const fn fault(&self) -> &'static str {
        match self.wrong {
            Wrong::Nothing => "none",
            Wrong::Down => "connection_refused",
            Wrong::Errors => "status_500",
            Wrong::Limited => "status_429",
            Wrong::KeyRefused => "status_401",
        }
    }

    fn strikes(&self, provider: &str) -> bool {
        self.wrong != Wrong::Nothing && self.provider.as_deref().is_none_or(|name| name == provider)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.provider.as_deref().unwrap_or("every server");
        f.write_str(&match self.wrong {
            Wrong::Nothing => String::from("all is well"),
            Wrong::Down => format!("{who} is down"),
            Wrong::Errors => format!("{who} answers 500"),
            Wrong::Limited => format!("{who} answers 429, and to come back tomorrow"),
            Wrong::KeyRefused => format!("{who} refuses the key"),
        })
    }
}

/// Servers that are well, and servers that have one fault each.
pub(super) struct Stage {
    settings: Settings,
    well: SimulatorHandle,
    errors: SimulatorHandle,
    limited: SimulatorHandle,
    refusing: SimulatorHandle,
    /// An address where nobody listens any more.
    gone: String,
}

impl Stage {
    pub(super) async fn open(settings: Settings) -> Result<Self, Failure> {
        let persona = || Persona::new().latency(Latency::fixed(LATENCY));
        let faulty = |fault: Fault| persona().fault(FaultRule::always(fault));
        let limited = Fault::status(429).with_header("retry-after", "86400");
        Ok(Self {
            well: simulator(persona()).await?,
            errors: simulator(faulty(Fault::status(500).into())).await?,
            limited: simulator(faulty(limited.into())).await?,
            refusing: simulator(faulty(Fault::status(401).into())).await?,
            gone: simulator(persona()).await?.base_url(),
            settings,
        })
    }

    pub(super) async fn play(&self, case: &Case, question: &str) -> Result<Outcome, Failure> {
        let orchestrator = AsyncOrchestrator::builder().settings(self.played(case)).seed(1).build()?;
        let request = TriageRequest::new(question).mode(ModeChoice::Council);
        #[expect(clippy::disallowed_methods, reason = "the wall time of a rehearsal, for its reader")]
        let started = Instant::now();
        let result = Box::pin(orchestrator.process_request(request)).await;
        let took = started.elapsed();
        Ok(match result {
            Ok(result) => {
                let record = result.record();
                let sent = record.attempts.iter().filter(|attempt| attempt.n > 0);
                let failed = sent
                    .clone()
                    .filter(|attempt| {
                        matches!(attempt.outcome, async_orchestrator::AttemptOutcome::Failed(_))
                    })
                    .count();
                Outcome {
                    answered: true,
                    status: record.status.name().to_owned(),
                    detail: result.aggregated.heading.join("; "),
                    took,
                    attempts: sent.count(),
                    failed,
                }
            }
            Err(error) => {
                let status = String::from("no answer");
                Outcome { answered: false, status, detail: error.to_string(), took, attempts: 0, failed: 0 }
            }
        })
    }

    /// The user's settings, with every server played. Seats, models, limits and rules stay as they are.
    fn played(&self, case: &Case) -> Settings {
        let mut settings = self.settings.clone();
        let key = || KeySource::Literal(SecretString::from("played"));
        for (name, provider) in &mut settings.providers {
            // Which shade of the format it speaks follows from its real address.
            provider.dialect = (provider.kind == ProviderKind::OpenAi).then(|| provider.dialect());
            let base = if case.strikes(name) { self.faulty(case.wrong) } else { self.well.base_url() };
            provider.base_url = Some(match provider.kind {
                ProviderKind::Anthropic => base,
                // A kind of a later version is no kind that can be played; OpenAI's shape is what most servers speak.
                _ => format!("{base}/v1"),
            });
            provider.api_key = Some(key());
            (provider.api_key_cmd, provider.auth_token) = (None, None);
            provider.more_api_keys.iter_mut().for_each(|more| *more = key());
        }
        let network = &mut settings.network;
        (network.https_proxy, network.http_proxy, network.all_proxy) = (None, None, None);
        settings
    }

    fn faulty(&self, wrong: Wrong) -> String {
        match wrong {
            Wrong::Nothing => self.well.base_url(),
            Wrong::Down => self.gone.clone(),
            Wrong::Errors => self.errors.base_url(),
            Wrong::Limited => self.limited.base_url(),
            Wrong::KeyRefused => self.refusing.base_url(),
        }
    }
}

async fn simulator(persona: Persona) -> Result<SimulatorHandle, Failure> {
    let started = Simulator::builder().seed(1).other_models(persona).start().await;
    started.map_err(|error| Failure::new(Exit::Failed, format!("the simulator cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_gets_every_fault_and_all_fail_together_at_the_end() {
        let names = ["a", "b"].map(str::to_owned);
        let all = Case::all(&names);
        assert_eq!(all.len(), 1 + 2 * 4 + 1);
        assert!(!all[0].strikes("a") && all[1].strikes("a") && !all[1].strikes("b"));
        assert!(all[9].is_everybody() && all[9].strikes("a") && all[9].strikes("b"));
        assert_eq!(Case::all(&names[..1]).len(), 5);
    }
}
