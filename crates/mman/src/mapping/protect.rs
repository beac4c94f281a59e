//! Changing what pages may be used for.

use crate::error::{Operation, Result};
use crate::mapping::Mapping;
use core::ops::RangeBounds;
use mman_sys::Prot;

impl Mapping {
    /// Sets the protection of pages. [mprotect(2)](https://man7.org/linux/man-pages/man2/mprotect.2.html)
    ///
    /// ```
    /// use mman::{Anonymous, Cause, Protection};
    ///
    /// let mut memory = Anonymous::new(8192).map()?;
    /// memory.protect(4096.., Protection::READ)?;
    /// assert!(memory.write_at(0, b"x").is_ok());
    /// assert_eq!(memory.write_at(4096, b"x").unwrap_err().cause(), Cause::Denied);
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range), also for bounds that are no page boundaries;
    /// [`Cause::Denied`](crate::Cause::Denied): the file is not open for that;
    /// [`Cause::MapCountLimit`](crate::Cause::MapCountLimit), [`Cause::Sealed`](crate::Cause::Sealed).
    #[inline]
    pub fn protect(&mut self, range: impl RangeBounds<usize>, protection: Prot) -> Result<()> {
        let pages = self.exactly(Operation::Protect, &range)?;
        self.area.protect(Operation::Protect, pages, protection).map_err(|error| self.told(error))
    }
}
