//! Memory of processes: advice from outside, the release of a dying one, names, policies, shadow stacks.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::process::{advise_process, part, pidfd, release, shadow_stack};
use common::{Map, in_child, line_of, page, refused, skip};
use mman_sys::{
    Advice, Errno, ShadowStackFlags, getpid, gettid, ioprio_set, pidfd_open, set_anonymous_name,
};
use std::process::{Child, Command, Stdio};

/// A process that waits until it is killed, and is killed when the test ends.
struct Victim(Child);

impl Victim {
    fn new() -> Self {
        let nothing = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(nothing.unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The answer is how many bytes were advised, over all ranges.
#[test]
fn advice_to_a_process_answers_the_bytes_advised() {
    let (first, second) = (Map::private(2), Map::private(3));
    first.fill(7);
    let ranges = [part(&first, 0..2), part(&second, 1..2)];
    let itself = pidfd(getpid());
    assert_eq!(advise_process(&itself, &ranges, Advice::COLD, 0), Ok(3 * page()));
    assert_eq!([first.get(0), first.get(1)], [7, 7]);
}

/// What stops it half way is told only by the bytes: the answer is fewer than asked.
#[test]
fn advice_that_stops_half_way_answers_what_was_done() {
    in_child(|| {
        let map = Map::private(3);
        map.unmap(1..2).unwrap();
        let ranges = [part(&map, 0..1), part(&map, 1..2), part(&map, 2..3)];
        let itself = pidfd(getpid());
        assert_eq!(advise_process(&itself, &ranges, Advice::COLD, 0), Ok(page()));
        let hole = [part(&map, 1..2)];
        assert_eq!(advise_process(&itself, &hole, Advice::COLD, 0), Err(Errno::ENOMEM));
    });
}

/// A process may tell itself what it could not tell another: dropping pages is accepted since 6.13, and
/// does what it does.
#[test]
fn a_process_may_drop_its_own_pages() {
    if common::proc::kernel() < (6, 13) {
        return skip("Linux 6.13, where a process may tell itself anything");
    }
    let map = Map::private(2);
    map.fill(7);
    let itself = pidfd(getpid());
    assert_eq!(advise_process(&itself, &[part(&map, 0..1)], Advice::DONTNEED, 0), Ok(page()));
    assert_eq!([map.get(0), map.get(1)], [0, 7]);
}

/// Another process is told only what destroys nothing.
#[test]
fn another_process_is_told_nothing_that_destroys() {
    let victim = Victim::new();
    let other = pidfd(victim.pid());
    let map = Map::private(1);
    for advice in [Advice::DONTNEED, Advice::FREE, Advice::NORMAL, Advice::from_raw(4711)] {
        let answer = advise_process(&other, &[part(&map, 0..1)], advice, 0);
        assert_eq!(answer, Err(Errno::EINVAL), "{advice:?}");
    }
    for advice in [Advice::COLD, Advice::PAGEOUT, Advice::WILLNEED] {
        // Our address means nothing there: what is refused is the hole, not the advice.
        let answer = advise_process(&other, &[part(&map, 0..1)], advice, 0);
        if answer == Err(Errno::EPERM) {
            return skip("the right to advise other processes");
        }
        assert!(
            matches!(answer, Ok(_) | Err(Errno::ENOMEM | Errno::EBADF)),
            "{advice:?} {answer:?}"
        );
    }
}

/// A file that is no process, a flag, more ranges than a call may have, and a list that cannot be read.
#[test]
fn bad_arguments_of_advice_to_a_process() {
    let map = Map::private(1);
    let range = part(&map, 0..1);
    let no_process = common::memfd(1);
    assert_eq!(advise_process(&no_process, &[range], Advice::COLD, 0), Err(Errno::EBADF));
    let itself = pidfd(getpid());
    assert_eq!(advise_process(&itself, &[range], Advice::COLD, 1), Err(Errno::EINVAL));
    assert_eq!(advise_process(&itself, &[range; 1025], Advice::COLD, 0), Err(Errno::EINVAL));
    assert_eq!(advise_process(&itself, &[range; 1024], Advice::COLD, 0), Ok(1024 * page()));
    let unreadable = common::process::advise_from_nowhere(&itself, Advice::COLD);
    assert_eq!(unreadable, Err(Errno::EFAULT));
}

/// Releasing the memory of what is no process is refused.
#[test]
fn releasing_what_is_no_process_is_ebadf() {
    assert_eq!(release(&-1, 0), Err(Errno::EBADF));
    assert_eq!(release(&common::memfd(1), 0), Err(Errno::EBADF));
}

/// So is that of a process which is not about to die, and there are no flags.
#[test]
fn releasing_a_living_process_or_with_flags_is_einval() {
    assert_eq!(release(&pidfd(getpid()), 0), Err(Errno::EINVAL));
    let victim = Victim::new();
    assert_eq!(release(&pidfd(victim.pid()), 0), Err(Errno::EINVAL));
    assert_eq!(release(&pidfd(victim.pid()), 1), Err(Errno::EINVAL));
}

/// That of a killed process is released, unless the process was faster and had none any more.
#[test]
fn releasing_a_killed_process_succeeds() {
    let mut victim = Victim::new();
    let other = pidfd(victim.pid());
    victim.0.kill().unwrap();
    let answer = release(&other, 0);
    assert!(matches!(answer, Ok(()) | Err(Errno::ESRCH)), "{answer:?}");
    victim.0.wait().unwrap();
    assert_eq!(release(&other, 0), Err(Errno::ESRCH), "gone for good");
}

/// A process has a number, and so has a thread: the first thread has that of its process.
#[test]
fn a_thread_has_a_number_of_its_own() {
    assert_eq!(getpid(), std::process::id().cast_signed());
    let other = std::thread::spawn(gettid).join().unwrap();
    assert_ne!(other, gettid());
    assert!(std::fs::exists(format!("/proc/self/task/{}", gettid())).unwrap());
}

/// A descriptor of a process needs a process.
#[test]
fn a_descriptor_of_no_process_is_refused() {
    assert_eq!(pidfd_open(0, 0), Err(Errno::EINVAL));
    assert_eq!(pidfd_open(i32::MAX, 0), Err(Errno::ESRCH));
}

/// The class of what a thread reads is that of the thread that asks; a class that is none is refused.
#[test]
fn reading_has_a_class() {
    let answers = std::thread::spawn(|| (ioprio_set(1, 0, 3 << 13), ioprio_set(1, 0, 7 << 13)));
    assert_eq!(answers.join().unwrap(), (Ok(()), Err(Errno::EINVAL)));
    assert_eq!(ioprio_set(1, i32::MAX, 3 << 13), Err(Errno::ESRCH));
}

/// Memory without a file can have a name, where the kernel was built for it, and lose it again.
#[test]
fn anonymous_memory_can_have_a_name() {
    let map = Map::private(1);
    let start = common::ptr(map.start());
    match set_anonymous_name(start, page(), Some(c"mman test")) {
        Err(Errno::EINVAL) => return skip("names of anonymous memory (CONFIG_ANON_VMA_NAME)"),
        answer => assert_eq!(answer, Ok(())),
    }
    assert_eq!(line_of(map.start()).unwrap().name, "[anon:mman test]");
    assert_eq!(set_anonymous_name(start, page(), Some(c"a$b")), Err(Errno::EINVAL));
    set_anonymous_name(start, page(), None).unwrap();
    assert_eq!(line_of(map.start()).unwrap().name, "");
}

/// A shadow stack needs a processor and a kernel that have them.
#[test]
fn a_shadow_stack_is_mapped_or_not_known() {
    match shadow_stack(16 * page(), ShadowStackFlags::SET_TOKEN) {
        Ok(map) => {
            // The token at the top of the stack holds the address behind it, and bit 0 for 64 bits.
            let token = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| common::peek(map.end() - 8 + n));
            assert_eq!(u64::from_ne_bytes(token), map.end() as u64 | 1);
            let unknown = ShadowStackFlags::from_bits(1 << 40);
            assert_eq!(refused(shadow_stack(page(), unknown)), Errno::EINVAL);
        }
        Err(errno) => {
            assert!([Errno::ENOSYS, Errno::EOPNOTSUPP].contains(&errno), "{errno}");
            skip("shadow stacks");
        }
    }
}
