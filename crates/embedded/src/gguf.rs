//! Reads the head of a GGUF file: its metadata and the table of its tensors, and single tensors as numbers.
//!
//! Every count and size in the file is a claim that is checked against a limit and against the file's length before anything is
//! allocated. That is why this is no wrapper of candle's reader, which divides by an alignment and multiplies dimensions as it
//! finds them. Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3.

mod value;

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use candle_core::{CpuStorage, quantized::GgmlDType};

use crate::error::Flaw;
pub(crate) use value::Value;
use value::{Source, string};

const MAGIC: [u8; 4] = *b"GGUF";
/// The largest models of the family have a few thousand of either.
const TENSORS_MAX: u64 = 16_384;
const ENTRIES_MAX: u64 = 16_384;
const DIMENSIONS_MAX: u32 = 4;
const ALIGNMENT_DEFAULT: u64 = 32;

/// What a file says about itself.
#[derive(Debug)]
pub(crate) struct Header {
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, TensorInfo>,
}

/// Where a tensor lies and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct TensorInfo {
    /// Row-major, the longest stride first: a matrix is `[rows, columns]`.
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: GgmlDType,
    start: u64,
}

impl Header {
    /// Reads the head from the beginning of `reader`.
    pub(crate) fn read<R: Read + Seek>(reader: &mut R) -> Result<Self, Flaw> {
        let length = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let mut source = Source::new(reader, length);
        match source.array::<4>() {
            Ok(MAGIC) => {}
            Ok(_) | Err(Flaw::Damaged(_)) => return Err(Flaw::NotGguf),
            Err(other) => return Err(other),
        }
        let version = source.u32()?;
        if !(2..=3).contains(&version) {
            return Err(Flaw::unsupported(format!("GGUF version {version}")));
        }
        let tensor_count = limited(source.u64()?, TENSORS_MAX, "tensors")?;
        let entry_count = limited(source.u64()?, ENTRIES_MAX, "metadata entries")?;

        let mut metadata = HashMap::new();
        for _ in 0..entry_count {
            let key = string(&mut source)?;
            let value = Value::read(&mut source)?;
            metadata.insert(key, value);
        }
        let mut table = Vec::new();
        for _ in 0..tensor_count {
            table.push(tensor_entry(&mut source)?);
        }

        let alignment = match metadata.get("general.alignment").map(Value::as_u64) {
            None => ALIGNMENT_DEFAULT,
            Some(Some(alignment @ 1..=65_536)) => alignment,
            Some(_) => return Err(Flaw::damaged("its alignment is out of range")),
        };
        let data = source.position().div_ceil(alignment) * alignment;
        let mut tensors = HashMap::with_capacity(table.len());
        for (name, mut info) in table {
            info.start = info.start.checked_add(data).ok_or_else(|| outside(&name))?;
            let end = info.start.checked_add(info.bytes()? as u64).ok_or_else(|| outside(&name))?;
            if end > length {
                return Err(outside(&name));
            }
            tensors.insert(name, info);
        }
        Ok(Self { metadata, tensors })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A text that must be there.
    pub(crate) fn text(&self, key: &str) -> Result<&str, Flaw> {
        self.get(key).and_then(Value::as_str).ok_or_else(|| missing(key))
    }

    /// A list of texts that must be there.
    pub(crate) fn texts(&self, key: &str) -> Result<&[String], Flaw> {
        self.get(key).and_then(Value::as_strings).ok_or_else(|| missing(key))
    }

    /// A number from 1 to `max` that must be there.
    pub(crate) fn count(&self, key: &str, max: usize) -> Result<usize, Flaw> {
        let value = self.get(key).and_then(Value::as_u64).ok_or_else(|| missing(key))?;
        match usize::try_from(value) {
            Ok(count) if (1..=max).contains(&count) => Ok(count),
            _ => Err(Flaw::unsupported(format!("`{key}` is {value}, 1 to {max} can be run"))),
        }
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// A tensor that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&TensorInfo, Flaw> {
        self.tensor(name).ok_or_else(|| Flaw::damaged(format!("the tensor `{name}` is missing")))
    }
}

impl TensorInfo {
    /// The bytes that it takes in the file.
    fn bytes(&self) -> Result<usize, Flaw> {
        let elements =
            self.shape.iter().try_fold(1_usize, |product, &dimension| product.checked_mul(dimension));
        let elements = elements.ok_or_else(|| Flaw::damaged("a tensor is larger than memory can be"))?;
        bytes_of(self.dtype, elements)
    }

    /// The numbers of the rows `from .. from + rows` of a matrix, or of a whole vector (`0, 1`).
    pub(crate) fn rows<R: Read + Seek>(
        &self,
        reader: &mut R,
        from: usize,
        rows: usize,
    ) -> Result<Vec<f32>, Flaw> {
        let columns = self.shape.last().copied().unwrap_or(0);
        let elements = rows.checked_mul(columns).ok_or_else(|| Flaw::damaged("a tensor is too large"))?;
        let skipped = bytes_of(self.dtype, from * columns)?;
        let mut raw = vec![0_u8; bytes_of(self.dtype, elements)?];
        reader.seek(SeekFrom::Start(self.start + skipped as u64))?;
        reader.read_exact(&mut raw)?;
        match self.dtype.from_data(Cow::Owned(raw)).dequantize(elements) {
            Ok(CpuStorage::F32(numbers)) if numbers.iter().all(|number| number.is_finite()) => Ok(numbers),
            Ok(CpuStorage::F32(_)) => Err(Flaw::damaged("a weight is not a number")),
            Ok(_) | Err(_) => Err(Flaw::unsupported(format!("weights of the type {:?}", self.dtype))),
        }
    }
}

fn bytes_of(dtype: GgmlDType, elements: usize) -> Result<usize, Flaw> {
    if !elements.is_multiple_of(dtype.block_size()) {
        return Err(Flaw::damaged("a tensor's row is no whole number of blocks"));
    }
    let bytes = (elements / dtype.block_size()).checked_mul(dtype.type_size());
    bytes.ok_or_else(|| Flaw::damaged("a tensor is larger than memory can be"))
}

fn tensor_entry<R: Read>(source: &mut Source<'_, R>) -> Result<(String, TensorInfo), Flaw> {
    let name = string(source)?;
    let dimensions = source.u32()?;
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(Flaw::damaged(format!("a tensor of {dimensions} dimensions")));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let dimension = usize::try_from(source.u64()?).ok().filter(|&dimension| dimension > 0);
        shape.push(dimension.ok_or_else(|| Flaw::damaged("a tensor's dimension is out of range"))?);
    }
    shape.reverse();
    let dtype = dtype(source.u32()?)?;
    Ok((name, TensorInfo { shape, dtype, start: source.u64()? }))
}

/// The types that candle turns back into numbers.
fn dtype(code: u32) -> Result<GgmlDType, Flaw> {
    Ok(match code {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => return Err(Flaw::unsupported(format!("weights of the GGML type {other}"))),
    })
}

fn limited(count: u64, max: u64, what: &str) -> Result<u64, Flaw> {
    if count > max {
        return Err(Flaw::damaged(format!("it claims {count} {what}, more than {max}")));
    }
    Ok(count)
}

fn missing(key: &str) -> Flaw {
    Flaw::damaged(format!("the metadata `{key}` is missing or of the wrong type"))
}

fn outside(name: &str) -> Flaw {
    let name: String = name.chars().take(64).collect();
    Flaw::damaged(format!("the tensor `{name}` lies outside of the file"))
}

#[cfg(test)]
mod tests;
