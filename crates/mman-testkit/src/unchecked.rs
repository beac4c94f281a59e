//! The unsafe methods of the library, for tests that keep the habits of this crate.

use mman::{Advice, Frozen, Leased, MapFlags, MapOptions, Mapping, Refused, Result, Shared};
use mman_sys::LeaseType;
use std::ops::{Range, RangeBounds};

/// [`MapOptions::replacing`] an address that is the test's own.
pub fn replacing(options: MapOptions, address: usize) -> MapOptions {
    // SAFETY: the address is the test's own, or it is refused.
    unsafe { options.replacing(address) }
}

/// [`MapOptions::flags`] that replace nothing.
///
/// # Panics
///
/// For flags that do.
pub fn flags(options: MapOptions, flags: MapFlags) -> MapOptions {
    assert!(!flags.contains(MapFlags::FIXED), "flags that replace nothing");
    // SAFETY: checked; and the type of the object stays.
    unsafe { options.flags(flags) }
}

/// [`Mapping::move_to`] an address that is the test's own.
///
/// # Errors
///
/// Its own.
pub fn move_to(mapping: &mut Mapping, address: usize) -> Result<()> {
    // SAFETY: the address is the test's own, or it is refused.
    unsafe { mapping.move_to(address) }
}

/// [`Mapping::advise_unchecked`], on memory that nobody reaches by pointer.
///
/// # Errors
///
/// Its own.
///
/// # Panics
///
/// For advice that takes memory away from the whole machine.
pub fn advise(mapping: &Mapping, range: impl RangeBounds<usize>, advice: Advice) -> Result<()> {
    assert!(![Advice::HWPOISON, Advice::SOFT_OFFLINE].contains(&advice), "not on this machine");
    // SAFETY: no test has a pointer to the bytes.
    unsafe { mapping.advise_unchecked(range, advice) }
}

/// Seals a mapping with mseal: it stays until the process ends, a child.
///
/// # Errors
///
/// What the kernel answers.
pub fn seal(mapping: &Mapping) -> Result<(), mman::Errno> {
    let page = mapping.page_size();
    let start = page.round_down(mapping.as_ptr().addr());
    // SAFETY: the range is the mapping's; that nothing can be changed any more is what the test wants.
    unsafe { mman_sys::mseal(crate::memory::pointer(start), mapping.mapped_len(), 0) }
}

/// Gives a mapping up without unmapping it: its pages are another's now, or two owners claim them.
pub fn disown(mapping: Mapping) {
    std::mem::forget(mapping);
}

/// Unmaps addresses that are the test's own, and that no mapping owns any more.
///
/// # Panics
///
/// Where the kernel refuses.
pub fn unmap(range: Range<usize>) {
    // SAFETY: the range is the test's own, and nobody has a reference into it.
    unsafe { mman_sys::munmap(crate::memory::pointer(range.start), range.len()) }.expect("munmap");
}

/// Reads a byte by pointer: what nobody may touch is a signal. The pointer's provenance was exposed.
#[must_use]
pub fn touch(address: usize) -> u8 {
    // SAFETY: the byte is the test's own, and nobody writes it meanwhile; where it cannot be read, the process ends.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// Drops what another thread owned that is not in this process: one that was just forked.
pub fn drop_in_fork<T>(value: &T) {
    // SAFETY: its owner exists in the parent only, and this process ends without using it again.
    drop(unsafe { std::ptr::from_ref(value).read() });
}

/// [`Shared::assume_immutable`] of an object that the test leaves alone while the slice lives.
///
/// # Errors
///
/// Its own.
pub fn assume_immutable(view: Shared) -> Result<Frozen, Refused<Shared>> {
    // SAFETY: the object is the test's own, and is left alone.
    unsafe { view.assume_immutable() }
}

/// Says that the test's handler of SIGBUS passes faults on, which it does.
///
/// # Errors
///
/// Those of [`mman::signal::host_forwards`].
pub fn host_forwards() -> mman::Result<()> {
    // SAFETY: the test has installed one, and keeps it.
    unsafe { mman::signal::host_forwards() }
}

/// [`Leased::assume_not_stopped`] of a test that is not stopped, and keeps no slice where the lease is taken away.
///
/// # Errors
///
/// Its own.
pub fn assume_not_stopped(view: Leased) -> Result<Frozen, Refused<Leased>> {
    // SAFETY: the test is not stopped while it has the slice.
    unsafe { view.assume_not_stopped() }
}

/// Takes the leases of a file away, as the kernel does from who does not answer. Answers how many descriptors of this
/// process had the file open.
///
/// # Panics
///
/// Where `/proc` cannot be read.
#[must_use]
pub fn take_leases_away(path: &std::path::Path) -> usize {
    let mut taken = 0;
    for entry in std::fs::read_dir("/proc/self/fd").expect("the descriptors of this process") {
        let entry = entry.expect("a descriptor");
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) =
            number.filter(|_| std::fs::read_link(entry.path()).is_ok_and(|to| to == path))
        else {
            continue;
        };
        // SAFETY: open a moment ago, and the test closes none meanwhile.
        let _had_one_or_not = unsafe { mman_sys::set_lease(number, LeaseType::NONE) };
        taken += 1;
    }
    taken
}
