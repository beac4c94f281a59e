//! Other processes: a number that means one process for ever, advice that reaches it, memory taken from one that
//! is dying, and each refusal with its reason.
//!
//! Tools that look into `/proc/PID` by number look at a stranger once the process has ended; `process_madvise`
//! stops at the first hole and tells only how far it came.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::inspect::{self, Usage};
use mman::process::Process;
use mman::{
    Anonymous, Cause, Errno, Error, FileObject, Hint, MapOptions, Mapping, ObjectKind, Operation,
    Protection, RangeError, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::{child, companion, limits, line_of, memory, page, pattern, require};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::fs;
use std::ops::Range;
use std::process::{Child, Command, Stdio};

#[track_caller]
fn assert_error(error: &Error, operation: Operation, cause: Cause, errno: Option<Errno>) {
    let line = line_of(error);
    assert_eq!(
        (error.operation(), error.cause(), error.errno()),
        (operation, cause, errno),
        "{line}"
    );
    assert_eq!(error.object(), ObjectKind::Process, "{line}");
    assert!(line.starts_with(&format!("{operation}")), "{line}");
}

/// A process that waits for the end of its input.
fn cat() -> Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

/// What a process uses at an address.
#[track_caller]
fn usage_at(process: &Process, address: usize) -> Usage {
    let mut all = process.smaps().unwrap().map(Result::unwrap);
    all.find(|(entry, _)| entry.addresses().contains(&address)).expect("it is mapped").1
}

fn filled(pages: usize) -> Mapping {
    let memory = Anonymous::new(pages * page()).map().unwrap();
    memory.advise(.., Hint::NoHugePages).ok();
    memory.write_at(0, &pattern::bytes(0, pages * page())).unwrap();
    memory
}

#[test]
fn numbers_of_no_process_are_refused() {
    for pid in [0, u32::MAX, 1 << 31] {
        let error = Process::open(pid).unwrap_err();
        assert_error(&error, Operation::Open, Cause::NoProcess, Some(Errno::EINVAL));
    }
    let error = Process::open(i32::MAX as u32).unwrap_err();
    assert_error(&error, Operation::Open, Cause::NoProcess, Some(Errno::ESRCH));
    assert!(line_of(&error).starts_with("open a process: there is no such process"));
}

#[test]
fn the_number_of_a_thread_is_no_process() {
    let tid = std::thread::spawn(|| {
        let tid = mman_sys::gettid().cast_unsigned();
        let error = Process::open(tid).unwrap_err();
        assert_eq!(error.cause(), Cause::NoProcess, "{error}");
        tid
    });
    assert_ne!(tid.join().unwrap(), std::process::id());
}

#[test]
fn our_own_process_by_either_way_is_the_same() {
    let (myself, by_number) = (Process::myself(), Process::open(std::process::id()).unwrap());
    assert_eq!((myself.pid(), by_number.pid()), (std::process::id(), std::process::id()));
    let memory = MapOptions::shared().read_write().map(&Anonymous::new(page())).unwrap();
    let address = memory.as_ptr().addr();
    let entry = inspect::find(&myself, address).unwrap().unwrap();
    assert_eq!(inspect::find(&by_number, address).unwrap().unwrap(), entry);
    assert!(by_number.smaps_rollup().unwrap().rss() > Some(0));
    for process in [&myself, &by_number] {
        assert_eq!(process.advise([entry.addresses()], Hint::Cold).unwrap(), page());
        let error = process.release().unwrap_err();
        assert_error(&error, Operation::Release, Cause::NotDying, Some(Errno::EINVAL));
    }
}

/// Once it has been waited for, all of it is refused: its number may be another's by then.
#[test]
fn a_process_that_is_gone_is_refused() {
    let mut first = cat();
    let process = Process::open(first.id()).unwrap();
    let mut maps = process.maps().unwrap();
    assert!(maps.next().unwrap().is_ok());
    first.kill().unwrap();
    first.wait().unwrap();
    assert_all_refused(&process);
    assert!(maps.next().is_none_or(|entry| entry.is_err() || maps_end(&mut maps)));
}

/// What was read before it ended may still come; then an error.
fn maps_end(maps: &mut inspect::Maps<'_>) -> bool {
    maps.find_map(Result::err).is_some_and(|error| error.cause() == Cause::NoProcess)
}

#[track_caller]
fn assert_all_refused(process: &Process) {
    let gone = |error: &Error, operation| {
        assert_error(error, operation, Cause::NoProcess, Some(Errno::ESRCH));
    };
    gone(&process.maps().map(drop).unwrap_err(), Operation::Inspect);
    gone(&process.smaps().map(drop).unwrap_err(), Operation::Inspect);
    gone(&process.smaps_rollup().map(drop).unwrap_err(), Operation::Inspect);
    gone(&inspect::find(process, 4096).unwrap_err(), Operation::Inspect);
    let error = process.advise(std::iter::once(0..page()), Hint::Cold).unwrap_err();
    gone(&error, Operation::Advise);
    gone(&process.release().unwrap_err(), Operation::Release);
}

/// What would destroy bytes has no word here, and what a process may tell only itself is refused.
#[test]
fn only_four_hints_go_to_a_process() {
    let memory = filled(2);
    let range = memory.as_ptr().addr()..memory.as_ptr().addr() + memory.mapped_len();
    let others = [
        Hint::Normal,
        Hint::Random,
        Hint::Sequential,
        Hint::PopulateRead,
        Hint::PopulateWrite,
        Hint::HugePages,
        Hint::NoHugePages,
        Hint::Mergeable,
        Hint::Unmergeable,
        Hint::NoDump,
        Hint::Dump,
    ];
    for process in [Process::myself(), Process::open(std::process::id()).unwrap()] {
        for about in others {
            let error = process.advise([range.clone()], about).unwrap_err();
            assert_error(&error, Operation::Advise, Cause::HintForItself, None);
        }
        for about in [Hint::Cold, Hint::PageOut, Hint::WillNeed] {
            match process.advise([range.clone()], about) {
                Ok(bytes) => assert_eq!(bytes, 2 * page(), "{about:?}"),
                // Without swap there is nothing to read in for memory without a file.
                Err(error) => {
                    assert_eq!((about, error.errno()), (Hint::WillNeed, Some(Errno::EBADF)))
                }
            }
        }
        let mut bytes = vec![0; 2 * page()];
        memory.read_at(0, &mut bytes).unwrap();
        pattern::assert_is(&bytes, 0);
    }
}

#[test]
fn ranges_are_rounded_and_wrong_ones_refused() {
    let memory = filled(3);
    let start = memory.as_ptr().addr();
    let myself = Process::myself();
    let advise = |range: Range<usize>| myself.advise([range], Hint::Cold);
    assert_eq!(advise(start + 1..start + 2).unwrap(), page());
    assert_eq!(advise(start + page() - 1..start + page() + 1).unwrap(), 2 * page());
    assert_eq!(advise(start + 5..start + 5).unwrap(), 0);
    assert_eq!(myself.advise([], Hint::Cold).unwrap(), 0);
    let (from, to) = (start + 1, start);
    let backwards = RangeError::Backwards { start: from as u64, end: to as u64 };
    let error = advise(from..to).unwrap_err();
    assert_error(&error, Operation::Advise, Cause::Range(backwards), None);
    let error = advise(0..usize::MAX).unwrap_err();
    assert_error(&error, Operation::Advise, Cause::Range(RangeError::Overflow), None);
    // What no process can have is a hole, and keeps nothing else from being advised.
    let nobodys = [1 << 63, 1 << 62, 0_usize.wrapping_sub(2 * page())].map(|at| at..at + page());
    assert_eq!(myself.advise(nobodys.clone(), Hint::Cold).unwrap(), 0);
    let pages = (0..3).map(|at| start + at * page()..start + (at + 1) * page());
    let mixed = nobodys
        .into_iter()
        .chain(pages.clone())
        .chain(Some(usize::MAX - 2 * page()..usize::MAX - page()));
    assert_eq!(myself.advise(mixed.chain(pages), Hint::Cold).unwrap(), 6 * page());
}

/// Holes are passed over and not counted, whatever their place; more ranges than a call takes are many calls.
#[test]
fn holes_stop_nothing_and_any_number_of_ranges_goes() {
    let started = companion::start(|| {
        let memory = filled(3000);
        let said = format!("{} {}", memory.as_ptr().addr(), hole_of(&memory));
        (memory, said)
    });
    let Some(other) = started else { return };
    let process = Process::open(other.pid()).unwrap();
    let start = other.number(0);
    let pages: Vec<_> =
        (0..3000).map(|at| start + at * page()..start + (at + 1) * page()).collect();
    assert_eq!(process.advise(pages.clone(), Hint::Cold).unwrap(), 3000 * page());
    // Addresses where nothing is mapped: the first page of all, and one in the middle of nowhere.
    let nothing = [0..page(), other.number(1)..other.number(1) + page()];
    for at in [0, 1, 1023, 1024, 1025, 2999, 3000] {
        let mut ranges = pages.clone();
        for hole in &nothing {
            ranges.insert(at, hole.clone());
        }
        assert_eq!(process.advise(ranges, Hint::Cold).unwrap(), 3000 * page(), "holes at {at}");
    }
    assert_eq!(process.advise(nothing, Hint::Cold).unwrap(), 0);
}

/// An address below a mapping where nothing is.
fn hole_of(mapping: &Mapping) -> usize {
    let mut address = mapping.as_ptr().addr();
    while inspect::find(&Process::myself(), address).unwrap().is_some() {
        address -= page();
    }
    address
}

/// A call takes less than 2 GiB and says nothing of the rest; an answer counts all of it.
#[test]
fn more_than_a_call_takes_is_advised_whole() {
    let started = companion::start(|| {
        let space = Reservation::new(5 << 30).unwrap();
        let said = space.address().to_string();
        (space, said)
    });
    let Some(other) = started else { return };
    let process = Process::open(other.pid()).unwrap();
    let start = other.number(0);
    assert_eq!(process.advise(Some(start..start + (5 << 30)), Hint::Cold).unwrap(), 5 << 30);
    let two = [start..start + (3 << 30), start + page()..start + (2 << 30)];
    assert_eq!(process.advise(two, Hint::Cold).unwrap(), (5 << 30) - page());
}

/// Of a range of all addresses what is mapped is tried. Tried GiB by GiB it would not come to its end.
#[test]
fn a_range_of_all_addresses_comes_to_its_end() {
    child::run(|| {
        let memory = filled(3);
        let start = memory.as_ptr().addr();
        let end = start + 3 * page();
        let myself = Process::myself();
        let advised = myself.advise(Some(0..end), Hint::Cold).unwrap();
        assert!(advised > 3 * page() && advised < end / 2, "{advised}");
        // From there on up is also what cannot be advised, as the pages of the kernel's clock.
        match myself.advise(Some(start..usize::MAX - page()), Hint::Cold) {
            Ok(advised) => assert!(advised >= 3 * page()),
            Err(error) => assert!(error.range().unwrap().0 >= end as u64, "{error}"),
        }
    });
}

/// What cannot be advised stops it, and is told; what came before is done.
#[test]
fn memory_that_cannot_be_advised_is_told() {
    let started = companion::start(|| {
        let (first, second) = (filled(1), filled(2));
        memory::lock(second.as_ptr().addr() + page(), page()).unwrap();
        let said = format!("{} {}", first.as_ptr().addr(), second.as_ptr().addr());
        ((first, second), said)
    });
    let Some(other) = started else { return };
    let process = Process::open(other.pid()).unwrap();
    let (first, locked) = (other.number(0), other.number(1) + page());
    let ranges = [first..first + page(), locked..locked + page(), first..first + page()];
    let error = process.advise(ranges, Hint::PageOut).unwrap_err();
    assert_error(&error, Operation::Advise, Cause::Kernel, Some(Errno::EINVAL));
    assert_eq!(error.range(), Some((locked as u64, page() as u64)));
}

/// Pages of a file leave the process, and come back when it touches them.
#[test]
fn paging_out_a_file_is_seen_in_smaps() {
    let started = companion::start(|| {
        let folder = Folder::new();
        let file = FileObject::open(folder.patterned("file", 64 * page())).unwrap();
        std::fs::File::open(folder.name("file")).unwrap().sync_all().unwrap();
        let mapping = file.map().unwrap();
        mapping.advise(.., Hint::Random).unwrap();
        mapping.advise(.., Hint::PopulateRead).unwrap();
        let said = mapping.as_ptr().addr().to_string();
        ((folder, mapping), said)
    });
    let Some(other) = started else { return };
    let process = Process::open(other.pid()).unwrap();
    let range = other.number(0)..other.number(0) + 64 * page();
    let before = usage_at(&process, range.start).rss().unwrap();
    // A page that is being looked at by somebody else at the moment stays: ask again.
    let gone = (0..100).any(|_| {
        assert_eq!(process.advise([range.clone()], Hint::PageOut).unwrap(), 64 * page());
        usage_at(&process, range.start).rss().unwrap() < before / 2
    });
    assert!(gone && before > 32 * page() as u64, "{before}: {:?}", usage_at(&process, range.start));
    assert_eq!(process.advise([range], Hint::WillNeed).unwrap(), 64 * page());
}

/// A swap file of the test's own, in use while it lives.
struct Swap(Folder);

impl Swap {
    fn new() -> Option<Self> {
        if !require::root() || !require::program("mkswap") || !require::program("swapon") {
            return None;
        }
        let folder = Folder::new();
        let path = folder.name("swap");
        fs::write(&path, vec![0; 64 << 20]).unwrap();
        let run =
            |program: &str| Command::new(program).arg(&path).output().unwrap().status.success();
        require::holds(run("mkswap") && run("swapon"), "a swap file").then(|| Self(folder))
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        drop(Command::new("swapoff").arg(self.0.name("swap")).output());
    }
}

/// Memory without a file goes to swap, and loses nothing by it.
#[test]
fn paging_out_memory_goes_to_swap() {
    let started = companion::start(|| {
        let memory = filled(256);
        let said = memory.as_ptr().addr().to_string();
        (memory, said)
    });
    let Some(other) = started else { return };
    let Some(_swap) = Swap::new() else { return };
    let process = Process::open(other.pid()).unwrap();
    let range = other.number(0)..other.number(0) + 256 * page();
    let out = (0..100).any(|_| {
        assert_eq!(process.advise([range.clone()], Hint::PageOut).unwrap(), 256 * page());
        usage_at(&process, range.start).swap().unwrap() > 128 * page() as u64
    });
    assert!(out, "{:?}", usage_at(&process, range.start));
    let total = process.smaps_rollup().unwrap();
    assert!(total.swap().unwrap() > 128 * page() as u64 && total.swap_pss() > Some(0));
}

/// Another user sees nothing and tells nothing, and is told why.
#[test]
fn another_users_process_is_refused() {
    child::run(|| {
        if !require::root() {
            return;
        }
        // Asked before the rights go: what is refused after is the looking, not the opening.
        let mut roots = cat();
        limits::become_nobody();
        let process = Process::open(roots.id()).unwrap();
        let refused = |error: &Error, operation, errno| {
            assert_error(error, operation, Cause::NotPermitted, Some(errno));
            let line = line_of(error);
            assert!(line.contains("not permitted") && line.contains("CAP_SYS_PTRACE"), "{line}");
        };
        refused(&process.maps().unwrap_err(), Operation::Inspect, Errno::EACCES);
        refused(&process.smaps().unwrap_err(), Operation::Inspect, Errno::EACCES);
        refused(&process.smaps_rollup().unwrap_err(), Operation::Inspect, Errno::EACCES);
        refused(&inspect::find(&process, 4096).unwrap_err(), Operation::Inspect, Errno::EACCES);
        let error = process.advise(std::iter::once(0..page()), Hint::Cold).unwrap_err();
        refused(&error, Operation::Advise, error.errno().unwrap());
        assert!(matches!(error.errno(), Some(Errno::EACCES | Errno::EPERM)), "{error}");
        let error = process.release().unwrap_err();
        assert_error(&error, Operation::Release, Cause::NotDying, Some(Errno::EINVAL));
        // Our own is ours.
        assert!(Process::myself().maps().unwrap().count() > 0);
        assert!(Process::myself().smaps_rollup().is_ok());
        drop(roots.stdin.take());
        roots.wait().unwrap();
    });
}

#[test]
fn only_a_dying_process_is_released() {
    let mut living = cat();
    let process = Process::open(living.id()).unwrap();
    let error = process.release().unwrap_err();
    assert_error(&error, Operation::Release, Cause::NotDying, Some(Errno::EINVAL));
    assert!(
        line_of(&error)
            .starts_with("release the memory of a process: the process is not being killed")
    );
    assert!(process.maps().unwrap().count() > 0, "and it lives on");
    drop(living.stdin.take());
    assert!(living.wait().unwrap().success());
}

/// The memory of a killed process is free before it has run one step of its own end. It is kept from running
/// by a processor that it must share with us.
#[test]
fn the_memory_of_a_killed_process_is_freed_at_once() {
    const BYTES: usize = 32 << 20;
    let mut seen = false;
    for _ in 0..20 {
        let started = companion::start(|| {
            let memory = Anonymous::new(BYTES).map().unwrap();
            memory.advise(.., Hint::PopulateWrite).unwrap();
            rustix::process::nice(19).unwrap();
            (memory, "ready".to_owned())
        });
        let Some(mut other) = started else { return };
        let process = Process::open(other.pid()).unwrap();
        assert!(process.smaps_rollup().unwrap().private_dirty() >= Some(BYTES as u64));
        let mut one = CpuSet::new();
        one.set(0);
        let pid = Pid::from_raw(other.pid().cast_signed());
        for who in [pid, None] {
            sched_setaffinity(who, &one).unwrap();
        }
        other.kill();
        let answer = process.release();
        let after = process.smaps_rollup();
        match answer {
            Ok(()) => {}
            // It was faster, or is at it.
            Err(error) => assert!(
                error.cause() == Cause::NoProcess || error.errno() == Some(Errno::EAGAIN),
                "{error}"
            ),
        }
        if let (Ok(()), Ok(usage)) = (answer, after) {
            assert!(usage.private_dirty() < Some(BYTES as u64 / 16), "{usage:?}");
            seen = true;
        }
        other.wait();
        let error = process.release().unwrap_err();
        assert_error(&error, Operation::Release, Cause::NoProcess, Some(Errno::ESRCH));
        if seen {
            return;
        }
    }
    require::skip("a scheduler that lets a test run on after it killed");
}

/// Its mappings can be had by its number, and what changes there is seen.
#[test]
fn changes_in_another_process_are_seen() {
    let started = companion::start(|| {
        let mut space = Reservation::new(3 * page()).unwrap();
        space.protect(page()..2 * page(), Protection::READ).unwrap();
        let said = space.address().to_string();
        (space, said)
    });
    let Some(other) = started else { return };
    let process = Process::open(other.pid()).unwrap();
    let address = other.number(0) + page();
    let entry = inspect::find(&process, address).unwrap().unwrap();
    assert_eq!(
        (entry.addresses(), entry.protection()),
        (address..address + page(), Protection::READ)
    );
    let listed = process.maps().unwrap().map(Result::unwrap);
    assert_eq!(listed.into_iter().find(|listed| *listed == entry), Some(entry));
}
