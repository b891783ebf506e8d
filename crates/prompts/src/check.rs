//! Checks an override before it is used: its size, its syntax, its placeholders, and that it shows its material unchanged.
//!
//! The last one cannot be read off the text (a condition may hide a placeholder), so the template is rendered with every
//! combination of material that its stage can meet.

use std::collections::BTreeSet;

use async_orchestrator_core::{AnswerKind, Claim, Defect, Severity, Stage};
use minijinja::Environment;
use serde_json::json;

use crate::{
    LabelledProposal, PromptError, PromptInput, TemplateProblem,
    catalog::{Data, Purpose, TemplateSpec},
    engine::{self, Fault, Words},
    material::Pieces,
    pack::line_at,
    stand_in::{SHOWN_MAX, Unfillable},
    suggest::nearest,
};

/// Every problem of the template `text` in the place of `spec`. The template is already in `environment` if it compiled.
pub(crate) fn problems(
    environment: &Environment<'_>,
    spec: &TemplateSpec,
    text: &str,
) -> Vec<TemplateProblem> {
    let Ok(template) = environment.get_template(spec.name) else { return Vec::new() };
    let allowed = spec.placeholders();
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    // With their fields: `question.text`.
    let dotted = template.undeclared_variables(true).into_iter().filter(|name| name.contains('.'));
    let dotted: BTreeSet<String> = dotted.filter(|name| allowed.contains(&base(name))).collect();
    let unknown = used.iter().filter(|name| !allowed.contains(&name.as_str()));
    let mut problems: Vec<TemplateProblem> =
        unknown.chain(&dotted).map(|name| unknown_placeholder(spec, text, name, &allowed)).collect();
    for required in spec.required() {
        // A slip of the pen is one problem, not two.
        let meant = |name: &String| nearest(name, allowed.iter().copied()) == Some(required);
        // One that stands in a tag, only not as it should, is the trial's affair.
        if line_of_placeholder(text, required).is_none() && !used.iter().any(meant) {
            problems.push(TemplateProblem {
                file: spec.name.to_owned(),
                line: None,
                placeholder: Some(required.to_owned()),
                message: format!(
                    "the placeholder `{{{{ {required} }}}}` is missing: this prompt is not asked without it"
                ),
            });
        }
    }
    if problems.is_empty() {
        problems.extend(trial(environment, spec, text).err());
    }
    problems
}

fn unknown_placeholder(spec: &TemplateSpec, text: &str, name: &str, allowed: &[&str]) -> TemplateProblem {
    let list = allowed.join(", ");
    let message = if base(name) == name {
        let near = nearest(name, allowed.iter().copied())
            .map(|near| format!(", did you mean `{near}`?"))
            .unwrap_or_default();
        format!("unknown placeholder `{name}`{near} (allowed here: {list})")
    } else {
        let base = base(name);
        format!("`{name}`: the placeholder `{base}` is a text and has no fields; write `{{{{ {base} }}}}`")
    };
    TemplateProblem {
        file: spec.name.to_owned(),
        line: line_of_placeholder(text, base(name)),
        placeholder: Some(name.to_owned()),
        message,
    }
}

fn base(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// A template that does not compile.
pub(crate) fn syntax_problem(file: &str, error: &minijinja::Error) -> TemplateProblem {
    TemplateProblem {
        file: file.to_owned(),
        line: error.line(),
        placeholder: None,
        message: engine::describe(error),
    }
}

/// The first line with a tag in which `name` stands as a word.
fn line_of_placeholder(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(start) = text[from..].find(['{']).map(|at| at + from) {
        let tag = &text[start..];
        let end = if tag.starts_with("{{") || tag.starts_with("{%") {
            tag.find("}}").into_iter().chain(tag.find("%}")).min().unwrap_or(tag.len())
        } else {
            from = start + 1;
            continue;
        };
        let mut words = tag[..end].split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.any(|word| word == name) {
            let within = tag.find(name).unwrap_or(0);
            return Some(line_at(text, start + within));
        }
        from = start + end.max(1);
    }
    None
}

/// Renders the template with all that it can meet; the first failure is reported.
fn trial(environment: &Environment<'_>, spec: &TemplateSpec, text: &str) -> Result<(), TemplateProblem> {
    let stage = match spec.purpose {
        Purpose::User(stage) | Purpose::System(stage) => stage,
        Purpose::SharedSystem | Purpose::DataRule => Stage::Answer,
    };
    let claims = sample_claims();
    let defect = sample_defect();
    let schema = json!({"type": "object"});
    for kind in AnswerKind::ALL {
        for combination in 0..1_u32 << OPTIONAL.len() {
            if OPTIONAL
                .iter()
                .enumerate()
                .any(|(bit, data)| combination >> bit & 1 == 1 && !Data::of(stage).contains(data))
            {
                continue;
            }
            let has = |data: Data| {
                Data::needed(stage).contains(&data)
                    || OPTIONAL.iter().position(|o| *o == data).is_some_and(|bit| combination >> bit & 1 == 1)
            };
            let input = sample(kind, &has, &claims, &defect, &schema);
            one_trial(environment, spec, text, stage, &input)?;
        }
    }
    Ok(())
}

/// What may or may not be there. The rest is always there, or never, by stage.
const OPTIONAL: [Data; 5] =
    [Data::Context, Data::OutputSchema, Data::Proposals, Data::ApprovedPoints, Data::Defects];

fn sample<'a>(
    answer_kind: AnswerKind,
    has: &dyn Fn(Data) -> bool,
    claims: &'a [Claim],
    defect: &'a Defect,
    schema: &'a serde_json::Value,
) -> PromptInput<'a> {
    let text = |data: Data, text: &'a str| has(data).then_some(text);
    let labels: &[&str] = if has(Data::Proposals) { &["A", "B"] } else { &[] };
    PromptInput {
        question: "A question?",
        context: text(Data::Context, "Some context."),
        answer_kind,
        output_schema: has(Data::OutputSchema).then_some(schema),
        proposals: labels
            .iter()
            .map(|label| LabelledProposal { label, answer: "An answer.", claims })
            .collect(),
        winner: text(Data::Winner, "The winner."),
        approved_points: text(Data::ApprovedPoints, "A point.").into_iter().collect(),
        defects: has(Data::Defects).then_some(defect).into_iter().collect(),
        draft: text(Data::Draft, "The draft."),
        failures: text(Data::Failures, "A failure.").map(str::to_owned).into_iter().collect(),
        facts: text(Data::Facts, "A fact.").map(str::to_owned).into_iter().collect(),
    }
}

fn one_trial(
    environment: &Environment<'_>,
    spec: &TemplateSpec,
    text: &str,
    stage: Stage,
    input: &PromptInput<'_>,
) -> Result<(), TemplateProblem> {
    let problem = |line, placeholder: Option<String>, message| TemplateProblem {
        file: spec.name.to_owned(),
        line,
        placeholder,
        message,
    };
    let material = Pieces::gather(stage, spec.style, input)
        .map(Pieces::fenced)
        .map_err(|error: PromptError| problem(None, None, error.to_string()))?;
    let about = |name: &'static str, message| {
        problem(line_of_placeholder(text, name), Some(name.to_owned()), message)
    };
    let mut blocks = material.values();
    blocks.insert(engine::DATA_RULE, String::from("The rule about data."));
    match engine::render(environment, spec, &Words::sample(input), &blocks) {
        Ok(_) => Ok(()),
        Err(Fault::Engine(error)) => Err(problem(error.line(), None, engine::describe(&error))),
        Err(Fault::Lost(name)) => Err(about(
            name,
            format!(
                "`{{{{ {name} }}}}` is not shown in every case; write it outside of conditions that can leave it out"
            ),
        )),
        Err(Fault::Unfillable(Unfillable::Changed(Some(name)))) => {
            Err(about(name, format!("`{name}` is cut or changed; write it as it is: `{{{{ {name} }}}}`")))
        }
        Err(Fault::Unfillable(Unfillable::Repeated(name))) => {
            Err(about(name, format!("`{name}` is shown more than {SHOWN_MAX} times; once is enough")))
        }
        Err(Fault::Unfillable(Unfillable::Changed(None))) => Err(problem(
            None,
            None,
            "a placeholder is cut or changed; write each one as it is, such as `{{ question }}`".to_owned(),
        )),
    }
}

fn sample_claims() -> Vec<Claim> {
    vec![Claim { id: "c1".to_owned(), text: "A claim.".to_owned(), evidence: None }]
}

fn sample_defect() -> Defect {
    Defect {
        severity: Severity::Critical,
        claim_id: None,
        quote: "An answer.".to_owned(),
        why: "It is wrong.".to_owned(),
        fix: None,
    }
}
