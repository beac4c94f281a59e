//! Whether the kernel moves what it counts as several mappings.
#![expect(unsafe_code, reason = "moves memory of its own, to see whether the kernel does")]

use super::{Area, Place, Request};
use crate::error::{Error, ObjectKind, Operation, Result};
use crate::page::{PageRange, PageSize};
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;
use mman_sys::{Errno, MapFlags, Prot};
use mman_typed::Failure;

/// Whether this kernel moves a range of several mappings at once (6.17): tried on pages of our own, and remembered.
///
/// # Errors
///
/// `ENOMEM` where it could not be tried, at the limit of mappings: then nothing is remembered.
pub(super) fn several_mappings() -> Result<bool, Errno> {
    const NOT_TRIED: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;
    static ANSWER: AtomicU8 = AtomicU8::new(NOT_TRIED);
    match ANSWER.load(Relaxed) {
        NOT_TRIED => {
            let answer = match try_several() {
                Ok(()) => YES,
                Err(error) if error.errno() == Some(Errno::EFAULT) => NO,
                Err(_) => return Err(Errno::ENOMEM),
            };
            ANSWER.store(answer, Relaxed);
            Ok(answer == YES)
        }
        known => Ok(known == YES),
    }
}

fn try_several() -> Result<()> {
    let page = PageSize::base();
    let len = page.bytes().saturating_mul(2);
    let request = Request {
        kind: ObjectKind::Anonymous,
        len,
        page,
        prot: Prot::NONE,
        flags: MapFlags::PRIVATE | MapFlags::ANONYMOUS,
        fd: -1,
        offset: 0,
    };
    let failed = |why: Failure| Error::kernel(Operation::Map, ObjectKind::Anonymous, why.errno);
    // SAFETY: nothing is replaced, and there is no descriptor.
    let mut source = unsafe { Area::map(request, Place::Anywhere) }.map_err(failed)?;
    // SAFETY: as above.
    let target = unsafe { Area::map(request, Place::Anywhere) }.map_err(failed)?;
    let first = PageRange::within(0..page.bytes(), page);
    source.protect(Operation::Protect, first, Prot::READ)?;
    let place = target.into_pages().start();
    // SAFETY: the place was the target's, which gave it up. Where the kernel cannot, the place is empty or leaks two
    // pages of addresses.
    unsafe { source.move_to(place) }
}
