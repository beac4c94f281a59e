//! What memory each mapping of a process uses, and all of them together.

use super::entry::Entry;
use super::lines::{Lines, Source};
use super::usage::{COLUMNS, Usage};
use crate::error::{Error, Result};
use crate::process::Process;
use core::fmt;
use std::io::Read;

/// The mappings of a process with the memory that they use, in the order of their addresses, read as they are
/// asked for.
///
/// It walks the pages of the process and costs the kernel microseconds for each mapping; of a process that
/// runs it is no snapshot (see [`Maps`](super::Maps)).
///
/// ```
/// use mman::process::Process;
///
/// let mut resident = 0;
/// for mapping in Process::myself().smaps()? {
///     let (entry, usage) = mapping?;
///     assert_eq!(usage.size(), Some(entry.len() as u64));
///     resident += usage.rss().unwrap_or(0);
/// }
/// assert!(resident > 0);
/// # Ok::<(), mman::Error>(())
/// ```
pub struct Smaps<'text> {
    lines: Lines<'text>,
    /// How many lines told of the mapping before: the kernel tells of each in as many.
    before: Option<u32>,
}

/// The mappings of a process with the memory that they use. One without memory of its own (a kernel thread, a
/// zombie) has none.
///
/// # Errors
///
/// Those of [`maps`](super::maps).
pub fn smaps(process: &Process) -> Result<Smaps<'static>> {
    Ok(Smaps::new(Source::beside_maps(process, "smaps")?))
}

/// What memory a process uses in all: the sums of [`smaps`], made by the kernel at once (4.14).
///
/// # Errors
///
/// Those of [`maps`](super::maps), of which [`Cause::NoProcess`](crate::Cause::NoProcess) is also the answer
/// for a process without memory of its own: a kernel thread, a zombie.
pub fn smaps_rollup(process: &Process) -> Result<Usage> {
    let mut sums = Smaps::new(Source::beside_maps(process, "smaps_rollup")?);
    let (mut entry, mut usage) = (Entry::default(), Usage::default());
    let whole = sums.read_into(&mut entry, &mut usage)? && entry.kernel_name() == "[rollup]";
    if whole { Ok(usage) } else { Err(sums.lines.not_understood()) }
}

impl<'text> Smaps<'text> {
    fn new(source: Source<'text>) -> Self {
        Self { lines: Lines::new(source), before: None }
    }

    /// What a text tells, in the form of `/proc/PID/smaps`: one that was kept, say. A text that ends between
    /// two mappings cannot be told from a whole one.
    #[must_use]
    pub fn of_text(text: impl Read + Send + 'text) -> Self {
        Self::new(Source::Text(Box::new(text)))
    }

    /// Fills `entry` and `usage` with the next mapping; false, and both as they were, after the last. It
    /// allocates nothing, once both have met their longest name.
    ///
    /// # Errors
    ///
    /// Those of [`smaps`]. The two hold nothing of use then.
    pub fn read_into(&mut self, entry: &mut Entry, usage: &mut Usage) -> Result<bool> {
        let answer = self.read(entry, usage);
        if answer.is_err() {
            self.before = None;
            self.lines.end();
        }
        answer
    }

    fn read(&mut self, entry: &mut Entry, usage: &mut Usage) -> Result<bool> {
        if !self.lines.ready()? {
            if self.before.take().is_some() {
                self.lines.assert_still_there()?;
            }
            return Ok(false);
        }
        let (line, name) = self.lines.mapping()?;
        entry.set(&line, name.as_deref());
        self.lines.pass();
        usage.clear();
        loop {
            while let Some(line) = self.lines.ahead::<COLUMNS>()
                && usage.take_columns(line).is_some()
            {
                self.lines.pass_ahead(COLUMNS);
            }
            if !self.lines.ready()? {
                break;
            }
            let line = self.lines.current();
            if is_header(line) {
                break;
            }
            usage.take(line).ok_or_else(|| self.lines.not_understood())?;
            self.lines.pass();
        }
        self.check(usage)?;
        Ok(true)
    }

    /// A text that was cut has told less of its last mapping than of the one before.
    fn check(&mut self, usage: &Usage) -> Result<(), Error> {
        let least = self.before.replace(usage.lines()).unwrap_or(1);
        if usage.lines() < least { Err(self.lines.not_understood()) } else { Ok(()) }
    }
}

/// The names of fields begin with a capital, addresses never do.
#[inline]
const fn is_header(line: &[u8]) -> bool {
    matches!(line, [b'0'..=b'9' | b'a'..=b'f', ..])
}

impl Iterator for Smaps<'_> {
    type Item = Result<(Entry, Usage)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut entry, mut usage) = (Entry::default(), Usage::default());
        match self.read_into(&mut entry, &mut usage) {
            Ok(true) => Some(Ok((entry, usage))),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl core::iter::FusedIterator for Smaps<'_> {}

impl fmt::Debug for Smaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smaps").finish_non_exhaustive()
    }
}
