//! Giving the advice, mapping by mapping, so that each refusal is known by its own reason.

use super::targets::{Target, Targets};
use crate::args::How;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use mman::kernel::Feature;
use mman::process::Process;
use mman::{Cause, Errno, Error, Hint};
use std::collections::BTreeMap;
use std::ops::Range;

/// How it went.
#[derive(Default)]
pub(super) struct Done {
    /// Mappings that were advised.
    pub(super) mappings: u64,
    /// What was refused: how many mappings and how many bytes of address space, by the reason.
    pub(super) refused: BTreeMap<&'static str, (u64, u64)>,
    pub(super) interrupted: bool,
}

/// A step: between two of them an interrupt is heard.
const STEP: usize = 256 << 20;
/// One call of read-ahead reads a window and leaves the rest.
const WINDOW: usize = 128 << 10;

/// Says what this kernel lacks.
pub(super) fn assert_possible(how: How) -> Result<(), Failure> {
    let needed = match how {
        How::Cold | How::Pageout => &[Feature::ProcessAdvise, Feature::PageOut][..],
        How::Willneed => &[Feature::ProcessAdvise],
        How::Collapse => &[Feature::ProcessAdvise, Feature::Collapse],
    };
    match needed.iter().find_map(|feature| Some((feature, feature.support().err()?))) {
        None | Some((_, Errno::EPERM | Errno::EACCES)) => Ok(()),
        Some((Feature::ProcessAdvise, errno)) => Err(lacks("process_madvise, since 5.10", errno)),
        Some((Feature::Collapse, errno)) => Err(lacks("MADV_COLLAPSE, since 6.1", errno)),
        Some((_, errno)) => Err(lacks("MADV_COLD and MADV_PAGEOUT, since 5.4", errno)),
    }
}

fn lacks(what: &str, errno: Errno) -> Failure {
    Failure::line(format!("this kernel cannot do it: it lacks {what} ({errno})"))
}

const fn hint(how: How) -> Hint {
    match how {
        How::Cold => Hint::Cold,
        How::Pageout => Hint::PageOut,
        How::Willneed => Hint::WillNeed,
        How::Collapse => Hint::Collapse,
    }
}

/// Gives it. Fails where the process may not be advised at all, or has ended.
pub(super) fn act(
    process: &Process,
    targets: &Targets,
    how: How,
    interrupt: &Interrupt,
) -> Result<Done, Error> {
    let mut done = Done::default();
    for target in &targets.chosen {
        if interrupt.is_set() {
            done.interrupted = true;
            break;
        }
        match one(process, target, how, interrupt) {
            Ok(true) => done.mappings = done.mappings.saturating_add(1),
            Ok(false) => {
                let size = target.addresses.len() as u64;
                add(&mut done, "unmapped meanwhile", size);
            }
            Err(error) => {
                let Some(why) = refusal(how, &error) else { return Err(error) };
                add(&mut done, why, target.addresses.len() as u64);
            }
        }
    }
    Ok(done)
}

fn add(done: &mut Done, why: &'static str, size: u64) {
    let (mappings, bytes) = done.refused.entry(why).or_default();
    (*mappings, *bytes) = (mappings.saturating_add(1), bytes.saturating_add(size));
}

/// One mapping; false where it is not there any more.
fn one(process: &Process, target: &Target, how: How, interrupt: &Interrupt) -> Result<bool, Error> {
    let mut advised = 0_usize;
    for step in pieces(target.addresses.clone(), STEP) {
        let window = if how == How::Willneed { WINDOW } else { STEP };
        let bytes = process.advise(pieces(step, window), hint(how))?;
        advised = advised.saturating_add(bytes);
        if interrupt.is_set() {
            break;
        }
    }
    Ok(advised > 0)
}

/// A range in pieces of at most so many bytes.
fn pieces(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = range;
    let starts = (start..end).step_by(len.max(1));
    starts.map(move |start| start..start.saturating_add(len).min(end))
}

/// What a refusal of one mapping means; `None` where it is about the whole process.
fn refusal(how: How, error: &Error) -> Option<&'static str> {
    if matches!(error.cause(), Cause::NotPermitted | Cause::NoProcess) {
        return None;
    }
    Some(match (how, error.errno()?) {
        (_, Errno::ENOSYS) => return None,
        (How::Willneed, Errno::EBADF) => "without a file, and there is no swap",
        (How::Collapse, Errno::EINVAL) => "of a kind that has no huge pages here (EINVAL)",
        (How::Collapse, Errno::EAGAIN) => "in use: worth another try (EAGAIN)",
        (How::Collapse, Errno::EBUSY) => "pages in use, or their cgroup at its limit (EBUSY)",
        (How::Collapse, Errno::ENOMEM) => "no free huge page (ENOMEM)",
        (_, Errno::EINVAL) => "locked, or memory that cannot be advised so (EINVAL)",
        (_, Errno::EIO) => "input or output failed (EIO)",
        _ => "for a reason that the kernel does not tell",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_of_it_and_no_more() {
        let all: Vec<_> = pieces(5..22, 8).collect();
        assert_eq!(all, [5..13, 13..21, 21..22]);
        assert_eq!(pieces(usize::MAX - 3..usize::MAX, 2).count(), 2);
        assert_eq!(pieces(4..4, 8).count(), 0);
    }
}
