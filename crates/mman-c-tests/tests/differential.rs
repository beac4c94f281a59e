//! The same random calls through this library and through the host's: the same results, the same errnos, the
//! same mappings.
//!
//! `MMAN_FUZZ_CALLS` says how many (`cargo xtask fuzz` sets it), `MMAN_FUZZ_SEED` makes one seed alone.

use mman_c_tests::fuzz::{Driver, Tally};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

const CALLS: u64 = 200_000;
/// What is called with one seed.
const CALLS_OF_A_SEED: u64 = 20_000;
/// Seeds that are the same in every run.
const FIXED_SEEDS: u64 = 9;

/// What the environment says, if anything.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// One that nobody has chosen.
fn random_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) >> 16
}

/// The seeds and how many calls to make with each.
fn plan(calls: u64) -> Vec<(u64, u64)> {
    let random = random_seed();
    println!("random seeds from {random} on");
    let whole = |run: u64| (calls - run * CALLS_OF_A_SEED).min(CALLS_OF_A_SEED);
    let seed = |run: u64| if run < FIXED_SEEDS { run + 1 } else { random + run - FIXED_SEEDS };
    (0..calls.div_ceil(CALLS_OF_A_SEED)).map(|run| (seed(run), whole(run))).collect()
}

/// Whether the machine lets the fuzzer run, said where it does not.
fn can_run() -> bool {
    let lacks = lacks_fixed_addresses();
    if lacks {
        eprintln!("skipped: needs personality(ADDR_NO_RANDOMIZE)");
    }
    !lacks
}

/// Sandboxes forbid it.
fn lacks_fixed_addresses() -> bool {
    let tried = std::process::Command::new("setarch").args(["-R", "true"]).output();
    // Without setarch the driver itself will say.
    tried.is_ok_and(|output| !output.status.success())
}

#[test]
fn random_calls_are_answered_alike() {
    if !can_run() {
        return;
    }
    let calls = number("MMAN_FUZZ_CALLS").unwrap_or(CALLS);
    let plan = number("MMAN_FUZZ_SEED").map_or_else(|| plan(calls), |seed| vec![(seed, calls)]);
    let driver = Driver::built();
    let mut tally = Tally::default();
    let begin = Instant::now();
    for (seed, calls) in plan {
        if let Err(difference) = driver.run(seed, calls, &mut tally) {
            panic!("{difference}");
        }
    }
    println!("{tally} in {:.1} s", begin.elapsed().as_secs_f64());
    assert_eq!(tally.calls(), calls);
    if calls >= CALLS {
        check_reach(&tally);
    }
}

/// Every function was called, and those that every machine has both ways: with success and without.
fn check_reach(tally: &Tally) {
    assert_eq!(tally.functions(), 27);
    let both_ways = "mmap mmap64 munmap mprotect msync mlock mlock2 munlock mlockall mremap madvise posix_madvise \
                     mincore memfd_create shm_open shm_unlink remap_file_pages process_madvise pkey_mprotect";
    for name in both_ways.split_whitespace() {
        let (succeeded, refused) = tally.of(name);
        assert!(
            succeeded >= 50 && refused >= 20,
            "{name}: {succeeded} succeeded, {refused} refused"
        );
    }
}

/// The fuzzer is worth its time: it finds what it is to find, with the calls it is given here.
#[test]
fn mistakes_are_found() {
    if !can_run() {
        return;
    }
    let mistakes = "PROTECTION_BIT_IGNORED UNKNOWN_PROTECTION_IGNORED WRONG_ERRNO OFFSET_CUT ALWAYS_SUCCEEDS \
                    ERRNO_ON_SUCCESS FLAGS_DROPPED OTHER_ADVICE LENGTH_CUT NOTHING_DONE";
    let mut driver = Driver::built();
    for mistake in mistakes.split_whitespace() {
        driver.make_mistake(mistake);
        let found = driver.run(1, CALLS, &mut Tally::default());
        let Err(difference) = found else { panic!("{mistake} was not found") };
        println!("{mistake} after {} calls: {}", difference.calls(), difference.ours());
    }
}
