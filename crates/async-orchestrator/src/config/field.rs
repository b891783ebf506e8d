//! Reading one setting from a raw value, and showing it again. One implementation for each type of setting.
//!
//! The same reading serves the file, the environment and flags: numbers arrive as their text from all three.

mod models;
mod scalars;

pub(super) use models::model;

/// A value as it stands in its layer.
#[derive(Clone)]
pub(super) enum Raw {
    /// A text of the file.
    Text(String),
    /// A number of the file, by its digits.
    Number(String),
    Boolean(bool),
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
    /// A date, or anything else that no setting is.
    Other,
    /// A text of the environment or of a flag, which may stand for any type.
    Word(String),
}

/// The range of a number, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Range {
    pub(super) const ANY: Self = Self::new(0.0, f64::MAX);

    pub(super) const fn new(min: f64, max: f64) -> Self {
        Self { min, max }
    }

    fn holds(self, value: f64) -> bool {
        value >= self.min && value <= self.max
    }
}

/// A value as `config show` prints it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    Text(String),
    Number(String),
    Boolean(bool),
    List(Vec<Shown>),
    /// What may be said of a secret.
    Secret(String),
}

/// A setting that can be read and shown.
pub(super) trait Field {
    /// Takes the value, or says what would be right. The reason never holds a value that may be secret.
    fn write(&mut self, raw: &Raw, range: Range) -> Result<(), String>;

    /// The value; `None` if nothing is set.
    fn shown(&self) -> Option<Shown>;
}

impl<T: Scalar> Field for T {
    fn write(&mut self, raw: &Raw, range: Range) -> Result<(), String> {
        *self = T::read(raw, range)?;
        Ok(())
    }

    fn shown(&self) -> Option<Shown> {
        Some(self.show())
    }
}

impl<T: Scalar> Field for Option<T> {
    fn write(&mut self, raw: &Raw, range: Range) -> Result<(), String> {
        *self = Some(T::read(raw, range)?);
        Ok(())
    }

    fn shown(&self) -> Option<Shown> {
        self.as_ref().map(Scalar::show)
    }
}

/// A type of setting.
pub(super) trait Scalar: Sized {
    fn read(raw: &Raw, range: Range) -> Result<Self, String>;
    fn show(&self) -> Shown;
}

fn text<'a>(raw: &'a Raw, what: &str) -> Result<&'a str, String> {
    match raw {
        Raw::Text(text) | Raw::Word(text) => Ok(text),
        other => Err(expected(what, other)),
    }
}

fn digits<'a>(raw: &'a Raw, what: &str) -> Result<&'a str, String> {
    match raw {
        Raw::Number(digits) | Raw::Word(digits) => Ok(digits.trim()),
        other => Err(expected(what, other)),
    }
}

fn decimal(raw: &Raw, range: Range, what: &str) -> Result<f64, String> {
    let digits = digits(raw, what)?;
    let value: f64 = digits.parse().map_err(|_| format!("`{}` is not {what}", short(digits)))?;
    if range.holds(value) { Ok(value) } else { Err(outside(value, range)) }
}

fn whole<T: TryFrom<u64>>(raw: &Raw, range: Range) -> Result<T, String> {
    let digits = digits(raw, "a whole number")?;
    if let Ok(value) = digits.parse::<i128>() {
        let fits = range.holds(value as f64);
        let value = u64::try_from(value).ok().filter(|_| fits).and_then(|value| T::try_from(value).ok());
        return value.ok_or_else(|| outside(digits, range));
    }
    Err(format!("`{}` is no whole number", short(digits)))
}

fn outside(value: impl std::fmt::Display, range: Range) -> String {
    if range == (Range { max: f64::MAX, ..range }) {
        format!("{value} is too small: at least {} is expected", range.min)
    } else {
        format!("{value} is out of range: {} to {} is expected", range.min, range.max)
    }
}

/// Names the types, never the value.
fn expected(what: &str, found: &Raw) -> String {
    let found = match found {
        Raw::Text(_) | Raw::Word(_) => "a text",
        Raw::Number(_) => "a number",
        Raw::Boolean(_) => "true or false",
        Raw::List(_) => "a list",
        Raw::Table(_) => "a table",
        Raw::Other => "a date",
    };
    format!("{what} is expected, not {found}")
}

/// A word for a message. A long one is not shown at all: it may be a key that was put into the wrong place.
pub(super) fn short(word: &str) -> String {
    if word.chars().count() > 30 {
        "...".to_owned()
    } else {
        word.chars().filter(|c| !c.is_control()).collect()
    }
}
