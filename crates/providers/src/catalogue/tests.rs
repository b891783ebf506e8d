//! The table that we carry, the user's entries, and names with dates.

use super::*;

fn facts(catalogue: &Catalogue, kind: ProviderKind, model: &str) -> Option<ModelFacts> {
    catalogue.facts(&ModelRef::try_new("p", model).unwrap(), kind)
}

#[test]
fn every_row_of_the_table_is_whole_and_plausible() {
    let catalogue = Catalogue::builtin();
    let rows = catalogue.rows();
    assert!(rows.len() > 60, "{} rows", rows.len());
    for (kind, name, facts) in rows {
        let price = facts.price.as_ref().unwrap();
        assert!(0 < price.input && price.input <= price.output, "{name}: {price:?}");
        assert!(price.cached_input.is_none_or(|cached| cached <= price.input), "{name}: {price:?}");
        let (window, output) = (facts.context_window.unwrap(), facts.output_tokens_max.unwrap());
        assert!(output <= window, "{name}: {output} of {window}");
        let expected = match kind {
            ProviderKind::OpenAi => "gpt",
            ProviderKind::Anthropic => "claude",
        };
        assert!(facts.family.as_deref() == Some(expected) || name == "chat-latest", "{name}");
    }
}

#[test]
fn the_table_and_the_rule_by_name_agree_on_temperature() {
    for (kind, name, facts) in Catalogue::builtin().rows() {
        let by_name = match kind {
            ProviderKind::OpenAi => family::openai_takes_temperature(name),
            ProviderKind::Anthropic => family::anthropic_takes_temperature(name),
        };
        assert!(!facts.takes_temperature || by_name, "{name}: table says yes, name says no");
    }
}

#[test]
fn the_default_models_are_known_and_not_about_to_go() {
    let catalogue = Catalogue::builtin();
    for kind in [ProviderKind::OpenAi, ProviderKind::Anthropic] {
        let defaults = catalogue.default_models(kind).unwrap();
        let (strong, fast) = (&defaults.strong, &defaults.fast);
        let price = |name: &str| facts(&catalogue, kind, name).unwrap().price.unwrap().output;
        assert!(price(fast) < price(strong), "{kind:?}");
        assert_eq!(facts(&catalogue, kind, strong).unwrap().retires, None);
    }
}

#[test]
fn a_sample_of_prices_is_what_the_vendors_ask() {
    let catalogue = Catalogue::builtin();
    let gpt = facts(&catalogue, ProviderKind::OpenAi, "gpt-4o").unwrap().price.unwrap();
    assert_eq!((gpt.input, gpt.cached_input, gpt.output), (2_500_000, Some(1_250_000), 10_000_000));
    let claude = facts(&catalogue, ProviderKind::Anthropic, "claude-haiku-4-5").unwrap().price.unwrap();
    assert_eq!((claude.input, claude.cache_write, claude.output), (1_000_000, Some(1_250_000), 5_000_000));
}

#[test]
fn a_date_behind_a_known_name_is_looked_past() {
    let catalogue = Catalogue::builtin();
    for (kind, dated, plain) in [
        (ProviderKind::Anthropic, "claude-sonnet-5-5-20261101", "claude-sonnet-5-5"),
        (ProviderKind::OpenAi, "gpt-6.1-sol-2026-11-02", "gpt-6.1-sol"),
    ] {
        assert!(facts(&catalogue, kind, dated).is_some(), "{dated}");
        assert_eq!(facts(&catalogue, kind, dated), facts(&catalogue, kind, plain));
    }
    for unknown in
        ["gpt-6.1-sol-mini", "gpt-6.1-sol-2026", "gpt-6.1-sol-2026-11", "-2026-11-02", "é-2026-11-02", ""]
    {
        assert!(catalogue.row(ProviderKind::OpenAi, unknown).is_none(), "{unknown}");
    }
    assert!(facts(&catalogue, ProviderKind::Anthropic, "gpt-4o").is_none(), "another vendor's name");
}

#[test]
fn the_users_entry_wins_and_leaves_the_rest() {
    let price = Price { input: 1, cached_input: None, cache_write: None, output: 2, as_of: "own".to_owned() };
    let entry = ModelEntry { price: Some(price.clone()), ..ModelEntry::default() };
    let local = ModelEntry { context_window: Some(32_768), ..ModelEntry::default() };
    let model = |name: &str| name.parse::<ModelRef>().unwrap();
    let catalogue =
        Catalogue::builtin().with_entries([(model("p:gpt-4o"), entry), (model("p:qwen3:8b"), local)]);

    let known = facts(&catalogue, ProviderKind::OpenAi, "gpt-4o").unwrap();
    assert_eq!((known.price, known.context_window), (Some(price), Some(128_000)));

    let own = facts(&catalogue, ProviderKind::OpenAi, "qwen3:8b").unwrap();
    assert_eq!((own.price, own.context_window, own.family.as_deref()), (None, Some(32_768), Some("qwen")));
}
