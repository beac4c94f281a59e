//! A thread that is cancelled in `msync`, unwound by C++ through the frame of ours: at any moment, and at every
//! instruction. The cases of C are in `conformance.rs`, with all the others.
//!
//! A request that came while the thread was in the procedure linkage table of `libmman.so` was once acted on without
//! a destructor being run: the linker writes no unwind information for that table. `cancel_steps.cc` finds such gaps.

use mman_c_tests::aarch64::Aarch64;
use mman_c_tests::differences::Host;
use mman_c_tests::lines::compare;
use mman_c_tests::program::{Program, Way};
use mman_c_tests::tools::have;

/// A program of C++ does with ours what it does with the C library's: all its cases hold.
fn unwinds(source: &str, way: Way) {
    if !have("g++") {
        return;
    }
    let program = Program::new(source);
    let (host, ours) = (program.run(Way::Host), program.run(way));
    for line in &host.skipped {
        eprintln!("{line}");
    }
    let comparison = compare(&ours.lines, &host.lines, Host::Glibc);
    assert!(comparison.found.is_empty(), "{:#?}", comparison.found);
}

#[test]
fn a_linked_program_unwinds() {
    unwinds("cancel_unwind.cc", Way::Linked);
}

#[test]
fn a_preloaded_program_unwinds() {
    unwinds("cancel_unwind.cc", Way::Preloaded);
}

#[test]
fn a_static_program_unwinds() {
    unwinds("cancel_unwind.cc", Way::Static);
}

#[test]
fn a_linked_program_unwinds_at_every_instruction() {
    unwinds("cancel_steps.cc", Way::Linked);
}

#[test]
fn a_preloaded_program_unwinds_at_every_instruction() {
    unwinds("cancel_steps.cc", Way::Preloaded);
}

#[test]
fn a_static_program_unwinds_at_every_instruction() {
    unwinds("cancel_steps.cc", Way::Static);
}

/// Linked or preloaded, it is our `msync` that is unwound.
#[test]
fn it_is_ours_that_is_unwound() {
    if !have("g++") {
        return;
    }
    let program = Program::new("cancel_unwind.cc");
    for way in [Way::Linked, Way::Preloaded] {
        let bound = program.bound_to_ours(way);
        assert!(bound.contains("msync"), "{way:?}: {bound:?}");
        assert_eq!(bound, program.imports(way), "{way:?}");
    }
}

/// The other frame, written for the other processor: the cases of `cancel.c` hold there too.
#[test]
fn a_program_for_aarch64_is_cancelled() {
    let Some(aarch64) = Aarch64::built() else { return };
    let run = aarch64.run("cancel.c");
    assert!(run.lines.iter().any(|line| line.case == "cancel-at-any-moment-ended"));
}
