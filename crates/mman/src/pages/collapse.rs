//! Why huge pages could not be made of a range.

use crate::error::{Cause, Error};
use crate::kernel::Feature;
use mman_sys::Errno;

/// The error of `MADV_COLLAPSE`, with which of its causes it was. [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)
pub(crate) fn explained(error: Error) -> Error {
    if error.cause() != Cause::Kernel {
        return error;
    }
    error.because(match error.errno() {
        Some(Errno::EAGAIN) => Cause::InUse,
        Some(Errno::EBUSY) => Cause::GroupLimit,
        Some(Errno::ENOMEM) => Cause::NoHugePage,
        Some(Errno::EINVAL) if Feature::Collapse.support().is_err() => Cause::NotSupported,
        Some(Errno::EINVAL) => Cause::NotCollapsible,
        _ => Cause::Kernel,
    })
}
