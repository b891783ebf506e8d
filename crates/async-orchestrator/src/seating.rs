//! Who gets which models when nobody says: vendors are spread over proposers and critics, fallbacks come from the other vendors.

use async_orchestrator_core::{ModelRef, Role, RoleDefinition, SeatId};

/// A source of models for seats whose list is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vendor {
    /// For the roles that need the most ability.
    pub(crate) strong: ModelRef,
    /// For the roles where a cheap and fast model does.
    pub(crate) fast: ModelRef,
}

/// One seat and its models in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seating {
    pub(crate) seat: SeatId,
    pub(crate) models: Vec<ModelRef>,
}

/// The seats of `definition`, with the user's own lists where there are some.
pub(crate) fn seats_of(
    definition: &RoleDefinition,
    vendors: &[Vendor],
    problems: &mut Vec<String>,
) -> Vec<Seating> {
    let role = definition.role();
    let own = own_lists(definition, problems);
    let count = definition.seats_set().map(usize::from);
    let count = count.unwrap_or(if own.is_empty() { usize::from(role.seats_default()) } else { own.len() });
    if count > usize::from(role.seats_max()) {
        problems.push(format!("{role}: {count} seats, at most {} are possible", role.seats_max()));
        return Vec::new();
    }
    if count == 0 && role == Role::Proposer {
        problems.push(String::from("proposer: at least one seat is needed"));
    }
    if own.len() > 1 && own.len() != count {
        problems.push(format!("{role}: {count} seats, but models are given for {} of them", own.len()));
        return Vec::new();
    }
    let models = |at: usize| match own.as_slice() {
        [] => automatic(role, at, vendors),
        [one] => one.clone(),
        many => many.get(at).cloned().unwrap_or_default(),
    };
    let seat = |at: usize| SeatId::new(role, u8::try_from(at + 1).unwrap_or(u8::MAX));
    (0..count).map(|at| Seating { seat: seat(at), models: models(at) }).collect()
}

fn own_lists(definition: &RoleDefinition, problems: &mut Vec<String>) -> Vec<Vec<ModelRef>> {
    let mut lists = Vec::new();
    for list in definition.seat_models() {
        let mut models = Vec::new();
        for text in list {
            match text.parse() {
                Ok(model) => models.push(model),
                Err(error) => problems.push(format!("{}: {error}", definition.role())),
            }
        }
        if list.is_empty() {
            problems.push(format!("{}: a seat's list of models is empty", definition.role()));
        }
        lists.push(models);
    }
    lists
}

/// The models of seat `at` of `role`: its vendor by turns, then the others as fallbacks, then a simpler model of its own vendor.
fn automatic(role: Role, at: usize, vendors: &[Vendor]) -> Vec<ModelRef> {
    let Some(last) = vendors.len().checked_sub(1) else { return Vec::new() };
    // Critics begin at another vendor than proposers, and the Validator sits across from the Implementer.
    let offset = match role {
        Role::Proposer | Role::Synthesizer | Role::Implementer => 0,
        Role::Critic | Role::Validator | Role::Observer => 1,
    };
    let strong = role != Role::Observer;
    let turn = |step: usize| vendors.get((offset + at + step) % (last + 1));
    let pick = |vendor: &Vendor| if strong { vendor.strong.clone() } else { vendor.fast.clone() };
    let mut models: Vec<ModelRef> = (0..=last).filter_map(turn).map(pick).collect();
    models.extend(turn(0).map(|vendor| vendor.fast.clone()));
    let mut seen = std::collections::BTreeSet::new();
    models.retain(|model| seen.insert(model.clone()));
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendors(names: &[&str]) -> Vec<Vendor> {
        let model = |name: &str, kind: &str| ModelRef::try_new(name, kind).unwrap();
        names.iter().map(|name| Vendor { strong: model(name, "strong"), fast: model(name, "fast") }).collect()
    }

    #[track_caller]
    fn check(definition: &RoleDefinition, names: &[&str], expected: &[&str]) {
        let mut problems = Vec::new();
        let seats = seats_of(definition, &vendors(names), &mut problems);
        let shown: Vec<String> = seats
            .iter()
            .map(|seating| {
                let models: Vec<String> = seating.models.iter().map(ToString::to_string).collect();
                format!("{} {}", seating.seat, models.join(" "))
            })
            .chain(problems)
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn two_vendors_are_spread_over_proposers_and_critics() {
        check(
            &RoleDefinition::new(Role::Proposer),
            &["a", "b"],
            &["proposer-1 a:strong b:strong a:fast", "proposer-2 b:strong a:strong b:fast"],
        );
        check(
            &RoleDefinition::new(Role::Critic),
            &["a", "b"],
            &["critic-1 b:strong a:strong b:fast", "critic-2 a:strong b:strong a:fast"],
        );
        check(&RoleDefinition::new(Role::Observer), &["a", "b"], &["observer-1 b:fast a:fast"]);
    }

    #[test]
    fn a_list_of_the_users_own_is_exact() {
        let own = RoleDefinition::new(Role::Critic).seat(["x:one:two", "y:z"]);
        check(&own, &["a", "b"], &["critic-1 x:one:two y:z"]);
        check(&own.clone().seats(2), &["a"], &["critic-1 x:one:two y:z", "critic-2 x:one:two y:z"]);
        check(&own.seat(["x:y"]).seats(3), &["a"], &["critic: 3 seats, but models are given for 2 of them"]);
    }

    #[test]
    fn impossible_seats_are_named() {
        check(
            &RoleDefinition::new(Role::Proposer).seats(6),
            &["a"],
            &["proposer: 6 seats, at most 5 are possible"],
        );
        check(
            &RoleDefinition::new(Role::Proposer).seats(0),
            &["a"],
            &["proposer: at least one seat is needed"],
        );
        check(&RoleDefinition::new(Role::Validator).seats(0), &["a"], &[]);
    }
}
