//! Protection keys, on processors with and without them.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::map::{free_key, pkey_protect, set_key};
use common::{Map, RW, dies_by, in_child, last_words, line_of, page, refused, skip};
use mman_sys::{Errno, PkeyRights, Prot, Signal, pkey_alloc, pkey_get};

/// A key of this process and whether the machine has any; `None`, and said so, where it has none.
fn key(rights: PkeyRights) -> Option<i32> {
    match pkey_get(0) {
        Ok(_) => Some(pkey_alloc(0, rights).unwrap()),
        Err(errno) => {
            assert_eq!(errno, Errno::ENOSYS);
            skip("a processor with protection keys");
            None
        }
    }
}

/// Where the processor has no keys there is none to be had. A kernel without keys built in says ENOSYS;
/// one with them says EINVAL at first and, having lost the only key by that (it is taken before the
/// processor is asked, and not given back), ENOSPC from then on. So all three mean "not available".
#[test]
fn without_keys_in_the_processor_allocation_is_refused() {
    in_child(|| {
        if pkey_get(0).is_ok() {
            return skip("a processor without protection keys");
        }
        let answers = [0; 3].map(|flags| refused(pkey_alloc(flags, PkeyRights::UNRESTRICTED)));
        let built_in = [Errno::EINVAL, Errno::ENOSPC, Errno::ENOSPC];
        let not_built_in = [Errno::ENOSYS; 3];
        let mended = [Errno::EINVAL; 3];
        assert!([built_in, not_built_in, mended].contains(&answers), "{answers:?}");
    });
}

/// There are no flags, and no rights but the two.
#[test]
fn unknown_flags_and_rights_are_einval() {
    for answer in [pkey_alloc(1, PkeyRights::UNRESTRICTED), pkey_alloc(0, PkeyRights::from_bits(4))]
    {
        assert!(matches!(answer, Err(Errno::EINVAL | Errno::ENOSYS)), "{answer:?}");
    }
}

/// With the key -1 it is the plain call.
#[test]
fn key_minus_1_is_mprotect() {
    let map = Map::private(2);
    assert_eq!(pkey_protect(map.at(1), page(), Prot::READ, -1), Ok(()));
    let access = [0, 1].map(|index| line_of(map.at(index)).unwrap().access);
    assert_eq!(access, ["rw-p", "r--p"]);
    assert_eq!(pkey_protect(map.at(1) + 1, page(), Prot::READ, -1), Err(Errno::EINVAL));
}

/// A key that nobody allocated is refused, and the pages stay as they are.
#[test]
fn a_key_that_is_not_allocated_is_einval() {
    let map = Map::private(1);
    for key in [15, 16, -2] {
        assert_eq!(pkey_protect(map.start(), page(), Prot::READ, key), Err(Errno::EINVAL), "{key}");
    }
    assert_eq!(line_of(map.start()).unwrap().access, "rw-p");
    assert_eq!(free_key(15), Err(Errno::EINVAL));
}

/// The register has room for sixteen keys: others are refused whether there is a register or not.
#[test]
fn keys_outside_the_register_are_einval() {
    for key in [-1, 16, i32::MAX] {
        assert_eq!(pkey_get(key), Err(Errno::EINVAL), "{key}");
        assert_eq!(set_key(key, PkeyRights::UNRESTRICTED), Err(Errno::EINVAL), "{key}");
    }
    assert_eq!(set_key(1, PkeyRights::from_bits(4)), Err(Errno::EINVAL));
}

/// What a thread may do with a key's pages is what it last said.
#[test]
fn rights_are_what_was_set() {
    let Some(key) = key(PkeyRights::DISABLE_WRITE) else { return };
    assert_eq!(pkey_get(key), Ok(PkeyRights::DISABLE_WRITE));
    set_key(key, PkeyRights::DISABLE_ACCESS).unwrap();
    assert_eq!(pkey_get(key), Ok(PkeyRights::DISABLE_ACCESS));
    assert_eq!(free_key(key), Ok(()));
}

/// A store that the key denies ends the process, although the page could be written.
#[test]
fn a_store_that_the_key_denies_is_sigsegv() {
    dies_by(Signal::SIGSEGV, || {
        let Some(key) = key(PkeyRights::UNRESTRICTED) else { return };
        let map = Map::private(1);
        pkey_protect(map.start(), page(), RW, key).unwrap();
        map.set(0, 7);
        set_key(key, PkeyRights::DISABLE_WRITE).unwrap();
        assert_eq!(map.get(0), 7);
        last_words();
        map.set(0, 8);
    });
}
