//! The metadata values of a GGUF file, as far as a model's description needs them.

use std::io::Read;

use crate::error::Flaw;

/// A chat template is the longest text of a usual file, some 20,000 bytes.
const STRING_BYTES_MAX: u64 = 1 << 20;
/// The largest vocabularies have 256,000 entries and as many merges.
const ARRAY_LENGTH_MAX: u64 = 1 << 20;

/// One metadata value. What no model description uses (nested lists, lists of fractions) is read and dropped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Integers(Vec<i64>),
    Dropped,
}

impl Value {
    pub(super) fn read<R: Read>(source: &mut Source<'_, R>) -> Result<Self, Flaw> {
        match source.u32()? {
            9 => Self::list(source),
            kind => Self::scalar(kind, source),
        }
    }

    fn scalar<R: Read>(kind: u32, source: &mut Source<'_, R>) -> Result<Self, Flaw> {
        Ok(match kind {
            0 => Self::Integer(source.array::<1>()?[0].into()),
            1 => Self::Integer(i8::from_le_bytes(source.array()?).into()),
            2 => Self::Integer(u16::from_le_bytes(source.array()?).into()),
            3 => Self::Integer(i16::from_le_bytes(source.array()?).into()),
            4 => Self::Integer(source.u32()?.into()),
            5 => Self::Integer(i32::from_le_bytes(source.array()?).into()),
            6 => Self::Float(f32::from_le_bytes(source.array()?).into()),
            7 => Self::Bool(source.array::<1>()? != [0]),
            8 => Self::Text(string(source)?),
            10 => Self::Integer(source.u64()?.into()),
            11 => Self::Integer(i64::from_le_bytes(source.array()?).into()),
            12 => Self::Float(f64::from_le_bytes(source.array()?)),
            other => return Err(Flaw::damaged(format!("metadata of the unknown type {other}"))),
        })
    }

    fn list<R: Read>(source: &mut Source<'_, R>) -> Result<Self, Flaw> {
        let kind = source.u32()?;
        let length = source.u64()?;
        if length > ARRAY_LENGTH_MAX {
            return Err(Flaw::damaged(format!("a metadata list claims {length} entries")));
        }
        match kind {
            8 => (0..length).map(|_| string(source)).collect::<Result<_, _>>().map(Self::Texts),
            0..=5 | 10 | 11 => {
                let mut integers = Vec::new();
                for _ in 0..length {
                    let Self::Integer(value) = Self::scalar(kind, source)? else { continue };
                    integers.push(i64::try_from(value).unwrap_or(i64::MAX));
                }
                Ok(Self::Integers(integers))
            }
            6 | 7 | 12 => {
                for _ in 0..length {
                    Self::scalar(kind, source)?;
                }
                Ok(Self::Dropped)
            }
            _ => Err(Flaw::unsupported("metadata with lists in lists")),
        }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    pub(crate) fn as_u32(&self) -> Option<u32> {
        self.as_u64().and_then(|value| u32::try_from(value).ok())
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_strings(&self) -> Option<&[String]> {
        match self {
            Self::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    pub(crate) fn as_integers(&self) -> Option<&[i64]> {
        match self {
            Self::Integers(integers) => Some(integers),
            _ => None,
        }
    }
}

/// The bytes of the file with the position in it.
pub(super) struct Source<'a, R> {
    reader: &'a mut R,
    position: u64,
    length: u64,
}

impl<'a, R: Read> Source<'a, R> {
    pub(super) fn new(reader: &'a mut R, length: u64) -> Self {
        Self { reader, position: 0, length }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Flaw> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Flaw> {
        self.array().map(u64::from_le_bytes)
    }
}

/// A text with its length before it. Bytes that are no UTF-8 are replaced.
pub(super) fn string<R: Read>(source: &mut Source<'_, R>) -> Result<String, Flaw> {
    let length = source.u64()?;
    if length > STRING_BYTES_MAX || length > source.length.saturating_sub(source.position) {
        return Err(Flaw::damaged(format!("a text claims {length} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    source.reader.read_exact(&mut bytes)?;
    source.position += length;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
