//! A pool as this process has it open: its table mapped, a slot in it, and the kernel as the witness of both.
//!
//! - A1: the byte `LOCKS + slot` of the table's file is locked by an open file description whose only keeper is the mapping
//!   of the table: the lock ends with the last address space that came from this one, when that unmaps it, ends, is killed
//!   or executes another program. Nobody has to be told of a fork, and closing descriptors changes nothing.
//! - A2: a System V object is attached to the same address spaces. How often tells this process, by one short call,
//!   whether a child that nobody told of still maps what is being given back.

use crate::config::Pool;
use crate::damage::Damage;
use crate::failure::{Cause, Failure};
use crate::file::File;
use crate::layout::{BLOCKS, Layout, MAGIC, SLOTS, VERSION, head, slot};
use crate::memory::Memory;
use crate::nodes::Nodes;
use crate::number::{size, word};
use crate::path::Path;
use crate::space::Table;
use crate::store::{self, Identity, Store};
use crate::witness::{self, Counter};
use crate::words::Words;
use mman_sys::{Errno, OpenFlags, Stat};

/// The first of the bytes that slots lock.
pub(crate) const LOCKS: i64 = 1 << 60;
/// The byte that is locked while a table is made.
const MAKING: i64 = LOCKS - 1;
/// Bytes of the head that are looked at.
pub(crate) const HEAD: usize = 64;
/// How often making is waited for, a millisecond each time.
const PATIENCE: u32 = 5000;

/// A pool, attached.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) table: Table<Words>,
    /// The table's file, to look at its length and at locks.
    pub(crate) file: File,
    pub(crate) table_identity: Identity,
    pub(crate) path: Path,
    pub(crate) store: File,
    pub(crate) identity: Identity,
    pub(crate) unit: usize,
    pub(crate) punches: bool,
    /// Whether what is mapped is given memory at once.
    pub(crate) commits: bool,
    pub(crate) slot: usize,
    pub(crate) counter: Option<Counter>,
    pub(crate) nodes: Nodes,
    /// Which block of the table the nodes of each block of ours stand for.
    pub(crate) blocks: [u16; BLOCKS],
    /// Nodes that are unmapped here and may be mapped by children that nobody told of.
    pub(crate) waiting: u32,
    /// The process forked in the middle of a call.
    pub(crate) is_torn: bool,
    /// A call is changing it: what a child finds, if it was forked then.
    pub(crate) is_changing: bool,
}

/// The slot's byte.
pub(crate) fn byte(slot: usize) -> i64 {
    LOCKS.saturating_add(i64::try_from(slot).unwrap_or(0))
}

/// Opens, and makes if need be, table and store of a pool.
pub(crate) fn attach(pool: &Pool<'_>, directory: &Path) -> Result<Attached, Failure> {
    let store = store::of(pool, directory)?;
    // What is there already names the table; a store of ours is made with its table.
    let there = if store.is_ours { None } else { Some(store.open()?) };
    let named = there.as_ref().map_or(Ok(Identity::NONE), Identity::of_file)?;
    let path = store::table(pool, directory, named);
    let flags = OpenFlags::RDWR | OpenFlags::CREAT;
    let file = match File::open(&path, OpenFlags::RDWR, 0) {
        Err(Errno::ENOENT) => File::open(&path, flags, store.mode)
            .and_then(|file| file.set_mode(store.mode).map(|()| file)),
        there => there,
    };
    let file = file.map_err(Failure::of("open"))?;
    make(&path, &file, &store, there.as_ref())?;
    let opened = there.map_or_else(|| store.open(), Ok)?;
    let identity = Identity::of_file(&opened)?;
    let layout = check(&path, &file, &store, &opened, identity)?;
    let stat = file.stat().map_err(Failure::of("fstat"))?;
    let (table, slot) = claim(&path, layout, Identity::of(&stat))?;
    Ok(Attached {
        table,
        file: file.out_of_the_way(),
        table_identity: Identity::of(&stat),
        path,
        store: opened.out_of_the_way(),
        identity,
        unit: store.unit,
        punches: store.punches,
        commits: store.commits && store.punches,
        slot,
        counter: Counter::new().ok(),
        nodes: Nodes::new(store.unit).map_err(Failure::of("mmap"))?,
        blocks: [0; BLOCKS],
        waiting: crate::nodes::NIL,
        is_torn: false,
        is_changing: false,
    })
}

/// Makes the table if nobody has. Where who makes it dies, the next one begins again: the first word comes last.
fn make(path: &Path, file: &File, store: &Store, there: Option<&File>) -> Result<(), Failure> {
    let mut round = 0;
    while let Err(errno) = file.try_lock(MAKING) {
        if errno != Errno::EAGAIN {
            return Err(Failure::new(errno, Cause::Kernel("fcntl")));
        }
        if round >= PATIENCE {
            return Err(Failure::new(Errno::EAGAIN, Cause::Busy));
        }
        round = round.saturating_add(1);
        witness::sleep(1);
    }
    // A description of its own: the lock of this one stays until the file is closed. It is opened anew for the slot.
    let made = make_locked(path, file, store, there);
    file.unlock(MAKING).map_err(Failure::of("fcntl"))?;
    made
}

/// Whether some process lives that has the table attached, whatever stands in it.
pub(crate) fn is_lived_in(file: &File) -> Result<bool, Failure> {
    for each in 0..SLOTS {
        if file.is_locked(byte(each)).map_err(Failure::of("fcntl"))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn make_locked(
    path: &Path,
    file: &File,
    store: &Store,
    there: Option<&File>,
) -> Result<(), Failure> {
    let mut first = [0_u8; 8];
    let len = file.read(&mut first).map_err(Failure::of("read"))?;
    if len == first.len() && first != [0; 8] {
        return Ok(());
    }
    // Somebody wiped it: who lives with it would share what is allocated from a new one.
    if is_lived_in(file)? {
        return Err(Failure::damaged(Damage::Head));
    }
    // Removed meanwhile, and made by another under its name: the store of that name is the other one's.
    let named = File::open(path, OpenFlags::PATH, 0).map_err(Failure::of("open"))?;
    if Identity::of_file(&named)? != Identity::of_file(file)? {
        return Err(Failure::damaged(Damage::Store));
    }
    let made = if there.is_none() { Some(store.make()?) } else { None };
    let Some(opened) = there.or(made.as_ref()) else { return Ok(()) };
    let identity = Identity::of_file(opened)?;
    let units = store.prepare(opened)?;
    let full = Failure::new(Errno::ENOMEM, Cause::Full { free: 0, longest: 0 });
    let layout = Layout::of(units).ok_or(full)?;
    let failed = Failure::of("ftruncate");
    file.set_len(word(layout.end).saturating_mul(8)).map_err(failed)?;
    file.allocate(0, word(layout.prepared).saturating_mul(8)).map_err(Failure::of("fallocate"))?;
    let words = Words::map(file, layout.prepared).map_err(Failure::of("mmap"))?;
    let table = Table { memory: words, layout };
    for (at, value) in [
        (head::VERSION, VERSION),
        (head::UNIT, word(store.unit)),
        (head::UNITS, word(units)),
        (head::DEVICE, identity.device),
        (head::INODE, identity.inode),
        (head::LOCK, 0),
    ] {
        words.store(at, value);
    }
    (0..SLOTS).for_each(|each| table.set_state(each, slot::FREE));
    (0..BLOCKS).for_each(|block| words.store(crate::layout::owner_word(block), 0));
    table.clear();
    table.renew();
    words.store(head::MAGIC, MAGIC);
    words.end();
    Ok(())
}

/// Whether the table is one, and of this store; answers how it is laid out.
fn check(
    path: &Path,
    file: &File,
    store: &Store,
    opened: &File,
    identity: Identity,
) -> Result<Layout, Failure> {
    let damaged = |damage| Failure::damaged(damage);
    let mut again = [0_u8; HEAD];
    let first = File::open(path, OpenFlags::empty(), 0).map_err(Failure::of("open"))?;
    let len = first.read(&mut again).map_err(Failure::of("read"))?;
    let stat = file.stat().map_err(Failure::of("fstat"))?;
    let layout = layout_of(again.get(..len).unwrap_or(&[]), &stat, store.unit)?;
    if identity_in(&again) != identity {
        return Err(damaged(Damage::Store));
    }
    let stat = opened.stat().map_err(Failure::of("fstat"))?;
    let bytes = word(layout.units).saturating_mul(word(store.unit));
    if store.punches && u64::try_from(stat.st_size).unwrap_or(0) < bytes {
        return Err(damaged(Damage::Truncated));
    }
    Ok(layout)
}

/// A word of the first ones of a table.
fn word_of(first: &[u8], at: usize) -> u64 {
    let bytes = first.as_chunks::<8>().0.get(at).copied().unwrap_or_default();
    u64::from_ne_bytes(bytes)
}

/// How the table is laid out that begins so; whether it is one, of such units, and as long as it says.
pub(crate) fn layout_of(first: &[u8], stat: &Stat, unit: usize) -> Result<Layout, Failure> {
    if first.len() < HEAD {
        return Err(Failure::damaged(Damage::Truncated));
    }
    let head = |at| word_of(first, at);
    if head(head::MAGIC) == MAGIC && head(head::VERSION) != VERSION {
        return Err(Failure::damaged(Damage::Format));
    }
    if head(head::MAGIC) != MAGIC || head(head::UNIT) != word(unit) {
        return Err(Failure::damaged(Damage::Head));
    }
    let layout = Layout::of(size(head(head::UNITS))).ok_or(Failure::damaged(Damage::Head))?;
    if u64::try_from(stat.st_size).unwrap_or(0) < word(layout.end).saturating_mul(8) {
        return Err(Failure::damaged(Damage::Truncated));
    }
    Ok(layout)
}

/// Which store it is the table of.
pub(crate) fn identity_in(first: &[u8]) -> Identity {
    Identity { device: word_of(first, head::DEVICE), inode: word_of(first, head::INODE) }
}

/// Maps the table by a description of its own, which has the lock of a free slot's byte (A1), and makes the slot ours.
pub(crate) fn claim(
    path: &Path,
    layout: Layout,
    identity: Identity,
) -> Result<(Table<Words>, usize), Failure> {
    let file = File::open(path, OpenFlags::RDWR, 0).map_err(Failure::of("open"))?;
    let stat = file.stat().map_err(Failure::of("fstat"))?;
    if Identity::of(&stat) != identity {
        return Err(Failure::damaged(Damage::Store));
    }
    let words = Words::map(&file, layout.end).map_err(Failure::of("mmap"))?;
    let table = Table { memory: words, layout };
    let who = witness::me();
    for each in 0..SLOTS {
        if table.state(each) != slot::FREE || file.try_lock(byte(each)).is_err() {
            continue;
        }
        // Nobody else can make it live while we have the lock, and nobody drains a slot that is free.
        if table.state(each) == slot::FREE {
            table.claim(each, who);
            return Ok((table, each));
        }
        file.unlock(byte(each)).map_err(Failure::of("fcntl"))?;
    }
    words.end();
    Err(Failure::new(Errno::ENOMEM, Cause::NoRoom))
}
