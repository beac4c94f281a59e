//! What a thread has, and how it goes on: step by step, by its own dice, now and then in a forked child.

use crate::dice::Dice;
use crate::tools::Tools;
use crate::{Files, note_of, operations};
use mman::{
    FileObject, Frozen, Mapping, Memory, PageAllocator, Private, Reservation, Sealed, Shared,
    SharedMut, ShmObject, TypedMemory,
};
use mman_testkit::fork;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;
use std::os::unix::process::parent_id;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, RwLock};

/// What a method answers does not count, as long as it answers.
pub(crate) fn any<T>(_answer: T) {}

/// The methods that it calls, and what it does.
pub(crate) type Operation = (&'static str, fn(&mut World));

pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(bytes.len() as u64, |sum, word| sum.rotate_left(5) ^ word)
}

/// A few things of one kind; a new one takes the place of another.
pub(crate) struct Bag<T>(pub(crate) Vec<T>);

impl<T> Bag<T> {
    const MOST: usize = 6;

    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn pick(&mut self, dice: &mut Dice) -> Option<&mut T> {
        let at = dice.below(self.0.len().max(1));
        self.0.get_mut(at)
    }

    pub(crate) fn take(&mut self, dice: &mut Dice) -> Option<T> {
        let at = dice.below(self.0.len().max(1));
        (at < self.0.len()).then(|| self.0.swap_remove(at))
    }

    pub(crate) fn put(&mut self, dice: &mut Dice, thing: T) {
        if self.0.len() >= Self::MOST {
            drop(self.take(dice));
        }
        self.0.push(thing);
    }
}

/// A slice, and the sum of its bytes, which only its owner changes.
pub(crate) struct Summed<T> {
    pub(crate) bytes: T,
    pub(crate) sum: u64,
}

impl<T: AsRef<[u8]>> Summed<T> {
    pub(crate) fn new(bytes: T) -> Self {
        let sum = sum(bytes.as_ref());
        Self { bytes, sum }
    }

    pub(crate) fn check(&self) {
        assert_eq!(sum(self.bytes.as_ref()), self.sum, "nobody else has these bytes");
    }
}

/// Views that threads give to each other.
#[derive(Clone)]
pub(crate) enum View {
    Shared(Arc<Shared>),
    Mut(Arc<SharedMut>),
    Private(Arc<Private>),
}

pub(crate) static EXCHANGE: Mutex<Vec<View>> = Mutex::new(Vec::new());
pub(crate) static DONE: AtomicU64 = AtomicU64::new(0);

/// What a thread has.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) mappings: Bag<Mapping>,
    pub(crate) sealed: Bag<Sealed>,
    pub(crate) spaces: Bag<Reservation>,
    pub(crate) views: Bag<View>,
    pub(crate) memories: Bag<Summed<Memory>>,
    pub(crate) frozen: Bag<Summed<Frozen>>,
    pub(crate) objects: Bag<FileObject>,
    pub(crate) shm: Bag<ShmObject>,
    pub(crate) typed: Bag<TypedMemory>,
    pub(crate) allocators: Bag<Arc<PageAllocator>>,
    pub(crate) tools: Tools,
    pub(crate) is_child: bool,
    note: File,
}

/// Whoever forks has it alone, and whoever takes a lock of the library's has it with others: in the child of a process of
/// several threads, a lock that another thread had is never given back.
pub(crate) static FORKING: RwLock<()> = RwLock::new(());

impl World {
    pub(crate) fn new(seed: u64, files: &Arc<Files>, number: usize) -> Self {
        let sink = files.folder.path().join(format!("sink {number}"));
        let note = File::create(note_of(parent_id(), number)).unwrap();
        Self::of(Dice::new(seed, Arc::clone(files), sink, number == 0), note)
    }

    fn of(dice: Dice, note: File) -> Self {
        Self {
            dice,
            mappings: Bag::new(),
            sealed: Bag::new(),
            spaces: Bag::new(),
            views: Bag::new(),
            memories: Bag::new(),
            frozen: Bag::new(),
            objects: Bag::new(),
            shm: Bag::new(),
            typed: Bag::new(),
            allocators: Bag::new(),
            tools: Tools::new(),
            is_child: false,
            note,
        }
    }

    pub(crate) fn step(&mut self) {
        let (name, operation) = self.dice.pick(operations());
        let child = if self.is_child { "in a child: " } else { "" };
        any(self.note.write_at(format!("{child}{name:60}").as_bytes(), 0));
        operation(self);
        DONE.fetch_add(1, Relaxed);
    }

    pub(crate) fn keep(&mut self, mapping: Mapping) {
        self.mappings.put(&mut self.dice, mapping);
    }

    pub(crate) fn file<T>(&mut self, act: impl FnOnce(&FileObject, &mut Dice) -> T) -> Option<T> {
        self.objects.pick(&mut self.dice).map(|file| act(file, &mut self.dice))
    }

    /// Gives a view to the other threads, and takes one of theirs.
    pub(crate) fn exchange(&mut self) {
        let Ok(mut exchange) = EXCHANGE.try_lock() else { return };
        if !self.dice.is_odd
            && let Some(view) = self.views.pick(&mut self.dice)
        {
            exchange.push(view.clone());
        }
        if exchange.len() > 8 {
            let at = self.dice.below(exchange.len());
            let view = exchange.swap_remove(at);
            self.views.put(&mut self.dice, view);
        }
    }

    /// A child goes on with what it inherited. Some of what the odd one has does not live across a fork: its child
    /// begins anew.
    pub(crate) fn fork(&mut self, steps: usize, first: impl FnOnce(&mut Self)) {
        if self.is_child {
            return;
        }
        let mut calm = FORKING.write().ok();
        let ended = fork::and_wait(|| {
            drop(calm.take());
            self.is_child = true;
            self.dice.state ^= 0x5555;
            if self.dice.is_odd {
                let mut new = Self::of(self.dice.child(), self.note.try_clone().unwrap());
                new.is_child = true;
                let _inherited = ManuallyDrop::new(std::mem::replace(self, new));
            }
            first(self);
            for _ in 0..steps {
                self.step();
            }
            0
        });
        assert!(ended.success(), "the forked child: {ended}");
    }
}

impl View {
    pub(crate) fn pages(&self) -> mman::Pages<'_> {
        match self {
            Self::Shared(view) => view.pages(),
            Self::Mut(view) => view.pages(),
            Self::Private(view) => view.pages(),
        }
    }
}
