//! Reading a snapshot as a stream. Nothing in it is believed: every length is checked before it is used, and never more
//! than a frame is held.

use super::check::crc;
use super::frame::{self, Kind};
use super::number::Numbers;
use super::{FileHead, Header, LONGEST_PATH, MAGIC, Modified, Totals, VERSION};
use crate::failure::text_of;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Why a snapshot cannot be read.
#[derive(Debug)]
pub(crate) enum Malformed {
    NoSnapshot,
    Version(u32),
    /// It ends at this byte, within something.
    Truncated {
        at: u64,
    },
    /// What begins at this byte is not what it should be.
    Damaged {
        at: u64,
        what: &'static str,
    },
    Unreadable(io::Error),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot => f.write_str("not a snapshot (`mman save` makes one)"),
            Self::Version(version) => write!(
                f,
                "a snapshot of version {version}: this mman reads version {VERSION} (a newer one may read it)"
            ),
            Self::Truncated { at } => write!(f, "the snapshot is cut off: it ends at byte {at}"),
            Self::Damaged { at, what } => {
                write!(f, "the snapshot is damaged at byte {at}: {what}")
            }
            Self::Unreadable(error) => f.write_str(&text_of(error)),
        }
    }
}

/// What comes out of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A place that was looked through whole.
    Root(PathBuf),
    File(FileHead),
    /// Pages of the file before that were in memory, in order.
    Runs(Vec<Range<u64>>),
}

/// A snapshot that is being read.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    header: Header,
    /// Where the next frame begins.
    at: u64,
    payload: Vec<u8>,
    /// What was seen of the file before: the end of its last run, and how many pages it has.
    file: Option<(u64, u64)>,
    seen: Totals,
    /// What was read too early: the item that ended the runs of a file.
    next: Option<Item>,
    /// Where the last file begins.
    file_at: u64,
    /// Whether everything was read from the start, so that the counts at the end must agree.
    whole: bool,
    /// Whether the last frame was read.
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads what comes before the files.
    pub(crate) fn new(from: R) -> Result<Self, Malformed> {
        let mut reader = Self {
            from,
            header: Header::default(),
            at: 0,
            payload: Vec::new(),
            file: None,
            seen: Totals::default(),
            next: None,
            file_at: 0,
            whole: true,
            ended: false,
        };
        let mut magic = [0; MAGIC.len()];
        match reader.fill(&mut magic) {
            Err(Malformed::Truncated { .. }) => return Err(Malformed::NoSnapshot),
            result => result?,
        }
        if magic != *MAGIC {
            return Err(Malformed::NoSnapshot);
        }
        let mut version = [0; 4];
        reader.fill(&mut version)?;
        let version = u32::from_le_bytes(version);
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let at = reader.at;
        if reader.frame()? != Kind::Header {
            return Err(Malformed::Damaged { at, what: "it does not begin with its header" });
        }
        reader.header = header(&reader.payload)
            .ok_or(Malformed::Damaged { at, what: "its header makes no sense" })?;
        Ok(reader)
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    /// How much was read so far; all of it once [`next`](Self::next) gave `None`.
    pub(crate) const fn totals(&self) -> Totals {
        self.seen
    }

    /// Where the next frame begins.
    pub(crate) const fn position(&self) -> u64 {
        self.at
    }

    /// Where the last file begins.
    pub(crate) const fn file_at(&self) -> u64 {
        self.file_at
    }

    /// Goes to a file: where [`file_at`](Self::file_at) said that one begins.
    pub(crate) fn seek(&mut self, to: u64) -> Result<(), Malformed>
    where
        R: io::Seek,
    {
        self.from.seek(io::SeekFrom::Start(to)).map_err(Malformed::Unreadable)?;
        (self.at, self.file, self.next, self.whole, self.ended) = (to, None, None, false, false);
        Ok(())
    }

    /// The next file, whatever is left of the one before; `None` at the end.
    pub(crate) fn next_file(&mut self) -> Result<Option<FileHead>, Malformed> {
        loop {
            match self.next()? {
                Some(Item::File(head)) => return Ok(Some(head)),
                Some(Item::Root(_) | Item::Runs(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// More runs of the file; `None` when there are no more.
    pub(crate) fn next_runs(&mut self) -> Result<Option<Vec<Range<u64>>>, Malformed> {
        match self.next()? {
            Some(Item::Runs(runs)) => Ok(Some(runs)),
            other => {
                self.next = other;
                Ok(None)
            }
        }
    }

    /// The next item; `None` at the end, once it is sure that nothing is missing.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, Malformed> {
        if let Some(item) = self.next.take() {
            return Ok(Some(item));
        }
        if self.ended {
            return Ok(None);
        }
        let at = self.at;
        let kind = self.frame()?;
        let damaged = |what| Malformed::Damaged { at, what };
        match kind {
            Kind::Header => Err(damaged("a second header")),
            Kind::Root => {
                if self.file.is_some() {
                    return Err(damaged("a root behind a file"));
                }
                let path = path(&self.payload).ok_or(damaged("a path that is none"))?;
                Ok(Some(Item::Root(path)))
            }
            Kind::File => {
                let head = file(&self.payload).ok_or(damaged("a file that makes no sense"))?;
                let pages = if head.known { head.size.div_ceil(self.header.page) } else { 0 };
                (self.file, self.file_at) = (Some((0, pages)), at);
                self.seen.files = self.seen.files.saturating_add(1);
                self.seen.unknown = self.seen.unknown.saturating_add(u64::from(!head.known));
                Ok(Some(Item::File(head)))
            }
            Kind::Runs => {
                let runs = self.runs().ok_or(damaged("pages that the file does not have"))?;
                Ok(Some(Item::Runs(runs)))
            }
            Kind::End => {
                let said = totals(&self.payload).ok_or(damaged("an end that makes no sense"))?;
                if self.whole && said != self.seen {
                    return Err(damaged("it counts other files and pages than it holds"));
                }
                let mut more = [0];
                if self.fill(&mut more).is_ok() {
                    return Err(Malformed::Damaged {
                        at: self.at.saturating_sub(1),
                        what: "something follows its end",
                    });
                }
                self.ended = true;
                Ok(None)
            }
        }
    }

    /// Reads a frame into the payload.
    fn frame(&mut self) -> Result<Kind, Malformed> {
        let at = self.at;
        let damaged = |what| Malformed::Damaged { at, what };
        let mut head = [0; frame::HEAD];
        self.fill(&mut head)?;
        let [kind, len @ ..] = head;
        let known = Kind::of(kind).ok_or(damaged("a kind of frame that there is not"))?;
        let count = usize::try_from(u32::from_le_bytes(len)).ok();
        let count = count.filter(|count| *count <= frame::LONGEST);
        let count = count.ok_or(damaged("a frame longer than frames are"))?;
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(count, 0);
        self.fill(&mut payload)?;
        let mut tail = [0; frame::TAIL];
        self.fill(&mut tail)?;
        if crc(&[&[kind], &len, &payload]) != u32::from_le_bytes(tail) {
            return Err(damaged("its checksum is another"));
        }
        self.payload = payload;
        Ok(known)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Malformed> {
        let mut rest = buffer;
        while !rest.is_empty() {
            match self.from.read(rest) {
                Ok(0) => return Err(Malformed::Truncated { at: self.at }),
                Ok(count) => {
                    self.at = self.at.saturating_add(count as u64);
                    rest = rest.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Malformed::Unreadable(error)),
            }
        }
        Ok(())
    }

    /// The runs of a frame; `None` where they are not in order, or not of the file.
    fn runs(&mut self) -> Option<Vec<Range<u64>>> {
        let (mut end, pages) = self.file?;
        let mut numbers = Numbers(&self.payload);
        let mut runs = Vec::new();
        while !numbers.is_empty() {
            let (gap, len) = (numbers.take()?, numbers.take()?);
            // Runs that touch would be one.
            if len == 0 || gap == 0 && end > 0 {
                return None;
            }
            let start = end.checked_add(gap)?;
            end = start.checked_add(len).filter(|end| *end <= pages)?;
            runs.push(start..end);
            self.seen.pages = self.seen.pages.saturating_add(len);
        }
        self.file = Some((end, pages));
        (!runs.is_empty()).then_some(runs)
    }
}

fn header(payload: &[u8]) -> Option<Header> {
    let mut numbers = Numbers(payload);
    let (taken, page, hot) = (numbers.take()?, numbers.take()?, numbers.take()?);
    let sane = page.is_power_of_two() && (512..=1 << 30).contains(&page) && hot <= 1;
    (sane && numbers.is_empty()).then_some(Header { taken, page, hot: hot == 1 })
}

fn totals(payload: &[u8]) -> Option<Totals> {
    let mut numbers = Numbers(payload);
    let (files, unknown, pages) = (numbers.take()?, numbers.take()?, numbers.take()?);
    numbers.is_empty().then_some(Totals { files, unknown, pages })
}

fn file(payload: &[u8]) -> Option<FileHead> {
    let mut numbers = Numbers(payload);
    let known = numbers.take().filter(|known| *known <= 1)?;
    let size = numbers.take().filter(|size| i64::try_from(*size).is_ok())?;
    let seconds = numbers.take_signed()?;
    let nanoseconds = u32::try_from(numbers.take()?).ok().filter(|part| *part < 1_000_000_000)?;
    let (device, inode) = (numbers.take()?, numbers.take()?);
    let path = path(numbers.0)?;
    let modified = Modified { seconds, nanoseconds };
    Some(FileHead { path, size, modified, device, inode, known: known == 1 })
}

/// A path from the root that can be opened.
fn path(bytes: &[u8]) -> Option<PathBuf> {
    let sane = bytes.first() == Some(&b'/') && !bytes.contains(&0) && bytes.len() <= LONGEST_PATH;
    sane.then(|| PathBuf::from(OsStr::from_bytes(bytes)))
}
