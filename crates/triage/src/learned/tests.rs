//! What holds for every model, every text and the weights that are built in.

use proptest::prelude::*;

use super::{Cause, Corpus, Example, Model, Shape, TrainError, platt, train};

const FILE: &[u8] = include_bytes!("../../weights/triage-1.bin");

fn built_in() -> &'static Model {
    Model::built_in().unwrap()
}

#[test]
fn the_weights_that_are_built_in_are_whole_and_small() {
    assert_eq!(built_in().to_bytes(), FILE);
    assert!(FILE.len() < 200_000, "{} bytes", FILE.len());
    let model = built_in();
    assert!(model.mean_gain() < model.top_two_fifths() || model.top_two_fifths() < model.top_quarter());
    assert!(model.top_two_fifths() < model.top_quarter() && model.top_quarter() < 0.5);
}

/// Which words and features count is the data's affair; that many do is what training is for.
#[test]
fn the_weights_that_are_built_in_use_words_and_features() {
    let model = built_in();
    assert!(model.grams.iter().filter(|gram| gram.weight != 0).count() > 1_000);
    assert!(model.dense.iter().filter(|dense| dense.weight.abs() > 1e-4).count() > 40);
    assert!(model.dense.iter().any(|dense| dense.edges.len() > 2));
    assert!(model.calibration.slope > 0.0, "a higher score means a higher chance");
}

/// Questions of two sets, all of one length; those with more numbers have the higher uplift, and set 1 has a little more of it.
fn examples(texts: &mut Vec<String>) -> Vec<Example<'_>> {
    let words = ["red", "green", "blue", "grey", "black", "white", "pink"];
    *texts = (0..600_usize)
        .map(|at| {
            let numbers = at * 7 % 5;
            let list: Vec<String> = (0..5)
                .map(|place| if place < numbers { format!("{}", at % 13 + place) } else { "few".to_owned() })
                .collect();
            format!(
                "Which {} thing has {} in it?\nA. {}\nB. none",
                words[at % 7],
                list.join(" and "),
                words[at % 3]
            )
        })
        .collect();
    texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let is_hard = at * 7 % 5 >= 3;
            let uplift = if (is_hard && at % 4 > 0) || (at % 2 == 1 && at % 9 == 0) { 1.0 } else { 0.0 };
            Example { text, uplift, set: at % 2, fold: at / 2 % 5 }
        })
        .collect()
}

#[test]
fn the_same_examples_give_the_same_bytes_and_others_do_not() {
    let (mut texts, mut again) = (Vec::new(), Vec::new());
    let first = examples(&mut texts);
    let second = examples(&mut again);
    let bytes = train(&first).unwrap().to_bytes();
    assert_eq!(bytes, train(&second).unwrap().to_bytes());
    let mut other = first.clone();
    for example in other.iter_mut().step_by(3) {
        example.uplift = 1.0 - example.uplift;
    }
    assert_ne!(bytes, train(&other).unwrap().to_bytes());
}

#[test]
fn training_finds_what_makes_the_difference() {
    let mut texts = Vec::new();
    let examples = examples(&mut texts);
    let model = train(&examples).unwrap();
    let p_gain = |text: &str| model.predict(text).p_gain;
    let (hard, easy) = (
        "Which red thing has 4 and 5 and 6 and 7 and few in it?\nA. red\nB. none",
        "Which red thing has 4 and few and few and few and few in it?\nA. red\nB. none",
    );
    assert!(p_gain(hard) > p_gain(easy) + 0.2, "{} {}", p_gain(hard), p_gain(easy));
    let causes = model.predict(hard).strongest(2);
    assert!(causes.contains(&Cause::Numbers), "{causes:?}");
    let told: f64 = examples.iter().map(|example| p_gain(example.text)).sum::<f64>() / 600.0;
    assert!((told - model.mean_gain()).abs() < 0.05, "{told} {}", model.mean_gain());
    let reached = examples.iter().filter(|example| p_gain(example.text) >= model.top_quarter()).count();
    assert!((90..=260).contains(&reached), "{reached}");
}

#[test]
fn what_is_scored_out_of_its_fold_was_not_seen() {
    let mut texts = Vec::new();
    let examples = examples(&mut texts);
    let corpus = Corpus::new(&examples).unwrap();
    let scores = corpus.out_of_fold(Shape::Linear).unwrap();
    let without = corpus.fit(Shape::Linear, |index| examples[index].fold != 3).unwrap();
    for index in (0..600).filter(|index| examples[*index].fold == 3) {
        assert_eq!(scores[index].to_bits(), corpus.score(&without, index).to_bits());
        assert_eq!(scores[index].to_bits(), without.predict(examples[index].text).score.to_bits());
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let example = |uplift: f64, fold: usize| Example { text: "Why?", uplift, set: 0, fold };
    assert_eq!(train(&[]).unwrap_err(), TrainError::TooFew { found: 0, needed: 120 });
    assert_eq!(train(&vec![example(0.0, 0); 200]).unwrap_err(), TrainError::OneFold);
    let mut wrong = vec![example(0.0, 1); 200];
    wrong[150].uplift = f64::NAN;
    assert_eq!(train(&wrong).unwrap_err(), TrainError::Uplift { index: 150 });
    let far = vec![example(0.0, usize::MAX); 200];
    assert_eq!(train(&far).unwrap_err(), TrainError::TooMany { what: "folds", most: 256 });
}

/// All alike, nothing to learn: a flat model, and no division by zero.
#[test]
fn examples_that_are_all_alike_give_a_flat_model() {
    let alike: Vec<Example<'_>> =
        (0..400).map(|at| Example { text: "Why?", uplift: 0.0, set: 0, fold: at % 2 }).collect();
    let model = train(&alike).unwrap();
    let found = model.predict("How many of 12 apples are left?");
    assert!((0.0..=0.01).contains(&found.p_gain), "{found:?}");
    assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
}

#[test]
fn the_logistic_curve_is_found_again() {
    // At each score the share of gains is what the curve says.
    let (mut scores, mut gains) = (Vec::new(), Vec::new());
    for step in -10..=10 {
        let score = f64::from(step) / 10.0;
        let share = 1.0 / (1.0 + (1.5 - 3.0 * score).exp());
        for draw in 0..1_000 {
            scores.push(score);
            gains.push(f64::from(draw) + 0.5 < share * 1_000.0);
        }
    }
    let (intercept, slope) = platt(&scores, &gains);
    assert!((intercept + 1.5).abs() < 0.01 && (slope - 3.0).abs() < 0.02, "{intercept} {slope}");
}

fn is_sound(text: &str) {
    let found = built_in().predict(text);
    assert!(found.p_gain > 0.0 && found.p_gain < 1.0 && found.score.is_finite(), "{found:?}");
    assert_eq!(found, built_in().predict(text));
    let parts: f64 = Cause::ALL.iter().map(|cause| found.share_of(*cause)).sum();
    assert!((parts + f64::from(built_in().gram_mean) - found.score).abs() < 1e-9);
}

#[test]
fn strange_texts_are_judged_too() {
    let paste = "lorem ipsum dolor sit amet, ".repeat(4_000);
    let options: Vec<String> = (0..3_000).map(|at| format!("A. {at}")).collect();
    let options = options.join("\n");
    for text in [
        "",
        "   \n\t\n",
        "\0\0\u{1b}[31m\u{7f}\u{202e}",
        "¿Cuál es la capital de Perú?",
        "法国的首都是哪里？",
        "ما هي عاصمة فرنسا؟",
        "🙂🙃",
        "fn main() {\n    println!(\"{}\", 1 << 3);\n}",
        "A. \nB. \nC. ",
        "(A) x\r\n(B) y\r\n",
        "1.2.3.4 9999999999999999999999999999 ½ ٣٤",
        "e\u{301}\u{301}\u{301}",
        &paste,
        &options,
        &"a".repeat(100_000),
        &"9".repeat(100_000),
        &"9.".repeat(50_000),
        &"é".repeat(50_000),
    ] {
        is_sound(text);
    }
}

#[test]
fn of_a_long_paste_the_ends_are_read() {
    let with = |middle: &str, end: &str| {
        let text = format!("{}{middle}{}{end}", "lorem ipsum ".repeat(2_000), "lorem ipsum ".repeat(2_000));
        built_in().predict(&text).score.to_bits()
    };
    assert_eq!(with("dolor sit am", ""), with("lorem ipsum ", ""));
    assert_ne!(with("", "Which of the following is false? "), with("", "lorem ipsum lorem ipsum lorem ips"));
}

proptest! {
    #[test]
    fn every_text_has_a_probability(text in any::<String>()) {
        is_sound(&text);
    }

    #[test]
    fn every_text_of_words_numbers_and_options_has_one(text in "([A-Ja-j][.)] |\\(a\\) |[a-zA-Z]{1,9}|[0-9.,]{1,5}|[ \n_?!^$%]){0,200}") {
        is_sound(&text);
    }

    #[test]
    fn damaged_weights_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0..FILE.len()) {
        prop_assert!(Model::from_bytes(&bytes).is_err());
        let mut file = FILE.to_vec();
        file.truncate(at);
        file.extend(&bytes);
        prop_assert!(file == FILE || Model::from_bytes(&file).is_err());
    }
}
