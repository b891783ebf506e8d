//! Which answers are the same, in a table a kind, and laws for all of them.

use async_orchestrator_core::{AnswerKind, Proposal};
use proptest::prelude::*;

use super::{canonical_key, clusters};

const KINDS: [AnswerKind; 5] =
    [AnswerKind::Choice, AnswerKind::Number, AnswerKind::Boolean, AnswerKind::Json, AnswerKind::Text];

fn keyed(key: &str) -> Proposal {
    Proposal {
        answer_key: Some(key.to_owned()),
        answer: String::new(),
        claims: vec![],
        confidence: 0.5,
        abstain: false,
    }
}

fn written(answer: &str) -> Proposal {
    Proposal { answer_key: None, answer: answer.to_owned(), ..keyed("") }
}

/// Every spelling must have the key; an empty key stands for none.
#[track_caller]
fn check(kind: AnswerKind, key: &str, spellings: &[&str]) {
    for spelling in spellings {
        let found = canonical_key(kind, &keyed(spelling)).unwrap_or_default();
        assert_eq!(found, key, "of `{spelling}`");
    }
}

#[test]
fn a_choice_is_its_letter() {
    let kind = AnswerKind::Choice;
    check(
        kind,
        "B",
        &["B", "b", "(B)", "B.", "B)", "[b]", "**B**", "`B`", "\"B\"", "Answer: b", "The answer is (B)."],
    );
    check(
        kind,
        "B",
        &["B) Paris", "B: the second", "B, because A is wrong", "B - Paris", "Option B", "ANSWER: **B) x**"],
    );
    check(
        kind,
        "B",
        &[
            "\\boxed{B}",
            "\\boxed{\\text{B}}",
            "$B$",
            "\u{ff22}",
            "Antwort: B",
            "答案：B",
            "(B) and nothing else",
        ],
    );
    check(kind, "A", &["A) x", "A. I", "A) A dog"]);
    check(
        kind,
        "",
        &[
            "", "A dog", "A and B", "A, C", "A) or B)", "(A)(B)", "B/C", "Paris", "answer", "e-mail", "2",
            "AB",
        ],
    );
}

#[test]
fn a_number_is_its_shortest_decimal_or_fraction() {
    let kind = AnswerKind::Number;
    check(
        kind,
        "1234.5",
        &["1,234.50", "1234.5", "1.234,50", "1 234,5", "1'234.5", "$1,234.50", "1_234.5", "+1234.50 €"],
    );
    check(
        kind,
        "1234567",
        &["1,234,567", "1.234.567", "1 234 567", "12,34,567", "1\u{202f}234\u{a0}567", "1.234567 million"],
    );
    check(kind, "1234", &["1,234", "1234", "01234.0", "1234.", "1.234e3", "1.234 × 10^3", "1.234*10^3"]);
    check(
        kind,
        "3.5",
        &["3,5", "3.5", "7/2", "3 1/2", "\\frac{7}{2}", "3\\frac{1}{2}", "x = 3.5", "\\boxed{3.50}"],
    );
    check(kind, "0.75", &["3/4", "0.75", ".75", "\\dfrac{3}{4}", "0,75", "75e-2", "6/8"]);
    check(kind, "1/3", &["1/3", "2/6", "\\frac13 or so", "0.5/1.5"][..2]);
    check(kind, "-5", &["-5", "\u{2212}5", "–5", "-$5", "$-5", "- 5", "-5.0"]);
    check(kind, "50", &["50%", "50", "50 %", "50\\%", "50 percent", "50°", "50^\\circ"]);
    check(
        kind,
        "1000",
        &["1e3", "1E3", "10^3", "1 thousand", "1,000", "1000 km/h", "1000 apples", "1000 m²"],
    );
    check(kind, "12", &["twelve", "Twelve.", "12 eggs", "**12**", "\u{ff11}\u{ff12}", "١٢", "12\\text{ cm}"]);
    check(kind, "0", &["0", "-0", "0.000", "0/7", "zero", "0e9"]);
    check(kind, "1e50", &["1e50", "10e49", &format!("1{}", "0".repeat(50))]);
    check(kind, "1234.567", &["1234,567"]);
    check(kind, "0.123", &["0,123"]);
    check(kind, "2π", &["2π", "2\\pi", "$2 \\cdot \\pi$"]);
    check(kind, "∞", &["∞", "infinity", "\\infty"]);
    check(
        kind,
        "",
        &["", "abc", "3 or 4", "10-12", "5 and a half", "1/0", "5x", "12.5.3", "3, 4", "10 20", "5:30"],
    );
    check(
        kind,
        "",
        &["NaN", "1e99999", "5 m 3 cm", "1,23,45", "about 5", "5k", &"1".repeat(101), &"9".repeat(300)],
    );
}

#[test]
fn yes_and_no_in_ten_languages() {
    let kind = AnswerKind::Boolean;
    check(
        kind,
        "yes",
        &[
            "yes",
            "Yes.",
            "TRUE",
            "true",
            "**Yes**, because",
            "Yes — it is",
            "Ja",
            "oui",
            "Sí",
            "да",
            "是的",
            "はい。",
        ],
    );
    check(
        kind,
        "no",
        &["no", "False", "No, never", "nein", "non", "não", "нет", "否", "いいえ", "\\boxed{\\text{No}}"],
    );
    check(kind, "", &["", "maybe", "no doubt it is", "yes/no", "no-one", "not true", "nothing", "both"]);
}

#[test]
fn json_is_its_content() {
    let document = r#"{"a":[1,2.5],"b":null}"#;
    check(
        AnswerKind::Json,
        document,
        &[r#"{ "b": null, "a": [1.0, 2.50] }"#, document, "```json\n{\"b\":null,\"a\":[1e0,2.5]}\n```"],
    );
    check(AnswerKind::Json, "", &["", "{", "no json", "{\"a\":1} and more"]);
    // The answer is the document; the key only stands in for it.
    let both = Proposal { answer: "{\"a\": 2}".to_owned(), ..keyed("1") };
    assert_eq!(canonical_key(AnswerKind::Json, &both).as_deref(), Some("{\"a\":2}"));
}

#[test]
fn an_open_key_is_its_words() {
    check(
        AnswerKind::Text,
        "event sourcing",
        &["Event sourcing", "  event\n SOURCING. ", "“Event Sourcing”", "**event sourcing**"],
    );
    check(AnswerKind::Text, "", &["", " .", "\"\""]);
    assert_eq!(
        canonical_key(AnswerKind::Text, &written("event sourcing")),
        None,
        "a text is not its own key"
    );
}

#[test]
fn a_final_answer_is_found_in_its_text() {
    let found = |kind, text: &str| canonical_key(kind, &written(text)).unwrap_or_default();
    assert_eq!(found(AnswerKind::Number, "We have 3 + 4.\nSo the answer is **7**.\nHope this helps!"), "7");
    assert_eq!(found(AnswerKind::Number, "Half of 24 is 12, so \\boxed{\\frac{24}{2}} it is."), "12");
    assert_eq!(found(AnswerKind::Number, "Step 1: 5*5\n#### 25"), "25");
    assert_eq!(found(AnswerKind::Choice, "A is tempting, but no.\n\nFinal answer: (C)"), "C");
    assert_eq!(found(AnswerKind::Choice, "First I thought the answer is A. But the answer is D."), "D");
    assert_eq!(found(AnswerKind::Boolean, "Yes. Every prime above 2 is odd."), "yes");
    assert_eq!(found(AnswerKind::Boolean, "Die Antwort lautet: nein."), "no");
    assert_eq!(found(AnswerKind::Number, "It depends on 3 things and 4 others."), "");
}

#[test]
fn the_key_is_read_before_the_text_and_the_text_where_the_key_fails() {
    let both = Proposal { answer: "The answer is 9.".to_owned(), ..keyed("8") };
    assert_eq!(canonical_key(AnswerKind::Number, &both).as_deref(), Some("8"));
    let vague = Proposal { answer: "The answer is 9.".to_owned(), ..keyed("see above") };
    assert_eq!(canonical_key(AnswerKind::Number, &vague).as_deref(), Some("9"));
    let abstains = Proposal { abstain: true, ..keyed("8") };
    assert_eq!(canonical_key(AnswerKind::Number, &abstains), None);
}

#[test]
fn equal_answers_are_one_cluster_and_unreadable_ones_stand_alone() {
    let abstains = Proposal { abstain: true, ..keyed("4") };
    let proposals = [keyed("4"), keyed("?"), keyed("4.0"), abstains, keyed("?"), keyed("5")];
    let proposals: Vec<&Proposal> = proposals.iter().collect();
    assert_eq!(clusters(AnswerKind::Number, &proposals), [vec![0, 2], vec![1], vec![4], vec![5]]);
}

proptest! {
    #[test]
    fn a_canonical_key_is_its_own(text in prop_oneof![
        any::<String>(),
        "[ -]?[$€]?[0-9.,' /]{1,14}(e-?[0-9]{1,2})?[ %a-z]{0,6}",
        "(Answer: )?[(*\"]{0,2}[A-Ja-j][)*.,:]{0,2} ?[A-Za-z]{0,4}",
        "\\PC{0,20}(answer is|####|\\\\boxed\\{)\\PC{0,20}",
    ]) {
        for kind in KINDS {
            for proposal in [keyed(&text), written(&text)] {
                if let Some(key) = canonical_key(kind, &proposal) {
                    prop_assert_eq!(canonical_key(kind, &keyed(&key)), Some(key.clone()), "{:?} of `{}`", kind, text);
                }
            }
        }
    }

    #[test]
    fn every_spelling_of_a_decimal_is_the_same(whole in 0_u64..10_000_000, cents in 0_u64..100, negative in any::<bool>()) {
        let sign = if negative { "-" } else { "" };
        let grouped = |separator: &str| {
            let digits = whole.to_string();
            let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
            groups.join(separator)
        };
        let expected = canonical_key(AnswerKind::Number, &keyed(&format!("{sign}{whole}.{cents:02}"))).unwrap();
        let value: f64 = expected.parse().unwrap();
        let meant = (whole as f64 + cents as f64 / 100.0) * if negative { -1.0 } else { 1.0 };
        prop_assert!((value - meant).abs() < 1e-6);
        for spelling in [
            format!("{sign}{}.{cents:02}", grouped(",")),
            format!("{sign}{},{cents:02}", grouped(".")),
            format!("{sign}{},{cents:02}", grouped(" ")),
            format!("{sign}{whole},{cents:02}"),
            format!("{sign}{whole}{cents:02}e-2"),
            format!("{sign}{whole}{cents:02}/100"),
            format!("{sign}${whole}.{cents:02}00 per day"),
        ] {
            prop_assert_eq!(canonical_key(AnswerKind::Number, &keyed(&spelling)), Some(expected.clone()), "of `{}`", spelling);
        }
    }

    #[test]
    fn fractions_are_compared_exactly(a in 0_u64..500, b in 1_u64..500, c in 0_u64..500, d in 1_u64..500, by in 1_u64..50) {
        let key = |a: u64, b: u64| canonical_key(AnswerKind::Number, &keyed(&format!("{a}/{b}"))).unwrap();
        prop_assert_eq!(key(a, b), key(a * by, b * by));
        prop_assert_eq!(key(a, b) == key(c, d), a * d == c * b);
    }
}
