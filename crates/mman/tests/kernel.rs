//! What the kernel can do: the answers agree with what direct calls say, stay the same, and change nothing.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it does not expect")]

use mman::kernel::Feature;
use mman::{Advice, Anonymous, Discard, Errno, Hint, MapOptions, Mapping};
use mman_sys::{LockFlags, PkeyRights, SecretFlags, UserfaultFlags};
use mman_testkit::{child, descriptors, maps, object, page, unchecked};
use std::fs::File;

/// What a call on memory answered, as a feature would.
fn answer<T>(result: mman::Result<T>) -> Result<(), Errno> {
    result.map(drop).map_err(|error| error.errno().unwrap())
}

fn memory() -> Mapping {
    let memory = Anonymous::new(page()).map().unwrap();
    memory.write_at(0, b"x").unwrap();
    memory
}

#[track_caller]
fn assert_same(feature: Feature, direct: Result<(), Errno>) {
    assert_eq!(feature.support(), direct, "{feature:?}, and what the call itself answers");
}

#[test]
fn mapping_and_advising() {
    let droppable = MapOptions::droppable().read_write().map(&Anonymous::new(1));
    assert_same(Feature::Droppable, answer(droppable));
    let taken = memory();
    let at = MapOptions::private().at(taken.as_ptr().addr()).map(&Anonymous::new(1));
    let refused = at.unwrap_err().errno() == Some(Errno::EEXIST);
    assert_eq!(Feature::FixedNoReplace.support().is_ok(), refused);
    assert_same(Feature::RemapKeepOld, answer(memory().take_pages()));
    assert_same(Feature::Free, answer(memory().discard(.., Discard::WhenNeeded)));
    assert_same(Feature::PageOut, answer(memory().advise(.., Hint::PageOut)));
    assert_same(Feature::Populate, answer(memory().advise(.., Hint::PopulateRead)));
    assert_same(Feature::HugePages, answer(memory().advise(.., Hint::HugePages)));
    let guarded = memory();
    assert_same(
        Feature::GuardRegions,
        answer(unchecked::advise(&guarded, .., Advice::GUARD_INSTALL)),
    );
    if Feature::GuardRegions.support().is_ok() {
        guarded.read_at(0, &mut [0]).unwrap_err();
    }
    child::run(|| assert_same(Feature::Seal, unchecked::seal(&memory())));
}

#[test]
fn locking_and_naming() {
    let locked = memory();
    let direct = mman_sys::mlock2(locked.as_ptr().cast(), page(), LockFlags::ONFAULT);
    assert_same(Feature::LockOnFault, direct);
    let named = mman_sys::set_anonymous_name(locked.as_ptr().cast(), page(), Some(c"mman test"));
    assert_same(Feature::AnonymousNames, named);
    if named.is_ok() {
        let name = &maps::within(locked.as_ptr().addr()..locked.as_ptr().addr() + 1)[0].name;
        assert!(name.contains("mman test"), "{name}");
    }
}

#[test]
fn descriptors_that_the_kernel_makes() {
    let closed = |fd| drop(object::own(fd));
    drop(object::memfd(1)); // or it says what is wrong
    assert_same(Feature::Memfd, Ok(()));
    assert_same(Feature::SecretMemory, mman_sys::memfd_secret(SecretFlags::CLOEXEC).map(closed));
    let flags = UserfaultFlags::CLOEXEC;
    assert_same(Feature::Userfaultfd, mman_sys::userfaultfd(flags).map(closed));
    let user_mode = mman_sys::userfaultfd(flags | UserfaultFlags::USER_MODE_ONLY);
    assert_same(Feature::UserfaultfdUserMode, user_mode.map(closed));
    let device = File::options().read(true).write(true).open("/dev/userfaultfd");
    assert_eq!(Feature::UserfaultfdDevice.support().is_ok(), device.is_ok());
}

#[test]
fn what_the_processor_has() {
    let has = |flag: &str| {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        text.split_ascii_whitespace().any(|word| word == flag)
    };
    if cfg!(target_arch = "x86_64") {
        assert_eq!(Feature::ProtectionKeys.support().is_ok(), has("ospke"));
        if !has("user_shstk") {
            Feature::ShadowStack.support().unwrap_err();
        }
    }
    let key = mman_sys::pkey_alloc(0, PkeyRights::UNRESTRICTED);
    assert_eq!(Feature::ProtectionKeys.support().is_ok(), key.is_ok());
}

#[test]
fn what_a_kernel_of_this_age_has() {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|word| word.parse().unwrap());
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    let since = [
        (Feature::FixedNoReplace, (4, 17)),
        (Feature::LockOnFault, (4, 4)),
        (Feature::RemapKeepOld, (5, 7)),
        (Feature::Free, (4, 5)),
        (Feature::PageOut, (5, 4)),
        (Feature::Populate, (5, 14)),
        (Feature::Memfd, (3, 17)),
        (Feature::MemfdNoExec, (6, 3)),
        (Feature::Droppable, (6, 11)),
        (Feature::GuardRegions, (6, 13)),
        (Feature::Cachestat, (6, 5)),
        (Feature::PagemapScan, (6, 7)),
        (Feature::ProcmapQuery, (6, 11)),
        (Feature::CopyBySystemCall, (3, 2)),
        (Feature::ProcessAdvise, (5, 10)),
        (Feature::ProcessRelease, (5, 15)),
        (Feature::RemapFilePages, (2, 5)),
    ];
    for (feature, needed) in since {
        assert_eq!(feature.support().is_ok(), version >= needed, "{feature:?} on {version:?}");
    }
}

#[test]
fn asking_changes_nothing() {
    child::run(|| {
        let _first: Vec<_> = maps::all();
        let before = (maps::all(), descriptors::all());
        let answers = Feature::ALL.map(Feature::support);
        assert_eq!((maps::all(), descriptors::all()), before);
        assert_eq!(Feature::ALL.map(Feature::support), answers);
        assert_eq!(mman::leaked(), 0);
    });
}

#[test]
fn many_threads_get_one_answer() {
    child::run(|| {
        let all = std::thread::scope(|scope| {
            let ask = || Feature::ALL.map(Feature::support);
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
    });
}
