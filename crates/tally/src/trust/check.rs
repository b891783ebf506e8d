//! Whether a table that came from outside can be used.

use super::{MEMBERS_MAX, Pair, Record, TRUST_SCHEMA, Trust};

/// More questions than this nobody asked, and sums of such counts stay finite.
const COUNT_MAX: f64 = 1e15;

/// Why a table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrust {
    /// It is of another version, or something else.
    #[error("this is no trust table of version {TRUST_SCHEMA}: its schema is `{0}`")]
    Schema(String),
    /// A number without meaning.
    #[error("{0}: a finite number is expected, and never more right answers than answers")]
    Number(String),
    /// Too large.
    #[error("more than {MEMBERS_MAX} members or classes")]
    TooLarge,
}

impl Trust {
    /// Checks a table that came from outside.
    ///
    /// # Errors
    /// An [`InvalidTrust`] that names the first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidTrust> {
        if self.schema != TRUST_SCHEMA {
            return Err(InvalidTrust::Schema(self.schema.chars().take(60).collect()));
        }
        if self.members.len() > MEMBERS_MAX
            || self.fit.as_ref().is_some_and(|fit| fit.pulls.len() > MEMBERS_MAX)
            || self.members.values().any(|member| member.classes.len() > MEMBERS_MAX)
        {
            return Err(InvalidTrust::TooLarge);
        }
        let count = |number: f64| (0.0..=COUNT_MAX).contains(&number);
        let nats = |number: f64| number.is_finite() && number.abs() <= 100.0;
        let record = |record: &Record| {
            count(record.answered)
                && count(record.right)
                && record.right <= record.answered
                && nats(record.extra)
        };
        for (name, member) in &self.members {
            let records = std::iter::once(&member.all).chain(member.classes.values());
            let reviews = member.reviews.unwrap_or_default();
            let reviewed = [(reviews.hits, reviews.of_right), (reviews.false_alarms, reviews.of_wrong)];
            if !records.into_iter().all(record)
                || !reviewed.iter().all(|(part, whole)| count(*part) && count(*whole) && part <= whole)
            {
                return Err(InvalidTrust::Number(format!("member `{name}`")));
            }
        }
        if let Some(fit) = &self.fit {
            let pulls = fit.pulls.values().chain([&fit.none, &fit.count]);
            let pulls = pulls.flat_map(|pull| pull.classes.values().chain(std::iter::once(&pull.all)));
            let numbers = [&fit.scale, &fit.together, &fit.unit, &fit.lift];
            let curves = fit.curves.values().flat_map(|curve| [&curve.slope, &curve.skill, &curve.offset]);
            let rises = fit.curves.values().all(|curve| curve.slope > 0.0);
            if !(rises && numbers.into_iter().chain(pulls).chain(curves).all(|number| nats(*number))) {
                return Err(InvalidTrust::Number("fit".to_owned()));
            }
        }
        let together = |pair: &Pair| {
            count(pair.both_wrong) && count(pair.same_wrong) && pair.same_wrong <= pair.both_wrong
        };
        if !self.pairs.values().all(together) {
            return Err(InvalidTrust::Number("pairs".to_owned()));
        }
        Ok(())
    }
}
