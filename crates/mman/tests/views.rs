//! Views of a file that others truncate, grow and punch: mapped files are read after somebody shortened them, which
//! is SIGBUS in every crate of the field. Here it is an error, and stays one.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, FileObject, Private, Shared, SharedMut};
use std::fs::File;
use std::io::Write;

const PAGE: usize = 4096;

fn file_of(len: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..len).map(|at| (at / PAGE + 1) as u8).collect();
    file.write_all(&bytes).unwrap();
    file
}

fn truncate(file: &tempfile::NamedTempFile, len: usize) {
    file.as_file().set_len(len as u64).unwrap();
}

#[test]
fn what_was_truncated_is_an_error_and_the_rest_is_there() {
    let file = file_of(8 * PAGE);
    let view = Shared::open(file.path()).unwrap();
    let mut bytes = [0; 16];
    view.read_at(7 * PAGE, &mut bytes).unwrap();
    assert_eq!(bytes, [8; 16]);
    truncate(&file, 3 * PAGE);
    let error = view.read_at(5 * PAGE + 100, &mut bytes).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: (5 * PAGE + 100) as u64 });
    view.read_at(2 * PAGE, &mut bytes).unwrap();
    assert_eq!(bytes, [3; 16]);
    let error = view.read_at(3 * PAGE - 8, &mut bytes).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: 3 * PAGE as u64 });
    // Somebody makes it longer again: this view has lost those bytes for good, a new one has them.
    truncate(&file, 8 * PAGE);
    assert!(view.read_at(6 * PAGE, &mut bytes).is_err());
    assert!(view.error().is_some());
    Shared::open(file.path()).unwrap().read_at(6 * PAGE, &mut bytes).unwrap();
    assert!(view.into_mapping().is_err(), "a mapping would show zeros");
}

#[test]
fn stores_to_what_was_truncated_are_errors() {
    let file = file_of(4 * PAGE);
    let view = SharedMut::open(file.path()).unwrap();
    view.store(8, 77_u64).unwrap();
    assert_eq!(view.load::<u64>(8).unwrap(), 77);
    view.write_at(3 * PAGE, b"last").unwrap();
    assert_eq!(&std::fs::read(file.path()).unwrap()[3 * PAGE..][..4], b"last");
    truncate(&file, PAGE);
    assert!(view.store(2 * PAGE, 1_u32).is_err());
    assert!(view.load::<u8>(3 * PAGE).is_err());
    assert!(view.write_at(PAGE - 2, b"over").is_err());
    assert!(view.fill(PAGE.., 1).is_err());
    assert!(view.find_byte(.., 200).is_err());
    view.write_at(0, b"first").unwrap();
}

#[test]
fn pages_that_were_copied_are_lost_with_the_file_too() {
    let file = file_of(4 * PAGE);
    let view = Private::open(file.path()).unwrap();
    view.write_at(2 * PAGE, b"mine").unwrap();
    truncate(&file, PAGE);
    assert!(view.read_at(2 * PAGE, &mut [0; 4]).is_err());
    assert!(view.detach().is_err());
}

#[test]
fn an_empty_file_is_an_empty_view() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let view = Shared::open(file.path()).unwrap();
    assert!(view.is_empty() && view.to_vec(..).unwrap().is_empty());
    assert_eq!(view.find_byte(.., 0).unwrap(), None);
    assert!(view.read_at(0, &mut [0]).is_err());
    let object = FileObject::new(File::open(file.path()).unwrap()).unwrap();
    assert!(Private::new(&object).unwrap().detach().unwrap().is_empty());
}
