//! On which nodes the pages of each mapping are.

use super::line::decimal;
use super::lines::{Lines, Source};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::process::Process;
use core::fmt;
use mman_sys::Errno;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

/// Where the pages of one mapping are: a line of `/proc/PID/numa_maps`.
/// [numa(7)](https://man7.org/linux/man-pages/man7/numa.7.html)
///
/// ```
/// use mman::{inspect, process::Process};
///
/// if let Ok(nodes) = inspect::numa_maps(&Process::myself()) {
///     let bytes: Result<u64, mman::Error> =
///         nodes.map(|one| Ok(one?.nodes().iter().map(|(_, bytes)| bytes).sum::<u64>())).sum();
///     assert!(bytes? > 0);
/// }
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    address: usize,
    policy: Vec<u8>,
    nodes: Vec<(u32, u64)>,
}

impl Placement {
    /// The first address of the mapping.
    #[must_use]
    pub const fn address(&self) -> usize {
        self.address
    }

    /// The policy of its memory, in the kernel's words: `default`, `bind:0-1`, `prefer (many):1`.
    #[must_use]
    pub fn policy(&self) -> &OsStr {
        OsStr::from_bytes(&self.policy)
    }

    /// Each node that has pages of it, and how many bytes, in the order of the nodes.
    #[must_use]
    pub fn nodes(&self) -> &[(u32, u64)] {
        &self.nodes
    }

    /// Takes a line over; `None` where no kernel prints it.
    fn set(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let address = str::from_utf8(words.next()?).ok()?;
        self.address = usize::from_str_radix(address, 16).ok()?;
        self.policy.clear();
        self.policy.extend_from_slice(words.next()?);
        self.nodes.clear();
        let mut page = 0;
        for word in words {
            if word.starts_with(b"(") && self.nodes.is_empty() {
                // The one policy whose name has a space.
                self.policy.push(b' ');
                self.policy.extend_from_slice(word);
            } else if let Some(size) = word.strip_prefix(b"kernelpagesize_kB=") {
                page = decimal(size)?.checked_mul(1024)?;
            } else if let Some(node) = node(word) {
                self.nodes.push(node);
            }
        }
        for (_, pages) in &mut self.nodes {
            *pages = pages.checked_mul(page)?;
        }
        Some(())
    }
}

/// `N0=12`
fn node(word: &[u8]) -> Option<(u32, u64)> {
    let rest = word.strip_prefix(b"N")?;
    let equals = rest.iter().position(|byte| *byte == b'=')?;
    let (number, pages) = rest.split_at_checked(equals)?;
    Some((u32::try_from(decimal(number)?).ok()?, decimal(pages.get(1..)?)?))
}

/// Where the pages of each mapping of a process are, in the order of their addresses, read as they are asked for.
/// It walks the pages of the process. Mappings of the kernel's own (`[vsyscall]`) are not told.
pub struct NumaMaps<'text> {
    lines: Lines<'text>,
    any: bool,
}

/// Where the pages of each mapping of a process are. One without memory of its own has no mappings.
///
/// # Errors
///
/// Those of [`maps`](super::maps); [`Cause::Kernel`] (`ENOENT`) where the kernel knows no nodes.
pub fn numa_maps(process: &Process) -> Result<NumaMaps<'static>> {
    match process.file("numa_maps") {
        Ok(file) => Ok(NumaMaps::new(Source::Process { file, maps: None })),
        Err(error) if error.errno() == Some(Errno::ENOENT) && process.file("maps").is_ok() => {
            let missing = Error::kernel(Operation::Inspect, ObjectKind::Process, Errno::ENOENT);
            Err(missing.because(Cause::Kernel))
        }
        Err(error) => Err(error),
    }
}

impl<'text> NumaMaps<'text> {
    fn new(source: Source<'text>) -> Self {
        Self { lines: Lines::new(source), any: false }
    }

    /// What a text tells, in the form of `/proc/PID/numa_maps`: one that was kept, say.
    #[must_use]
    pub fn of_text(text: impl Read + Send + 'text) -> Self {
        Self::new(Source::Text(Box::new(text)))
    }

    /// Fills `placement` with the next mapping; false, and it as it was, after the last.
    ///
    /// # Errors
    ///
    /// Those of [`numa_maps`]. The placement holds nothing of use then.
    pub fn read_into(&mut self, placement: &mut Placement) -> Result<bool> {
        let answer = self.read(placement);
        if answer.is_err() {
            self.any = false;
            self.lines.end();
        }
        answer
    }

    fn read(&mut self, placement: &mut Placement) -> Result<bool> {
        if !self.lines.ready()? {
            if self.any {
                self.any = false;
                self.lines.assert_still_there()?;
            }
            return Ok(false);
        }
        placement.set(self.lines.current()).ok_or_else(|| self.lines.not_understood())?;
        self.lines.pass();
        self.any = true;
        Ok(true)
    }
}

impl Iterator for NumaMaps<'_> {
    type Item = Result<Placement>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut placement = Placement::default();
        match self.read_into(&mut placement) {
            Ok(true) => Some(Ok(placement)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl core::iter::FusedIterator for NumaMaps<'_> {}

impl fmt::Debug for NumaMaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumaMaps").finish_non_exhaustive()
    }
}
