//! Tests of the head of a model file: whole, damaged, hostile.

use std::io::Cursor;

use candle_core::quantized::gguf_file::Value as Entry;
use proptest::prelude::*;

use super::*;
use crate::{EngineError, LoadError, cancel::Cancel, engine::Engine, fixture};

/// A file's head by hand: version, the two counts, then `rest`.
fn head(tensors: u64, entries: u64, rest: &[&[u8]]) -> Result<Header, Flaw> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"GGUF");
    bytes.extend_from_slice(&3_u32.to_le_bytes());
    bytes.extend_from_slice(&tensors.to_le_bytes());
    bytes.extend_from_slice(&entries.to_le_bytes());
    bytes.extend(rest.concat());
    Header::read(&mut Cursor::new(bytes))
}

fn name(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

#[track_caller]
fn damaged(header: &Result<Header, Flaw>) {
    assert!(matches!(header, Err(Flaw::Damaged(_))), "{header:?}");
}

#[test]
fn what_another_writer_wrote_is_read() {
    let list = Entry::Array(vec![Entry::I32(3), Entry::I32(-1)]);
    let texts = Entry::Array(vec![Entry::String("a".into()), Entry::String("é".into())]);
    let entries = [
        ("text", Entry::String("x".into())),
        ("number", Entry::U64(7)),
        ("fraction", Entry::F32(0.5)),
        ("flag", Entry::Bool(true)),
        ("list", list),
        ("texts", texts),
        ("fractions", Entry::Array(vec![Entry::F32(1.0)])),
    ];
    let header = fixture::header(&entries).unwrap();
    assert_eq!(header.text("text").unwrap(), "x");
    assert_eq!(header.count("number", 7).unwrap(), 7);
    assert_eq!(header.get("fraction").and_then(Value::as_f64), Some(0.5));
    assert_eq!(header.get("flag").and_then(Value::as_bool), Some(true));
    assert_eq!(header.get("list").and_then(Value::as_integers), Some(&[3, -1][..]));
    assert_eq!(header.texts("texts").unwrap(), ["a", "é"]);
    assert_eq!(header.get("fractions"), Some(&Value::Dropped));
    assert!(matches!(header.count("number", 6), Err(Flaw::Unsupported(_))));
    assert!(matches!(header.text("number"), Err(Flaw::Damaged(_))));
}

#[test]
fn claims_that_no_file_can_keep_are_refused_before_memory_is_taken() {
    damaged(&head(u64::MAX, 0, &[]));
    damaged(&head(0, u64::MAX, &[]));
    damaged(&head(0, 1, &[&u64::MAX.to_le_bytes()]));
    // A list of 2^60 texts.
    damaged(&head(
        0,
        1,
        &[&name("k"), &9_u32.to_le_bytes(), &8_u32.to_le_bytes(), &(1_u64 << 60).to_le_bytes()],
    ));
    // An alignment of zero.
    damaged(&head(0, 1, &[&name("general.alignment"), &4_u32.to_le_bytes(), &0_u32.to_le_bytes()]));
    let tensor = |sizes: &[u64], offset: u64| {
        let dimensions = u32::try_from(sizes.len()).unwrap().to_le_bytes();
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        head(1, 0, &[&name("t"), &dimensions, &sizes, &0_u32.to_le_bytes(), &offset.to_le_bytes()])
    };
    // 2^33 times 2^33 numbers, a tensor behind the end, an offset at the end of the numbers, no dimensions, a size of zero.
    damaged(&tensor(&[1 << 33, 1 << 33], 0));
    damaged(&tensor(&[64], 0));
    damaged(&tensor(&[1], u64::MAX));
    damaged(&tensor(&[], 0));
    damaged(&tensor(&[0], 0));
    damaged(&tensor(&[1; 5], 0));
}

#[test]
fn other_formats_and_versions_say_so() {
    let read = |bytes: &[u8]| Header::read(&mut Cursor::new(bytes.to_vec()));
    assert!(matches!(read(b""), Err(Flaw::NotGguf)));
    assert!(matches!(read(b"{\"a\": 1}"), Err(Flaw::NotGguf)));
    assert!(matches!(read(b"GGUF\x01\0\0\0"), Err(Flaw::Unsupported(_))));
    let nested = [&name("k")[..], &9_u32.to_le_bytes(), &9_u32.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    assert!(matches!(head(0, 1, &[&nested]), Err(Flaw::Unsupported(_))));
}

/// Loads `bytes` as a model and writes with what loads.
fn load(bytes: &[u8]) -> Result<(), LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    let team = fixture::team(1);
    let engine = Engine::load(&path, &team, 64, 32)?;
    let mut session = engine.session(&team);
    let outcome = session.feed(&[0], &Cancel::default());
    assert!(!matches!(outcome, Err(EngineError::Fault { .. })), "{outcome:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_cut_file_is_an_error_and_never_a_panic(share in 0.0_f64..1.0) {
        let folder = fixture::folder();
        let bytes = std::fs::read(fixture::path(&folder)).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
        let cut = (bytes.len() as f64 * share) as usize;
        // The last bytes may be padding.
        prop_assume!(cut + 64 < bytes.len());
        let message = load(&bytes[..cut]).unwrap_err().to_string();
        prop_assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn a_corrupt_file_never_panics(places in prop::collection::vec((0.0_f64..1.0, any::<u8>()), 1..8), in_head in any::<bool>()) {
        let folder = fixture::folder();
        let mut bytes = std::fs::read(fixture::path(&folder)).unwrap();
        // The head is a small part of the file and the part where most can go wrong.
        let end = if in_head { 9_000 } else { bytes.len() };
        for (share, value) in places {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
            let at = (end as f64 * share) as usize;
            bytes[at] = value;
        }
        let _ = load(&bytes);
    }
}
