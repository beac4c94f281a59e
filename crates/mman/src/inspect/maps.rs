//! The mappings of a process, one after the other.

use super::entry::Entry;
use super::lines::{Lines, Source};
use crate::error::Result;
use crate::process::Process;
use core::fmt;
use std::io::Read;

/// The mappings of a process, in the order of their addresses, read as they are asked for.
///
/// The kernel gives a page of text at a time, so that this is no snapshot of a process that runs: each entry
/// is true when it is read, none is given twice, and what is mapped all the while is there.
/// After the first error nothing comes.
///
/// As an iterator it makes an [`Entry`] for each; [`read_into`](Self::read_into) fills the same one again, and
/// allocates nothing.
///
/// ```
/// use mman::{inspect::{Entry, Maps}, process::Process};
///
/// let process = Process::myself();
/// let mapped: Result<usize, mman::Error> =
///     process.maps()?.map(|entry| entry.map(|entry| entry.len())).sum();
/// assert!(mapped? > 0);
///
/// // A text that was kept, and one entry for all lines.
/// let text = "1000-2000 r--p 00003000 fe:01 77 /lib/a\n4000-9000 rw-p 00000000 00:00 0 [heap]\n";
/// let (mut maps, mut entry, mut total) = (Maps::of_text(text.as_bytes()), Entry::default(), 0);
/// while maps.read_into(&mut entry)? {
///     total += entry.len();
/// }
/// assert_eq!(total, 0x6000);
/// # Ok::<(), mman::Error>(())
/// ```
pub struct Maps<'text> {
    lines: Lines<'text>,
    any: bool,
}

/// The mappings of a process. One without memory of its own (a kernel thread, a zombie) has none.
///
/// A mapping that grows while the list is read may be told twice, the second time longer (seen on 6.18, where the kernel
/// no longer stops the process for this).
///
/// # Errors
///
/// [`Cause::NotPermitted`](crate::Cause::NotPermitted) where the process is another user's or may not be
/// dumped; [`Cause::NoProcess`](crate::Cause::NoProcess) where it has ended. Then from the iterator:
/// `NoProcess` where it ended, or ran another program, before all was read, so that a list without an error is
/// whole; [`Cause::NotUnderstood`](crate::Cause::NotUnderstood).
pub fn maps(process: &Process) -> Result<Maps<'static>> {
    Ok(Maps::new(Source::maps(process)?))
}

impl<'text> Maps<'text> {
    fn new(source: Source<'text>) -> Self {
        Self { lines: Lines::new(source), any: false }
    }

    /// The mappings that a text tells of, in the form of `/proc/PID/maps`: one that was kept, say.
    /// A text that ends between two lines cannot be told from a whole one.
    #[must_use]
    pub fn of_text(text: impl Read + Send + 'text) -> Self {
        Self::new(Source::Text(Box::new(text)))
    }

    /// Fills `entry` with the next mapping; false, and the entry as it was, after the last.
    ///
    /// # Errors
    ///
    /// Those that [`maps`] tells of.
    #[inline]
    pub fn read_into(&mut self, entry: &mut Entry) -> Result<bool> {
        let answer = self.read(entry);
        if answer.is_err() {
            self.any = false;
            self.lines.end();
        }
        answer
    }

    #[inline]
    fn read(&mut self, entry: &mut Entry) -> Result<bool> {
        if !self.lines.ready()? {
            if self.any {
                self.any = false;
                self.lines.assert_still_there()?;
            }
            return Ok(false);
        }
        let (line, name) = self.lines.mapping()?;
        entry.set(&line, name.as_deref());
        self.lines.pass();
        self.any = true;
        Ok(true)
    }
}

impl Iterator for Maps<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entry = Entry::default();
        match self.read_into(&mut entry) {
            Ok(true) => Some(Ok(entry)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl core::iter::FusedIterator for Maps<'_> {}

impl fmt::Debug for Maps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maps").finish_non_exhaustive()
    }
}
