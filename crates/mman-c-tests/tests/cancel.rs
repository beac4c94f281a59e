//! A thread that is cancelled in `msync`, unwound by C++: through the frame of ours. The cases of C are in
//! `conformance.rs`, with all the others.

use mman_c_tests::aarch64::Aarch64;
use mman_c_tests::differences::Host;
use mman_c_tests::lines::compare;
use mman_c_tests::program::{Program, Way};
use mman_c_tests::tools::have;

/// Destructors run, as they do with the C library's `msync`, and the exception can be caught and thrown on.
fn unwinds(way: Way) {
    if !have("g++") {
        return;
    }
    let program = Program::new("cancel_unwind.cc");
    let (host, ours) = (program.run(Way::Host), program.run(way));
    let comparison = compare(&ours.lines, &host.lines, Host::Glibc);
    assert!(comparison.found.is_empty(), "{:#?}", comparison.found);
    assert_eq!(host.lines.len(), 4);
}

#[test]
fn a_linked_program_unwinds() {
    unwinds(Way::Linked);
}

#[test]
fn a_preloaded_program_unwinds() {
    unwinds(Way::Preloaded);
}

#[test]
fn a_static_program_unwinds() {
    unwinds(Way::Static);
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
