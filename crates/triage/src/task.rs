//! The kinds of task, and how many steps and how much freedom each brings by itself.

use async_orchestrator_core::Domain;

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Chat,
    Fact,
    Question,
    Arithmetic,
    Translation,
    Rewrite,
    Summary,
    Extraction,
    Ideas,
    Writing,
    Explanation,
    Comparison,
    Calculation,
    Coding,
    Advice,
    Debugging,
    Analysis,
    Research,
    Proof,
    Planning,
    Design,
}

/// What a task brings by itself.
pub(crate) struct Nature {
    /// The word in records.
    pub(crate) name: &'static str,
    /// The same with its article, for sentences.
    pub(crate) phrase: &'static str,
    /// How many steps of thought it takes, 0 to 1.
    pub(crate) steps: f64,
    /// How much of the answer is left to judgement, 0 to 1.
    pub(crate) openness: f64,
}

impl Task {
    pub(crate) const fn nature(self) -> Nature {
        let (name, phrase, steps, openness) = match self {
            Self::Chat => ("chat", "small talk", 0.0, 0.05),
            Self::Fact => ("fact", "a fact", 0.05, 0.05),
            Self::Question => ("question", "an answer", 0.25, 0.3),
            Self::Arithmetic => ("arithmetic", "a piece of arithmetic", 0.05, 0.0),
            Self::Translation => ("translation", "a translation", 0.1, 0.05),
            Self::Rewrite => ("rewrite", "a given text to be changed", 0.15, 0.15),
            Self::Summary => ("summary", "a summary", 0.15, 0.15),
            Self::Extraction => ("extraction", "something to be picked from a text", 0.15, 0.1),
            Self::Ideas => ("ideas", "ideas", 0.25, 0.5),
            Self::Writing => ("writing", "a text", 0.3, 0.5),
            Self::Explanation => ("explanation", "an explanation", 0.35, 0.3),
            Self::Comparison => ("comparison", "a comparison", 0.45, 0.4),
            Self::Calculation => ("calculation", "a calculation", 0.25, 0.05),
            Self::Coding => ("coding", "code", 0.55, 0.35),
            Self::Advice => ("advice", "advice", 0.6, 0.75),
            Self::Debugging => ("debugging", "a fault to be found", 0.65, 0.35),
            Self::Analysis => ("analysis", "an analysis", 0.75, 0.65),
            Self::Research => ("research", "research", 0.8, 0.65),
            Self::Proof => ("proof", "a proof", 1.0, 0.1),
            Self::Planning => ("planning", "a plan", 0.9, 0.8),
            Self::Design => ("design", "a design", 1.0, 0.95),
        };
        Nature { name, phrase, steps, openness }
    }

    /// Whether the task only carries a given text over into another: then the text's own words ask for nothing.
    pub(crate) const fn carries_over(self) -> bool {
        matches!(self, Self::Translation | Self::Rewrite | Self::Summary | Self::Extraction)
    }

    /// Whether a short exact answer is what such a task usually wants.
    pub(crate) const fn may_be_closed(self) -> bool {
        matches!(self, Self::Fact | Self::Question | Self::Arithmetic | Self::Calculation)
    }
}

/// The fields with a prompt pack of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Software,
    Research,
    Mathematics,
    Writing,
    Business,
}

impl Field {
    /// Every field. Where two have as many cues, the first one here is taken.
    pub(crate) const ALL: [Self; 5] =
        [Self::Software, Self::Mathematics, Self::Business, Self::Research, Self::Writing];

    pub(crate) const fn domain(self) -> Domain {
        match self {
            Self::Software => Domain::SOFTWARE_ARCHITECTURE,
            Self::Research => Domain::RESEARCH,
            Self::Mathematics => Domain::MATHEMATICS,
            Self::Writing => Domain::WRITING,
            Self::Business => Domain::BUSINESS,
        }
    }

    /// The field that a task belongs to by itself.
    pub(crate) const fn of_task(task: Task) -> Option<Self> {
        match task {
            Task::Coding | Task::Debugging => Some(Self::Software),
            Task::Proof | Task::Calculation | Task::Arithmetic => Some(Self::Mathematics),
            Task::Research => Some(Self::Research),
            Task::Writing | Task::Rewrite => Some(Self::Writing),
            _ => None,
        }
    }
}
