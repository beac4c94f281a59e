//! A guard that swallowed the SIGBUS of others, or let it die elsewhere, would take the one thing away that says what
//! went wrong: the core. A database whose own mapping is truncated got a core that pointed into a handler, or none;
//! a program that handles SIGBUS by itself lost its flags and its mask; `kill -BUS` was taken for a fault and did nothing;
//! and once Rust's own handler had reset the signal, the next lost page killed. What is not ours ends as if we were not there:
//! each case here runs twice, in a process in which the library never armed and in one in which it did, and both
//! must leave the same core, the same exit and the same notes of the handler.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{Cause, FileObject, MapOptions, Mapping, Shared};
use mman_sys::{ActionFlags, SigAction, SigInfo, SigSet, Signal};
use mman_testkit::core_file::{self, Death};
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::signals::{self, Given, Log};
use mman_testkit::{child, fork, page};
use std::ffi::{c_int, c_void};
use std::path::Path;

const SIGBUS: i32 = 7;
const BUS_ADRERR: i32 = 2;
const SI_USER: i32 = 0;

static LOG: Log = Log::new();

/// Notes what it is given, and ends the process the third time: a fault comes again when its handler returns.
extern "C" fn full(signal: c_int, info: *const SigInfo, context: *mut c_void) {
    let (code, address) = Given::new(signal, info, context).told();
    LOG.push(u64::from(code.cast_unsigned()));
    LOG.push(if code > 0 {
        address
    } else {
        u64::from(std::process::id()) ^ (address & 0xffff_ffff)
    });
    LOG.push(u64::from(context.is_null()));
    short(signal);
}

extern "C" fn short(signal: c_int) {
    LOG.push(u64::from(signal.cast_unsigned()));
    LOG.push(signals::blocked().0);
    if LOG.read().iter().filter(|number| **number == SIGBUS as u64).count() >= 3 {
        signals::exit(42);
    }
}

extern "C" fn where_it_runs(_signal: c_int) {
    LOG.push(u64::from(signals::on_alternate_stack()));
    signals::exit(42);
}

/// What a process did: how it ended, its core, what its handler noted.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    exit: Option<i32>,
    signal: Option<i32>,
    core: Option<Death>,
    notes: Vec<u64>,
}

/// The foreign mapping: of a file that became empty, and in nobody's table.
struct Bad {
    folder: Folder,
    mapping: Mapping,
}

impl Bad {
    fn new() -> Option<Self> {
        let folder = Folder::new();
        let path = folder.patterned("foreign", 3 * page());
        let mapping = FileObject::open(&path).unwrap().map().unwrap();
        open_read_write(path).set_len(0).unwrap();
        core_file::allow(folder.path()).then_some(Self { folder, mapping })
    }

    fn address(&self) -> usize {
        self.mapping.as_ptr().addr() + page() + 123
    }
}

/// Runs the body in a fork, with SIGBUS handled as `previous` says before the library is armed, or not.
fn in_fork(folder: &Path, previous: &SigAction, armed: bool, body: impl FnOnce()) -> Outcome {
    LOG.clear();
    let status = fork::and_wait(|| {
        signals::install(Signal::SIGBUS, previous);
        if armed {
            arm(folder);
        }
        body();
        7
    });
    use std::os::unix::process::ExitStatusExt;
    Outcome {
        exit: status.code(),
        signal: status.signal(),
        core: core_file::take(folder),
        notes: LOG.read(),
    }
}

/// Makes a view, and has it meet a fault.
fn arm(folder: &Path) {
    let path = folder.join("ours");
    std::fs::write(&path, vec![1; 2 * page()]).unwrap();
    let view = Shared::open(&path).unwrap();
    assert!(view.is_direct());
    open_read_write(&path).set_len(0).unwrap();
    let error = view.read_at(page(), &mut [0; 9]).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: page() as u64 });
}

/// The same with and without us; what it was.
#[track_caller]
fn the_same(bad: &Bad, previous: &SigAction, body: impl Fn()) -> Outcome {
    let folder = bad.folder.path();
    let without = without_process(in_fork(folder, previous, false, &body));
    let with = without_process(in_fork(folder, previous, true, &body));
    assert_eq!(with, without, "left: with the library, {previous:?}");
    with
}

/// Where a process killed itself, its number is the argument of `kill` and the sender: it differs in the next process.
fn without_process(mut outcome: Outcome) -> Outcome {
    if let Some(core) = &mut outcome.core
        && core.code == SI_USER
    {
        assert_eq!(core.address & 0xffff_ffff, core.argument, "{core:x?}");
        (core.address, core.argument) = (0, 0);
    }
    outcome
}

/// In a child that may leave cores.
fn in_child(body: impl FnOnce(&Bad)) {
    if let Some(bad) = Bad::new() {
        body(&bad);
    }
}

#[track_caller]
fn assert_core_of_fault(outcome: &Outcome, address: usize) {
    let wanted = Death {
        signal: SIGBUS,
        code: BUS_ADRERR,
        address: address as u64,
        instruction: signals::touching_instruction(),
        argument: address as u64,
    };
    assert_eq!((outcome.signal, outcome.core), (Some(SIGBUS), Some(wanted)));
}

const DEFAULT: SigAction =
    SigAction { handler: 0, flags: ActionFlags::from_bits(0), restorer: 0, mask: SigSet(0) };
const IGNORE: SigAction = SigAction { handler: 1, ..DEFAULT };
const NO_FLAGS: ActionFlags = ActionFlags::from_bits(0);
const NONE: SigSet = SigSet(0);

#[test]
fn the_core_is_that_of_the_instruction() {
    child::run(|| {
        in_child(|bad| {
            let rust = signals::installed(Signal::SIGBUS);
            assert!(rust.handler > 1, "the runtime of Rust has a handler");
            for previous in [DEFAULT, rust, IGNORE] {
                let address = bad.address();
                let outcome = the_same(bad, &previous, || signals::touch(address));
                assert_core_of_fault(&outcome, address);
            }
        });
    });
}

#[test]
fn handlers_of_every_shape_see_what_they_would_have_seen() {
    child::run(|| {
        in_child(|bad| {
            let address = bad.address();
            let mask = SigSet(SigSet::of(Signal::SIGUSR1).0 | SigSet::of(Signal::SIGIO).0);
            for flags in [NO_FLAGS, ActionFlags::NODEFER, ActionFlags::RESTART] {
                for mask in [NONE, mask] {
                    for previous in
                        [signals::full(full, flags, mask), signals::short(short, flags, mask)]
                    {
                        let outcome = the_same(bad, &previous, || signals::touch(address));
                        assert_eq!((outcome.exit, outcome.core), (Some(42), None));
                        let blocked = *outcome.notes.last().unwrap();
                        assert_eq!(blocked & mask.0, mask.0);
                        let defers = !flags.contains(ActionFlags::NODEFER);
                        assert_eq!(SigSet(blocked).contains(Signal::SIGBUS), defers);
                        let is_full = previous.flags.contains(ActionFlags::SIGINFO);
                        let each = if is_full { 5 } else { 2 };
                        assert_eq!(outcome.notes.len(), 3 * each, "{outcome:?}");
                        if is_full {
                            assert_eq!(outcome.notes[..2], [BUS_ADRERR as u64, address as u64]);
                        }
                    }
                }
            }
        });
    });
}

#[test]
fn a_handler_for_once_is_called_once() {
    child::run(|| {
        in_child(|bad| {
            let address = bad.address();
            for flags in [ActionFlags::RESETHAND, ActionFlags::RESETHAND | ActionFlags::NODEFER] {
                for previous in
                    [signals::full(full, flags, NONE), signals::short(short, flags, NONE)]
                {
                    let outcome = the_same(bad, &previous, || signals::touch(address));
                    assert_core_of_fault(&outcome, address);
                    let each = if previous.flags.contains(ActionFlags::SIGINFO) { 5 } else { 2 };
                    assert_eq!(outcome.notes.len(), each, "{outcome:?}");
                    let outcome = the_same(bad, &previous, || {
                        signals::send(Signal::SIGBUS);
                        LOG.push(1000);
                        signals::send(Signal::SIGBUS);
                    });
                    assert_eq!(outcome.notes.last(), Some(&1000));
                    assert_eq!(outcome.core.map(|core| core.code), Some(SI_USER), "{outcome:?}");
                }
            }
        });
    });
}

#[test]
fn the_alternate_stack_is_used_where_it_was() {
    child::run(|| {
        in_child(|bad| {
            let address = bad.address();
            let previous = signals::short(where_it_runs, ActionFlags::ONSTACK, NONE);
            let outcome = the_same(bad, &previous, || signals::touch(address));
            assert_eq!(outcome.notes, [1]);
        });
    });
}

/// A signal that is sent comes once: to a handler, to nobody where it is ignored, and where it kills, the core says
/// who sent it.
#[test]
fn what_is_sent_is_passed_on_once() {
    child::run(|| {
        in_child(|bad| {
            let send_twice = || {
                signals::send(Signal::SIGBUS);
                LOG.push(1000);
                signals::send(Signal::SIGBUS);
            };
            let outcome = the_same(bad, &IGNORE, send_twice);
            assert_eq!((outcome.exit, outcome.core, outcome.notes), (Some(7), None, vec![1000]));
            for flags in [NO_FLAGS, ActionFlags::NODEFER] {
                for previous in
                    [signals::full(full, flags, NONE), signals::short(short, flags, NONE)]
                {
                    let outcome = the_same(bad, &previous, send_twice);
                    assert_eq!((outcome.exit, outcome.core), (Some(7), None));
                    let sent = outcome.notes.iter().filter(|note| **note == SIGBUS as u64);
                    assert_eq!(sent.count(), 2, "{outcome:?}");
                }
            }
            let folder = bad.folder.path();
            for armed in [false, true] {
                let outcome = in_fork(folder, &DEFAULT, armed, || {
                    LOG.push(std::process::id().into());
                    signals::send(Signal::SIGBUS);
                    LOG.push(1000);
                });
                let core = outcome.core.unwrap();
                assert_eq!(
                    (outcome.signal, core.signal, core.code),
                    (Some(SIGBUS), SIGBUS, SI_USER)
                );
                assert_eq!(outcome.notes, [core.address & 0xffff_ffff], "the sender");
            }
        });
    });
}

/// Rust's own handler takes itself away when it meets a signal that it does not know. The process lives on, and so
/// must the guard.
#[test]
fn the_guard_is_back_after_the_runtime_of_rust_reset_it() {
    child::run(|| {
        in_child(|bad| {
            let folder = bad.folder.path();
            let rust = signals::installed(Signal::SIGBUS);
            let outcome = the_same(bad, &rust, || {
                signals::send(Signal::SIGBUS);
                LOG.push(1000);
                signals::send(Signal::SIGBUS);
                LOG.push(1001);
            });
            assert_eq!((outcome.signal, outcome.notes), (Some(SIGBUS), vec![1000]));
            assert_eq!(outcome.core.unwrap().code, SI_USER);
            let status = fork::and_wait(|| {
                signals::install(Signal::SIGBUS, &rust);
                let path = folder.join("before");
                std::fs::write(&path, vec![1; 2 * page()]).unwrap();
                let before = Shared::open(&path).unwrap();
                signals::send(Signal::SIGBUS);
                open_read_write(&path).set_len(0).unwrap();
                assert!(before.read_at(0, &mut [0]).is_err(), "made before, and still guarded");
                arm(folder);
                7
            });
            assert_eq!(status.code(), Some(7), "{status}");
            assert_eq!(core_file::take(folder), None);
        });
    });
}

static BEFORE: std::sync::OnceLock<SigAction> = std::sync::OnceLock::new();

extern "C" fn forwarding(signal: c_int, info: *const SigInfo, context: *mut c_void) {
    LOG.push(1);
    if let Some(before) = BEFORE.get() {
        match before.handler {
            0 | 1 => signals::install(Signal::SIGBUS, &DEFAULT),
            _ => Given::new(signal, info, context).forward(before),
        }
    }
}

extern "C" fn not_forwarding(_signal: c_int) {
    LOG.push(2);
    signals::exit(43);
}

fn view_of(folder: &Path, name: &str) -> (Shared, std::path::PathBuf) {
    let path = folder.join(name);
    std::fs::write(&path, vec![1; 2 * page()]).unwrap();
    (Shared::open(&path).unwrap(), path)
}

fn truncate(path: &Path) {
    open_read_write(path).set_len(0).unwrap();
}

/// Two libraries that each put themselves on top of the other again and again passed a signal in a circle, for ever.
#[test]
fn a_later_handler_that_forwards_keeps_old_views_and_gives_new_ones_calls() {
    child::run(|| {
        in_child(|bad| {
            let (address, folder) = (bad.address(), bad.folder.path());
            for previous in [DEFAULT, signals::full(full, NO_FLAGS, NONE)] {
                let with = in_fork(folder, &previous, true, || {
                    let (old, old_path) = view_of(folder, "old");
                    BEFORE.set(signals::installed(Signal::SIGBUS)).unwrap();
                    let ours = signals::full(forwarding, NO_FLAGS, NONE);
                    signals::install(Signal::SIGBUS, &ours);
                    let (new, new_path) = view_of(folder, "new");
                    assert!(old.is_direct() && !new.is_direct() && !mman::signal::arm());
                    assert_eq!(signals::installed(Signal::SIGBUS).handler, ours.handler);
                    for (view, path) in [(old, old_path), (new, new_path)] {
                        truncate(&path);
                        let error = view.read_at(0, &mut [0; 5]).unwrap_err();
                        assert_eq!(error.cause(), Cause::Truncated { at: 0 });
                    }
                    assert_eq!(LOG.read(), [1], "one fault, of the old view");
                    signals::touch(address);
                });
                if previous.handler == 0 {
                    assert_core_of_fault(&with, address);
                } else {
                    assert_eq!((with.exit, with.core), (Some(42), None), "{with:?}");
                }
            }
        });
    });
}

#[test]
fn a_later_handler_that_does_not_forward_gives_new_views_calls() {
    child::run(|| {
        in_child(|bad| {
            let folder = bad.folder.path();
            for handler in [signals::short(not_forwarding, NO_FLAGS, NONE), IGNORE] {
                let with = in_fork(folder, &DEFAULT, true, || {
                    let armed = signals::installed(Signal::SIGBUS);
                    let (old, _) = view_of(folder, "old");
                    signals::install(Signal::SIGBUS, &handler);
                    let (new, path) = view_of(folder, "new");
                    assert!(old.is_direct() && !new.is_direct());
                    let mut bytes = [0; 5];
                    new.read_at(page(), &mut bytes).unwrap();
                    assert_eq!(bytes, [1; 5]);
                    truncate(&path);
                    let error = new.read_at(page(), &mut bytes).unwrap_err();
                    assert_eq!(error.cause(), Cause::Truncated { at: page() as u64 });
                    assert!(new.write_out(std::io::stderr(), ..).is_err());
                    // Where it is taken away again, the guard is back, over whatever is the default.
                    signals::install(Signal::SIGBUS, &DEFAULT);
                    assert!(view_of(folder, "third").0.is_direct());
                    assert_eq!(signals::installed(Signal::SIGBUS).handler, armed.handler);
                });
                assert_eq!((with.exit, with.notes), (Some(7), vec![]));
            }
        });
    });
}

#[test]
fn a_private_mapping_of_ours_that_is_no_view_is_foreign_too() {
    child::run(|| {
        in_child(|bad| {
            let path = bad.folder.patterned("private", 2 * page());
            let mapping = MapOptions::private().map(&FileObject::open(&path).unwrap()).unwrap();
            truncate(&path);
            let address = mapping.as_ptr().addr() + 77;
            let outcome = the_same(bad, &DEFAULT, || signals::touch(address));
            assert_core_of_fault(&outcome, address);
        });
    });
}
