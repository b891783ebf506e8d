//! Recorded answers, read from a directory of the user's.
//!
//! Every file `NAME_votes.csv` or `NAME_votes.jsonl`, also with `.gz` behind it, is a set called `NAME`:
//!
//! - CSV: a header `question_id,category,answer,MODEL,MODEL,...`, then a line a question. The right answer and each model's are compared to the letter;
//!   an empty field is no answer.
//! - JSON lines: `{"qid": "..", "task": "..", "answer": "..", "votes": {"MODEL": ".." or null}}` a line; `category` may stand for `task`. An empty text is an answer here, null is none.
//!
//! What cannot be read is dropped and counted, never passed over in silence.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Lines and files beyond these are not read: an evaluation is no place to fill the memory by accident.
const QUESTIONS_MAX: usize = 1_000_000;
const BYTES_MAX: u64 = 2 << 30;

/// The answers of several models to the same questions.
#[derive(Clone, Debug)]
pub struct AnswerSet {
    /// Its name: the file's, without `_votes`.
    pub name: String,
    /// Who answered.
    pub models: Vec<String>,
    /// What was asked.
    pub questions: Vec<Question>,
    /// What could not be read, in words.
    pub dropped: Vec<String>,
}

/// One question with its answers.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its name in the set.
    pub id: String,
    /// Its category or task.
    pub category: String,
    /// The distinct answers, in the order of the models that gave them first.
    pub answers: Vec<String>,
    /// Each model's answer, as a place in `answers`; in the order of the set's models.
    pub votes: Vec<Option<u16>>,
    /// The right answer, if anyone gave it.
    pub truth: Option<u16>,
}

impl Question {
    fn new(id: String, category: String, right: &str, given: Vec<Option<&str>>) -> Self {
        let mut answers: Vec<String> = Vec::new();
        let mut known: HashMap<&str, u16> = HashMap::new();
        let mut votes = Vec::with_capacity(given.len());
        for answer in given {
            votes.push(answer.map(|answer| {
                *known.entry(answer).or_insert_with(|| {
                    answers.push(answer.to_owned());
                    u16::try_from(answers.len() - 1).unwrap_or(u16::MAX)
                })
            }));
        }
        let truth = known.get(right).copied();
        Self { id, category, answers, votes, truth }
    }

    /// Whether model number `model` was right.
    pub fn is_right(&self, model: usize) -> bool {
        self.votes[model].is_some() && self.votes[model] == self.truth
    }
}

impl AnswerSet {
    /// The place of the model called `name`.
    pub fn model(&self, name: &str) -> Option<usize> {
        self.models.iter().position(|model| model == name)
    }
}

/// Reads every set of `directory`, by name.
///
/// # Errors
/// If the directory cannot be read or holds no set, or a file is damaged as a whole. Damaged lines are dropped and counted.
pub fn read_sets(directory: &Path) -> Result<Vec<AnswerSet>> {
    let mut sets = Vec::new();
    for path in files(directory)? {
        sets.extend(read_set(&path)?);
    }
    if sets.is_empty() {
        bail!(
            "{} holds no recorded answers: a file called NAME_votes.csv or NAME_votes.jsonl is expected, also with .gz",
            directory.display()
        );
    }
    Ok(sets)
}

/// Reads one file; `None` if its name is not that of a set.
///
/// # Errors
/// If the file is damaged as a whole, or holds no question that can be read. Damaged lines are dropped and counted.
pub fn read_set(path: &Path) -> Result<Option<AnswerSet>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let set = if let Some(name) = plain.strip_suffix("_votes.csv") {
        read_csv(name, open(path)?)
    } else if let Some(name) = plain.strip_suffix("_votes.jsonl") {
        read_lines(name, open(path)?)
    } else {
        return Ok(None);
    };
    let set = set.with_context(|| format!("cannot read {}", path.display()))?;
    if set.questions.is_empty() {
        bail!("{} holds no question that can be read: {}", path.display(), set.dropped.join("; "));
    }
    Ok(Some(set))
}

/// The files of `directory`, by name.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read the directory {}", directory.display()))?;
    let mut paths: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

/// Opens a file, unpacked on the way where it is packed.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let is_packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    Ok(if is_packed {
        let unpacked = flate2::bufread::MultiGzDecoder::new(BufReader::new(file));
        Box::new(BufReader::new(unpacked.take(BYTES_MAX)))
    } else {
        Box::new(BufReader::new(file.take(BYTES_MAX)))
    })
}

/// The file `name` of `directory`, plain or packed.
///
/// # Errors
/// If there is none, or it cannot be opened.
pub fn find(directory: &Path, name: &str) -> Result<Box<dyn BufRead>> {
    let plain = directory.join(name);
    if plain.is_file() {
        return open(&plain);
    }
    let packed = directory.join(format!("{name}.gz"));
    if packed.is_file() {
        return open(&packed);
    }
    bail!("{} holds no {name} and no {name}.gz", directory.display())
}

/// Counts what is dropped, by reason.
#[derive(Default)]
struct Drops(BTreeMap<String, usize>);

impl Drops {
    fn add(&mut self, why: &str) {
        *self.0.entry(why.to_owned()).or_default() += 1;
    }

    fn into_words(self) -> Vec<String> {
        self.0.into_iter().map(|(why, count)| format!("{count} lines dropped: {why}")).collect()
    }
}

fn read_csv(name: &str, reader: Box<dyn BufRead>) -> Result<AnswerSet> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let header = reader.headers().context("its header cannot be read")?.clone();
    let columns: Vec<&str> = header.iter().collect();
    if columns.len() < 4 || columns[..3] != ["question_id", "category", "answer"] {
        bail!("its header must begin with question_id,category,answer and then name a model a column");
    }
    let models: Vec<String> = columns[3..].iter().map(|model| (*model).to_owned()).collect();
    if models.iter().collect::<BTreeSet<_>>().len() < models.len() {
        bail!("its header names a model twice");
    }
    let (mut questions, mut drops) = (Vec::new(), Drops::default());
    let mut seen = BTreeSet::new();
    for line in reader.records() {
        let line = match line {
            Ok(line) => line,
            Err(error) if error.is_io_error() => return Err(error).context("it ends before its end"),
            Err(_) => {
                drops.add("no CSV in UTF-8");
                continue;
            }
        };
        let fields: Vec<&str> = line.iter().collect();
        if fields.len() != columns.len() {
            drops.add("another number of fields than the header");
        } else if fields[2].is_empty() {
            drops.add("no right answer");
        } else if !seen.insert(fields[0].to_owned()) {
            drops.add("a question that stands twice");
        } else if questions.len() == QUESTIONS_MAX {
            drops.add("more than a million questions");
        } else {
            let given = fields[3..].iter().map(|field| (!field.is_empty()).then_some(*field)).collect();
            questions.push(Question::new(fields[0].to_owned(), fields[1].to_owned(), fields[2], given));
        }
    }
    Ok(AnswerSet { name: name.to_owned(), models, questions, dropped: drops.into_words() })
}

#[derive(Deserialize)]
struct Line {
    qid: String,
    #[serde(alias = "category")]
    task: String,
    answer: String,
    votes: BTreeMap<String, Option<String>>,
}

fn read_lines(name: &str, reader: Box<dyn BufRead>) -> Result<AnswerSet> {
    let (mut lines, mut drops) = (Vec::new(), Drops::default());
    let mut seen = BTreeSet::new();
    for text in reader.split(b'\n') {
        let text = text.context("it ends before its end")?;
        if text.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Line>(&text) {
            Err(_) => drops.add("no JSON object with qid, task, answer and votes"),
            Ok(line) if !seen.insert(format!("{}/{}", line.task, line.qid)) => {
                drops.add("a question that stands twice");
            }
            Ok(_) if lines.len() == QUESTIONS_MAX => drops.add("more than a million questions"),
            Ok(line) => lines.push(line),
        }
    }
    let models: BTreeSet<String> = lines.iter().flat_map(|line| line.votes.keys().cloned()).collect();
    let models: Vec<String> = models.into_iter().collect();
    let question = |line: &Line| {
        let given = models.iter().map(|model| line.votes.get(model).and_then(|vote| vote.as_deref()));
        Question::new(line.qid.clone(), line.task.clone(), &line.answer, given.collect())
    };
    let questions = lines.iter().map(question).collect();
    Ok(AnswerSet { name: name.to_owned(), models, questions, dropped: drops.into_words() })
}
