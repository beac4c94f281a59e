//! Writing a snapshot, a file after the other, by several threads.

use super::frame::{self, FULL, Kind};
use super::number::{put, put_signed};
use super::{FileHead, Header, MAGIC, Totals, VERSION};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A snapshot that is being written.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    out: Mutex<Out<W>>,
}

#[derive(Debug)]
struct Out<W> {
    to: W,
    totals: Totals,
}

/// So much of a file is put together before the writer is taken: files of less never wait for each other's disks.
const PIECE: usize = 1 << 18;

impl<W: Write> Writer<W> {
    /// Begins. Roots are the places that are looked through whole.
    pub(crate) fn new<'root>(
        mut to: W,
        header: &Header,
        roots: impl IntoIterator<Item = &'root Path>,
    ) -> io::Result<Self> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        let mut payload = Vec::new();
        put(&mut payload, header.taken);
        put(&mut payload, header.page);
        put(&mut payload, u64::from(header.hot));
        frame::put(&mut out, Kind::Header, &payload);
        for root in roots {
            frame::put(&mut out, Kind::Root, root.as_os_str().as_bytes());
        }
        to.write_all(&out)?;
        Ok(Self { out: Mutex::new(Out { to, totals: Totals::default() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Out<W>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a file, whose path is at most [`super::LONGEST_PATH`] bytes. Nothing of it is in the snapshot before
    /// [`FileWriter::finish`], unless it is so long that it is written in pieces.
    pub(crate) fn file(&self, head: &FileHead) -> FileWriter<'_, W> {
        let mut payload = Vec::new();
        put(&mut payload, u64::from(head.known));
        put(&mut payload, head.size);
        put_signed(&mut payload, head.modified.seconds);
        put(&mut payload, head.modified.nanoseconds.into());
        put(&mut payload, head.device);
        put(&mut payload, head.inode);
        payload.extend_from_slice(head.path.as_os_str().as_bytes());
        let mut frames = Vec::new();
        frame::put(&mut frames, Kind::File, &payload);
        payload.clear();
        let totals = Totals { files: 1, unknown: u64::from(!head.known), pages: 0 };
        FileWriter { writer: self, held: None, frames, payload, open: None, end: 0, totals }
    }

    /// Ends the snapshot, and says what is in it.
    pub(crate) fn finish(self) -> io::Result<(W, Totals)> {
        let Out { mut to, totals } = self.out.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut payload = Vec::new();
        put(&mut payload, totals.files);
        put(&mut payload, totals.unknown);
        put(&mut payload, totals.pages);
        let mut out = Vec::new();
        frame::put(&mut out, Kind::End, &payload);
        to.write_all(&out)?;
        Ok((to, totals))
    }
}

/// A file of a snapshot that is being written.
#[derive(Debug)]
pub(crate) struct FileWriter<'writer, W> {
    writer: &'writer Writer<W>,
    /// Taken when the file is too long to be put together first, and kept to its end.
    held: Option<MutexGuard<'writer, Out<W>>>,
    /// Whole frames.
    frames: Vec<u8>,
    /// Runs of the frame that is next.
    payload: Vec<u8>,
    /// The last run: the next may join it.
    open: Option<Range<u64>>,
    /// Where the last run in the payload, or in the frames, ended.
    end: u64,
    totals: Totals,
}

impl<W: Write> FileWriter<'_, W> {
    /// Adds pages that were in memory: in order, each run behind the last.
    pub(crate) fn run(&mut self, pages: Range<u64>) -> io::Result<()> {
        if pages.is_empty() {
            return Ok(());
        }
        match &mut self.open {
            Some(open) if open.end == pages.start => open.end = pages.end,
            open => {
                let before = open.replace(pages);
                if let Some(before) = before {
                    self.close(&before)?;
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, run: &Range<u64>) -> io::Result<()> {
        let len = run.end.saturating_sub(run.start);
        put(&mut self.payload, run.start.saturating_sub(self.end));
        put(&mut self.payload, len);
        self.end = run.end;
        self.totals.pages = self.totals.pages.saturating_add(len);
        if self.payload.len() >= FULL {
            self.seal();
        }
        if self.frames.len() >= PIECE {
            let out = self.held.get_or_insert_with(|| self.writer.lock());
            out.to.write_all(&self.frames)?;
            self.frames.clear();
        }
        Ok(())
    }

    fn seal(&mut self) {
        if !self.payload.is_empty() {
            frame::put(&mut self.frames, Kind::Runs, &self.payload);
            self.payload.clear();
        }
    }

    /// Puts the file into the snapshot, and says how many of its pages.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if let Some(run) = self.open.take() {
            self.close(&run)?;
        }
        self.seal();
        let mut out = self.held.take().unwrap_or_else(|| self.writer.lock());
        out.to.write_all(&self.frames)?;
        let Totals { files, unknown, pages } = &mut out.totals;
        *files = files.saturating_add(self.totals.files);
        *unknown = unknown.saturating_add(self.totals.unknown);
        *pages = pages.saturating_add(self.totals.pages);
        Ok(self.totals.pages)
    }
}
