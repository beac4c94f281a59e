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

/// Has this process read its configuration from one file, in place of those of the machine. For a program that brings its
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

/// The file of the environment, as the process was started.
fn from_environment() -> Option<Path> {
    let file = File::open(&Path::of(&[b"/proc/self/environ"]), OpenFlags::empty(), 0).ok()?;
    let mut room = Room::new(MOST).ok()?;
    let len = file.read(room.bytes()).ok()?;
    let all = room.bytes().get(..len)?;
    let path = all.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(VARIABLE))?;
    (path.first() == Some(&b'/') && !has_more_rights()).then(|| Path::of(&[path]))
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
    let decision = match chosen().or_else(from_environment) {
        Some(path) => lines_of(&path, &mut room, &mut tell)?,
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
    // The next name each time: few, so that nothing need be kept but the last.
    let mut last = Path::new();
    while let Some(name) = next_name(&Path::of(&[DROP_IN]), last.bytes(), b".conf") {
        let path = Path::of(&[DROP_IN, b"/", name.bytes()]);
        if lines_of(&path, room, tell)? == Decision::Stop {
            return Ok(Decision::Stop);
        }
        last = name;
    }
    Ok(Decision::GoOn)
}

/// The first name of a directory that comes after another and ends so.
pub(super) fn next_name(directory: &Path, after: &[u8], ending: &[u8]) -> Option<Path> {
    let directory = File::open(directory, OpenFlags::DIRECTORY, 0).ok()?;
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
    let len = File::open_through(path, OpenFlags::empty(), 0)?.read(room.bytes())?;
    let text = room.bytes().get(..len).unwrap_or(&[]);
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        if tell(path, number, parse(line)) == Decision::Stop {
            return Ok(Decision::Stop);
        }
    }
    Ok(Decision::GoOn)
}
