//! Decides what a persona replies: scripted, else recorded, else made up in the form that is asked for.
//!
//! A reply in JSON comes only where the request has a field for it: a schema, or `json_object`. A prompt that merely
//! speaks of JSON gets text, as from a model that does not care; script the reply where a test needs otherwise.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    ask::{Ask, Output, WireError},
    content::{ballot, blocks, candidates, proposal, prose::Topic, roles},
    dice::{Dice, fingerprint},
    knowledge::{self, Belief, Judgement},
    persona::{Finish, Persona, Usage, UsagePolicy},
    schema, tokens,
    world::{Member, World},
};

/// The ids and the date of one reply.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
}

/// What a persona says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) finish: Finish,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) usage: Option<Usage>,
    /// Reasoning is shown before the text.
    pub(crate) thinking: bool,
}

/// A streamed reply in a vendor's events.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    /// Sent with the headers.
    pub(crate) opening: Vec<Bytes>,
    /// The text.
    pub(crate) deltas: Vec<Bytes>,
    /// From the end of the text to the last event.
    pub(crate) closing: Vec<Bytes>,
}

/// What is said, before limits cut it.
struct Draft {
    text: String,
    finish: Finish,
    usage: Option<Usage>,
}

impl From<String> for Draft {
    fn from(text: String) -> Self {
        Self { text, finish: Finish::Stop, usage: None }
    }
}

/// What `member` replies to `ask`.
pub(crate) fn compose(world: &World, member: &Member, ask: &Ask) -> Result<Reply, WireError> {
    let mut draft = draft(world, member, ask)?;
    let stop = ask.stop.iter().filter(|stop| !stop.is_empty());
    let first =
        stop.filter_map(|stop| Some((draft.text.find(stop.as_str())?, stop))).min_by_key(|(at, _)| *at);
    let stop_sequence = first.map(|(at, stop)| {
        draft.text.truncate(at);
        stop.clone()
    });
    if let Some(head) = ask.output_tokens_max.and_then(|max| tokens::cut(&draft.text, max)) {
        draft.text.truncate(head.len());
        draft.finish = Finish::Length;
    }
    let stop_sequence = stop_sequence.filter(|_| draft.finish == Finish::Stop);
    let usage = draft.usage.or_else(|| usage(&member.persona, ask, &draft.text));
    let thinking = ask.thinking && usage.is_some_and(|usage| usage.reasoning_tokens > 0);
    Ok(Reply { text: draft.text, finish: draft.finish, stop_sequence, usage, thinking })
}

fn usage(persona: &Persona, ask: &Ask, text: &str) -> Option<Usage> {
    match persona.usage {
        UsagePolicy::Absent => None,
        UsagePolicy::Fixed(usage) => Some(usage),
        UsagePolicy::Estimated => Some(Usage {
            input_tokens: ask.input_tokens,
            output_tokens: tokens::count(text),
            ..Usage::default()
        }),
    }
}

fn draft(world: &World, member: &Member, ask: &Ask) -> Result<Draft, WireError> {
    if let Some(scripted) = member.scripted(&ask.system, &ask.user) {
        return Ok(Draft { text: scripted.text.clone(), finish: scripted.finish, usage: None });
    }
    let sample = ask.seed.unwrap_or_else(|| member.next_sample(&ask.system, &ask.user));
    let recorded = world.replay.find(&member.model, &ask.user, sample);
    let made_up = MadeUp { world, member, ask, sample };
    match (&ask.output, recorded) {
        // Recorded text goes out as it stands where it already has the form that is asked for.
        (Output::Schema(_) | Output::JsonObject, Some(recorded)) if !is_object(&recorded.text) => {
            let belief = recorded.answer.clone().map(|answer| Belief { answer });
            let text = made_up.in_form(belief.as_ref(), Some(&recorded.text))?;
            Ok(Draft { text, finish: Finish::Stop, usage: recorded.usage })
        }
        (_, Some(recorded)) => {
            Ok(Draft { text: recorded.text.clone(), finish: Finish::Stop, usage: recorded.usage })
        }
        (_, None) => Ok(made_up.in_form(made_up.belief().as_ref(), None)?.into()),
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
}

/// A reply that nobody wrote before.
struct MadeUp<'a> {
    world: &'a World,
    member: &'a Member,
    ask: &'a Ask,
    sample: u64,
}

impl MadeUp<'_> {
    fn belief(&self) -> Option<Belief> {
        let question = self.world.knowledge.find(&self.ask.user)?;
        let shared = self.world.dice.of("beliefs");
        let mut own = shared.of(&self.member.model).at(fingerprint(&question.question)).at(self.sample);
        Some(knowledge::believe(question, self.member.persona.skill(), &shared, &mut own))
    }

    /// Dice of this model for this prompt and sample.
    fn dice(&self, purpose: &str) -> Dice {
        let prompt = fingerprint(&self.ask.user) ^ fingerprint(&self.ask.system).rotate_left(1);
        self.world.dice.of(purpose).of(&self.member.model).at(prompt).at(self.sample)
    }

    fn in_form(&self, belief: Option<&Belief>, recorded: Option<&str>) -> Result<String, WireError> {
        match &self.ask.output {
            Output::Text => Ok(self.text(belief)),
            Output::JsonObject => {
                let text = recorded.map_or_else(|| self.text(belief), str::to_owned);
                Ok(json!({"answer": text, "answer_key": belief.map(|belief| &belief.answer)}).to_string())
            }
            Output::Schema(schema) => {
                let suggestion = self.suggestion(schema, belief, recorded);
                let written = schema::instance(schema, suggestion.as_ref(), &self.dice("instance"));
                written.map(|value| value.to_string()).map_err(|unsupported| {
                    let message = format!(
                        "The simulator cannot follow this schema at {}: {}.",
                        unsupported.at, unsupported.why
                    );
                    WireError::invalid("schema", message)
                })
            }
        }
    }

    fn text(&self, belief: Option<&Belief>) -> String {
        if let Some(draft) = roles::delivered(&self.ask.user) {
            return draft.to_owned();
        }
        let mut dice = self.dice("text");
        let topic = Topic::of(question(&self.ask.user));
        let count = 3 + dice.below(3);
        let points = topic.sentences(count, &mut dice);
        match belief {
            Some(belief) => format!("{}.\n\nThe answer is {}.", points[..2].join(". "), belief.answer),
            None => topic.answer(&points),
        }
    }

    fn suggestion(&self, schema: &Value, belief: Option<&Belief>, recorded: Option<&str>) -> Option<Value> {
        if ballot::is_asked(schema) {
            return Some(self.ballot(schema));
        }
        if let Some(reply) =
            roles::suggest(schema, &self.ask.user, self.judgement().as_ref(), &mut self.dice("role"))
        {
            return Some(reply);
        }
        let mut dice = self.dice("proposal");
        let mut proposal = proposal::suggest(question(&self.ask.user), belief, recorded, &mut dice);
        if proposal::is_asked(schema) {
            return Some(proposal);
        }
        // Another object with an answer gets at least that; the rest is invented by its names.
        let properties = schema["properties"].as_object()?;
        let known = properties.keys().filter_map(|name| Some((name.clone(), proposal.get_mut(name)?.take())));
        let known: serde_json::Map<String, Value> = known.collect();
        known.contains_key("answer").then_some(Value::Object(known))
    }

    fn judgement(&self) -> Option<Judgement<'_>> {
        let question = self.world.knowledge.find(&self.ask.user)?;
        Some(Judgement { answer: &question.answer, accuracy: self.member.persona.accuracy })
    }

    fn ballot(&self, schema: &Value) -> Value {
        let mut shown = candidates::find(&self.ask.user);
        let labels = ballot::prescribed(schema);
        if !labels.is_empty() {
            // The schema says which labels there are and in which order.
            let by_label = |label: &char| shown.iter().find(|candidate| candidate.label == *label).cloned();
            let unseen = |label| candidates::Candidate { label, text: String::new() };
            shown =
                labels.into_iter().map(|label| by_label(&label).unwrap_or_else(|| unseen(label))).collect();
        }
        let seed = self.world.dice.of("quality");
        ballot::suggest(&shown, self.judgement().as_ref(), &seed, &mut self.dice("ballot"))
    }
}

/// The question inside a prompt: what stands in a block made for it, else the whole.
fn question(prompt: &str) -> &str {
    blocks::called(prompt, &["question", "query", "request", "task"]).unwrap_or(prompt)
}
