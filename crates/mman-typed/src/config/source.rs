//! Where the lines of the configuration come from.

use super::defaults;
use super::line::{Line, Wrong, parse};
use crate::file::{File, Room};
use crate::path::Path;
use core::cell::Cell;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU8, AtomicUsize};
use mman_sys::{Errno, OpenFlags};

const MAIN: &[u8] = b"/etc/mman-typed.conf";
const DROP_IN: &[u8] = b"/etc/mman-typed.d";
const VARIABLE: &[u8] = b"MMAN_TYPED_CONFIG=";
/// A configuration is read up to here.
const MOST: usize = 1 << 20;
/// The bits of a mode that say what a file is, and those of a regular file and a directory (`linux/stat.h`).
const FORMAT: u32 = 0o170_000;
const IS_FILE: u32 = 0o100_000;
const IS_DIRECTORY: u32 = 0o040_000;
/// `AT_SECURE` (`linux/auxvec.h`).
const AT_SECURE: u64 = 23;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    GoOn,
    Stop,
}

/// What [`use_configuration`] was told.
static CHOSEN: [AtomicU8; 256] = [const { AtomicU8::new(0) }; 256];
static CHOSEN_LEN: AtomicUsize = AtomicUsize::new(0);

/// Has this process read its configuration from one file, or from those of a directory that end with `.conf`, in place of those of the machine. For a program that brings its
/// own, before it opens its first object.
///
/// # Errors
///
/// `ENAMETOOLONG` (more than 255 bytes), `EINVAL` (none, a zero among them, or not from `/` on).
pub fn use_configuration(path: &[u8]) -> Result<(), Errno> {
    if path.len() >= CHOSEN.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    if path.first() != Some(&b'/') || path.contains(&0) {
        return Err(Errno::EINVAL);
    }
    for (place, byte) in CHOSEN.iter().zip(path) {
        place.store(*byte, Relaxed);
    }
    CHOSEN_LEN.store(path.len(), Release);
    Ok(())
}

fn chosen() -> Option<Path> {
    let len = CHOSEN_LEN.load(Acquire);
    let mut path = Path::new();
    for byte in CHOSEN.iter().take(len) {
        path.push(&[byte.load(Relaxed)]);
    }
    (len > 0).then_some(path)
}

/// What the environment names, as the process was started.
fn from_environment() -> Result<Option<Path>, Errno> {
    let environment = Path::of(&[b"/proc/self/environ"]);
    let Ok(file) = File::open(&environment, OpenFlags::empty(), 0) else { return Ok(None) };
    let mut room = Room::new(MOST)?;
    let len = file.read(room.bytes()).unwrap_or(0);
    let all = room.bytes().get(..len).unwrap_or(&[]);
    let path = all.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(VARIABLE));
    match path {
        None | Some([]) => Ok(None),
        Some(_) if has_more_rights() => Ok(None),
        Some(path) if path.first() == Some(&b'/') => Ok(Some(Path::of(&[path]))),
        Some(_) => Err(Errno::EINVAL),
    }
}

/// Whether the process has more rights than who started it; where that cannot be told, it has.
fn has_more_rights() -> bool {
    let mut words = [0_u8; 1024];
    let file = File::open(&Path::of(&[b"/proc/self/auxv"]), OpenFlags::empty(), 0);
    let Ok(len) = file.and_then(|file| file.read(&mut words)) else { return true };
    let mut pairs = words.get(..len).unwrap_or(&[]).as_chunks::<16>().0.iter();
    pairs
        .find_map(|pair| {
            let pair = u128::from_le_bytes(*pair);
            let is_it = pair & u128::from(u64::MAX) == u128::from(AT_SECURE);
            is_it.then_some(pair >> 64 != 0)
        })
        .unwrap_or(true)
}

/// Tells each line of the configuration that says something: file, number from 1 on, and what it says, or what is wrong
/// with it. The built-in pools come last, as lines of a file without a name.
pub(crate) fn each_line(tell: Tell<'_>) -> Result<(), Errno> {
    let mut room = Room::new(MOST)?;
    let defaults = Cell::new(true);
    let mut tell = |path: &Path, number: usize, line: Result<Line<'_>, Wrong>| {
        if let Ok(Line::Defaults(wanted)) = line {
            defaults.set(wanted);
        }
        if line == Ok(Line::Nothing) { Decision::GoOn } else { tell(path, number, line) }
    };
    let chosen = chosen().map_or_else(from_environment, |path| Ok(Some(path)))?;
    let decision = match chosen {
        Some(path) => match lines_of(&path, &mut room, &mut tell) {
            Err(Errno::EISDIR) => lines_in(&path, &mut room, &mut tell),
            told => told?,
        },
        None => lines_of_machine(&mut room, &mut tell)?,
    };
    if decision == Decision::GoOn && defaults.get() {
        defaults::each_line(&mut |line| tell(&Path::new(), 0, parse(line)));
    }
    Ok(())
}

type Tell<'a> = &'a mut dyn FnMut(&Path, usize, Result<Line<'_>, Wrong>) -> Decision;

fn lines_of_machine(room: &mut Room, tell: Tell<'_>) -> Result<Decision, Errno> {
    match lines_of(&Path::of(&[MAIN]), room, tell) {
        Ok(Decision::Stop) => return Ok(Decision::Stop),
        Ok(Decision::GoOn) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    let drop_in = Path::of(&[DROP_IN]);
    match File::open_through(&drop_in, OpenFlags::DIRECTORY, 0) {
        Ok(_) => Ok(lines_in(&drop_in, room, tell)),
        Err(Errno::ENOENT) => Ok(Decision::GoOn),
        Err(_) => Ok(tell(&drop_in, 0, Err(Wrong::File))),
    }
}

/// Those of the files of a directory that end with `.conf`; of one that cannot be read, that.
fn lines_in(directory: &Path, room: &mut Room, tell: Tell<'_>) -> Decision {
    // The next name each time: few, so that nothing need be kept but the last.
    let mut last = Path::new();
    while let Some(name) = next_name(directory, last.bytes(), b".conf") {
        let path = Path::of(&[directory.bytes(), b"/", name.bytes()]);
        let told = lines_of(&path, room, tell);
        if told.unwrap_or_else(|_| tell(&path, 0, Err(Wrong::File))) == Decision::Stop {
            return Decision::Stop;
        }
        last = name;
    }
    Decision::GoOn
}

/// The first name of a directory that comes after another and ends so.
pub(super) fn next_name(directory: &Path, after: &[u8], ending: &[u8]) -> Option<Path> {
    let directory = File::open_through(directory, OpenFlags::DIRECTORY, 0).ok()?;
    let mut next: Option<Path> = None;
    let told = directory.each_name(&mut |name| {
        let is_later = next.as_ref().is_some_and(|next| next.bytes() <= name);
        if name > after && name.ends_with(ending) && !is_later {
            next = Some(Path::of(&[name]));
        }
    });
    told.ok()?;
    next
}

fn lines_of(path: &Path, room: &mut Room, tell: Tell<'_>) -> Result<Decision, Errno> {
    // Closed before a line is told: the number of an object that is opened then is the lowest.
    let len = {
        // A pipe, which has no writer, is not waited for.
        let file = File::open_through(path, OpenFlags::NONBLOCK, 0)?;
        match file.stat()?.st_mode & FORMAT {
            IS_FILE => file.read(room.bytes())?,
            IS_DIRECTORY => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    };
    let text = room.bytes().get(..len).unwrap_or(&[]);
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        if tell(path, number, parse(line)) == Decision::Stop {
            return Ok(Decision::Stop);
        }
    }
    Ok(Decision::GoOn)
}
