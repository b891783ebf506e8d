//! Writes a value as canonical JSON straight away, without building a document first: keys sorted by their bytes, no white space.
//!
//! Every object is written in the order of its fields and, where that is not the order of their names, put in order when it ends. Numbers and
//! escapes are serde_json's.

mod text;

use std::{borrow::Cow, fmt::Write as _, ops::Range};

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use serde_json::{Error, Value};

pub(crate) use text::write_text;

/// `value` as canonical JSON.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    let mut text = String::with_capacity(256);
    value.serialize(Writer { text: &mut text })?;
    Ok(text)
}

struct Writer<'t> {
    text: &'t mut String,
}

/// An array under way.
struct Items<'t> {
    text: &'t mut String,
    begun: bool,
    /// What follows the closing bracket: the end of an enum's object.
    end: &'static str,
}

/// An object under way: its entries stand in `text` from `start` on, in the order in which they came.
struct Entries<'t> {
    text: &'t mut String,
    start: usize,
    places: Vec<(Cow<'static, str>, Range<usize>)>,
    /// Whether they came in their order, as those of a sorted map do.
    is_ordered: bool,
    key: Option<String>,
    end: &'static str,
}

impl<'t> Writer<'t> {
    fn number(self, number: impl std::fmt::Display) -> Result<(), Error> {
        write!(self.text, "{number}").map_err(Error::custom)
    }

    fn items(self, end: &'static str) -> Items<'t> {
        self.text.push('[');
        Items { text: self.text, begun: false, end }
    }

    fn entries(self, length: usize, end: &'static str) -> Entries<'t> {
        let (start, places) = (self.text.len(), Vec::with_capacity(length));
        self.text.push('{');
        Entries { text: self.text, start, places, is_ordered: true, key: None, end }
    }

    /// `{"name":`, which the variant's content and a brace follow.
    fn variant(self, name: &str) -> Self {
        self.text.push('{');
        write_text(name, self.text);
        self.text.push(':');
        self
    }
}

impl<'t> Serializer for Writer<'t> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'t>;
    type SerializeTuple = Items<'t>;
    type SerializeTupleStruct = Items<'t>;
    type SerializeTupleVariant = Items<'t>;
    type SerializeMap = Entries<'t>;
    type SerializeStruct = Entries<'t>;
    type SerializeStructVariant = Entries<'t>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(f64::from(value))
    }
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.text.push_str(&serde_json::to_string(&value)?);
        Ok(())
    }
    fn serialize_char(self, value: char) -> Result<(), Error> {
        write_text(value.encode_utf8(&mut [0; 4]), self.text);
        Ok(())
    }
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        write_text(value, self.text);
        Ok(())
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Error> {
        self.text.push_str("null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let text = self.variant(variant).text;
        value.serialize(Writer { text: &mut *text })?;
        text.push('}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'t>, Error> {
        Ok(self.items(""))
    }
    fn serialize_tuple(self, _: usize) -> Result<Items<'t>, Error> {
        Ok(self.items(""))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'t>, Error> {
        Ok(self.items(""))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'t>, Error> {
        Ok(self.variant(variant).items("}"))
    }
    fn serialize_map(self, length: Option<usize>) -> Result<Entries<'t>, Error> {
        Ok(self.entries(length.unwrap_or_default(), ""))
    }
    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries<'t>, Error> {
        Ok(self.entries(length, ""))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Entries<'t>, Error> {
        Ok(self.variant(variant).entries(length, "}"))
    }
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            self.text.push(',');
        }
        value.serialize(Writer { text: &mut *self.text })
    }

    fn close(self) {
        self.text.push(']');
        self.text.push_str(self.end);
    }
}

impl Entries<'_> {
    fn entry<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, value: &T) -> Result<(), Error> {
        if let Some((last, _)) = self.places.last() {
            self.is_ordered &= *last < key;
            self.text.push(',');
        }
        let start = self.text.len();
        write_text(&key, self.text);
        self.text.push(':');
        value.serialize(Writer { text: &mut *self.text })?;
        self.places.push((key, start..self.text.len()));
        Ok(())
    }

    fn close(mut self) {
        if !self.is_ordered {
            self.put_in_order();
        }
        self.text.push('}');
        self.text.push_str(self.end);
    }

    /// Writes the entries once more behind themselves, in their order, and lets them go where they stood: nothing is allocated for it.
    fn put_in_order(&mut self) {
        let unordered = self.start..self.text.len();
        self.places.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.text.push('{');
        let mut places = std::mem::take(&mut self.places).into_iter().peekable();
        let mut is_first = true;
        while let Some((key, place)) = places.next() {
            // Of a key that was written twice the last one counts, as in a document.
            if places.peek().is_some_and(|(next, _)| *next == key) {
                continue;
            }
            if !std::mem::replace(&mut is_first, false) {
                self.text.push(',');
            }
            self.text.extend_from_within(place);
        }
        self.text.drain(unordered);
    }
}

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeTupleStruct for Items<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeTupleVariant for Items<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(match serde_json::to_value(key)? {
            Value::String(key) => key,
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Error::custom("a key must be a string"));
            }
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| Error::custom("a value has no key"))?;
        self.entry(Cow::Owned(key), value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Entries<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.entry(Cow::Borrowed(key), value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStructVariant for Entries<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.entry(Cow::Borrowed(key), value)
    }
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::canonical_text;

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Unit,
        New(f32),
        Pair(u8, Option<&'static str>),
        Named { z: i64, a: bool },
    }

    #[derive(Serialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Here { b: char, a: () },
    }

    #[derive(Serialize)]
    struct Whole {
        z: Vec<Shape>,
        #[serde(flatten)]
        tagged: Tagged,
        map: BTreeMap<u32, f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        gone: Option<u8>,
        text: &'static str,
        a: serde_json::Value,
    }

    #[test]
    fn it_writes_what_the_document_would_be() {
        let whole = Whole {
            z: vec![Shape::Unit, Shape::New(0.7), Shape::Pair(1, None), Shape::Named { z: -1, a: true }],
            tagged: Tagged::Here { b: '"', a: () },
            map: BTreeMap::from([(10, 1.0), (9, f64::NAN), (1, 1e300)]),
            gone: None,
            text: "a \"quoted\" \\ text\n\u{1f600}\u{7f}",
            a: json!({"z": {}, "b": [], "ä": [1.5, null, {"y": "", "x": -0.0}]}),
        };
        let document = serde_json::to_value(&whole).unwrap();
        assert_eq!(write(&whole).unwrap(), canonical_text(&document));
        assert_eq!(write(&document).unwrap(), canonical_text(&document));
        assert!(write(&BTreeMap::from([(vec![1], 1)])).is_err());
    }
}
