//! The file of a model's weights: compact, versioned, checked; little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `AOTRIAGE` |
//! | 4 | version, 1 |
//! | 8 | hash of the names of the features, in their order (FNV-1a) |
//! | 7 x 4 | f32: intercept, slope, P(gain) of the top quarter and of the top two fifths, mean gain, unit of a word's weight, mean of the words |
//! | | for each feature: f32 mean, precision, weight; u8 number of edges; f32 each edge; f32 each step (one more) |
//! | 65,536 | i8: the weight of each bucket, the stem's, then the options' |
//! | 65,536 | u8: its rarity |
//! | 8 | hash of all bytes before (FNV-1a) |
//!
//! The hashes find damage, not malice.

use super::{
    model::{BUCKETS, Calibration, Dense, Gram, Model, blank},
    names::{COUNT, FEATURES},
    words::{HASH_START, hash, hashed},
};

const MAGIC: &[u8; 8] = b"AOTRIAGE";
const VERSION: u32 = 1;

/// A feature has at most this many edges.
pub(crate) const EDGES_MAX: usize = 31;

/// Why bytes are no weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// They begin with something else.
    #[error("this is no file of triage weights: it begins with something else")]
    Foreign,
    /// Written by another version.
    #[error("triage weights of version {found}; version {VERSION} is read: train them anew")]
    Version {
        /// Their version.
        found: u32,
    },
    /// The features are not those of this version of the product.
    #[error("the triage weights are for other features: train them anew")]
    OtherFeatures,
    /// Fewer or more bytes than they say.
    #[error("the triage weights have a wrong length: take an undamaged file or train them anew")]
    Length,
    /// The checksum is another.
    #[error("the triage weights are damaged: take an undamaged file or train them anew")]
    Damaged,
    /// The checksum is right, but a number is not finite, out of its range or out of order.
    #[error("the triage weights hold an impossible number: train them anew")]
    Implausible,
}

fn names_hash() -> u64 {
    FEATURES.iter().flat_map(|(name, _)| name.bytes().chain([b'\n'])).fold(HASH_START, hashed)
}

pub(crate) fn encode(model: &Model) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * BUCKETS + 32 * 1024);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(names_hash().to_le_bytes());
    let Calibration { intercept, slope, top_quarter, top_two_fifths, mean } = model.calibration;
    for number in [intercept, slope, top_quarter, top_two_fifths, mean, model.gram_scale, model.gram_mean] {
        bytes.extend(number.to_le_bytes());
    }
    for dense in &model.dense {
        for number in [dense.mean, dense.precision, dense.weight] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.push(u8::try_from(dense.edges.len()).unwrap_or(u8::MAX));
        for number in dense.edges.iter().chain(&dense.steps) {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes.extend(model.grams.iter().flat_map(|gram| gram.weight.to_le_bytes()));
    bytes.extend(model.grams.iter().map(|gram| gram.rarity));
    bytes.extend(hash(&bytes).to_le_bytes());
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Model, WeightsError> {
    let mut reader = Reader(bytes);
    if reader.take::<8>().ok() != Some(MAGIC) {
        return Err(WeightsError::Foreign);
    }
    let found = u32::from_le_bytes(*reader.take()?);
    if found != VERSION {
        return Err(WeightsError::Version { found });
    }
    let (content, sum) = bytes.split_last_chunk::<8>().ok_or(WeightsError::Length)?;
    if hash(content) != u64::from_le_bytes(*sum) {
        return Err(WeightsError::Damaged);
    }
    if u64::from_le_bytes(*reader.take()?) != names_hash() {
        return Err(WeightsError::OtherFeatures);
    }
    let mut model = blank();
    let [intercept, slope, top_quarter, top_two_fifths, mean] = reader.numbers()?;
    model.calibration = Calibration { intercept, slope, top_quarter, top_two_fifths, mean };
    if [top_quarter, top_two_fifths, mean].iter().any(|share| !(0.0..=1.0).contains(share)) {
        return Err(WeightsError::Implausible);
    }
    [model.gram_scale, model.gram_mean] = reader.numbers()?;
    for dense in &mut model.dense {
        *dense = reader.dense()?;
    }
    for gram in &mut model.grams {
        gram.weight = i8::from_le_bytes(*reader.take()?);
    }
    for gram in &mut model.grams {
        *gram = Gram { rarity: u8::from_le_bytes(*reader.take()?), ..*gram };
    }
    // The sum alone is left.
    if reader.0.len() == sum.len() { Ok(model) } else { Err(WeightsError::Length) }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], WeightsError> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(WeightsError::Length)?;
        self.0 = rest;
        Ok(first)
    }

    fn number(&mut self) -> Result<f32, WeightsError> {
        let number = f32::from_le_bytes(*self.take()?);
        if number.is_finite() { Ok(number) } else { Err(WeightsError::Implausible) }
    }

    fn numbers<const N: usize>(&mut self) -> Result<[f32; N], WeightsError> {
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
    }

    fn dense(&mut self) -> Result<Dense, WeightsError> {
        let [mean, precision, weight] = self.numbers()?;
        let [count] = *self.take::<1>()?;
        let count = usize::from(count);
        if count > EDGES_MAX || precision < 0.0 {
            return Err(WeightsError::Implausible);
        }
        let edges: Vec<f32> = (0..count).map(|_| self.number()).collect::<Result<_, _>>()?;
        let steps: Vec<f32> = (0..=count).map(|_| self.number()).collect::<Result<_, _>>()?;
        if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(WeightsError::Implausible);
        }
        Ok(Dense { mean, precision, weight, edges, steps })
    }
}

const _: () = assert!(COUNT < 256);

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Model, WeightsError, decode, encode, hash};
    use crate::learned::model::{Dense, Gram, blank};

    fn small() -> Model {
        let mut model = blank();
        model.dense[3] = Dense {
            mean: 1.5,
            precision: 0.25,
            weight: -0.5,
            edges: vec![0.5, 2.0],
            steps: vec![-0.1, 0.0, 0.1],
        };
        model.grams[7] = Gram { weight: -128, rarity: 255 };
        model.grams[BUCKETS - 1] = Gram { weight: 127, rarity: 1 };
        model.gram_scale = 0.01;
        model
    }

    /// With the checksum put right, as if it had been written so.
    fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(bytes.len() - 8);
        let sum = hash(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let model = small();
        let bytes = encode(&model);
        assert_eq!(decode(&bytes), Ok(model));
    }

    #[test]
    fn damage_anywhere_is_found() {
        let bytes = encode(&small());
        for at in (0..bytes.len()).step_by(997).chain([0, 8, 12, 20, bytes.len() - 1]) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged).is_err(), "byte {at}");
        }
        for length in [0, 7, 8, 12, 19, 20, 100, bytes.len() - 1] {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        assert_eq!(decode(b"something else"), Err(WeightsError::Foreign));
    }

    #[test]
    fn each_way_to_be_wrong_has_its_error() {
        let bytes = encode(&small());
        let mut other = bytes.clone();
        other[8] = 2;
        assert_eq!(decode(&other), Err(WeightsError::Version { found: 2 }));
        let mut other = bytes.clone();
        other[12] ^= 1;
        assert_eq!(decode(&resealed(other)), Err(WeightsError::OtherFeatures));
        let mut other = bytes.clone();
        other[20..24].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(decode(&resealed(other)), Err(WeightsError::Implausible));
        let mut other = bytes.clone();
        other.extend([0; 3]);
        assert_eq!(decode(&resealed(other)), Err(WeightsError::Length));
    }

    #[test]
    fn edges_out_of_order_are_refused() {
        let mut model = small();
        model.dense[3].edges.reverse();
        assert_eq!(decode(&encode(&model)), Err(WeightsError::Implausible));
    }
}
