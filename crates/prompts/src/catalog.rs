//! Which templates there are, and which placeholders each may and must use.

use async_orchestrator_core::{PromptStyle, Role, Stage};

/// The version of the set of templates and placeholders. Overrides are written for it; it changes when a placeholder goes
/// away or changes its meaning.
pub const TEMPLATE_VERSION: &str = "v1";

/// Where a template's text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemplateSource {
    /// This crate.
    BuiltIn,
    /// The user.
    Override,
}

/// What is known of one template or domain pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateInfo {
    /// Its name, which is the name of the file that overrides it.
    pub name: String,
    /// The version of the set of placeholders that it is written for: [`TEMPLATE_VERSION`].
    pub version: &'static str,
    /// Where its text comes from.
    pub source: TemplateSource,
    /// The placeholders that it may use; none for a domain pack.
    pub placeholders: Vec<&'static str>,
    /// Those among them that it must use.
    pub required: Vec<&'static str>,
    /// The hash of its text.
    pub hash: String,
}

/// A kind of material that comes from others and is shown in fences. Its name is its placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Question,
    Context,
    OutputSchema,
    Proposals,
    Winner,
    ApprovedPoints,
    Defects,
    Draft,
    Failures,
    Facts,
}

impl Data {
    pub(crate) const fn placeholder(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Context => "context",
            Self::OutputSchema => "output_schema",
            Self::Proposals => "proposals",
            Self::Winner => "winner",
            Self::ApprovedPoints => "approved_points",
            Self::Defects => "defects",
            Self::Draft => "draft",
            Self::Failures => "failures",
            Self::Facts => "facts",
        }
    }

    /// What the stage's user template may show.
    pub(crate) const fn of(stage: Stage) -> &'static [Self] {
        use Data::{
            ApprovedPoints, Context, Defects, Draft, Facts, Failures, OutputSchema, Proposals, Question,
            Winner,
        };
        match stage {
            Stage::Answer | Stage::Propose => &[Question, Context, OutputSchema],
            Stage::Review => &[Question, Context, Proposals],
            Stage::Synthesize => {
                &[Question, Context, Winner, Proposals, ApprovedPoints, Defects, OutputSchema]
            }
            Stage::Implement => &[Question, Context, Draft, OutputSchema],
            Stage::Validate => &[Question, Context, Draft, Defects, OutputSchema],
            Stage::Repair => &[Question, Context, Draft, Failures, OutputSchema],
            Stage::Observe => &[Question, Facts],
        }
    }

    /// What the stage cannot do without: the prompt is refused if its input lacks it.
    pub(crate) const fn needed(stage: Stage) -> &'static [Self] {
        use Data::{Draft, Facts, Failures, Proposals, Question, Winner};
        match stage {
            Stage::Answer | Stage::Propose => &[Question],
            Stage::Review => &[Question, Proposals],
            Stage::Synthesize => &[Question, Winner],
            Stage::Implement | Stage::Validate => &[Question, Draft],
            Stage::Repair => &[Question, Draft, Failures],
            Stage::Observe => &[Question, Facts],
        }
    }

    /// What the stage's user template must show whenever it is there. A compact prompt is short: it may leave out the rest.
    pub(crate) const fn required(stage: Stage, style: PromptStyle) -> &'static [Self] {
        use Data::{ApprovedPoints, Context, Defects, Draft, Failures, Proposals, Question, Winner};
        match (style, stage) {
            (PromptStyle::Compact, _) | (PromptStyle::Full, Stage::Observe) => Self::needed(stage),
            (PromptStyle::Full, Stage::Answer | Stage::Propose) => &[Question, Context],
            (PromptStyle::Full, Stage::Review) => &[Question, Context, Proposals],
            (PromptStyle::Full, Stage::Synthesize) => &[Question, Context, Winner, ApprovedPoints],
            (PromptStyle::Full, Stage::Implement) => &[Question, Context, Draft],
            (PromptStyle::Full, Stage::Validate) => &[Question, Context, Draft, Defects],
            (PromptStyle::Full, Stage::Repair) => &[Question, Context, Draft, Failures],
        }
    }
}

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The rule that fenced text is data. It cannot be overridden.
    DataRule,
    /// The system message of a stage.
    System(Stage),
    /// The system message of every compact prompt: one for all, so that a model in this process computes it once.
    SharedSystem,
    /// The user message of a stage.
    User(Stage),
}

/// One built-in template.
#[derive(Debug)]
pub(crate) struct TemplateSpec {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) style: PromptStyle,
    pub(crate) purpose: Purpose,
}

impl TemplateSpec {
    /// The placeholders that are plain words of this program: no fence, nothing of others in them.
    fn words(&self) -> &'static [&'static str] {
        match (self.purpose, self.style) {
            (Purpose::DataRule, PromptStyle::Full) => &["mark"],
            (Purpose::DataRule, PromptStyle::Compact) => &[],
            (Purpose::System(_) | Purpose::SharedSystem, PromptStyle::Full) => {
                &["data_rule", "guidance", "domain", "answer_kind"]
            }
            (Purpose::System(_) | Purpose::SharedSystem, PromptStyle::Compact) => &["data_rule", "persona"],
            (Purpose::User(Stage::Review), _) => &["domain", "answer_kind", "labels"],
            (Purpose::User(_), _) => &["domain", "answer_kind"],
        }
    }

    /// Every placeholder that the template may use.
    pub(crate) fn placeholders(&self) -> Vec<&'static str> {
        let data = match self.purpose {
            Purpose::User(stage) => Data::of(stage),
            Purpose::DataRule | Purpose::System(_) | Purpose::SharedSystem => &[],
        };
        data.iter().map(|data| data.placeholder()).chain(self.words().iter().copied()).collect()
    }

    /// Every placeholder that the template must use.
    pub(crate) fn required(&self) -> Vec<&'static str> {
        match self.purpose {
            Purpose::User(stage) => {
                Data::required(stage, self.style).iter().map(|data| data.placeholder()).collect()
            }
            Purpose::System(_) | Purpose::SharedSystem => vec!["data_rule"],
            Purpose::DataRule => self.words().to_vec(),
        }
    }
}

/// The role whose guidance a stage's prompt carries.
pub(crate) const fn role_of(stage: Stage) -> Role {
    match stage {
        Stage::Answer | Stage::Propose => Role::Proposer,
        Stage::Review => Role::Critic,
        Stage::Synthesize => Role::Synthesizer,
        Stage::Implement | Stage::Repair => Role::Implementer,
        Stage::Validate => Role::Validator,
        Stage::Observe => Role::Observer,
    }
}

/// The template for `purpose` in `style`.
pub(crate) fn spec_of(style: PromptStyle, purpose: Purpose) -> Option<&'static TemplateSpec> {
    SPECS.iter().find(|spec| spec.style == style && spec.purpose == purpose)
}

macro_rules! template {
    ($style:ident, $purpose:expr, $name:literal) => {
        TemplateSpec {
            name: $name,
            text: include_str!(concat!("../templates/v1/", $name)),
            style: PromptStyle::$style,
            purpose: $purpose,
        }
    };
}

/// Every built-in template.
pub(crate) static SPECS: [TemplateSpec; 27] = [
    template!(Full, Purpose::DataRule, "data_rule.j2"),
    template!(Full, Purpose::System(Stage::Answer), "answer.system.j2"),
    template!(Full, Purpose::User(Stage::Answer), "answer.user.j2"),
    template!(Full, Purpose::System(Stage::Propose), "propose.system.j2"),
    template!(Full, Purpose::User(Stage::Propose), "propose.user.j2"),
    template!(Full, Purpose::System(Stage::Review), "review.system.j2"),
    template!(Full, Purpose::User(Stage::Review), "review.user.j2"),
    template!(Full, Purpose::System(Stage::Synthesize), "synthesize.system.j2"),
    template!(Full, Purpose::User(Stage::Synthesize), "synthesize.user.j2"),
    template!(Full, Purpose::System(Stage::Implement), "implement.system.j2"),
    template!(Full, Purpose::User(Stage::Implement), "implement.user.j2"),
    template!(Full, Purpose::System(Stage::Validate), "validate.system.j2"),
    template!(Full, Purpose::User(Stage::Validate), "validate.user.j2"),
    template!(Full, Purpose::System(Stage::Repair), "repair.system.j2"),
    template!(Full, Purpose::User(Stage::Repair), "repair.user.j2"),
    template!(Full, Purpose::System(Stage::Observe), "observe.system.j2"),
    template!(Full, Purpose::User(Stage::Observe), "observe.user.j2"),
    template!(Compact, Purpose::DataRule, "compact/data_rule.j2"),
    template!(Compact, Purpose::SharedSystem, "compact/system.j2"),
    template!(Compact, Purpose::User(Stage::Answer), "compact/answer.user.j2"),
    template!(Compact, Purpose::User(Stage::Propose), "compact/propose.user.j2"),
    template!(Compact, Purpose::User(Stage::Review), "compact/review.user.j2"),
    template!(Compact, Purpose::User(Stage::Synthesize), "compact/synthesize.user.j2"),
    template!(Compact, Purpose::User(Stage::Implement), "compact/implement.user.j2"),
    template!(Compact, Purpose::User(Stage::Validate), "compact/validate.user.j2"),
    template!(Compact, Purpose::User(Stage::Repair), "compact/repair.user.j2"),
    template!(Compact, Purpose::User(Stage::Observe), "compact/observe.user.j2"),
];
