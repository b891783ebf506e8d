//! The template engine with all that templates could do harm with taken out: no filters, functions, tests, macros or
//! includes; unknown names are errors; and the work of one rendering is limited.

use std::{collections::BTreeMap, sync::Arc};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Object};

use crate::{
    PromptInput,
    catalog::TemplateSpec,
    stand_in::{self, Unfillable},
};

/// The work that one rendering may take: one unit an instruction, one for 64 bytes written.
///
/// A template takes a few hundred: material does not count, because it is filled in afterwards. A loop without end stops within
/// some milliseconds.
const FUEL_MAX: u64 = 100_000;

/// The placeholder of the rule about other people's text, which is a template of its own.
pub(crate) const DATA_RULE: &str = "data_rule";

/// The words of this program that a template may use, beside the fenced material.
#[derive(Debug)]
pub(crate) struct Words([(&'static str, String); 6]);

impl Words {
    /// The words for the prompt that `input` becomes.
    pub(crate) fn new(
        mark: &str,
        guidance: &str,
        domain: &str,
        persona: &str,
        input: &PromptInput<'_>,
    ) -> Arc<Self> {
        Arc::new(Self([
            ("mark", mark.to_owned()),
            ("guidance", guidance.to_owned()),
            ("domain", domain.to_owned()),
            ("persona", persona.to_owned()),
            ("answer_kind", input.answer_kind.name().to_owned()),
            ("labels", labels(input)),
        ]))
    }

    /// Words for the trial of a template.
    pub(crate) fn sample(input: &PromptInput<'_>) -> Arc<Self> {
        Self::new("mark", "Guidance.", "General", "an expert", input)
    }
}

/// What a template looks up by name. A value is made when it is asked for, and most are not.
#[derive(Debug)]
struct Names {
    words: Arc<Words>,
    /// The placeholders, and whether there is anything to show in the place of each.
    placeholders: Vec<(&'static str, bool)>,
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, word)) = self.words.0.iter().find(|(name, _)| *name == key) {
            return Some(Value::from(word.as_str()));
        }
        let (name, is_shown) = self.placeholders.iter().find(|(name, _)| *name == key)?;
        Some(if *is_shown { Value::from(stand_in::of(name)) } else { Value::from("") })
    }
}

/// The labels shown, for people: `A`, `A and B`, `A, B and C`.
fn labels(input: &PromptInput<'_>) -> String {
    let labels: Vec<&str> = input.proposals.iter().map(|proposal| proposal.label).collect();
    match labels.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => labels.concat(),
    }
}

/// An environment without templates.
pub(crate) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL_MAX));
    // A line with nothing but a condition leaves no empty line behind.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    Ok(environment)
}

/// Why a template came to nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The engine stopped.
    Engine(minijinja::Error),
    /// A required placeholder is not in the text.
    Lost(&'static str),
    /// A placeholder does not stand in the text as it must.
    Unfillable(Unfillable),
}

/// Renders a template and fills in the material.
///
/// The engine never sees what others wrote: for each placeholder it gets a stand-in, and the fenced blocks take the places of
/// the stand-ins afterwards: `blocks`, the value of every placeholder. So no template can cut, change or branch on a text, and no text can act as a template.
pub(crate) fn render(
    environment: &Environment<'_>,
    spec: &TemplateSpec,
    words: &Arc<Words>,
    blocks: &BTreeMap<&'static str, String>,
) -> Result<String, Fault> {
    let placeholders = blocks.iter().map(|(name, block)| (*name, !block.is_empty())).collect();
    let values = Value::from_object(Names { words: Arc::clone(words), placeholders });
    let template = environment.get_template(spec.name).map_err(Fault::Engine)?;
    let text = template.render(values).map_err(Fault::Engine)?;
    let filled = stand_in::fill(text.trim(), blocks).map_err(Fault::Unfillable)?;
    let lost = |name: &&'static str| {
        !filled.shown.contains_key(name) && blocks.get(name).is_some_and(|block| !block.is_empty())
    };
    match spec.required().into_iter().find(lost) {
        Some(name) => Err(Fault::Lost(name)),
        None => Ok(filled.text),
    }
}

/// An error of the engine in one line, without the name of the file, which stands before it.
pub(crate) fn describe(error: &minijinja::Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let advice = match error.kind() {
        ErrorKind::OutOfFuel => " (does a loop not end?)",
        ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest => {
            " (templates have conditions and loops, but no filters, functions or tests)"
        }
        _ => "",
    };
    format!("{}{detail}{advice}", error.kind())
}
