//! In which order the storage serves this thread's reads.

use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use mman_sys::{Errno, ioprio_set};

/// The scheduling class of what a thread reads from storage. It counts where the device's scheduler heeds it (`bfq`,
/// `mq-deadline`). [ioprio_set(2)](https://man7.org/linux/man-pages/man2/ioprio_set.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoClass {
    /// As the thread's scheduling policy and nice value have it.
    Default,
    /// Served in turn with others.
    BestEffort,
    /// Served when nobody else has asked for some time.
    Idle,
}

/// Sets the class of the calling thread. Threads that it starts later take it over; those that run keep theirs.
///
/// ```
/// use mman::process::{IoClass, set_io_class};
///
/// std::thread::spawn(|| {
///     set_io_class(IoClass::Idle)?;
///     std::fs::read("Cargo.toml").map_err(|_| "read").ok();
///     Ok::<(), mman::Error>(())
/// });
/// ```
///
/// # Errors
///
/// [`Cause::NotSupported`]: a kernel without block devices; what `ioprio_set` answers.
pub fn set_io_class(class: IoClass) -> Result<()> {
    /// `IOPRIO_WHO_PROCESS`: a thread; 0 is the one that calls (`linux/ioprio.h`).
    const THREAD: i32 = 1;
    /// `IOPRIO_CLASS_SHIFT`.
    const SHIFT: u32 = 13;
    /// In the middle, of 0 to 7.
    const LEVEL: i32 = 4;
    let priority = match class {
        IoClass::Default => 0,
        IoClass::BestEffort => 2 << SHIFT | LEVEL,
        IoClass::Idle => 3 << SHIFT,
    };
    ioprio_set(THREAD, 0, priority).map_err(|errno| {
        let cause = if errno == Errno::ENOSYS { Cause::NotSupported } else { Cause::Kernel };
        Error::kernel(Operation::Advise, ObjectKind::Process, errno).because(cause)
    })
}
