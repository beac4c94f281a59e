//! `san`: the library's tests under AddressSanitizer, where there is a nightly toolchain.

use std::path::Path;
use std::process::Command;

use crate::ci::Verdict;
use crate::failure::Done;
use crate::log::Log;
use crate::{metadata, run};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The tests that work on memory. Those of limits and of whole address spaces are left out: the sanitizer's own
/// memory, terabytes of addresses, is in what they count.
const TESTS: &[&str] = &[
    "allocator",
    "atomics",
    "frozen",
    "guard_foreign",
    "guard_fork",
    "guard_handler",
    "guard_owner",
    "guard_storage",
    "guard_storm",
    "map_file",
    "memfd",
    "memory",
    "model",
    "past_end",
    "protect",
    "ranges",
    "reader_writer",
    "remap",
    "reservation",
    "shm",
    "split_merge",
    "sync_advise",
    "views",
    "views_model",
    "views_of_files",
];

/// Tests of these that are left out too.
const LEFT_OUT: &[&str] = &[
    // Loom changes stacks: five minutes instead of six seconds, for the memory of a model.
    "signal::state::",
    // At the limit of mappings, and of locked memory, the sanitizer itself gets no memory.
    "memory_that_could_not_be_frozen_can_be_written",
    "a_process_that_locks_all_its_memory_survives_a_truncation",
];

/// Bad memory accesses through a mapping are what this library is about: its own handlers and its
/// tests must see the signals, not a report. `ASAN_OPTIONS` from outside is kept.
const OPTIONS: &str = "handle_segv=0:handle_sigbus=0";

/// Leaks of the tests' own tools.
const LEAKS: &str = "xtask/src/san_leaks.txt";

pub(crate) fn run(root: &Path, log: &Log) -> Done<Verdict> {
    if (std::env::consts::OS, std::env::consts::ARCH) != ("linux", "x86_64") {
        log.skip("san needs Linux on x86-64", "");
        return Ok(Verdict::Skipped);
    }
    if !has_nightly() {
        log.skip("san needs a nightly toolchain (rustup toolchain install nightly)", "");
        return Ok(Verdict::Skipped);
    }
    let target = metadata::read(root)?.target.join("san");
    let mut command = Command::new("rustup");
    run::without_our_toolchain(&mut command)
        .current_dir(root)
        .args(["run", "nightly", "cargo", "test", "--target", TARGET])
        .args(["--package", "mman", "--lib", "--locked", "--no-fail-fast"])
        .args(TESTS.iter().flat_map(|test| ["--test", test]))
        .args(["--", "--show-output"])
        .args(LEFT_OUT.iter().flat_map(|test| ["--skip", test]))
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("ASAN_OPTIONS", std::env::var("ASAN_OPTIONS").unwrap_or_else(|_| OPTIONS.into()))
        .env("LSAN_OPTIONS", format!("suppressions={}", root.join(LEAKS).display()))
        .env("CARGO_TARGET_DIR", target);
    run::tests("the tests under AddressSanitizer", &mut command, log)?;
    Ok(Verdict::Passed)
}

fn has_nightly() -> bool {
    let toolchains = Command::new("rustup").args(["toolchain", "list"]).output();
    toolchains.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("nightly"))
    })
}
