//! The material of one prompt: which texts are shown, cut where the style asks for it, each in its fence.

use std::{borrow::Cow, collections::BTreeMap};

use async_orchestrator_core::{Claim, Defect, PromptRead, PromptStyle, Severity, Stage};
use serde::Serialize;

use crate::{PromptError, PromptInput, catalog::Data, fence::Fence};

/// One text of others.
#[derive(Debug)]
struct Piece<'a> {
    data: Data,
    name: Cow<'static, str>,
    text: Cow<'a, str>,
    shown: Option<String>,
}

/// All texts that a stage shows.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    stage: Stage,
    style: PromptStyle,
    texts: Vec<Piece<'a>>,
}

impl<'a> Pieces<'a> {
    /// Collects what `stage` shows of `input`.
    pub(crate) fn gather(
        stage: Stage,
        style: PromptStyle,
        input: &PromptInput<'a>,
    ) -> Result<Self, PromptError> {
        let mut texts = Vec::new();
        for data in Data::of(stage) {
            let found = pieces_of(*data, style, input);
            let empty = found.iter().all(|piece| piece.text.trim().is_empty());
            if empty && Data::needed(stage).contains(data) {
                return Err(PromptError::MissingInput { stage, field: data.placeholder() });
            }
            texts.extend(found);
        }
        if matches!(stage, Stage::Review | Stage::Synthesize) {
            check_labels(input)?;
        }
        if style == PromptStyle::Compact {
            for piece in &mut texts {
                piece.cut(input.proposals.len());
            }
        }
        Ok(Self { stage, style, texts })
    }

    /// Whether the caller's own texts stand in it whole. What models wrote is cut as a matter of course.
    pub(crate) fn prompt_read(&self) -> PromptRead {
        let cut =
            |piece: &Piece<'_>| piece.shown.is_some() && matches!(piece.data, Data::Question | Data::Context);
        if self.texts.iter().any(cut) { PromptRead::Shortened } else { PromptRead::Whole }
    }

    /// Puts them into a fence.
    pub(crate) fn fenced(self) -> Material<'a> {
        let texts = self.texts.iter().map(|piece| (&*piece.name, &*piece.text));
        Material { fence: Fence::around(self.style, texts), pieces: self }
    }
}

/// All texts of one prompt, with the fence around them.
#[derive(Debug)]
pub(crate) struct Material<'a> {
    pieces: Pieces<'a>,
    fence: Fence,
}

impl Material<'_> {
    pub(crate) fn mark(&self) -> &str {
        self.fence.mark()
    }

    /// The value of every data placeholder of the stage: its blocks, or nothing.
    pub(crate) fn values(&self) -> BTreeMap<&'static str, String> {
        let mut values: BTreeMap<&'static str, String> =
            Data::of(self.pieces.stage).iter().map(|data| (data.placeholder(), String::new())).collect();
        for piece in &self.pieces.texts {
            let value = values.entry(piece.data.placeholder()).or_default();
            if !value.is_empty() {
                value.push_str("\n\n");
            }
            value.push_str(&self.fence.block(&piece.name, &piece.text, piece.shown.as_deref()));
        }
        values
    }
}

impl Piece<'_> {
    /// Cuts the text to its byte budget, at the boundary of a character. The reader is told so in the opening tag.
    fn cut(&mut self, proposals: usize) {
        let budget = match self.data {
            Data::Proposals => compact_bytes(self.data) / proposals.max(1),
            other => compact_bytes(other),
        };
        let whole = self.text.len();
        if whole > budget {
            let end = self.text.floor_char_boundary(budget);
            self.text = Cow::Owned(self.text[..end].to_owned());
            self.shown = Some(format!("first {end} of {whole} bytes"));
        }
    }
}

/// The byte budget of a text in a compact prompt.
///
/// A very small model in this process reads about 100 tokens a second (four bytes each, in English), so a whole prompt stays
/// under 600 tokens; and 2,400 bytes are below its 4,096 positions even where every byte is a token.
const fn compact_bytes(data: Data) -> usize {
    match data {
        Data::Question | Data::Winner | Data::Draft => 600,
        Data::Proposals => 1000,
        Data::Context | Data::Facts => 500,
        Data::OutputSchema | Data::ApprovedPoints | Data::Defects | Data::Failures => 250,
    }
}

fn pieces_of<'a>(data: Data, style: PromptStyle, input: &PromptInput<'a>) -> Vec<Piece<'a>> {
    let one = |text: Option<Cow<'a, str>>| {
        let name = Cow::Borrowed(data.placeholder());
        text.map(|text| Piece { data, name, text, shown: None }).into_iter().collect()
    };
    let list = |lines: Vec<String>| one((!lines.is_empty()).then(|| Cow::Owned(lines.join("\n"))));
    let given = |text: Option<&'a str>| one(text.filter(|text| !text.trim().is_empty()).map(Cow::Borrowed));
    match data {
        Data::Question => given(Some(input.question)),
        Data::Context => given(input.context),
        Data::OutputSchema => one(input.output_schema.map(|schema| Cow::Owned(schema.to_string()))),
        Data::Proposals => proposals(style, input),
        Data::Winner => given(input.winner),
        Data::Draft => given(input.draft),
        Data::ApprovedPoints => list(input.approved_points.iter().map(|text| line(style, text)).collect()),
        Data::Failures => list(input.failures.iter().map(|text| line(style, text)).collect()),
        Data::Facts => list(input.facts.iter().map(|text| line(style, text)).collect()),
        Data::Defects => list(input.defects.iter().map(|defect| defect_line(style, defect)).collect()),
    }
}

fn proposals<'a>(style: PromptStyle, input: &PromptInput<'a>) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for proposal in &input.proposals {
        let mut add = |what: &str, text: Cow<'a, str>| {
            let name = Cow::Owned(format!("{what} {}", proposal.label));
            pieces.push(Piece { data: Data::Proposals, name, text, shown: None });
        };
        add("proposal", Cow::Borrowed(proposal.answer));
        // A compact prompt has room for the answers alone.
        if style == PromptStyle::Full && !proposal.claims.is_empty() {
            let lines: Vec<String> = proposal.claims.iter().map(claim_line).collect();
            add("claims of proposal", Cow::Owned(lines.join("\n")));
        }
    }
    pieces
}

// The items of a list are one JSON value a line: an item with line breaks in it cannot pass for two. A very small model
// reads plain lines better, and there a line break becomes a space.
fn line(style: PromptStyle, text: &str) -> String {
    match style {
        PromptStyle::Full => json(text),
        PromptStyle::Compact => format!("- {}", text.split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

/// Texts and structs of texts always have a form in JSON.
fn json<T: Serialize + ?Sized>(item: &T) -> String {
    serde_json::to_string(item).unwrap_or_default()
}

#[derive(Serialize)]
struct ClaimLine<'a> {
    id: &'a str,
    text: &'a str,
    evidence: Option<&'a str>,
}

#[derive(Serialize)]
struct DefectLine<'a> {
    severity: &'a str,
    quote: &'a str,
    why: &'a str,
    fix: Option<&'a str>,
}

fn claim_line(claim: &Claim) -> String {
    json(&ClaimLine { id: &claim.id, text: &claim.text, evidence: claim.evidence.as_deref() })
}

fn defect_line(style: PromptStyle, defect: &Defect) -> String {
    let Defect { quote, why, fix, .. } = defect;
    let severity = match defect.severity {
        Severity::Minor => "minor",
        Severity::Major => "major",
        Severity::Critical => "critical",
    };
    match style {
        PromptStyle::Full => json(&DefectLine { severity, quote, why, fix: fix.as_deref() }),
        PromptStyle::Compact => line(style, &format!("{severity}: {why}")),
    }
}

fn check_labels(input: &PromptInput<'_>) -> Result<(), PromptError> {
    let mut seen = Vec::new();
    for proposal in &input.proposals {
        let plain = matches!(proposal.label.as_bytes(), [b'A'..=b'H']);
        if !plain || seen.contains(&proposal.label) {
            return Err(PromptError::BadLabels);
        }
        seen.push(proposal.label);
    }
    Ok(())
}
