//! Settings that are lists of models or of keys.

use async_orchestrator_core::ModelRef;

use super::{Field, Range, Raw, Scalar, Shown, expected, short, text};
use crate::config::{KeySource, problem::suggestion};

/// One list of models: in the environment and in flags, separated by commas.
impl Field for Vec<ModelRef> {
    fn write(&mut self, raw: &Raw, _: Range) -> Result<(), String> {
        *self = models(raw)?;
        Ok(())
    }

    fn shown(&self) -> Option<Shown> {
        let list = self.iter().map(|model| Shown::Text(model.to_string())).collect();
        (!self.is_empty()).then_some(Shown::List(list))
    }
}

/// A list of keys: in the environment, separated by commas.
impl Field for Vec<KeySource> {
    fn write(&mut self, raw: &Raw, range: Range) -> Result<(), String> {
        *self = match raw {
            Raw::Word(list) => {
                let key = |word: &str| KeySource::read(&Raw::Word(word.to_owned()), range);
                list.split(',').map(key).collect::<Result<_, _>>()?
            }
            Raw::List(items) => {
                items.iter().map(|item| KeySource::read(item, range)).collect::<Result<_, _>>()?
            }
            other => return Err(expected("a list of keys such as [\"env::SECOND_KEY\"]", other)),
        };
        Ok(())
    }

    fn shown(&self) -> Option<Shown> {
        (!self.is_empty()).then(|| Shown::List(self.iter().map(Scalar::show).collect()))
    }
}

/// A list of models for each seat.
impl Field for Vec<Vec<ModelRef>> {
    fn write(&mut self, raw: &Raw, _: Range) -> Result<(), String> {
        let Raw::List(seats) = raw else {
            return Err(expected("a list of seats, each with its `models`", raw));
        };
        *self = seats.iter().map(seat).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn shown(&self) -> Option<Shown> {
        (!self.is_empty()).then(|| Shown::List(self.iter().filter_map(Field::shown).collect()))
    }
}

fn seat(raw: &Raw) -> Result<Vec<ModelRef>, String> {
    let Raw::Table(entries) = raw else {
        return models(raw);
    };
    if let Some((key, _)) = entries.iter().find(|(key, _)| key != "models") {
        return Err(format!("unknown key `{}` of a seat{}", short(key), suggestion(key, ["models"])));
    }
    let list = entries.first().map(|(_, list)| list).ok_or("a seat needs its `models`")?;
    models(list)
}

fn models(raw: &Raw) -> Result<Vec<ModelRef>, String> {
    let texts: Vec<&str> = match raw {
        Raw::Word(list) => list.split(',').collect(),
        Raw::List(items) => {
            items.iter().map(|item| text(item, "provider:model")).collect::<Result<_, _>>()?
        }
        other => {
            return Err(expected("a list of models such as [\"openai:NAME\", \"anthropic:NAME\"]", other));
        }
    };
    let models: Vec<ModelRef> = texts.into_iter().map(model).collect::<Result<_, _>>()?;
    if models.is_empty() {
        return Err("the list of models is empty: name at least one, or leave the setting out".to_owned());
    }
    Ok(models)
}

pub(in crate::config) fn model(text: &str) -> Result<ModelRef, String> {
    let expected = "is no model: write provider:model, for example openai:NAME";
    text.parse().map_err(|_| format!("`{}` {expected}", short(text)))
}
