//! Small programs that write a file to standard output, each in one way: run as children by the measurements.

use crate::failure::Result;
use mman::{FileObject, Hint, MapOptions, PageSize, Reservation};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// How a window of the file comes to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Mapped, written, unmapped.
    Plain,
    /// As `Plain`, mapped with `MAP_POPULATE`.
    Populate,
    /// As `Plain`, with `Hint::PopulateRead` before it is written.
    PopulateRead,
    /// As `Plain`, with `Hint::Sequential` before it is written.
    Sequential,
    /// Placed into one reservation over the window before, and written from there.
    Place,
    /// As `Place`, with `MAP_POPULATE`.
    PlacePopulate,
    /// As `Plain`, into a pipe that was made as large as a window first.
    LargePipe,
    /// Read into a buffer and written from there: no mapping, for comparison.
    Read,
    /// Handed from the file to the output by `sendfile`: no mapping, for comparison.
    Sendfile,
}

impl How {
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Populate,
        Self::PopulateRead,
        Self::Sequential,
        Self::Place,
        Self::PlacePopulate,
        Self::LargePipe,
        Self::Read,
        Self::Sendfile,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Populate => "populate",
            Self::PopulateRead => "populate-read",
            Self::Sequential => "sequential",
            Self::Place => "place",
            Self::PlacePopulate => "place-populate",
            Self::LargePipe => "large-pipe",
            Self::Read => "read",
            Self::Sendfile => "sendfile",
        }
    }
}

/// Writes a file to standard output, a window at a time.
pub fn ours(path: &Path, how: &str, window: usize) -> Result<()> {
    let how = How::ALL.into_iter().find(|one| one.name() == how).ok_or("no such way")?;
    match how {
        How::Read => return read(path, window),
        How::Sendfile => return sendfile(path, window),
        How::LargePipe => {
            let _nothing_to_do_where_it_is_no_pipe =
                rustix::pipe::fcntl_setpipe_size(std::io::stdout(), window);
        }
        _ => {}
    }
    let file = FileObject::open(path)?;
    let len = std::fs::metadata(path)?.len();
    let windows = (0..len).step_by(window).map(|start| start..len.min(start + window as u64));
    let options = match how {
        How::Populate | How::PlacePopulate => MapOptions::shared().populate(),
        _ => MapOptions::shared(),
    };
    if matches!(how, How::Place | How::PlacePopulate) {
        return place(&file, &options, windows, window);
    }
    for bytes in windows {
        let mapping = options.range(bytes).map(&file)?;
        match how {
            How::PopulateRead => mapping.advise(.., Hint::PopulateRead)?,
            How::Sequential => mapping.advise(.., Hint::Sequential)?,
            _ => {}
        }
        mapping.write_out(std::io::stdout(), ..)?;
    }
    Ok(())
}

fn place(
    file: &FileObject,
    options: &MapOptions,
    windows: impl Iterator<Item = std::ops::Range<u64>>,
    window: usize,
) -> Result<()> {
    let huge = PageSize::new(2 << 20).ok_or("2 MiB is a page size")?;
    let mut space = Reservation::aligned(window, huge)?;
    for bytes in windows {
        let placed = space.place(0, &options.range(bytes), file)?;
        let mut left = placed;
        while !left.is_empty() {
            // SAFETY: the bytes are mapped while `space` lives; nobody writes to a file of ours, and the
            // kernel alone reads them.
            let bytes = unsafe {
                std::slice::from_raw_parts(space.as_ptr().wrapping_add(left.start), left.len())
            };
            left.start += rustix::io::write(std::io::stdout(), bytes)?;
        }
    }
    Ok(())
}

fn read(path: &Path, window: usize) -> Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; window];
    loop {
        let mut rest = match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => &buffer[..count],
        };
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(std::io::stdout(), rest)?..];
        }
    }
}

fn sendfile(path: &Path, window: usize) -> Result<()> {
    let file = File::open(path)?;
    while rustix::fs::sendfile(std::io::stdout(), &file, None, window)? > 0 {}
    Ok(())
}

/// Writes a file to standard output as memmap2's own example does: the whole of it mapped, then written.
pub fn peer(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    // SAFETY: nobody changes the file meanwhile: it is the measurement's own.
    let mapping = unsafe { memmap2::Mmap::map(&file) }?;
    std::io::stdout().write_all(&mapping[..])?;
    Ok(())
}
