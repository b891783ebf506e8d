//! The alphabet in which byte-level vocabularies spell bytes: printable characters stand for themselves, the others for
//! characters from U+0100 on. As in GPT-2, <https://github.com/openai/gpt-2/blob/master/src/encoder.py>, `bytes_to_unicode`.

/// The character that spells `byte`.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn letter(byte: u8) -> char {
    match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        other => {
            let before =
                (0..other).filter(|&byte| !matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)).count();
            u32::try_from(before).ok().and_then(|before| char::from_u32(0x100 + before)).unwrap_or(' ')
        }
    }
}

/// The byte that `letter` spells, if it is one of the alphabet.
fn byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => u8::try_from(code).ok(),
        code @ 0x100..=0x143 => {
            let index = usize::try_from(code - 0x100).ok()?;
            (0..=255_u8).filter(|&byte| !matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)).nth(index)
        }
        _ => None,
    }
}

/// The bytes of a token. A token outside of the alphabet (added by hand, with blanks) stands for its own text.
pub(super) fn of_token(token: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = token.chars().map(byte).collect();
    bytes.unwrap_or_else(|| token.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_spelled_by_a_letter_of_its_own() {
        for value in 0..=255 {
            assert_eq!(byte(letter(value)), Some(value));
        }
        assert_eq!(letter(b' '), 'Ġ');
        assert_eq!(letter(b'\n'), 'Ċ');
    }
}
