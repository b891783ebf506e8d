//! What a model's name alone says about it: its family, and whether its maker lets the temperature be set.

/// Beginnings of names and the family behind them; the longest matching beginning wins.
///
/// Models of one family share their training data and their errors, so a critic of another family is worth more.
const FAMILIES: &[(&str, &str)] = &[
    ("chatgpt", "gpt"),
    ("codellama", "llama"),
    ("claude", "claude"),
    ("codestral", "mistral"),
    ("command", "command"),
    ("deepseek", "deepseek"),
    ("devstral", "mistral"),
    ("falcon", "falcon"),
    ("gemini", "gemini"),
    ("gemma", "gemma"),
    ("glm", "glm"),
    ("gpt", "gpt"),
    ("granite", "granite"),
    ("grok", "grok"),
    ("hermes", "llama"),
    ("kimi", "kimi"),
    ("llama", "llama"),
    ("magistral", "mistral"),
    ("meta-llama", "llama"),
    ("minimax", "minimax"),
    ("ministral", "mistral"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("nemotron", "nemotron"),
    ("nova", "nova"),
    ("olmo", "olmo"),
    ("phi", "phi"),
    ("pixtral", "mistral"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("smollm", "smollm"),
    ("vicuna", "llama"),
    ("yi-", "yi"),
];

/// The family of the model called `model`, a vendor's folder in front (`qwen/qwen3-8b`) or a tag behind (`qwen3:8b`) allowed.
pub(crate) fn of(model: &str) -> Option<String> {
    let lower = model.to_ascii_lowercase();
    lower.rsplit('/').find_map(|part| {
        let known = FAMILIES
            .iter()
            .filter(|(start, _)| part.starts_with(start))
            .max_by_key(|(start, _)| start.len())
            .map(|(_, family)| *family);
        known.or_else(|| is_o_series(part).then_some("gpt")).map(str::to_owned)
    })
}

/// Whether OpenAI takes a temperature for `model`: not for its reasoning models, the o-series and everything from GPT-5 on but the
/// chat variants of GPT-5.
pub(crate) fn openai_takes_temperature(model: &str) -> bool {
    let lower = model.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let generation = name.strip_prefix("gpt-").map(leading_number);
    let is_reasoning = is_o_series(name)
        || (generation.is_some_and(|generation| generation >= Some(5)) && !name.contains("-chat"));
    !is_reasoning
}

/// Whether Anthropic takes a temperature for `model`: up to the models of version 4.6. Names that are none of Anthropic's belong to
/// other servers, which take one.
pub(crate) fn anthropic_takes_temperature(model: &str) -> bool {
    let lower = model.to_ascii_lowercase();
    let Some(rest) = lower.rsplit('/').next().unwrap_or_default().strip_prefix("claude-") else {
        return true;
    };
    let mut numbers = rest.split('-').filter_map(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), _) if major < 4 => true,
        // The second number of an older name may be its date (`claude-opus-4-20250514`).
        (Some(4), Some(minor)) => minor <= 6 || minor > 100,
        (Some(4), None) => true,
        _ => false,
    }
}

/// Whether a model of Anthropic's goes on from the beginning of a reply that stands as the last message: up to those of version 4.5. Later
/// ones refuse it (its guide to prefilling, read in autumn 2026). Of other names nothing is known.
pub(crate) fn anthropic_continues(model: &str) -> bool {
    let lower = model.to_ascii_lowercase();
    let Some(rest) = lower.rsplit('/').next().unwrap_or_default().strip_prefix("claude-") else {
        return false;
    };
    let mut numbers = rest.split('-').filter_map(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), _) if major < 4 => true,
        (Some(4), Some(minor)) => minor <= 5 || minor > 100,
        (Some(4), None) => true,
        _ => false,
    }
}

/// `o1`, `o3-mini`, ...: the letter, a number, and nothing or a dash.
fn is_o_series(name: &str) -> bool {
    name.strip_prefix('o').is_some_and(|rest| {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && (after.is_empty() || after.starts_with('-'))
    })
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_read_from_the_name() {
        for (model, family) in [
            ("gpt-6.1-sol", Some("gpt")),
            ("o3-mini", Some("gpt")),
            ("claude-sonnet-5-5", Some("claude")),
            ("Meta-Llama-3.1-8B-Instruct", Some("llama")),
            ("meta-llama/llama-4-scout", Some("llama")),
            ("qwen3:8b", Some("qwen")),
            ("openai/gpt-oss-20b", Some("gpt")),
            ("hf.co/bartowski/gemma-2-9b", Some("gemma")),
            ("Mixtral-8x7B", Some("mistral")),
            ("deepseek-r1:14b", Some("deepseek")),
            ("olmo-3", Some("olmo")),
            ("my-model", None),
        ] {
            assert_eq!(of(model).as_deref(), family, "{model}");
        }
    }

    #[test]
    fn the_temperature_goes_only_to_models_that_take_one() {
        for (model, takes) in [
            ("gpt-4o", true),
            ("gpt-4.1-mini", true),
            ("gpt-5", false),
            ("gpt-5-chat-latest", true),
            ("gpt-6.1-sol", false),
            ("gpt-10", false),
            ("o3", false),
            ("o4-mini-2025-04-16", false),
            ("gpt-oss-20b", true),
            ("olmo-3", true),
            ("qwen3:8b", true),
        ] {
            assert_eq!(openai_takes_temperature(model), takes, "{model}");
        }
        for (model, takes) in [
            ("claude-3-haiku-20240307", true),
            ("claude-opus-4-20250514", true),
            ("claude-sonnet-4-6", true),
            ("claude-opus-4-7", false),
            ("claude-sonnet-5-5", false),
            ("claude-fable-5", false),
            ("claude-next", false),
            ("qwen3:8b", true),
        ] {
            assert_eq!(anthropic_takes_temperature(model), takes, "{model}");
        }
    }
}
