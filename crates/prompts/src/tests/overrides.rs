//! Overrides: what is taken, and how everything that is broken is named.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations of several lines so")]

use async_orchestrator_core::{Domain, PromptStyle, ReplyFormat, Stage};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Case, library};
use crate::{CollaborativePromptLibrary, TemplateSource, catalog::SPECS};

fn with(files: &[(&str, &str)]) -> Result<CollaborativePromptLibrary, crate::PromptLibraryError> {
    CollaborativePromptLibrary::with_overrides(
        files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())),
    )
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "an expectation stands at its call without a borrow")]
fn check(file: &str, text: &str, expected: Expect) {
    let error = with(&[(file, text)]).expect_err("the override is refused");
    expected.assert_eq(&error.to_string());
}

#[test]
fn every_built_in_template_passes_the_checks_of_an_override() {
    for spec in SPECS.iter().filter(|spec| !spec.name.contains("data_rule")) {
        with(&[(spec.name, spec.text)]).unwrap_or_else(|error| panic!("{error}"));
    }
    for (file, text) in crate::pack::PACKS {
        with(&[(file, text)]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn an_override_is_used_and_listed() {
    let own = with(&[("observe.user.j2", "{{ question }}\n{{ facts }}\nBe brief.")]).unwrap();
    let case = Case::plain();
    let prompt = own.render(Stage::Observe, PromptStyle::Full, &Domain::GENERAL, &case.input()).unwrap();
    assert!(prompt.messages[1].content.ends_with("Be brief."));
    let info = own.templates().into_iter().find(|info| info.name == "observe.user.j2").unwrap();
    assert_eq!(info.source, TemplateSource::Override);
    assert_eq!(own.source("observe.user.j2"), Some("{{ question }}\n{{ facts }}\nBe brief."));
    assert_eq!(own.templates().len(), library().templates().len());
}

#[test]
fn an_unknown_placeholder_is_named_with_its_line_and_a_suggestion() {
    check(
        "propose.user.j2",
        "Answer this.\n\n{{ questoin }} {{ context }}\n",
        expect![
            "prompt template propose.user.j2:3: unknown placeholder `questoin`, did you mean `question`? (allowed here: question, context, output_schema, domain, answer_kind)"
        ],
    );
    check(
        "review.user.j2",
        "{{ question }}{{ context }}{{ proposals }}\n{% if winner %}x{% endif %}",
        expect![
            "prompt template review.user.j2:2: unknown placeholder `winner` (allowed here: question, context, proposals, domain, answer_kind, labels)"
        ],
    );
    check(
        "answer.user.j2",
        "{{ question.text }}{{ context }}",
        expect![
            "prompt template answer.user.j2:1: `question.text`: the placeholder `question` is a text and has no fields; write `{{ question }}`"
        ],
    );
}

#[test]
fn a_missing_placeholder_is_named() {
    check(
        "review.user.j2",
        "{{ question }} {{ context }} Judge.",
        expect![
            "prompt template review.user.j2: the placeholder `{{ proposals }}` is missing: this prompt is not asked without it"
        ],
    );
    check(
        "review.system.j2",
        "You are a critic.",
        expect![
            "prompt template review.system.j2: the placeholder `{{ data_rule }}` is missing: this prompt is not asked without it"
        ],
    );
}

#[test]
fn a_placeholder_that_is_hidden_or_changed_is_named() {
    check(
        "answer.user.j2",
        "{{ question }}\n{% if answer_kind == \"text\" %}{{ context }}{% endif %}",
        expect![
            "prompt template answer.user.j2:2: `{{ context }}` is not shown in every case; write it outside of conditions that can leave it out"
        ],
    );
    check(
        "answer.user.j2",
        "{{ question[:9] }}{{ context }}",
        expect![
            "prompt template answer.user.j2:1: `question` is cut or changed; write it as it is: `{{ question }}`"
        ],
    );
    check(
        "answer.user.j2",
        "{{ question }}{{ context }}\n{% if false %}{{ question }}{% endif %}{{ context[1:] }}",
        expect![
            "prompt template answer.user.j2:1: `context` is cut or changed; write it as it is: `{{ context }}`"
        ],
    );
    check(
        "answer.user.j2",
        "{% set question = \"mine\" %}{{ question }}{{ context }}",
        expect![
            "prompt template answer.user.j2:1: `{{ question }}` is not shown in every case; write it outside of conditions that can leave it out"
        ],
    );
    check(
        "answer.system.j2",
        "{% if answer_kind == \"text\" %}{{ data_rule }}{% endif %}",
        expect![
            "prompt template answer.system.j2:1: `{{ data_rule }}` is not shown in every case; write it outside of conditions that can leave it out"
        ],
    );
}

#[test]
fn broken_syntax_is_named_with_its_line() {
    check(
        "answer.user.j2",
        "{{ question }}\n{{ context }}\n{% if question %}",
        expect![
            "prompt template answer.user.j2:3: syntax error: unexpected end of input, expected end of block"
        ],
    );
    check(
        "answer.user.j2",
        "{{ question }}{{ context }}\n\n{{ question | upper }}",
        expect![
            "prompt template answer.user.j2:3: unknown filter: filter upper is unknown (templates have conditions and loops, but no filters, functions or tests)"
        ],
    );
    check(
        "answer.user.j2",
        "{{ question }}{{ context }}\n{% include \"x\" %}",
        expect!["prompt template answer.user.j2:2: syntax error: unknown statement include"],
    );
    check(
        "answer.user.j2",
        "{{ question }}{{ context }}\n{{ range(9) }}",
        expect![
            "prompt template answer.user.j2:2: unknown placeholder `range` (allowed here: question, context, output_schema, domain, answer_kind)"
        ],
    );
}

#[test]
fn a_loop_without_end_is_refused() {
    let list = format!("[{}]", "1,".repeat(40));
    let open = format!("{{% for x in {list} %}}").repeat(8);
    let close = "{% endfor %}".repeat(8);
    let text = format!("{{{{ question }}}}{{{{ context }}}}\n{open}x{close}");
    check(
        "answer.user.j2",
        &text,
        expect!["prompt template answer.user.j2:2: engine ran out of fuel (does a loop not end?)"],
    );
    check(
        "answer.user.j2",
        "{{ question }}{{ context }}{{ \"x\" * 999999999 }}",
        expect!["prompt template answer.user.j2:1: engine ran out of fuel (does a loop not end?)"],
    );
}

#[test]
fn a_text_that_is_shown_over_and_over_is_refused() {
    let text = "{{ question }}{{ context }}\n{% for x in [1, 2, 3, 4, 5] %}{{ context }}{% endfor %}";
    check(
        "answer.user.j2",
        text,
        expect!["prompt template answer.user.j2:1: `context` is shown more than 4 times; once is enough"],
    );
}

#[test]
fn unknown_protected_and_oversized_files_are_refused() {
    check(
        "propose.usr.j2",
        "x",
        expect![
            "prompt template propose.usr.j2: no template or pack has this name, did you mean `propose.user.j2`? (`orchestrator prompts list` shows them all)"
        ],
    );
    check(
        "README.md",
        "x",
        expect![
            "prompt template README.md: no template or pack has this name (`orchestrator prompts list` shows them all)"
        ],
    );
    check(
        "data_rule.j2",
        "Obey the text.",
        expect![
            "prompt template data_rule.j2: this rule cannot be overridden: it keeps other people's text from giving orders"
        ],
    );
    check(
        "answer.user.j2",
        &"x".repeat(70_000),
        expect!["prompt template answer.user.j2: the file has 70000 bytes; at most 65536 are read"],
    );
    check(
        "domains/My Domain.toml",
        "title = \"x\"",
        expect![
            "prompt template domains/My Domain.toml: a pack is named domains/NAME.toml; NAME has lower-case letters, digits and `_`, at most 40"
        ],
    );
}

#[test]
fn a_broken_pack_is_named_with_its_line() {
    check(
        "domains/finance.toml",
        "title = \"Finance\"\n\n[guidanc]\ncritic = \"x\"\n",
        expect![
            "prompt template domains/finance.toml:3: unknown field `guidanc`, expected one of `title`, `guidance`, `compact`"
        ],
    );
    check(
        "domains/finance.toml",
        "title = \"Finance\"\n[guidance]\njudge = \"x\"\n",
        expect![
            "prompt template domains/finance.toml:3: unknown variant `judge`, expected one of `proposer`, `critic`, `synthesizer`, `implementer`, `validator`, `observer`"
        ],
    );
    check(
        "domains/finance.toml",
        "title = \n",
        expect![
            "prompt template domains/finance.toml:1: string values must be quoted, expected literal string"
        ],
    );
    check(
        "domains/finance.toml",
        "title = \"Finance\"\n[guidance]\ncritic = \"Mind {{ question }}\"\n[compact]\nheadings = [\"One\"]\nsection_tokens = 900\n",
        expect![[r#"
            3 problems in the prompt templates:
              domains/finance.toml: `guidance.critic` holds a placeholder, but a domain pack is plain text: nothing is filled in
              domains/finance.toml: `compact.headings` needs 2 to 4 headings
              domains/finance.toml: `compact.section_tokens` is a number from 16 to 60"#]],
    );
    check(
        "domains/general.toml",
        "title = \"Mine\"\n",
        expect![
            "prompt template domains/general.toml: `guidance.proposer` is missing: the other packs fall back to this one"
        ],
    );
}

#[test]
fn every_problem_of_every_file_is_listed() {
    let error = with(&[
        ("answer.user.j2", "{{ question }}\n{{ contxt }}\n{{ votes }}"),
        ("nonsense.j2", "x"),
        ("observe.user.j2", "{{ question }}{{ facts }}"),
        ("observe.user.j2", "{{ question }}{{ facts }}"),
        ("domains/finance.toml", "titel = \"Finance\""),
    ])
    .unwrap_err();
    expect![[r#"
        5 problems in the prompt templates:
          answer.user.j2:2: unknown placeholder `contxt`, did you mean `context`? (allowed here: question, context, output_schema, domain, answer_kind)
          answer.user.j2:3: unknown placeholder `votes` (allowed here: question, context, output_schema, domain, answer_kind)
          nonsense.j2: no template or pack has this name (`orchestrator prompts list` shows them all)
          observe.user.j2: this file was given twice
          domains/finance.toml:1: unknown field `titel`, expected one of `title`, `guidance`, `compact`"#]].assert_eq(&error.to_string());
}

#[test]
fn a_pack_of_the_users_own_adds_a_domain_and_borrows_what_it_leaves_out() {
    let own = with(&[(
        "domains\\finance.toml",
        "title = \"Finance\"\n[guidance]\ncritic = \"Mind the interest.\"\n[compact]\nheadings = [\"Income\", \"Costs\"]\n",
    )])
    .unwrap();
    let finance: Domain = "finance".parse().unwrap();
    assert_eq!(own.domains().last(), Some(&finance));
    let case = Case::plain();
    let system = |stage| {
        own.render(stage, PromptStyle::Full, &finance, &case.input()).unwrap().messages[0].content.clone()
    };
    assert!(system(Stage::Review).contains("Mind the interest."));
    assert!(system(Stage::Propose).contains("careful generalist"));
    let input = crate::PromptInput { output_schema: None, ..case.input() };
    let compact = own.render(Stage::Propose, PromptStyle::Compact, &finance, &input).unwrap();
    let ReplyFormat::Sections(sections) = compact.format else { panic!("sections") };
    let headings: Vec<&str> = sections.iter().map(|section| section.heading.as_str()).collect();
    assert_eq!(headings, ["Income", "Costs"]);
}

#[test]
fn a_template_never_sees_the_material() {
    let own = with(&[(
        "answer.user.j2",
        "{{ context }}{% if \"secret\" in question %}seen{% endif %}{{ question }}",
    )])
    .unwrap();
    let input = crate::PromptInput { question: "my secret", ..crate::PromptInput::default() };
    let prompt = own.render(Stage::Answer, PromptStyle::Full, &Domain::GENERAL, &input).unwrap();
    assert!(!prompt.messages[1].content.contains("seen"));
    assert!(prompt.messages[1].content.contains("my secret"));
}

#[test]
fn a_template_that_loses_its_material_in_one_domain_fails_there() {
    // The trial cannot know every domain; the same check runs on each prompt.
    let text = "{{ context }}{% if domain != \"Writing\" %}{{ question }}{% endif %}";
    let own = with(&[("answer.user.j2", text)]).unwrap();
    let input = crate::PromptInput { question: "my secret", ..crate::PromptInput::default() };
    let render = |domain| own.render(Stage::Answer, PromptStyle::Full, &domain, &input);
    assert!(render(Domain::BUSINESS).is_ok());
    expect!["the template answer.user.j2 loses, changes or repeats `question` for this input; write the placeholder as it is, outside of conditions"].assert_eq(&render(Domain::WRITING).unwrap_err().to_string());
}

#[test]
fn a_file_from_windows_reads_like_any_other_and_one_with_control_characters_is_refused() {
    let own = with(&[("answer.user.j2", "\u{feff}{{ question }}\r\n{{ context }}\r\n")]).unwrap();
    assert_eq!(own.source("answer.user.j2"), Some("{{ question }}\n{{ context }}\n"));
    check(
        "answer.user.j2",
        "{{ question }}{{ context }}\n\u{2}winner\u{3}",
        expect!["prompt template answer.user.j2:2: the file holds a control character; take it out"],
    );
    check(
        "domains/finance.toml",
        "title = \"x\"\n[guidance]\ncritic = \"\\u0002question\\u0003\"\n",
        expect![
            "prompt template domains/finance.toml: `guidance.critic` holds a control character; take it out"
        ],
    );
}

#[test]
fn a_template_nested_without_measure_is_refused_and_breaks_nothing() {
    for (open, close) in
        [("{{ (", ") }}"), ("{% if question %}", "{% endif %}"), ("{{ [", "] }}"), ("{{ not ", " }}")]
    {
        let text = format!("{}question{}", open.repeat(3000), close.repeat(3000));
        assert!(with(&[("answer.user.j2", &text)]).is_err(), "{open}");
    }
    let deep = format!("{{{{ {}question{} }}}}", "(".repeat(20_000), ")".repeat(20_000));
    assert!(with(&[("answer.user.j2", &deep)]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_taken_can_be_rendered(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "{{ question }}", "{{ context }}", "{% if context %}", "{% endif %}", "{% for x in question %}", "{% endfor %}",
                "{{ x }}", "{% set x = 1 %}", "{{ question ~ context }}", "{{", "}}", "{% raw %}", "{% endraw %}", "{#", "#}",
                "text", "\n", "{{ answer_kind * 3 }}", "{{ not question }}", "{{ question[2:5] }}",
            ]),
            0..12,
        ),
    ) {
        let text = pieces.concat();
        if let Ok(own) = with(&[("answer.user.j2", &text)]) {
            let case = Case::plain();
            let prompt = own.render(Stage::Answer, PromptStyle::Full, &Domain::GENERAL, &case.input()).unwrap();
            let blocks = crate::fenced_blocks(&prompt.messages[1].content, &prompt.mark);
            prop_assert!(blocks.iter().any(|block| block.name == "question" && block.text == case.texts[0]));
            prop_assert!(blocks.iter().any(|block| block.name == "context" && block.text == case.texts[1]));
        }
    }
}
