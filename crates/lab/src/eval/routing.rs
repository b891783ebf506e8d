//! Recorded answers of a weak and a strong model to the same questions, as RouteLLM published them.
//!
//! `routellm_NAME.csv`, also with `.gz` behind it: a header with `prompt` (or `turn1`), `contaminated`, and either `weak_correct` and
//! `strong_correct` or the scores `weak_t1`, `weak_t2`, `strong_t1`, `strong_t2`; other columns are not read. Contaminated questions, which one of
//! the models may have seen in training, are left out.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};
use async_orchestrator_triage::learned::Example;

use super::{data::find, sample::fold_of};

const QUESTIONS_MAX: usize = 1_000_000;

/// One file.
#[derive(Clone, Debug)]
pub struct RoutingSet {
    /// Its name: the file's, without `routellm_`.
    pub name: String,
    /// The questions that count.
    pub questions: Vec<Routed>,
    /// What was left out or could not be read, in words.
    pub dropped: Vec<String>,
}

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// As it was put to the models.
    pub prompt: String,
    /// How good the weak model's answer was; 0 or 1 where answers are right or wrong.
    pub weak: f64,
    /// The same of the strong one.
    pub strong: f64,
}

impl Routed {
    /// What the strong model adds.
    pub fn uplift(&self) -> f64 {
        self.strong - self.weak
    }
}

/// The question without its options, in a form that does not depend on how it was written: its name in folds, as in the split of the data.
pub fn stem(prompt: &str) -> String {
    let stem = prompt.split("\nA. ").next().unwrap_or(prompt).to_lowercase();
    let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<&str>>().join(" ")
}

impl RoutingSet {
    /// The uplifts, question by question.
    pub fn uplifts(&self) -> Vec<f64> {
        self.questions.iter().map(Routed::uplift).collect()
    }

    /// The questions as examples of set number `set`.
    pub fn examples(&self, set: usize, folds: usize) -> Vec<Example<'_>> {
        let fold = |question: &Routed| fold_of(&stem(&question.prompt), folds);
        self.questions
            .iter()
            .map(|question| Example {
                text: &question.prompt,
                uplift: question.uplift(),
                set,
                fold: fold(question),
            })
            .collect()
    }
}

/// Reads the set called `name`.
///
/// # Errors
/// If there is no such file, it is damaged as a whole, or no question of it can be read. Damaged lines are dropped and counted.
pub fn read(directory: &Path, name: &str) -> Result<RoutingSet> {
    let file = format!("routellm_{name}.csv");
    let whole = || format!("cannot read {file} of {}", directory.display());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(find(directory, &file)?);
    let header = reader.headers().with_context(whole)?.clone();
    let columns = Columns::of(&header).with_context(whole)?;
    let mut drops: BTreeMap<&str, usize> = BTreeMap::new();
    let mut questions = Vec::new();
    for line in reader.records() {
        let question = match line {
            Ok(line) => columns.question(&header, &line),
            Err(error) if error.is_io_error() => return Err(error).with_context(whole),
            Err(_) => Err("no CSV in UTF-8"),
        };
        match question {
            Ok(_) if questions.len() == QUESTIONS_MAX => {
                *drops.entry("more than a million questions").or_default() += 1;
            }
            Ok(question) => questions.push(question),
            Err(why) => *drops.entry(why).or_default() += 1,
        }
    }
    let dropped: Vec<String> =
        drops.into_iter().map(|(why, count)| format!("{count} lines dropped: {why}")).collect();
    if questions.is_empty() {
        bail!("{} holds no question that can be read in {file}: {}", directory.display(), dropped.join("; "));
    }
    Ok(RoutingSet { name: name.to_owned(), questions, dropped })
}

/// Where what stands.
struct Columns {
    prompt: usize,
    contaminated: usize,
    weak: Vec<usize>,
    strong: Vec<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let any = |names: [&str; 2]| names.iter().filter_map(|name| find(name)).collect::<Vec<usize>>();
        let either = |one: &str, two: [&str; 2]| find(one).map_or_else(|| any(two), |column| vec![column]);
        let (weak, strong) = (
            either("weak_correct", ["weak_t1", "weak_t2"]),
            either("strong_correct", ["strong_t1", "strong_t2"]),
        );
        match (find("prompt").or_else(|| find("turn1")), find("contaminated")) {
            (Some(prompt), Some(contaminated)) if !weak.is_empty() && weak.len() == strong.len() => {
                Ok(Self { prompt, contaminated, weak, strong })
            }
            _ => bail!(
                "its header must name prompt or turn1, contaminated, and weak_correct and strong_correct or weak_t1, weak_t2, strong_t1, strong_t2"
            ),
        }
    }

    fn question(&self, header: &csv::StringRecord, line: &csv::StringRecord) -> Result<Routed, &'static str> {
        if line.len() != header.len() {
            return Err("another number of fields than the header");
        }
        match &line[self.contaminated] {
            "0" => {}
            "1" => return Err("contaminated"),
            _ => return Err("contaminated is neither 0 nor 1"),
        }
        let mean = |columns: &[usize]| {
            let numbers: Option<Vec<f64>> = columns.iter().map(|column| line[*column].parse().ok()).collect();
            numbers
                .map(|numbers| numbers.iter().sum::<f64>() / numbers.len() as f64)
                .filter(|mean| mean.is_finite())
                .ok_or("how right an answer is is no number")
        };
        Ok(Routed {
            prompt: line[self.prompt].to_owned(),
            weak: mean(&self.weak)?,
            strong: mean(&self.strong)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{read, stem};

    fn written(content: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("routellm_x.csv"), content).unwrap();
        directory
    }

    #[test]
    fn what_cannot_count_is_left_out_and_counted() {
        let directory = written(
            "prompt,weak_correct,strong_correct,contaminated\n\"Two\nlines?\",0,1,0\nseen,0,1,1\nshort,0\nword,yes,1,0\nodd,0,1,maybe\n",
        );
        let set = read(directory.path(), "x").unwrap();
        assert_eq!((set.questions.len(), set.questions[0].prompt.as_str()), (1, "Two\nlines?"));
        assert_eq!(set.uplifts(), [1.0]);
        assert_eq!(set.dropped.len(), 4, "{:?}", set.dropped);
        assert!(set.dropped.contains(&"1 lines dropped: contaminated".to_owned()));
    }

    #[test]
    fn scores_of_two_turns_are_averaged() {
        let directory =
            written("turn1,contaminated,weak_t1,weak_t2,strong_t1,strong_t2\nWrite.,0,6,8,9,10\n");
        let set = read(directory.path(), "x").unwrap();
        assert_eq!((set.questions[0].weak, set.questions[0].strong), (7.0, 9.5));
    }

    #[test]
    fn missing_and_foreign_files_are_named() {
        let directory = written("a,b\n1,2\n");
        let say = |name: &str| format!("{:#}", read(directory.path(), name).unwrap_err());
        assert!(say("x").contains("routellm_x.csv") && say("x").contains("its header must name prompt"));
        assert!(say("y").contains("routellm_y.csv"));
        let empty = written("prompt,weak_correct,strong_correct,contaminated\nseen,0,1,1\n");
        assert!(format!("{:#}", read(empty.path(), "x").unwrap_err()).contains("contaminated"));
    }

    #[test]
    fn a_stem_is_the_same_however_it_is_written() {
        assert_eq!(stem("What  is\nX-ray?\nA. 1\nB. 2"), "what is x ray");
    }
}
