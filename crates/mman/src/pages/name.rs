//! Names for anonymous memory, shown by `/proc/PID/maps`.

use crate::error::{Cause, Operation, Result};
use crate::pages::Pages;
use core::ffi::CStr;
use core::ops::RangeBounds;
use mman_sys as sys;
use mman_sys::Errno;

/// Bytes of a name, with the zero at its end (`ANON_VMA_NAME_MAX_LEN`, `linux/mm.h`).
const LIMIT: usize = 80;

impl Pages<'_> {
    /// Names anonymous memory, for who looks at `/proc/PID/maps` (`[anon:NAME]`); `None` takes the name away (5.17,
    /// where the kernel is built with it). Rounded outwards to pages. Neighbours of different names are mappings of
    /// their own. [PR_SET_VMA(2const)](https://man7.org/linux/man-pages/man2/PR_SET_VMA.2const.html)
    ///
    /// ```
    /// use mman::{Anonymous, Cause};
    ///
    /// let memory = Anonymous::new(4096).map()?;
    /// if let Err(error) = memory.pages().name(.., Some(c"row cache")) {
    ///     assert_eq!(error.cause(), Cause::NotSupported);
    /// }
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::NotSupported`]; [`Cause::BadName`]: longer than 79 bytes, a byte that is not printable ASCII, or one of
    /// `\`, `` ` ``, `$`, `[`, `]`; [`Cause::NotAnonymous`]; [`Cause::MapCountLimit`].
    pub fn name(&self, range: impl RangeBounds<usize>, name: Option<&CStr>) -> Result<()> {
        let pages = self.covering(Operation::Name, &range)?;
        let answer = self.area.ask(pages, |start, len| sys::set_anonymous_name(start, len, name));
        answer.map_err(|errno| {
            let error = self.area.error(Operation::Name, pages, errno);
            self.told(match errno {
                Errno::EBADF => error.because(Cause::NotAnonymous),
                Errno::EINVAL if name.is_some_and(|name| !is_good(name)) => {
                    error.because(Cause::BadName)
                }
                Errno::EINVAL => error.because(Cause::NotSupported),
                _ => error,
            })
        })
    }
}

fn is_good(name: &CStr) -> bool {
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\\`$[]".contains(byte);
    name.count_bytes() < LIMIT && name.to_bytes().iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_the_kernel_does() {
        assert!(is_good(c"row cache") && is_good(c""));
        assert!(!is_good(c"a$b") && !is_good(c"[heap]") && !is_good(c"\x7f") && !is_good(c"a\tb"));
        let long = std::ffi::CString::new(vec![b'a'; 79]).unwrap();
        assert!(is_good(&long));
        let longer = std::ffi::CString::new(vec![b'a'; 80]).unwrap();
        assert!(!is_good(&longer));
    }
}
