//! What a descriptor of a typed memory object remembers, in the kernel: its flag, and which opening it came from.
//!
//! Both are of the open file description, so they go through dup, fork and exec, and nobody has to be told that a descriptor
//! was closed:
//!
//! - the *flag* in the number of the signal that it would send if it were asked to, which nothing on such a file ever does;
//! - the *mark* in where it stands, further out than any file reaches: a number of its own for each opening. POSIX leaves reading, writing and seeking on such
//!   descriptors open; who does it anyway only finds that [`offset`](crate::offset) does not name the descriptor any more.
#![expect(unsafe_code, reason = "passes descriptors that callers name")]

use crate::file::File;
use crate::object::TypedFlags;
use crate::path::Path;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicU32};
use mman_sys::{
    Errno, OpenFlags, RawFd, Signal, get_signal, getpid, position, set_position, set_signal,
};

/// The signal of a descriptor without a flag; the flag is added.
const REMEMBERED: u32 = 50;

/// Where marks begin, in a file that can be so long: nobody else stands there.
const FAR_OUT: u64 = 0x7fff_ffff_8000_0000;
/// The bits of a mark.
const MARKS: u64 = 0x3fff_ffff;

/// Whether this process may have descriptors of typed memory.
static USE: AtomicU8 = AtomicU8::new(NOT_LOOKED);
/// Nobody has asked yet: it may have some from the program that ran here before.
const NOT_LOOKED: u8 = 0;
const NONE: u8 = 1;
const SOME: u8 = 2;

/// Has a description that was just opened remember them.
pub(crate) fn remember(file: &File, flags: TypedFlags) -> Result<(), Errno> {
    static OPENINGS: AtomicU32 = AtomicU32::new(0);
    let remembered = Signal::from_raw(REMEMBERED.wrapping_add(flags.bits()));
    // SAFETY: the descriptor is ours. No signal is sent: that takes a request that such a file does not even know.
    unsafe { set_signal(file.raw(), remembered) }?;
    // Openings of several processes begin at different places.
    let start = getpid().cast_unsigned().wrapping_mul(0x9e37);
    let mark = u64::from(OPENINGS.fetch_add(1, Relaxed).wrapping_add(start)) & MARKS;
    // SAFETY: the descriptor is ours.
    let stand = |at| unsafe { set_position(file.raw(), at) };
    // A device stands where it stands: there a mark is always 0.
    let _marked = stand(FAR_OUT | mark).or_else(|_| stand(mark));
    there_is_one();
    Ok(())
}

/// Says that there is one, however it came here.
pub(crate) fn there_is_one() {
    USE.store(SOME, Relaxed);
}

/// The mark of the description that a descriptor has now.
pub(crate) fn mark_of(fd: RawFd) -> u16 {
    // SAFETY: the call changes nothing; a descriptor that is not open is an error.
    let at = unsafe { position(fd) }.unwrap_or(0);
    u16::try_from(at & 0xffff).unwrap_or(0)
}

/// Whether a descriptor that remembers a flag is certainly one of typed memory, of whatever configuration: it stands where
/// only those do.
pub(crate) fn is_far_out(fd: RawFd) -> bool {
    // SAFETY: as above.
    unsafe { position(fd) }.is_ok_and(|at| at & !MARKS == FAR_OUT)
}

/// Whether a descriptor of a file stands where one of typed memory may: far out, or, where the file system has no files of
/// that length, at a mark.
pub(crate) fn is_marked(fd: RawFd) -> bool {
    // SAFETY: as above.
    let at = unsafe { position(fd) }.unwrap_or(0);
    at & !MARKS == FAR_OUT || (1..=MARKS).contains(&at)
}

/// The flag that the description of a descriptor remembers; `None` for any other descriptor.
pub(crate) fn flags_of(fd: RawFd) -> Option<TypedFlags> {
    // SAFETY: as above.
    let signal = unsafe { get_signal(fd) }.ok()?;
    TypedFlags::from_bits(signal.raw().checked_sub(REMEMBERED)?)
}

/// Whether a descriptor looks like one of a typed memory object. What [`map`](crate::map) then says is certain.
///
/// One relaxed load in a process that neither opened such an object nor was started with one, and a short call in one that
/// did; the first time, the descriptors that the process has are looked at. One that a process without any other receives
/// later, by a message of a socket, is not seen until [`info`](crate::info) is asked of it.
#[inline]
#[must_use]
pub fn may_be_typed(fd: RawFd) -> bool {
    USE.load(Relaxed) != NONE && is_typed(fd)
}

#[cold]
fn is_typed(fd: RawFd) -> bool {
    if USE.load(Relaxed) == NOT_LOOKED {
        let found = if has_some() { SOME } else { NONE };
        // Where another thread has opened one meanwhile, there are some.
        let _or_it_is_known = USE.compare_exchange(NOT_LOOKED, found, Relaxed, Relaxed);
    }
    USE.load(Relaxed) == SOME && flags_of(fd).is_some()
}

/// Whether the process has one; where that cannot be told, it may have.
fn has_some() -> bool {
    let directory = Path::of(&[b"/proc/self/fd"]);
    let Ok(directory) = File::open(&directory, OpenFlags::DIRECTORY, 0) else { return true };
    let mut found = false;
    let told = directory.each_name(&mut |name| {
        let fd = name.iter().try_fold(0_i32, |number, digit| {
            let digit = char::from(*digit).to_digit(10)?.cast_signed();
            number.checked_mul(10)?.checked_add(digit)
        });
        found = found || fd.is_some_and(|fd| flags_of(fd).is_some());
    });
    found || told.is_err()
}
