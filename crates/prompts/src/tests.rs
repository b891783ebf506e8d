//! What the library promises, by its public door.

mod fencing;
mod formats;
mod overrides;
mod prompts;

use std::sync::LazyLock;

use async_orchestrator_core::{Claim, Defect, Domain, PromptStyle, Severity, Stage};

use crate::{CollaborativePromptLibrary, LabelledProposal, PromptInput, RenderedPrompt};

const STAGES: [Stage; 8] = [
    Stage::Answer,
    Stage::Propose,
    Stage::Review,
    Stage::Synthesize,
    Stage::Implement,
    Stage::Validate,
    Stage::Repair,
    Stage::Observe,
];

const STYLES: [PromptStyle; 2] = [PromptStyle::Full, PromptStyle::Compact];

/// Material for every stage, all of it borrowed from here.
struct Case {
    texts: Vec<String>,
    claims: Vec<Claim>,
    defect: Defect,
    schema: serde_json::Value,
}

impl Case {
    /// Nine texts stand in the places of everything that others write.
    fn of(text: impl Fn(usize) -> String) -> Self {
        let texts: Vec<String> = (0..9).map(text).collect();
        Self {
            claims: vec![Claim {
                id: "c1".to_owned(),
                text: texts[7].clone(),
                evidence: Some(texts[8].clone()),
            }],
            defect: Defect {
                severity: Severity::Critical,
                claim_id: None,
                quote: texts[7].clone(),
                why: texts[8].clone(),
                fix: None,
            },
            schema: serde_json::json!({"type": "object", "description": texts[8]}),
            texts,
        }
    }

    fn plain() -> Self {
        Self::of(|i| format!("text number {i}"))
    }

    fn input(&self) -> PromptInput<'_> {
        let t = &self.texts;
        PromptInput {
            question: &t[0],
            context: Some(&t[1]),
            output_schema: Some(&self.schema),
            proposals: vec![
                LabelledProposal { label: "A", answer: &t[2], claims: &self.claims },
                LabelledProposal { label: "B", answer: &t[3], claims: &[] },
            ],
            winner: Some(&t[4]),
            approved_points: vec![&t[5], &t[6]],
            defects: vec![&self.defect],
            draft: Some(&t[4]),
            failures: vec![t[5].clone(), t[6].clone()],
            facts: vec![t[5].clone(), t[6].clone()],
            ..PromptInput::default()
        }
    }
}

fn library() -> &'static CollaborativePromptLibrary {
    static LIBRARY: LazyLock<CollaborativePromptLibrary> =
        LazyLock::new(|| CollaborativePromptLibrary::built_in().expect("the built-in library is sound"));
    &LIBRARY
}

#[track_caller]
fn render(stage: Stage, style: PromptStyle, input: &PromptInput<'_>) -> RenderedPrompt {
    library().render(stage, style, &Domain::GENERAL, input).expect("the prompt renders")
}

/// A prompt as a person would look at it.
fn shown(prompt: &RenderedPrompt) -> String {
    let [system, user] = &*prompt.messages else { panic!("one system and one user message") };
    format!("=== system\n{}\n=== user\n{}\n", system.content, user.content)
}

#[test]
fn an_outline_is_the_prompt_without_its_texts() {
    let (short, long) = (Case::plain(), Case::of(|i| format!("text {i} {}", "long ".repeat(400))));
    for (stage, style, case) in STAGES
        .into_iter()
        .flat_map(|stage| STYLES.map(|style| (stage, style)))
        .flat_map(|(stage, style)| [(stage, style, &short), (stage, style, &long)])
    {
        let whole = render(stage, style, &case.input());
        let outline = library().outline(stage, style, &Domain::GENERAL, &case.input()).unwrap();
        let RenderedPrompt { messages, hash, mark, .. } = &outline;
        assert!(messages.is_empty() && hash.is_empty() && mark.is_empty());
        let (messages, hash, mark) = (whole.messages.clone(), whole.hash.clone(), whole.mark.clone());
        assert_eq!(RenderedPrompt { messages, hash, mark, ..outline }, whole, "{stage:?} {style:?}");
    }
    let nothing = PromptInput::default();
    assert!(library().outline(Stage::Propose, PromptStyle::Full, &Domain::GENERAL, &nothing).is_err());
}
