//! The room that the first thread's stack has yet to grow into. Something mapped there makes its growth a SIGSEGV.

use crate::page::PageSize;
use core::ops::Range;
use rustix::process::{Resource, getrlimit};

/// What the kernel leaves free below the stack at least, whatever its limit is (`MIN_GAP` of `mm/util.c`). The limit
/// may be raised again after something was mapped.
const LEAST: u64 = 128 << 20;
/// Beyond this a stack without limit is not believed to grow.
const LARGEST: u64 = 1 << 30;
/// `stack_guard_gap`: 256 pages of 4 KiB, by default.
const GAP: u64 = 1 << 20;

/// Whether so many bytes from an address on would stand where the stack has yet to grow.
pub(crate) fn is_in_room(address: usize, len: usize) -> bool {
    let room = room();
    address < room.end && room.start < address.saturating_add(len)
}

/// Whether what grows upwards would end there. What would go on past the room meets the stack itself, and cannot.
pub(crate) fn would_end_in_room(end: usize) -> bool {
    let room = room();
    room.start < end && end <= room.end
}

/// From as far down as the stack may come to its upper end.
fn room() -> Range<usize> {
    let end = end();
    let limit = getrlimit(Resource::Stack).current.unwrap_or(LARGEST).clamp(LEAST, LARGEST);
    let room = usize::try_from(limit.saturating_add(GAP)).unwrap_or(end);
    end.saturating_sub(room)..end
}

/// The upper end of the first thread's stack. The name of the program is the last thing that the kernel puts there
/// (`fs/exec.c`, `bprm->p`): asked for without a descriptor, so that it is known when none is left.
fn end() -> usize {
    let name = rustix::param::linux_execfn();
    let last = name.as_ptr().addr().saturating_add(name.count_bytes());
    PageSize::base().round_up(last.saturating_add(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{self, Name};
    use crate::process::Process;

    #[test]
    fn the_end_is_where_the_kernel_says_it_is() {
        let maps = inspect::maps(&Process::myself()).unwrap();
        let stack = maps.map(Result::unwrap).find(|entry| entry.name() == Name::Stack).unwrap();
        assert_eq!(end(), stack.addresses().end);
        assert!(is_in_room(stack.addresses().start, 1));
        assert!(is_in_room(stack.addresses().start - (100 << 20), 1), "it may grow so far");
        assert!(!is_in_room(stack.addresses().end, 1) && !is_in_room(0, 4096));
        assert!(is_in_room(4096, usize::MAX), "from below into it");
    }
}
