//! The structs of the calls, laid out as the kernel has them.

use crate::{FaultFlags, PageCategories, ProcmapFlags, ScanFlags, Signal, UserfaultFeatures};
use linux_raw_sys::general as raw;

/// A descriptor as the kernel sees it. Whoever passes one owes what the crate's rule 2 says.
pub type RawFd = core::ffi::c_int;

/// What `fstat` tells of a file (`asm/stat.h`). The width and sign of some fields differ between machines.
pub type Stat = raw::stat;
/// A part of a process's memory, for the calls that take many (`linux/uio.h`).
pub type IoVec = raw::iovec;
/// Seconds and nanoseconds (`linux/time_types.h`).
pub type Timespec = raw::__kernel_timespec;

/// A range of memory in a userfaultfd call: start and length in bytes (`linux/userfaultfd.h`).
pub type UffdRange = raw::uffdio_range;

/// What is told of a System V shared memory object (`asm/shmbuf.h`): 112 bytes, of which some have a name here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ShmStat {
    /// Its key; 0 for [`IPC_PRIVATE`](crate::IPC_PRIVATE).
    pub key: i32,
    /// The user whose it is.
    pub owner: u32,
    group_and_maker: [u32; 3],
    /// The bits of its mode, with some of the kernel's above them.
    pub mode: u32,
    sequence: [u64; 3],
    /// In bytes, as it was asked for.
    pub size: u64,
    times: [u64; 3],
    /// The process that made it; 0 where it has no number here.
    pub creator: i32,
    last: i32,
    /// How often it is attached: each process that forked with it counts.
    pub attached: u64,
    unused: [u64; 2],
}

/// A range of a file in bytes, for `cachestat` (`linux/mman.h`, 6.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct CachestatRange {
    /// First byte.
    pub off: u64,
    /// Length; 0 is to the end.
    pub len: u64,
}

/// What `cachestat` counts, in pages (`linux/mman.h`, 6.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Cachestat {
    /// In the page cache.
    pub nr_cache: u64,
    /// Of those, changed and not written back.
    pub nr_dirty: u64,
    /// Of those, being written back.
    pub nr_writeback: u64,
    /// Reclaimed, and still remembered.
    pub nr_evicted: u64,
    /// Of those, so recently that their return would mean the memory is short.
    pub nr_recently_evicted: u64,
}

/// A run of pages that `PAGEMAP_SCAN` found alike (`linux/fs.h`, 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PageRegion {
    /// Address of the first byte.
    pub start: u64,
    /// Address after the last byte.
    pub end: u64,
    /// What the pages have in common, of what was asked.
    pub categories: PageCategories,
}

/// The question of `PAGEMAP_SCAN` (`linux/fs.h`, 6.7). `size`, `vec` and `vec_len` are filled by [`crate::pagemap_scan`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct ScanArg {
    /// Size of this struct.
    pub size: u64,
    /// What to do besides telling.
    pub flags: ScanFlags,
    /// Address of the first byte.
    pub start: u64,
    /// Address after the last byte.
    pub end: u64,
    /// Where the scan ended; written by the kernel.
    pub walk_end: u64,
    /// Address of the regions to fill.
    pub vec: u64,
    /// How many there is room for.
    pub vec_len: u64,
    /// Stop after so many pages; 0 for no limit.
    pub max_pages: u64,
    /// Categories whose sense is turned round.
    pub category_inverted: PageCategories,
    /// Categories that a page must all have.
    pub category_mask: PageCategories,
    /// Categories of which a page must have one; empty for no such condition.
    pub category_anyof_mask: PageCategories,
    /// Categories to tell of.
    pub return_mask: PageCategories,
}

/// Question and answer of `PROCMAP_QUERY` (`linux/fs.h`, 6.11). Sizes and addresses are filled by
/// [`crate::procmap_query`].
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct ProcmapQuery {
    /// Size of this struct.
    pub size: u64,
    /// Which mappings are asked for.
    pub query_flags: ProcmapFlags,
    /// The address asked about.
    pub query_addr: u64,
    /// Address of the mapping's first byte.
    pub vma_start: u64,
    /// Address after its last byte.
    pub vma_end: u64,
    /// Its protection and sharing.
    pub vma_flags: ProcmapFlags,
    /// Its page size in bytes.
    pub vma_page_size: u64,
    /// Its offset in the file, in bytes.
    pub vma_offset: u64,
    /// The file's inode number.
    pub inode: u64,
    /// The file's device, major number.
    pub dev_major: u32,
    /// The file's device, minor number.
    pub dev_minor: u32,
    /// Length of the name with its zero byte: room before the call, use after it.
    pub vma_name_size: u32,
    /// Room for the build id; none is asked for.
    pub build_id_size: u32,
    /// Address of the room for the name.
    pub vma_name_addr: u64,
    /// Address of the room for the build id.
    pub build_id_addr: u64,
}

/// A set of signals, bit `n - 1` for signal `n` (the kernel's, 64 bits; not the C library's).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SigSet(pub u64);

impl SigSet {
    /// The set of this one signal; empty for a number outside 1 to 64.
    #[must_use]
    pub const fn of(signal: Signal) -> Self {
        match signal.raw().checked_sub(1) {
            Some(bit) if bit < 64 => Self(1 << bit),
            _ => Self(0),
        }
    }

    /// Whether the signal is in the set.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::of(signal).0 != 0
    }
}

/// How a signal is handled (`asm/signal.h`: the kernel's layout, which is not the C library's).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SigAction {
    /// Address of the handler; 0 is the default action, 1 ignores.
    pub handler: usize,
    /// How it is called.
    pub flags: crate::ActionFlags,
    /// Where the handler returns to; filled by [`crate::sigaction`] where the machine needs it.
    pub restorer: usize,
    /// What is blocked while it runs.
    pub mask: SigSet,
}

/// What is told of a signal (`asm/siginfo.h`): 128 bytes, of which the fields for memory have names here.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct SigInfo {
    /// The signal.
    pub signal: Signal,
    /// An error number, mostly 0.
    pub errno: i32,
    /// Where it comes from: `SI_USER` (0) and negative for programs, `BUS_ADRERR` (2) and the like from the kernel.
    pub code: i32,
    pad: u32,
    fields: [u64; 14],
}

impl SigInfo {
    /// `si_code` of a SIGBUS for an address whose object has nothing there (`asm-generic/siginfo.h`).
    pub const BUS_ADRERR: i32 = 2;

    /// Nothing told yet: what a call fills.
    #[must_use]
    pub const fn empty() -> Self {
        Self { signal: Signal::from_raw(0), errno: 0, code: 0, pad: 0, fields: [0; 14] }
    }

    /// `si_addr`: the address that faulted, for SIGBUS and SIGSEGV from the kernel.
    #[must_use]
    pub const fn address(&self) -> u64 {
        let [first, ..] = self.fields;
        first
    }

    /// `si_fd`: the descriptor, for SIGIO and the signal set in its place.
    #[must_use]
    pub const fn descriptor(&self) -> RawFd {
        let [_, second, ..] = self.fields;
        let [a, b, c, d, ..] = second.to_ne_bytes();
        RawFd::from_ne_bytes([a, b, c, d])
    }
}

/// Who gets a descriptor's signals (`asm-generic/fcntl.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Owner {
    /// A thread, a process or a group.
    pub kind: crate::OwnerType,
    /// Its number.
    pub id: i32,
}

/// What a userfaultfd can do, answered by [`crate::uffd_api`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UffdApi {
    /// The features that the kernel knows.
    pub features: UserfaultFeatures,
    /// Bit `n` for each ioctl number `n` that the descriptor takes.
    pub ioctls: u64,
}

/// One message of a userfaultfd, decoded ([`crate::UffdMessage::event`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UffdEvent {
    /// A thread touched a page.
    Pagefault {
        /// What kind of touch.
        flags: FaultFlags,
        /// The address, rounded down to its page unless `EXACT_ADDRESS` was asked for.
        address: u64,
        /// The thread, where `THREAD_ID` was asked for, else 0.
        thread: u32,
    },
    /// The process forked; the child's ranges report to this descriptor, which is now ours to close.
    Fork {
        /// A new userfaultfd.
        fd: RawFd,
    },
    /// A range moved.
    Remap {
        /// Where it was.
        from: u64,
        /// Where it is.
        to: u64,
        /// Its length in bytes.
        len: u64,
    },
    /// The pages of a range were dropped or punched out.
    Remove {
        /// Address of the first byte.
        start: u64,
        /// Address after the last byte.
        end: u64,
    },
    /// A range was unmapped.
    Unmap {
        /// Address of the first byte.
        start: u64,
        /// Address after the last byte.
        end: u64,
    },
    /// A kind of event that this crate does not know.
    Other(u8),
}

/// A message of a userfaultfd as it is read (`linux/userfaultfd.h`): 32 bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct UffdMessage {
    head: [u8; 8],
    words: [u64; 3],
}

impl UffdMessage {
    /// What the message says.
    #[must_use]
    pub const fn event(&self) -> UffdEvent {
        let [kind, ..] = self.head;
        let [a, b, c] = self.words;
        match kind as u32 {
            raw::UFFD_EVENT_PAGEFAULT => UffdEvent::Pagefault {
                flags: FaultFlags::from_bits(a),
                address: b,
                thread: first_half(c),
            },
            raw::UFFD_EVENT_FORK => UffdEvent::Fork { fd: first_half(a).cast_signed() },
            raw::UFFD_EVENT_REMAP => UffdEvent::Remap { from: a, to: b, len: c },
            raw::UFFD_EVENT_REMOVE => UffdEvent::Remove { start: a, end: b },
            raw::UFFD_EVENT_UNMAP => UffdEvent::Unmap { start: a, end: b },
            _ => UffdEvent::Other(kind),
        }
    }
}

/// The 32-bit member of a union that is read as one 64-bit word: its first four bytes in memory.
const fn first_half(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

/// Log2 of the page sizes that `MAP_HUGE_*` can name, smallest first (`linux/mman.h`).
pub const HUGE_PAGE_LOG2: [u32; 13] = [14, 16, 19, 20, 21, 23, 24, 25, 28, 29, 30, 31, 34];

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{align_of, offset_of, size_of};

    #[test]
    fn our_structs_have_the_size_and_places_of_the_generated_ones() {
        assert_eq!(size_of::<ScanArg>(), size_of::<raw::pm_scan_arg>());
        assert_eq!(offset_of!(ScanArg, return_mask), offset_of!(raw::pm_scan_arg, return_mask));
        assert_eq!(offset_of!(ScanArg, max_pages), offset_of!(raw::pm_scan_arg, max_pages));
        assert_eq!(size_of::<PageRegion>(), size_of::<raw::page_region>());
        assert_eq!(size_of::<ProcmapQuery>(), size_of::<raw::procmap_query>());
        let ours = offset_of!(ProcmapQuery, build_id_addr);
        assert_eq!(ours, offset_of!(raw::procmap_query, build_id_addr));
        assert_eq!(offset_of!(ProcmapQuery, inode), offset_of!(raw::procmap_query, inode));
        assert_eq!(size_of::<SigInfo>(), size_of::<raw::siginfo>());
        assert_eq!(align_of::<SigInfo>(), align_of::<raw::siginfo>());
        assert_eq!(size_of::<SigAction>(), size_of::<raw::kernel_sigaction>());
        assert_eq!(offset_of!(SigAction, mask), offset_of!(raw::kernel_sigaction, sa_mask));
        assert_eq!(size_of::<UffdMessage>(), size_of::<raw::uffd_msg>());
        assert_eq!(offset_of!(UffdMessage, words), offset_of!(raw::uffd_msg, arg));
        assert_eq!(size_of::<Cachestat>(), size_of::<raw::cachestat>());
        let ours = offset_of!(Cachestat, nr_recently_evicted);
        assert_eq!(ours, offset_of!(raw::cachestat, nr_recently_evicted));
        assert_eq!(size_of::<CachestatRange>(), size_of::<raw::cachestat_range>());
        assert_eq!(size_of::<Owner>(), size_of::<raw::f_owner_ex>());
    }

    #[test]
    fn a_signal_set_holds_just_its_signals() {
        let set = SigSet::of(Signal::SIGBUS);
        assert_eq!(set.0, 1 << 6);
        assert!(set.contains(Signal::SIGBUS) && !set.contains(Signal::SIGSEGV));
        assert_eq!(SigSet::of(Signal::from_raw(0)), SigSet(0));
        assert_eq!(SigSet::of(Signal::from_raw(65)), SigSet(0));
        assert_eq!(SigSet::of(Signal::from_raw(64)), SigSet(1 << 63));
    }

    #[test]
    fn messages_decode_to_what_they_say() {
        let mut message = UffdMessage::default();
        message.head[0] = 18;
        message.words = [1, 0x7000, 42];
        let expected =
            UffdEvent::Pagefault { flags: FaultFlags::WRITE, address: 0x7000, thread: 42 };
        assert_eq!(message.event(), expected);
        message.head[0] = 19;
        message.words = [9, 0, 0];
        assert_eq!(message.event(), UffdEvent::Fork { fd: 9 });
        message.head[0] = 99;
        assert_eq!(message.event(), UffdEvent::Other(99));
    }
}
