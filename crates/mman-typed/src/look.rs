//! Looking at a pool from outside: nothing is made, opened for writing, locked or waited for, and no slot is taken.
//!
//! - K1: the table is read, not mapped: who cuts it short meanwhile raises no signal here, and a process that was stopped
//!   with its lock keeps nobody from looking.
//! - K2: what was read is this process's own copy. Each word is one that was there; of two words that change together one
//!   may be older than the other. What is free, and what the dead have left, is as the next call will find it.

use crate::attach::{HEAD, byte, identity_in, is_lived_in, layout_of};
use crate::config::Pool;
use crate::damage::Damage;
use crate::entries::range_of;
use crate::failure::{Cause, Failure};
use crate::file::{File, Room};
use crate::layout::{BLOCK, BLOCKS, Layout, SLOTS, head, owner_word, slot};
use crate::lock::owner;
use crate::memory::Memory;
use crate::number::{size, word};
use crate::report::{Holder, Repairs};
use crate::space::Table;
use crate::store::{self, Identity, Store};
use crate::witness;
use crate::words::Words;
use core::ops::Range;
use mman_sys::{Errno, OpenFlags, Stat};

/// The bits of a mode that say what a file is, and those of a regular file (`linux/stat.h`).
const FORMAT: u32 = 0o170_000;
const IS_FILE: u32 = 0o100_000;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// How often a table is read before a contradiction in it is believed: it may be one of the reading.
const ROUNDS: u32 = 64;

/// What a pool would be, as far as can be told before somebody opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its size in bytes, in whole units; `None` where what it is made of is not there, or may not be looked at.
    pub size: Option<u64>,
    /// What it is allocated in, in bytes.
    pub unit: u64,
}

/// The sizes of a pool, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// All of it.
    pub size: u64,
    /// What it is allocated in.
    pub unit: u64,
    /// What nobody has.
    pub free: u64,
    /// The longest free run.
    pub longest: u64,
    /// How many free runs there are.
    pub runs: u64,
    /// What more than one range covers.
    pub shared: u64,
}

/// Whether a table agrees with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Agreement {
    /// What is derived is what follows from the entries.
    Agrees,
    /// It is not, and nobody is changing it: it will be made anew by who notices.
    Differs,
    /// It is not, and somebody has the lock: a change is under way, or its process is stopped, or died in it.
    Changing,
}

/// Told of a holder, with its ranges.
type TellHolder<'a> = &'a mut dyn FnMut(&Holder, &mut dyn Iterator<Item = Range<u64>>);

/// A pool as it was when it was looked at.
#[derive(Debug)]
pub struct Look {
    table: Table<Words>,
    file: File,
    unit: usize,
}

impl Drop for Look {
    fn drop(&mut self) {
        self.table.memory.end();
    }
}

/// Tells what a pool would be that nobody has opened yet.
///
/// # Errors
///
/// `ENODEV`: the machine lacks what it is made of.
pub fn planned(pool: &Pool<'_>, directory: Option<&[u8]>) -> Result<Planned, Failure> {
    let store = store::of(pool, &store::directory_of(directory))?;
    let unit = word(store.unit);
    let size = if store.is_ours {
        Some(store.size)
    } else {
        let there = File::open_through(&store.path, OpenFlags::PATH, 0);
        let stat = match there.and_then(|file| file.stat()) {
            Err(Errno::ENOENT) => return Err(Failure::new(Errno::ENODEV, Cause::Lacks)),
            stat => stat.ok(),
        };
        let len = stat.and_then(|stat| u64::try_from(stat.st_size).ok());
        match store.size {
            // What a device is long is in its pool's size already, as far as the kernel tells it.
            size if !store.punches => Some(size).filter(|size| *size > 0),
            0 => len,
            size => len.map(|len| len.min(size)),
        }
    };
    let whole = |size: u64| size.checked_div(unit).unwrap_or(0).saturating_mul(unit);
    Ok(Planned { size: size.map(whole), unit })
}

impl Look {
    /// Looks at a pool of the configuration, whose tables are in this directory; `None` where nobody has opened it yet.
    ///
    /// # Errors
    ///
    /// `EACCES` (the table may not be read, or its directory is not to be trusted), `EIO` (the table is damaged), `ENODEV`
    /// (the machine lacks what the pool is made of), `ENOMEM`.
    pub fn at(pool: &Pool<'_>, directory: Option<&[u8]>) -> Result<Option<Self>, Failure> {
        let Some(directory) = store::directory_there(directory)? else { return Ok(None) };
        let store = store::of(pool, &directory)?;
        let identity = match store.is_ours {
            true => Identity::NONE, // its table has its own name
            false => Identity::of_file(&store::there(&store.path)?)?,
        };
        let path = store::table(pool, &directory, identity);
        let file = match File::open(&path, OpenFlags::NONBLOCK, 0) {
            Err(Errno::ENOENT) => return Ok(None),
            there => there.map_err(Failure::of("open"))?,
        };
        let stat = file.stat().map_err(Failure::of("fstat"))?;
        if stat.st_mode & FORMAT != IS_FILE {
            return Err(Failure::damaged(Damage::Head));
        }
        let mut first = [0_u8; HEAD];
        let len = file.read_at(&mut first, 0).map_err(Failure::of("read"))?;
        // Being made, or left by who died over it: the first word comes last.
        if len < 8 || first.starts_with(&[0; 8]) {
            // Wiped, where somebody lives with it: no slot is taken before it is whole.
            return if is_lived_in(&file)? {
                Err(Failure::damaged(Damage::Head))
            } else {
                Ok(None)
            };
        }
        let store = store::of(pool, &directory)?;
        let layout = layout_of(first.get(..len).unwrap_or(&[]), &stat, store.unit)?;
        is_of(&store, identity_in(&first), layout)?;
        let memory = read(&file, layout)?;
        let table = Table { memory, layout };
        // The entries are the truth, and the map of our copy is made of them: in the file it says nothing where a node of the
        // tree speaks for a stretch.
        let told = [head::REBUILT, head::DROPPED].map(|at| (at, memory.load(at)));
        let _always = table.rebuild(&mut |_| true); // its counts are not in this copy
        told.into_iter().for_each(|(at, said)| memory.store(at, said));
        Ok(Some(Self { table, file, unit: store.unit }))
    }

    fn bytes(&self, units: usize) -> u64 {
        word(units.saturating_mul(self.unit))
    }

    /// Its sizes, by the map of its units.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let layout = self.table.layout;
        let (mut free, mut longest, mut runs) = (0_usize, 0_usize, 0_u64);
        self.each_run(&mut |run| {
            free = free.saturating_add(run.len());
            longest = longest.max(run.len());
            runs = runs.saturating_add(1);
        });
        let words = layout.used..layout.shared;
        let shared = words.clone().map(|at| {
            let both = self.table.memory.load(at.saturating_add(words.len()));
            (both & self.table.memory.load(at)).count_ones()
        });
        let shared = shared.fold(0_usize, |sum, more| sum.saturating_add(size(more.into())));
        Sizes {
            size: self.bytes(layout.units),
            unit: word(self.unit),
            free: self.bytes(free),
            longest: self.bytes(longest),
            runs,
            shared: self.bytes(shared),
        }
    }

    /// Tells the free runs, in order, in bytes.
    pub fn each_free_run(&self, tell: &mut dyn FnMut(Range<u64>)) {
        self.each_run(&mut |run| tell(self.bytes(run.start)..self.bytes(run.end)));
    }

    fn each_run(&self, tell: &mut dyn FnMut(Range<usize>)) {
        let Layout { units, used, .. } = self.table.layout;
        let (mut at, mut run) = (0_usize, 0..0);
        while at < units {
            let bit = at & 63;
            let bits = self.table.memory.load(used.wrapping_add(at >> 6)) >> bit;
            let is_free = bits & 1 == 0;
            let alike = if is_free { bits.trailing_zeros() } else { bits.trailing_ones() };
            let end = at.saturating_add((alike as usize).min(64_usize.saturating_sub(bit)));
            if is_free {
                run = if run.end == at && !run.is_empty() { run.start..end } else { at..end };
            } else if !run.is_empty() {
                tell(core::mem::take(&mut run));
            }
            at = end;
        }
        if !run.is_empty() {
            run.end = run.end.min(units);
            tell(run);
        }
    }

    /// Tells who holds memory of it, with the ranges, in bytes of the pool.
    pub fn each_holder(&self, tell: TellHolder<'_>) {
        let me = witness::me();
        for each in 0..SLOTS {
            let state = self.table.state(each);
            if state == slot::FREE {
                continue;
            }
            let possible = || {
                let entries = self.table.entries(each).map(|(_, entry)| entry);
                entries.filter(|entry| self.table.is_possible(*entry)).map(range_of)
            };
            let (ranges, units) = possible().fold((0_usize, 0_usize), |(ranges, units), range| {
                (ranges.saturating_add(1), units.saturating_add(range.len()))
            });
            let who = self.table.who(each);
            let is_dead = state == slot::DEAD || self.file.is_locked(byte(each)) == Ok(false);
            let holder = Holder {
                process: who.process,
                is_this: !is_dead && who == me,
                is_dead,
                is_here: witness::is_here(&who),
                ranges,
                bytes: self.bytes(units),
            };
            tell(&holder, &mut possible().map(|run| self.bytes(run.start)..self.bytes(run.end)));
        }
    }

    /// What was ever wrong with its table.
    #[must_use]
    pub fn repairs(&self) -> Repairs {
        let load = |at| size(self.table.memory.load(at));
        Repairs { rebuilt: load(head::REBUILT), dropped: load(head::DROPPED) }
    }

    /// The process that was changing the table.
    #[must_use]
    pub fn changed_by(&self) -> Option<i32> {
        let slot = owner(self.table.memory.load(head::LOCK)).filter(|slot| *slot < SLOTS)?;
        Some(self.table.who(slot).process)
    }

    /// Whether the table agrees with itself: it is read again, up to 64 times while it does not.
    ///
    /// # Errors
    ///
    /// Those of reading it.
    pub fn agreement(&self) -> Result<Agreement, Failure> {
        let layout = self.table.layout;
        let doubt = Words::alone(layout.prepared).map_err(Failure::of("mmap"))?;
        let mut found = Ok(Agreement::Agrees);
        for round in 0..ROUNDS {
            if round > 0 {
                witness::sleep(1);
            }
            found = self.doubts(&doubt, round.into());
            if !matches!(found, Ok(Agreement::Differs | Agreement::Changing)) {
                break;
            }
        }
        doubt.end();
        found
    }

    /// Leaves of the doubts those that another reading has too.
    fn doubts(&self, doubt: &Words, round: u64) -> Result<Agreement, Failure> {
        let layout = self.table.layout;
        let told = read(&self.file, layout)?;
        let derived = match copy_of(&told, layout) {
            Ok(derived) => derived,
            Err(failure) => {
                told.end();
                return Err(failure);
            }
        };
        let _always = Table { memory: derived, layout }.rebuild(&mut |_| true);
        let mut left = derived.load(head::DROPPED) ^ told.load(head::DROPPED);
        // A doubt that another reading has too is one of so many rounds.
        let table = Table { memory: told, layout };
        table.differences(&Table { memory: derived, layout }, &mut |at| {
            if doubt.load(at) == round {
                doubt.store(at, round.saturating_add(1));
                left |= 1;
            }
        });
        let is_changing = told.load(head::LOCK) != 0;
        told.end();
        derived.end();
        Ok(match left {
            0 => Agreement::Agrees,
            _ if is_changing => Agreement::Changing,
            _ => Agreement::Differs,
        })
    }
}

/// That the store of a pool is the one that its table is of.
fn is_of(store: &Store, identity: Identity, layout: Layout) -> Result<(), Failure> {
    let there = if store.is_ours {
        File::open(&store.path, OpenFlags::PATH, 0)
    } else {
        File::open_through(&store.path, OpenFlags::PATH, 0)
    };
    let there = there.and_then(|file| file.stat());
    let is_short = |stat: &Stat| {
        let bytes = word(layout.units.saturating_mul(store.unit));
        store.punches && u64::try_from(stat.st_size).unwrap_or(0) < bytes
    };
    match there {
        Ok(stat) if Identity::of(&stat) != identity => Err(Failure::damaged(Damage::Store)),
        Ok(stat) if is_short(&stat) => Err(Failure::damaged(Damage::Truncated)),
        Err(Errno::ENOENT) if store.is_ours => Err(Failure::damaged(Damage::Store)),
        Err(Errno::ENOENT) => Err(Failure::new(Errno::ENODEV, Cause::Lacks)),
        // There it is, or nobody tells us: that it is another's is no reason not to look at the table.
        _ => Ok(()),
    }
}

/// Reads a table, but for the counts and the blocks of entries that are nobody's.
fn read(file: &File, layout: Layout) -> Result<Words, Failure> {
    let words = Words::alone(layout.counts).map_err(Failure::of("mmap"))?;
    let filled = fill(file, &words, 0..layout.prepared)
        .and_then(|()| blocks_in(&words, layout).try_for_each(|block| fill(file, &words, block)));
    match filled {
        Ok(()) => Ok(words),
        Err(failure) => {
            words.end();
            Err(failure)
        }
    }
}

/// A copy of what was read.
fn copy_of(told: &Words, layout: Layout) -> Result<Words, Failure> {
    let words = Words::alone(layout.counts).map_err(Failure::of("mmap"))?;
    let copy = |range: Range<usize>| range.for_each(|at| words.store(at, told.load(at)));
    copy(0..layout.prepared);
    blocks_in(told, layout).for_each(copy);
    Ok(words)
}

/// The words of the blocks of entries that have an owner.
fn blocks_in(words: &Words, layout: Layout) -> impl Iterator<Item = Range<usize>> {
    let taken = (0..BLOCKS).filter(|block| words.load(owner_word(*block)) != 0);
    taken.map(move |block| {
        let first = layout.blocks.saturating_add(block.saturating_mul(BLOCK));
        first..first.saturating_add(BLOCK)
    })
}

/// Reads some words of the file.
fn fill(file: &File, words: &Words, range: Range<usize>) -> Result<(), Failure> {
    let mut room = Room::new(PIECE).map_err(Failure::of("mmap"))?;
    let mut at = range.start;
    while at < range.end {
        let wanted = range.end.saturating_sub(at).min(PIECE >> 3);
        let piece = room.bytes().get_mut(..wanted.saturating_mul(8)).unwrap_or_default();
        let len = file.read_at(piece, word(at).saturating_mul(8)).map_err(Failure::of("read"))?;
        if len < piece.len() {
            return Err(Failure::damaged(Damage::Truncated));
        }
        for bytes in piece.as_chunks::<8>().0 {
            words.store(at, u64::from_ne_bytes(*bytes));
            at = at.saturating_add(1);
        }
    }
    Ok(())
}
