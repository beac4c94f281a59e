//! Safe code does its worst: random methods of every public type with random arguments, from several threads, while the
//! files are truncated, grown, punched and replaced and children are forked. No signal, no panic, no byte of others
//! touched.
//!
//! Crates of the field that call themselves safe die here within a second: SIGBUS from a truncated file, a slice of what was
//! unmapped, a neighbour's page protected. A new method is one line in [`OPERATIONS`].
//! `MMAN_HOSTILE_SECONDS` says how long, 4 seconds unless set.

#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod dice;

use dice::Dice;
use mman::kernel::Feature;
use mman::signal::{self, Owner};
use mman::{
    Anonymous, CopyLimit, FileObject, Frozen, HugePageSize, MapOptions, Mapping, Memory,
    MemoryObject, PageSize, Private, Reservation, Shared, SharedMut,
};
use mman_testkit::canary::Cage;
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::{child, fork, page, pattern};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, File};
use std::io::{BufRead, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

/// What a method answers does not count, as long as it answers.
fn any<T>(_answer: T) {}

/// A name, and what it does.
type Operation = (&'static str, fn(&mut World));

/// The methods, each with random arguments.
const OPERATIONS: &[Operation] = &[
    // Mapping
    ("MapOptions::map", |w| w.map()),
    ("FileObject::map", |w| w.file(|f, _| f.map()).into_iter().flatten().for_each(|m| w.keep(m))),
    ("Mapping::read_at", |w| w.mapping(|m, d| any(m.read_at(d.at(), &mut d.bytes())))),
    ("Mapping::write_at", |w| w.mapping(|m, d| any(m.write_at(d.at(), &d.bytes())))),
    ("Mapping::write_out", |w| w.mapping(|m, d| any(m.write_out(d.sink(), d.bounds())))),
    ("Mapping::protect", |w| w.mapping(|m, d| any(m.protect(d.bounds(), d.protection())))),
    ("Mapping::discard", |w| w.mapping(|m, d| any(m.discard(d.bounds(), d.discard())))),
    ("Mapping::advise", |w| w.mapping(|m, d| any(m.advise(d.bounds(), d.hint())))),
    ("Mapping::sync", |w| w.mapping(|m, d| any(m.sync(d.bounds(), d.sync())))),
    ("Mapping::resize", |w| w.mapping(|m, d| any(m.resize(d.len(), d.growth())))),
    ("Mapping::take_pages", |w| w.make(|m, _| m.take_pages())),
    ("Mapping::alias", |w| w.make(|m, _| m.alias())),
    ("Mapping::split_at", |w| w.cut(|m, d| m.split_at(d.at()))),
    ("Mapping::unmap_range", |w| w.cut(|m, d| m.unmap_range(d.bounds()))),
    ("Mapping::merge", |w| w.merge()),
    ("Mapping::unmap", |w| w.mappings.take(&mut w.dice).into_iter().for_each(|m| any(m.unmap()))),
    ("Mapping::move_into", |w| w.move_into()),
    ("Mapping::pages", |w| w.mapping(|m, d| d.lent(&m.pages()))),
    ("Mapping, asked", |w| w.mapping(|m, _| any((m.len(), m.kind(), m.object_offset())))),
    // Reservation
    ("Reservation::new", |w| w.reserve()),
    ("Reservation::commit", |w| w.space(|s, d| any(s.commit(d.bounds())))),
    ("Reservation::protect", |w| w.space(|s, d| any(s.protect(d.bounds(), d.protection())))),
    ("Reservation::decommit", |w| w.space(|s, d| any(s.decommit(d.bounds())))),
    ("Reservation::discard", |w| w.space(|s, d| any(s.discard(d.bounds(), d.discard())))),
    ("Reservation::advise", |w| w.space(|s, d| any(s.advise(d.bounds(), d.hint())))),
    ("Reservation::read_at", |w| w.space(|s, d| any(s.read_at(d.at(), &mut d.bytes())))),
    ("Reservation::write_at", |w| w.space(|s, d| any(s.write_at(d.at(), &d.bytes())))),
    ("Reservation::pages", |w| w.space(|s, d| d.lent(&s.pages()))),
    ("Reservation::place", |w| {
        w.space(|s, d| any(s.place(d.boundary(), &d.options(), &&*d.object())));
    }),
    ("Reservation::split_at, merge", |w| w.split_space()),
    ("Reservation::release", |w| {
        w.spaces.take(&mut w.dice).into_iter().for_each(|s| any(s.release()));
    }),
    // Views
    ("Shared::map", |w| w.view_shared()),
    ("SharedMut::map", |w| w.view_mut()),
    ("Private::map", |w| w.view_private()),
    ("Shared::read_at", |w| w.view(|v, d| any(v.read_at(d.at(), &mut d.bytes())))),
    ("Shared::to_vec", |w| w.view(|v, d| any(v.to_vec(d.bounds())))),
    ("Shared::load u8", |w| w.view(|v, d| any(v.load::<u8>(d.at())))),
    ("Shared::load u16", |w| w.view(|v, d| any(v.load::<u16>(d.at())))),
    ("Shared::load u32", |w| w.view(|v, d| any(v.load::<u32>(d.at())))),
    ("Shared::load u64", |w| w.view(|v, d| any(v.load::<u64>(d.word())))),
    ("Shared::find_byte", |w| w.view(|v, d| any(v.find_byte(d.bounds(), d.byte())))),
    ("Shared::rfind_byte", |w| w.view(|v, d| any(v.rfind_byte(d.bounds(), d.byte())))),
    ("Shared::find", |w| w.view(|v, d| any(v.find(d.bounds(), &d.bytes())))),
    ("Shared::equals", |w| w.view(|v, d| any(v.equals(d.at(), &d.bytes())))),
    ("Shared::write_out", |w| w.view(|v, d| any(v.write_out(d.sink(), d.bounds())))),
    ("Shared::pages", |w| w.view(|v, d| d.lent(&v.pages()))),
    ("Shared, asked", |w| w.view(|v, _| any((v.error(), v.kind(), v.object_offset(), v.len())))),
    ("Shared::reader", |w| w.view(read)),
    ("SharedMut::write_at", |w| w.shared_mut(|v, d| any(v.write_at(d.at(), &d.bytes())))),
    ("SharedMut::fill", |w| w.shared_mut(|v, d| any(v.fill(d.bounds(), d.byte())))),
    ("SharedMut::store u8", |w| w.shared_mut(|v, d| any(v.store(d.at(), d.byte())))),
    ("SharedMut::store u64", |w| w.shared_mut(|v, d| any(v.store(d.word(), d.number())))),
    ("SharedMut::atomic_u32", |w| w.shared_mut(|v, d| add_32(v, d.word()))),
    ("SharedMut::atomic_u64", |w| w.shared_mut(|v, d| add_64(v, d.word()))),
    ("SharedMut::sync", |w| w.shared_mut(|v, d| any(v.sync(d.bounds(), d.sync())))),
    ("SharedMut::writer", |w| w.shared_mut(write)),
    ("Private::write_at", |w| w.private(|v, d| any(v.write_at(d.at(), &d.bytes())))),
    ("Private::fill", |w| w.private(|v, d| any(v.fill(d.bounds(), d.byte())))),
    ("Private::store", |w| w.private(|v, d| any(v.store(d.word(), d.number() as u32)))),
    ("Private::detach", |w| w.detach()),
    ("into_mapping", |w| w.end_view()),
    // Memory and Frozen
    ("Memory::map", |w| w.memory_new()),
    ("Memory, written", |w| w.memory(scribble)),
    ("Memory::resize", |w| w.memory(resize)),
    ("Memory::clear", |w| w.memory(Memory::clear_it)),
    ("Memory::pages", |w| w.memory(|m, d| d.lent(&m.pages()))),
    ("Memory, as it was", |w| w.memory(|_, _| {})),
    ("Memory::freeze", |w| w.freeze()),
    ("Memory::into_mapping", |w| w.memory_ends()),
    ("Frozen::open", |w| w.frozen_open()),
    ("Frozen::copy", |w| w.frozen_copy()),
    ("Frozen::slice, clone", |w| w.frozen_part()),
    ("Frozen, as it was", |w| w.frozen(|_, _| {})),
    ("Frozen::pages", |w| w.frozen(|f, d| f.pages().iter().for_each(|pages| d.lent(pages)))),
    // The rest
    ("FileObject::open", |w| w.open()),
    ("FileObject, asked", |w| any(w.file(|f, _| any((f.size(), f.kind()))))),
    ("Feature::support", |w| any(w.dice.pick(&Feature::ALL).support())),
    ("HugePageSize::available", |_| any(HugePageSize::available())),
    ("leaked", |_| any(mman::leaked())),
    ("signal::set_owner", |_| any((signal::set_owner(Owner::Library), signal::arm()))),
    ("exchange", |w| w.exchange()),
    ("fork", |w| w.fork()),
];

/// So that it fits into a table line.
trait ClearIt {
    fn clear_it(&mut self, dice: &mut Dice);
}

impl ClearIt for Memory {
    fn clear_it(&mut self, _dice: &mut Dice) {
        self.clear();
        assert!(self.iter().all(|byte| *byte == 0), "what was cleared is zeros");
    }
}

fn add_32(view: &SharedMut, at: usize) {
    if let Ok(word) = view.atomic_u32(at) {
        for _ in 0..100 {
            word.fetch_add(1, Relaxed);
        }
    }
}

fn add_64(view: &SharedMut, at: usize) {
    if let Ok(word) = view.atomic_u64(at) {
        for _ in 0..100 {
            word.fetch_add(1, Relaxed);
        }
    }
}

fn read(view: &Shared, dice: &mut Dice) {
    let mut reader = view.reader();
    for _ in 0..6 {
        match dice.below(6) {
            0 => any(reader.read(&mut dice.bytes())),
            1 => any(reader.fill_buf().map(<[u8]>::len)),
            2 => reader.consume(dice.at()),
            3 => any(reader.seek(dice.seek())),
            4 => any(reader.read_until(dice.byte(), &mut Vec::new())),
            _ => any(reader.read_to_end(&mut Vec::new())),
        }
    }
}

fn write(view: &SharedMut, dice: &mut Dice) {
    let mut writer = view.writer();
    for _ in 0..4 {
        match dice.below(3) {
            0 => any(writer.seek(dice.seek())),
            1 => any(writer.write_all(&dice.bytes())),
            _ => any(writer.flush()),
        }
    }
}

fn resize(memory: &mut Memory, dice: &mut Dice) {
    let before = memory.len();
    any(memory.resize(dice.len()));
    assert!(memory.iter().skip(before).all(|byte| *byte == 0), "what is new is zeros");
}

fn scribble(memory: &mut Memory, dice: &mut Dice) {
    let at = dice.at().min(memory.len());
    let end = at.saturating_add(dice.len()).min(memory.len());
    let byte = dice.byte();
    memory[at..end].fill(byte);
}

fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(bytes.len() as u64, |sum, word| sum.rotate_left(5) ^ word)
}

/// A few things of one kind; a new one takes the place of another.
struct Bag<T>(Vec<T>);

impl<T> Bag<T> {
    const MOST: usize = 6;

    const fn new() -> Self {
        Self(Vec::new())
    }

    fn pick(&mut self, dice: &mut Dice) -> Option<&mut T> {
        let at = dice.below(self.0.len().max(1));
        self.0.get_mut(at)
    }

    fn take(&mut self, dice: &mut Dice) -> Option<T> {
        let at = dice.below(self.0.len().max(1));
        (at < self.0.len()).then(|| self.0.swap_remove(at))
    }

    fn put(&mut self, dice: &mut Dice, thing: T) {
        if self.0.len() >= Self::MOST {
            drop(self.take(dice));
        }
        self.0.push(thing);
    }
}

/// A slice, and the sum of its bytes, which only its owner changes.
struct Summed<T> {
    bytes: T,
    sum: u64,
}

impl<T: AsRef<[u8]>> Summed<T> {
    fn new(bytes: T) -> Self {
        let sum = sum(bytes.as_ref());
        Self { bytes, sum }
    }

    fn check(&self) {
        assert_eq!(sum(self.bytes.as_ref()), self.sum, "nobody else has these bytes");
    }
}

/// Views that threads give to each other.
#[derive(Clone)]
enum View {
    Shared(Arc<Shared>),
    Mut(Arc<SharedMut>),
    Private(Arc<Private>),
}

static EXCHANGE: Mutex<Vec<View>> = Mutex::new(Vec::new());
static DONE: AtomicU64 = AtomicU64::new(0);

/// What a thread has.
struct World {
    dice: Dice,
    mappings: Bag<Mapping>,
    spaces: Bag<Reservation>,
    views: Bag<View>,
    memories: Bag<Summed<Memory>>,
    frozen: Bag<Summed<Frozen>>,
    objects: Bag<FileObject>,
    is_child: bool,
    note: File,
}

impl World {
    fn new(seed: u64, files: &Arc<Files>, number: usize) -> Self {
        let sink = files.folder.path().join(format!("sink {number}"));
        let note = File::create(note_of(parent_id(), number)).unwrap();
        Self {
            dice: Dice { state: seed, files: Arc::clone(files), sink },
            mappings: Bag::new(),
            spaces: Bag::new(),
            views: Bag::new(),
            memories: Bag::new(),
            frozen: Bag::new(),
            objects: Bag::new(),
            is_child: false,
            note,
        }
    }

    fn step(&mut self) {
        let (name, operation) = self.dice.pick(OPERATIONS);
        let child = if self.is_child { "in a child: " } else { "" };
        any(self.note.write_at(format!("{child}{name:40}").as_bytes(), 0));
        operation(self);
        DONE.fetch_add(1, Relaxed);
    }

    fn mapping(&mut self, act: impl FnOnce(&mut Mapping, &mut Dice)) {
        if let Some(mapping) = self.mappings.pick(&mut self.dice) {
            act(mapping, &mut self.dice);
        }
    }

    fn space(&mut self, act: impl FnOnce(&mut Reservation, &mut Dice)) {
        if let Some(space) = self.spaces.pick(&mut self.dice) {
            act(space, &mut self.dice);
        }
    }

    fn file<T>(&mut self, act: impl FnOnce(&FileObject, &mut Dice) -> T) -> Option<T> {
        self.objects.pick(&mut self.dice).map(|file| act(file, &mut self.dice))
    }

    fn keep(&mut self, mapping: Mapping) {
        self.mappings.put(&mut self.dice, mapping);
    }

    fn make(&mut self, act: impl FnOnce(&mut Mapping, &mut Dice) -> mman::Result<Mapping>) {
        if let Some(mapping) = self.mappings.pick(&mut self.dice)
            && let Ok(made) = act(mapping, &mut self.dice)
        {
            self.keep(made);
        }
    }

    fn cut<R>(&mut self, act: impl FnOnce(Mapping, &mut Dice) -> Result<(Mapping, Mapping), R>) {
        if let Some(mapping) = self.mappings.take(&mut self.dice)
            && let Ok((low, high)) = act(mapping, &mut self.dice)
        {
            self.keep(low);
            self.keep(high);
        }
    }

    fn map(&mut self) {
        let mapped = self.dice.options().map(&&*self.dice.object());
        mapped.into_iter().for_each(|mapping| self.keep(mapping));
    }

    fn merge(&mut self) {
        let Some(mapping) = self.mappings.take(&mut self.dice) else { return };
        match mapping.split_at(self.dice.boundary()) {
            Ok((low, high)) => match low.merge(high) {
                Ok(whole) => self.keep(whole),
                Err(refused) => self.keep(refused.given.0),
            },
            Err(refused) => {
                if let Some(next) = self.mappings.take(&mut self.dice) {
                    any(refused.given.merge(next));
                }
            }
        }
    }

    fn move_into(&mut self) {
        let at = self.dice.boundary();
        if let Some(space) = self.spaces.pick(&mut self.dice)
            && let Some(mapping) = self.mappings.take(&mut self.dice)
        {
            any(mapping.move_into(space, at));
        }
    }

    fn reserve(&mut self) {
        let alignment = PageSize::new(1 << self.dice.below(23)).unwrap();
        for made in
            [Reservation::new(self.dice.len()), Reservation::aligned(self.dice.len(), alignment)]
        {
            made.into_iter().for_each(|space| self.spaces.put(&mut self.dice, space));
        }
    }

    fn split_space(&mut self) {
        let Some(space) = self.spaces.take(&mut self.dice) else { return };
        let (low, high) = match space.split_at(self.dice.at()) {
            Ok(halves) => halves,
            Err(refused) => return self.spaces.put(&mut self.dice, refused.given),
        };
        let merged = if self.dice.one_in(2) { low.merge(high) } else { high.merge(low) };
        match merged {
            Ok(whole) => self.spaces.put(&mut self.dice, whole),
            Err(refused) => {
                self.spaces.put(&mut self.dice, refused.given.0);
                self.spaces.put(&mut self.dice, refused.given.1);
            }
        }
    }

    fn view_shared(&mut self) {
        let view = match self.dice.below(3) {
            0 => Shared::open(self.dice.path()),
            _ => Shared::map(&self.dice.options(), &&*self.dice.object()),
        };
        view.into_iter().for_each(|view| {
            self.views.put(&mut self.dice, View::Shared(Arc::new(view)));
        });
    }

    fn view_mut(&mut self) {
        let view = match self.dice.below(3) {
            0 => SharedMut::open(self.dice.path()),
            _ => SharedMut::map(&self.dice.options(), &&*self.dice.object()),
        };
        view.into_iter().for_each(|view| {
            self.views.put(&mut self.dice, View::Mut(Arc::new(view)));
        });
    }

    fn view_private(&mut self) {
        let view = match self.dice.below(3) {
            0 => Private::open(self.dice.path()),
            _ => Private::map(&self.dice.options(), &&*self.dice.object()),
        };
        view.into_iter().for_each(|view| {
            self.views.put(&mut self.dice, View::Private(Arc::new(view)));
        });
    }

    fn view(&mut self, act: impl FnOnce(&Shared, &mut Dice)) {
        match self.views.pick(&mut self.dice) {
            Some(View::Shared(view)) => act(view, &mut self.dice),
            Some(View::Mut(view)) => act(view, &mut self.dice),
            Some(View::Private(view)) => act(view, &mut self.dice),
            None => {}
        }
    }

    fn shared_mut(&mut self, act: impl FnOnce(&SharedMut, &mut Dice)) {
        if let Some(View::Mut(view)) = self.views.pick(&mut self.dice) {
            act(view, &mut self.dice);
        }
    }

    fn private(&mut self, act: impl FnOnce(&Private, &mut Dice)) {
        if let Some(View::Private(view)) = self.views.pick(&mut self.dice) {
            act(view, &mut self.dice);
        }
    }

    fn detach(&mut self) {
        if let Some(View::Private(view)) = self.views.pick(&mut self.dice)
            && let Ok(memory) = view.detach()
        {
            self.memories.put(&mut self.dice, Summed::new(memory));
        }
    }

    fn end_view(&mut self) {
        let mapping = match self.views.take(&mut self.dice) {
            Some(View::Shared(view)) => Arc::into_inner(view).and_then(|v| v.into_mapping().ok()),
            Some(View::Mut(view)) => Arc::into_inner(view).and_then(|v| v.into_mapping().ok()),
            Some(View::Private(view)) => Arc::into_inner(view).and_then(|v| v.into_mapping().ok()),
            None => None,
        };
        mapping.into_iter().for_each(|mapping| self.keep(mapping));
    }

    fn memory_new(&mut self) {
        let private = MapOptions::private();
        let some = if self.dice.one_in(2) { private } else { self.dice.options() };
        if let Ok(memory) = Memory::map(&some, self.dice.len()) {
            assert!(memory.iter().all(|byte| *byte == 0), "memory begins as zeros");
            self.memories.put(&mut self.dice, Summed::new(memory));
        }
    }

    fn memory(&mut self, act: impl FnOnce(&mut Memory, &mut Dice)) {
        if let Some(memory) = self.memories.pick(&mut self.dice) {
            memory.check();
            act(&mut memory.bytes, &mut self.dice);
            memory.sum = sum(&memory.bytes);
        }
    }

    fn freeze(&mut self) {
        if let Some(memory) = self.memories.take(&mut self.dice) {
            memory.check();
            match memory.bytes.freeze() {
                Ok(bytes) => self.frozen.put(&mut self.dice, Summed { bytes, sum: memory.sum }),
                Err(refused) => self.memories.put(&mut self.dice, Summed::new(refused.given)),
            }
        }
    }

    fn memory_ends(&mut self) {
        if let Some(memory) = self.memories.take(&mut self.dice) {
            self.keep(memory.bytes.into_mapping());
        }
    }

    fn frozen(&mut self, act: impl FnOnce(&Frozen, &mut Dice)) {
        if let Some(frozen) = self.frozen.pick(&mut self.dice) {
            act(&frozen.bytes, &mut self.dice);
            frozen.check();
        }
    }

    fn keep_frozen(&mut self, frozen: Option<Frozen>) {
        frozen.into_iter().for_each(|bytes| self.frozen.put(&mut self.dice, Summed::new(bytes)));
    }

    fn frozen_open(&mut self) {
        let path = self.dice.path();
        let limit = CopyLimit::bytes(self.dice.len() as u64);
        let frozen = match self.dice.below(2) {
            0 => Frozen::open(path),
            _ => Frozen::open_within(path, limit),
        };
        self.keep_frozen(frozen.ok());
    }

    fn frozen_copy(&mut self) {
        let frozen = self.file(|file, dice| match dice.below(2) {
            0 => Frozen::copy(file),
            _ => Frozen::copy_within(file, CopyLimit::bytes(dice.len() as u64)),
        });
        self.keep_frozen(frozen.and_then(Result::ok));
    }

    fn frozen_part(&mut self) {
        let mut part = None;
        self.frozen(|frozen, dice| {
            part = if dice.one_in(2) { frozen.slice(dice.bounds()) } else { Some(frozen.clone()) };
        });
        self.keep_frozen(part);
    }

    fn open(&mut self) {
        let path = self.dice.path();
        for object in [FileObject::open(&path), FileObject::open_read_write(&path)] {
            object.into_iter().for_each(|object| self.objects.put(&mut self.dice, object));
        }
    }

    /// Gives a view to the other threads, and takes one of theirs.
    fn exchange(&mut self) {
        let Ok(mut exchange) = EXCHANGE.try_lock() else { return };
        if let Some(view) = self.views.pick(&mut self.dice) {
            exchange.push(view.clone());
        }
        if exchange.len() > 8 {
            let at = self.dice.below(exchange.len());
            let view = exchange.swap_remove(at);
            self.views.put(&mut self.dice, view);
        }
    }

    /// A child goes on with what it inherited.
    fn fork(&mut self) {
        if self.is_child || !self.dice.one_in(8) {
            return;
        }
        let ended = fork::and_wait(|| {
            self.is_child = true;
            self.dice.state ^= 0x5555;
            for _ in 0..300 {
                self.step();
            }
            0
        });
        assert!(ended.success(), "the forked child: {ended}");
    }
}

/// Where a thread of the child notes what it is about to do.
fn note_of(process: u32, thread: usize) -> PathBuf {
    std::env::temp_dir().join(format!("mman-hostile-{process}-{thread}"))
}

/// The files that everybody maps.
struct Files {
    folder: Folder,
    _in_memory: Folder,
    paths: Vec<PathBuf>,
    fifo: PathBuf,
}

impl Files {
    fn new() -> Self {
        let (folder, in_memory) = (Folder::new(), Folder::in_shared_memory());
        let paths = (0..6).map(|number| {
            let of = if number % 2 == 0 { &folder } else { &in_memory };
            of.patterned(&format!("file {number}"), number * 5 * page())
        });
        let paths = paths.collect();
        Self { fifo: folder.fifo("fifo"), folder, _in_memory: in_memory, paths }
    }
}

/// Truncates, grows, punches, writes and replaces the files.
fn vandalize(dice: &mut Dice) {
    let files = Arc::clone(&dice.files);
    let path = &files.paths[dice.below(files.paths.len())];
    let len = dice.below(32 * page()) as u64;
    let Ok(file) = File::options().read(true).write(true).open(path) else { return };
    match dice.below(6) {
        0 | 1 => any(file.set_len(len)),
        2 => any(file.set_len(len / page() as u64 * page() as u64)),
        3 => {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            any(fallocate(&file, hole, len, 3 * page() as u64));
        }
        4 => any(file.write_at(&dice.bytes(), len)),
        _ if dice.one_in(8) => {
            let new = path.with_extension("new");
            any(fs::write(&new, pattern::bytes(0, len as usize))
                .and_then(|()| fs::rename(&new, path)));
        }
        _ => any(open_read_write(path).set_len(30 * page() as u64)),
    }
}

const THREADS: usize = 3;

/// So long in this process, whose every mapping but the canaries may be anything afterwards.
fn hammer(time: Duration, seed: u64) {
    let files = Arc::new(Files::new());
    let stop = AtomicBool::new(false);
    let mut cages = Vec::new();
    let mut worlds: Vec<World> =
        (0..THREADS).map(|number| World::new(seed + number as u64, &files, number)).collect();
    for (number, world) in worlds.iter_mut().enumerate() {
        for options in [MapOptions::private().read_write(), MapOptions::shared().read_write()] {
            let mut cage = Cage::of(6);
            let mapped = cage.map(options.range(100..), &Anonymous::new((5 - number) * page()));
            world.keep(mapped.unwrap());
            cages.push(cage);
        }
    }
    let heap = pattern::bytes(7, 1 << 20);
    thread::scope(|scope| {
        let hammers: Vec<_> = worlds
            .into_iter()
            .map(|mut world| {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Relaxed) {
                        world.step();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let sink = files.folder.path().join("unused");
            let mut dice = Dice { state: seed ^ 0xaaaa, files: Arc::clone(&files), sink };
            while !stop.load(Relaxed) {
                vandalize(&mut dice);
            }
        });
        let end = SystemTime::now() + time;
        while SystemTime::now() < end && hammers.iter().all(|hammer| !hammer.is_finished()) {
            thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Relaxed);
    });
    EXCHANGE.lock().unwrap().clear();
    cages.iter().for_each(Cage::assert_untouched);
    pattern::assert_is(&heap, 7);
    assert_eq!(mman::leaked(), 0, "all of it could be unmapped");
    eprintln!("hostile: {} operations, seed {seed}", DONE.load(Relaxed));
}

#[test]
fn safe_code_cannot_reach_what_is_not_its_own() {
    const AT_ONCE: u64 = 60;
    let asked = std::env::var("MMAN_HOSTILE_SECONDS").ok().and_then(|text| text.parse().ok());
    let mut left: u64 = asked.unwrap_or(4);
    while left > 0 {
        let time = Duration::from_secs(left.min(AT_ONCE));
        let Some(ended) = child::outcome(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let seed = std::env::var("MMAN_HOSTILE_SEED").ok().and_then(|text| text.parse().ok());
            hammer(time, seed.unwrap_or(now.as_nanos() as u64));
        }) else {
            return;
        };
        let notes: Vec<_> =
            (0..THREADS).map(|thread| note_of(std::process::id(), thread)).collect();
        let last: Vec<_> = notes.iter().map(|note| fs::read_to_string(note).ok()).collect();
        notes.iter().for_each(|note| any(fs::remove_file(note)));
        let told: Vec<_> = ended.err.lines().filter(|line| line.starts_with("hostile:")).collect();
        eprintln!("{told:?}");
        assert!(ended.came_to_its_end(), "{}: {last:?}\n{}{}", ended.status, ended.out, ended.err);
        left = left.saturating_sub(AT_ONCE);
    }
}

#[test]
fn the_table_names_every_operation_once() {
    let mut names: Vec<_> = OPERATIONS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), OPERATIONS.len());
    assert!(Path::new("/proc/self/maps").exists());
}
