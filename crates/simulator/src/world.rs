//! Everything the calls of one simulator share: its models, what they know, its dice, its clock and its counters.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    dice::{Dice, fingerprint},
    fault::{Fault, FaultRule},
    knowledge::Knowledge,
    persona::{Persona, ScriptedReply},
    replay::Replay,
    schema::rules::SchemaRules,
    stats::Ledger,
    timer::Timer,
};

/// Models beyond this number, when any name is accepted, share the counters of one.
const MODELS_MAX: usize = 1024;
/// Different prompts whose samples are counted for each model; at the limit the counting starts anew.
const PROMPTS_MAX: usize = 100_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) models: Models,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) knowledge: Knowledge,
    pub(crate) replay: Replay,
    pub(crate) dice: Dice,
    pub(crate) keys: Vec<String>,
    pub(crate) schema_rules: SchemaRules,
    pub(crate) body_bytes_max: usize,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) timer: Arc<Timer>,
    requests: AtomicU64,
}

pub(crate) struct Settings {
    pub(crate) models: Models,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) knowledge: Knowledge,
    pub(crate) replay: Replay,
    pub(crate) seed: u64,
    pub(crate) keys: Vec<String>,
    pub(crate) schema_rules: SchemaRules,
    pub(crate) body_bytes_max: usize,
    pub(crate) requests_recorded_max: usize,
}

impl World {
    pub(crate) fn new(settings: Settings, timer: Timer) -> Self {
        Self {
            models: settings.models,
            faults: settings.faults,
            knowledge: settings.knowledge,
            replay: settings.replay,
            dice: Dice::new(settings.seed),
            keys: settings.keys,
            schema_rules: settings.schema_rules,
            body_bytes_max: settings.body_bytes_max,
            ledger: Ledger::new(settings.requests_recorded_max),
            timer: Arc::new(timer),
            requests: AtomicU64::new(0),
        }
    }

    /// The number of the next request, from 1; never the same twice.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// Counts and records anew; models forget what they were asked.
    pub(crate) fn reset(&self) {
        self.ledger.reset();
        self.models.reset();
    }

    /// The fault that strikes call number `call` of `member`: the first of its own, else the first of all models'.
    pub(crate) fn fault(&self, member: &Member, call: u64) -> Option<Fault> {
        let dice = self.dice.of("faults").of(&member.model);
        let rules = member.persona.faults.iter().chain(&self.faults).enumerate();
        let mut striking = rules.filter(|(index, rule)| rule.strikes(call, &dice.at(*index as u64)));
        striking.next().map(|(_, rule)| rule.fault.clone())
    }
}

/// The models by name.
#[derive(Debug)]
pub(crate) struct Models {
    members: RwLock<HashMap<String, Arc<Member>>>,
    /// The names that were configured, in order; the list of models shows these.
    listed: Vec<String>,
    /// How a model that is not listed behaves; none: it is unknown.
    other: Option<Persona>,
}

impl Models {
    pub(crate) fn new(personas: Vec<(String, Persona)>, other: Option<Persona>) -> Self {
        let listed = personas.iter().map(|(name, _)| name.clone()).collect();
        let members = personas.into_iter().map(|(name, persona)| (name.clone(), Member::new(name, persona)));
        Self { members: RwLock::new(members.collect()), listed, other }
    }

    pub(crate) fn listed(&self) -> &[String] {
        &self.listed
    }

    pub(crate) fn get(&self, model: &str) -> Option<Arc<Member>> {
        if let Some(member) = self.members.read().unwrap_or_else(PoisonError::into_inner).get(model) {
            return Some(Arc::clone(member));
        }
        let persona = self.other.clone()?;
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let name = if members.len() < MODELS_MAX { model } else { "" };
        let member = members.entry(name.to_owned()).or_insert_with(|| Member::new(name.to_owned(), persona));
        Some(Arc::clone(member))
    }

    /// Replaces a model's behaviour; its calls are counted from 1 again.
    pub(crate) fn set(&self, model: &str, persona: Persona) {
        let member = Member::new(model.to_owned(), persona);
        self.members.write().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned(), member);
    }

    fn reset(&self) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        for (name, member) in members.iter_mut() {
            *member = Member::new(name.clone(), member.persona.clone());
        }
    }
}

/// One model and what it remembers of its calls.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) model: String,
    pub(crate) persona: Persona,
    calls: AtomicU64,
    scripted: Mutex<Vec<u32>>,
    samples: Mutex<HashMap<u64, u64>>,
}

impl Member {
    fn new(model: String, persona: Persona) -> Arc<Self> {
        let scripted = Mutex::new(vec![0; persona.replies.len()]);
        Arc::new(Self { model, persona, calls: AtomicU64::new(0), scripted, samples: Mutex::default() })
    }

    /// The number of the next call, from 1.
    pub(crate) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Relaxed) + 1
    }

    /// How often this prompt was asked before.
    pub(crate) fn next_sample(&self, system: &str, user: &str) -> u64 {
        let key = fingerprint(system).rotate_left(1) ^ fingerprint(user);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= PROMPTS_MAX {
            samples.clear();
        }
        let next = samples.entry(key).or_default();
        *next += 1;
        *next - 1
    }

    /// The scripted reply whose turn it is.
    pub(crate) fn scripted(&self, system: &str, user: &str) -> Option<&ScriptedReply> {
        let mut used = self.scripted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut replies = self.persona.replies.iter().zip(used.iter_mut());
        let (reply, used) = replies.find(|(reply, used)| {
            reply.matches(system, user) && reply.times.is_none_or(|times| **used < times)
        })?;
        *used = used.saturating_add(1);
        Some(reply)
    }
}
