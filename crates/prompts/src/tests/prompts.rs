//! Rendered prompts, seen as a whole, and the laws that all of them keep.

use async_orchestrator_core::{AnswerKind, ChatRole, Domain, PromptStyle, Stage};
use expect_test::expect_file;

use super::{Case, STAGES, STYLES, library, render, shown};
use crate::{CollaborativePromptLibrary, LabelledProposal, PromptError, PromptInput};

const KINDS: [AnswerKind; 6] = AnswerKind::ALL;

#[track_caller]
fn snapshot(name: &str, stage: Stage, style: PromptStyle, domain: &Domain, input: &PromptInput<'_>) {
    let prompt = library().render(stage, style, domain, input).unwrap();
    let path = format!("{}/src/tests/snapshots/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    expect_file![path].assert_eq(&shown(&prompt));
}

#[test]
fn prompts_as_they_are_sent() {
    let case = Case::plain();
    let without_schema = PromptInput { output_schema: None, ..case.input() };
    let architecture = Domain::SOFTWARE_ARCHITECTURE;
    snapshot("propose", Stage::Propose, PromptStyle::Full, &architecture, &without_schema);
    snapshot("review", Stage::Review, PromptStyle::Full, &Domain::RESEARCH, &without_schema);
    snapshot("synthesize", Stage::Synthesize, PromptStyle::Full, &Domain::WRITING, &without_schema);
    snapshot("implement_schema", Stage::Implement, PromptStyle::Full, &Domain::GENERAL, &case.input());
    snapshot("validate", Stage::Validate, PromptStyle::Full, &Domain::BUSINESS, &without_schema);
    snapshot("compact_propose", Stage::Propose, PromptStyle::Compact, &architecture, &without_schema);
    snapshot("compact_review", Stage::Review, PromptStyle::Compact, &architecture, &without_schema);
    let choice = PromptInput {
        question: "Which? A) one B) two",
        answer_kind: AnswerKind::Choice,
        ..PromptInput::default()
    };
    snapshot("answer_choice", Stage::Answer, PromptStyle::Full, &Domain::MATHEMATICS, &choice);
}

#[test]
fn every_prompt_is_one_system_and_one_user_message_without_stray_blank_lines() {
    let case = Case::plain();
    for kind in KINDS {
        for domain in Domain::BUILT_IN {
            for (stage, style) in STAGES.into_iter().flat_map(|stage| STYLES.map(|style| (stage, style))) {
                for schema in [None, Some(&case.schema)] {
                    let input = PromptInput { output_schema: schema, answer_kind: kind, ..case.input() };
                    let prompt = library().render(stage, style, &domain, &input).unwrap();
                    let roles: Vec<ChatRole> = prompt.messages.iter().map(|message| message.role).collect();
                    assert_eq!(roles, [ChatRole::System, ChatRole::User]);
                    for message in prompt.messages.iter() {
                        let text = &message.content;
                        assert!(!text.contains("\n\n\n"), "{stage:?} {style:?} {}:\n{text}", kind.name());
                        assert!(!text.contains("{{") && !text.contains("{%"), "{stage:?} {style:?}:\n{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn each_domain_speaks_to_each_role_in_its_own_words() {
    let case = Case::plain();
    for stage in
        [Stage::Propose, Stage::Review, Stage::Synthesize, Stage::Implement, Stage::Validate, Stage::Observe]
    {
        let mut systems: Vec<String> = Domain::BUILT_IN
            .iter()
            .map(|domain| library().render(stage, PromptStyle::Full, domain, &case.input()).unwrap())
            .map(|prompt| prompt.messages[0].content.replace(&prompt.mark, ""))
            .collect();
        systems.sort();
        systems.dedup();
        assert_eq!(systems.len(), Domain::BUILT_IN.len(), "{stage:?}");
    }
    assert_eq!(library().domains(), Domain::BUILT_IN);
}

#[test]
fn the_same_input_gives_the_same_hash_and_another_template_another() {
    let case = Case::plain();
    let hash_in = |library: &CollaborativePromptLibrary, stage| {
        library.render(stage, PromptStyle::Full, &Domain::GENERAL, &case.input()).unwrap().hash
    };
    let text = library().source("observe.user.j2").unwrap().replace("three sentences", "four sentences");
    let changed = CollaborativePromptLibrary::with_overrides([("observe.user.j2".to_owned(), text)]).unwrap();
    assert_eq!(hash_in(library(), Stage::Observe), hash_in(library(), Stage::Observe));
    assert_ne!(hash_in(library(), Stage::Observe), hash_in(&changed, Stage::Observe));
    assert_eq!(hash_in(library(), Stage::Review), hash_in(&changed, Stage::Review));
}

#[test]
fn the_hash_covers_the_reply_form_too() {
    let one = serde_json::json!({"type": "object", "required": ["a"]});
    let input = PromptInput { question: "?", ..PromptInput::default() };
    // A compact prompt does not show the schema, so only the form of the reply differs.
    let free = render(Stage::Answer, PromptStyle::Compact, &input);
    let bound =
        render(Stage::Answer, PromptStyle::Compact, &PromptInput { output_schema: Some(&one), ..input });
    assert_eq!(free.messages[0], bound.messages[0]);
    assert_ne!(free.hash, bound.hash);
}

#[test]
fn an_unknown_domain_names_the_known_ones() {
    let domain: Domain = "mathematic".parse().unwrap();
    let error = library()
        .render(
            Stage::Answer,
            PromptStyle::Full,
            &domain,
            &PromptInput { question: "?", ..PromptInput::default() },
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown domain `mathematic`, did you mean `mathematics`?: one of general, software_architecture, research, \
         mathematics, writing, business is expected; a pack of your own goes into domains/mathematic.toml"
    );
}

#[test]
fn what_a_stage_needs_is_asked_for_by_name() {
    let check = |stage, field| {
        let input = PromptInput { question: "?", ..PromptInput::default() };
        for style in STYLES {
            let error = library().render(stage, style, &Domain::GENERAL, &input).unwrap_err();
            assert_eq!(error, PromptError::MissingInput { stage, field });
        }
    };
    check(Stage::Review, "proposals");
    check(Stage::Synthesize, "winner");
    check(Stage::Implement, "draft");
    check(Stage::Validate, "draft");
    check(Stage::Repair, "draft");
    check(Stage::Observe, "facts");
    let empty = PromptInput { question: " \n", ..PromptInput::default() };
    let error = library().render(Stage::Answer, PromptStyle::Full, &Domain::GENERAL, &empty).unwrap_err();
    assert_eq!(error, PromptError::MissingInput { stage: Stage::Answer, field: "question" });
}

#[test]
fn labels_are_distinct_letters() {
    for labels in [["A", "A"], ["A", "I"], ["a", "B"], ["A\" x=\"", "B"]] {
        let proposals = labels.map(|label| LabelledProposal { label, answer: "x", claims: &[] }).to_vec();
        let input = PromptInput { question: "?", proposals, ..PromptInput::default() };
        let error = library().render(Stage::Review, PromptStyle::Full, &Domain::GENERAL, &input).unwrap_err();
        assert_eq!(error, PromptError::BadLabels);
    }
}

#[test]
fn a_compact_prompt_stays_short_and_says_what_it_cut() {
    let case = Case::of(|i| format!("{i}{}", "äöü€ ".repeat(400_000)));
    for stage in STAGES {
        let prompt = render(stage, PromptStyle::Compact, &case.input());
        let bytes: usize = prompt.messages.iter().map(|message| message.content.len()).sum();
        assert!(bytes <= 2400, "{stage:?}: {bytes} bytes");
        let blocks = crate::fenced_blocks(&prompt.messages[1].content, &prompt.mark);
        assert!(
            blocks.iter().all(|block| block.shown.is_some_and(|part| part.starts_with("first "))),
            "{stage:?}"
        );
        assert!(case.texts[0].starts_with(blocks[0].text));
    }
}

#[test]
fn templates_are_listed_with_what_they_may_and_must_use() {
    let templates = library().templates();
    let review = templates.iter().find(|info| info.name == "review.user.j2").unwrap();
    assert_eq!(review.placeholders, ["question", "context", "proposals", "domain", "answer_kind", "labels"]);
    assert_eq!(review.required, ["question", "context", "proposals"]);
    assert!(templates.iter().any(|info| info.name == "domains/business.toml"));
    assert!(templates.iter().all(|info| library().source(&info.name).is_some() && info.version == "v1"));
}
