//! Protection keys: the refusal where there are none, and the rights of a thread where there are.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::{Anonymous, Cause, KeyRights, ObjectKind, Operation, Protection, ProtectionKey};
use mman_testkit::{child, line_of, maps, page, require};

/// Without keys every try is "not supported", and not once EINVAL and then ENOSPC, as the kernel answers.
#[test]
fn a_processor_without_keys_says_so_each_time() {
    child::run(|| {
        // The very first call of the process is made here, before anything asks for the feature.
        for rights in [KeyRights::ReadWrite, KeyRights::ReadOnly, KeyRights::Nothing] {
            let Err(error) = ProtectionKey::allocate(rights) else { return };
            assert_eq!((error.operation(), error.object()), (Operation::Key, ObjectKind::Process));
            assert_eq!(error.cause(), Cause::NotSupported, "{error}");
            assert!(error.errno().is_some() && line_of(&error).starts_with("protect by key"));
        }
        assert!(Feature::ProtectionKeys.support().is_err());
    });
}

/// Taking keys away needs none: it is `protect` then.
#[test]
fn pages_without_a_key_are_protected_as_ever() {
    let mut memory = Anonymous::new(3 * page()).map().unwrap();
    memory.remove_key(page()..2 * page(), Protection::READ).unwrap();
    let start = memory.as_ptr().addr();
    assert_eq!(maps::accesses(start..start + 3 * page()), ["rw-p", "r--p", "rw-p"]);
    let error = memory.remove_key(1..page(), Protection::READ).unwrap_err();
    assert!(matches!(error.cause(), Cause::Range(_)));
    let growing = Protection::READ | Protection::GROWSDOWN;
    assert_eq!(memory.remove_key(.., growing).unwrap_err().cause(), Cause::UnknownFlag);
}

#[test]
fn rights_are_those_of_the_thread() {
    child::run(|| {
        if !require::feature(Feature::ProtectionKeys) {
            return;
        }
        let key = ProtectionKey::allocate(KeyRights::ReadWrite).unwrap();
        let mut memory = Anonymous::new(page()).map().unwrap();
        let both = Protection::READ | Protection::WRITE;
        memory.protect_with_key(.., both, &key).unwrap();
        for rights in [KeyRights::ReadOnly, KeyRights::Nothing, KeyRights::ReadWrite] {
            key.set_rights(rights).unwrap();
            assert_eq!(key.rights().unwrap(), rights);
            memory.write_at(0, b"the kernel copies for the process").unwrap();
        }
        memory.remove_key(.., both).unwrap();
    });
}

#[test]
fn fifteen_keys_are_all_there_are() {
    child::run(|| {
        if !require::feature(Feature::ProtectionKeys) {
            return;
        }
        let mut keys = Vec::new();
        let error = loop {
            match ProtectionKey::allocate(KeyRights::Nothing) {
                Ok(key) => keys.push(key),
                Err(error) => break error,
            }
            assert!(keys.len() < 1000);
        };
        assert_eq!(error.cause(), Cause::Exhausted);
        keys.truncate(keys.len() - 1);
        let error = ProtectionKey::allocate(KeyRights::Nothing).unwrap_err();
        assert_eq!(error.cause(), Cause::Exhausted, "dropping a key does not free it");
    });
}
