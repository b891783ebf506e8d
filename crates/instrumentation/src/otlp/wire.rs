//! Protobuf's wire format (protobuf.dev, "Encoding"), as far as spans need it: a message is written where it stands in the request, and no tree of
//! owned messages is built and let go for it.

/// How a field is written.
#[derive(Clone, Copy)]
enum Kind {
    Varint = 0,
    Fixed64 = 1,
    Delimited = 2,
}

fn key(out: &mut Vec<u8>, field: u32, kind: Kind) {
    varint(out, u64::from(field) << 3 | kind as u64);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

/// How many bytes `number` takes as a varint: seven bits each.
const fn varint_bytes(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros();
    if bits == 0 { 1 } else { bits.div_ceil(7) as usize }
}

/// A whole number.
pub(super) fn uint(out: &mut Vec<u8>, field: u32, number: u64) {
    key(out, field, Kind::Varint);
    varint(out, number);
}

/// Eight bytes: a time, or a number with a fraction.
pub(super) fn fixed(out: &mut Vec<u8>, field: u32, bits: u64) {
    key(out, field, Kind::Fixed64);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// Bytes or a text; the empty one, which is the default, is left out.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        delimited(out, field, bytes.len());
        out.extend_from_slice(bytes);
    }
}

/// The beginning of a field whose content, `length` bytes, follows.
pub(super) fn delimited(out: &mut Vec<u8>, field: u32, length: usize) {
    key(out, field, Kind::Delimited);
    varint(out, length as u64);
}

/// A message that `write` writes.
pub(super) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, Kind::Delimited);
    // Most lengths take one byte; where more are needed, what was written moves on by them.
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    if let (Ok(short @ 0..0x80), Some(place)) = (u8::try_from(length), out.get_mut(at)) {
        *place = short;
        return;
    }
    let mut rest = length;
    let sevens = (1..=varint_bytes(length)).rev().map(|left| {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if left > 1 { low | 0x80 } else { low }
    });
    out.splice(at..=at, sevens);
}
