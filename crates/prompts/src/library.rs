//! `CollaborativePromptLibrary`: from a stage and its material to a prompt that is ready to be sent.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_orchestrator_core::{Domain, Message, PromptStyle, Role, Stage, prompt_hash};
use minijinja::Environment;

use crate::{
    PromptError, PromptInput, PromptLibraryError, RenderedPrompt, TemplateInfo,
    catalog::{Purpose, role_of, spec_of},
    engine::{self, Fault, Words},
    format::{Form, form},
    material::Pieces,
    pack::DomainPack,
    stand_in::Unfillable,
    suggest::nearest,
};

mod build;

/// The role prompts: versioned templates, domain packs and reply schemas, with files of the user's laid over them.
///
/// A clone is cheap. Nothing in it changes after it was built, and the same input always gives the same prompt.
///
/// ```
/// use async_orchestrator_core::{Domain, PromptStyle, Stage};
/// use async_orchestrator_prompts::{CollaborativePromptLibrary, PromptInput};
///
/// let library = CollaborativePromptLibrary::built_in()?;
/// let input = PromptInput { question: "Why is the sky blue?", ..PromptInput::default() };
/// let prompt = library.render(Stage::Propose, PromptStyle::Full, &Domain::RESEARCH, &input)?;
/// assert!(prompt.messages[1].content.contains("Why is the sky blue?"));
/// assert!(prompt.hash.starts_with("blake3:"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CollaborativePromptLibrary(Arc<Shelf>);

/// What a library holds.
struct Shelf {
    environment: Environment<'static>,
    packs: BTreeMap<Domain, DomainPack>,
    /// By name, built-in order first.
    entries: Vec<Entry>,
}

/// A template or pack with its text.
struct Entry {
    info: TemplateInfo,
    text: String,
}

impl CollaborativePromptLibrary {
    /// The prompts that come with this crate.
    ///
    /// # Errors
    /// Only if a file of this crate was changed so that it no longer passes its own checks.
    pub fn built_in() -> Result<Self, PromptLibraryError> {
        Self::with_overrides([])
    }

    /// The built-in prompts with files of the user's laid over them.
    ///
    /// `files` are pairs of a name relative to the folder of overrides (`propose.user.j2`, `compact/system.j2`,
    /// `domains/finance.toml`) and the file's text. A template replaces the built-in one of its name; a domain pack replaces
    /// the built-in one or adds a domain. This function reads no directory.
    ///
    /// # Errors
    /// Lists every problem of every file: unknown names, files over 64 KiB, syntax errors, unknown placeholders, required
    /// placeholders that are missing, hidden under a condition or changed, loops without end, unknown keys of a pack.
    ///
    /// ```
    /// use async_orchestrator_prompts::CollaborativePromptLibrary;
    ///
    /// let broken = [("observe.user.j2".to_owned(), "{{ question }}\n{{ fatcs }}".to_owned())];
    /// let error = CollaborativePromptLibrary::with_overrides(broken).unwrap_err();
    /// assert_eq!(error.problems()[0].line, Some(2));
    /// assert!(error.to_string().contains("did you mean `facts`?"));
    /// ```
    pub fn with_overrides<I: IntoIterator<Item = (String, String)>>(
        files: I,
    ) -> Result<Self, PromptLibraryError> {
        build::shelf(files).map(|shelf| Self(Arc::new(shelf))).map_err(PromptLibraryError::new)
    }

    /// Makes the prompt of `stage` from `input`.
    ///
    /// With [`PromptStyle::Compact`], texts are cut to a byte budget; the opening tag of a cut text says so.
    ///
    /// # Errors
    /// An unknown domain, an input that lacks what the stage needs, bad labels, or a user's template that fails on this very
    /// input. No error holds a text of the input.
    pub fn render(
        &self,
        stage: Stage,
        style: PromptStyle,
        domain: &Domain,
        input: &PromptInput<'_>,
    ) -> Result<RenderedPrompt, PromptError> {
        let packs = self.packs(domain)?;
        let pieces = Pieces::gather(stage, style, input)?;
        let outline = outlined(form(stage, style, packs, input), &pieces);
        let material = pieces.fenced();
        let words = Words::new(
            material.mark(),
            guidance(packs, role_of(stage)),
            &packs.0.title,
            packs.0.persona().or(packs.1.persona()).unwrap_or_default(),
            input,
        );
        let mut blocks = material.values();
        let rule = self.fill(style, Purpose::DataRule, &words, &blocks)?;
        blocks.insert(engine::DATA_RULE, rule);
        let system = match style {
            PromptStyle::Full => Purpose::System(stage),
            PromptStyle::Compact => Purpose::SharedSystem,
        };
        let system = self.fill(style, system, &words, &blocks)?;
        let user = self.fill(style, Purpose::User(stage), &words, &blocks)?;
        let messages: Arc<[Message]> = Arc::new([Message::system(system), Message::user(user)]);
        let hash = prompt_hash(&messages, &outline.format).map_err(|_| PromptError::NotCanonical)?;
        Ok(RenderedPrompt { messages, hash, mark: material.mark().to_owned(), ..outline })
    }

    /// What [`render`](Self::render) gives, without the texts: for a run whose replies are known, so that nobody reads its prompts. There are no
    /// messages, and `hash` and `mark` are empty.
    ///
    /// # Errors
    /// As for [`render`](Self::render), but for what the rendering of a user's template can come to.
    pub fn outline(
        &self,
        stage: Stage,
        style: PromptStyle,
        domain: &Domain,
        input: &PromptInput<'_>,
    ) -> Result<RenderedPrompt, PromptError> {
        let form = form(stage, style, self.packs(domain)?, input);
        Ok(outlined(form, &Pieces::gather(stage, style, input)?))
    }

    /// The domains whose packs are loaded: the built-in ones in their order, then the user's by name.
    pub fn domains(&self) -> Vec<Domain> {
        let own = self.0.packs.keys().filter(|domain| !Domain::BUILT_IN.contains(domain));
        Domain::BUILT_IN.iter().chain(own).cloned().collect()
    }

    /// Every template and domain pack.
    pub fn templates(&self) -> Vec<TemplateInfo> {
        self.0.entries.iter().map(|entry| entry.info.clone()).collect()
    }

    /// The text of the template or domain pack of this name, as it is in use.
    pub fn source(&self, name: &str) -> Option<&str> {
        self.0.entries.iter().find(|entry| entry.info.name == name).map(|entry| entry.text.as_str())
    }

    /// The pack of `domain` and the general one, to which it falls back.
    fn packs(&self, domain: &Domain) -> Result<(&DomainPack, &DomainPack), PromptError> {
        if let (Some(pack), Some(general)) = (self.0.packs.get(domain), self.0.packs.get(&Domain::GENERAL)) {
            return Ok((pack, general));
        }
        let known: Vec<String> = self.domains().iter().map(ToString::to_string).collect();
        let suggestion = nearest(domain.as_str(), known.iter().map(String::as_str)).map(str::to_owned);
        Err(PromptError::UnknownDomain { domain: domain.clone(), suggestion, known })
    }

    /// Renders one template and makes sure that it shows what it must.
    fn fill(
        &self,
        style: PromptStyle,
        purpose: Purpose,
        words: &Arc<Words>,
        blocks: &BTreeMap<&'static str, String>,
    ) -> Result<String, PromptError> {
        let Some(spec) = spec_of(style, purpose) else { return Ok(String::new()) };
        let template = spec.name.to_owned();
        engine::render(&self.0.environment, spec, words, blocks).map_err(|fault| match fault {
            Fault::Engine(error) => {
                PromptError::Template { template, line: error.line(), what: error.kind().to_string() }
            }
            Fault::Lost(placeholder) | Fault::Unfillable(Unfillable::Repeated(placeholder)) => {
                PromptError::LostMaterial { template, placeholder: Some(placeholder) }
            }
            Fault::Unfillable(Unfillable::Changed(placeholder)) => {
                PromptError::LostMaterial { template, placeholder }
            }
        })
    }
}

/// A prompt of this form without its texts.
fn outlined(form: Form, pieces: &Pieces<'_>) -> RenderedPrompt {
    RenderedPrompt {
        messages: Arc::new([]),
        format: form.format,
        reply: form.reply,
        max_output_tokens: form.max_output_tokens,
        prompt_read: pieces.prompt_read(),
        hash: String::new(),
        mark: String::new(),
    }
}

impl fmt::Debug for CollaborativePromptLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollaborativePromptLibrary")
            .field("templates", &self.0.entries.len())
            .field("domains", &self.0.packs.keys())
            .finish_non_exhaustive()
    }
}

fn guidance<'a>(packs: (&'a DomainPack, &'a DomainPack), role: Role) -> &'a str {
    packs.0.guidance(role).or(packs.1.guidance(role)).unwrap_or_default()
}
