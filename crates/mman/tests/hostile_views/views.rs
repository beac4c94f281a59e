//! Views, memory and frozen bytes: what is done to them.

use crate::dice::Dice;
use crate::world::{Operation, Summed, View, World, any, sum};
use mman::{CopyLimit, Frozen, Immutable, MemFd, Memory, Private, Shared, SharedMut};
use std::io::{BufRead, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

pub(crate) const TABLE: &[Operation] = &[
    ("Shared::open, new, map", |w| w.view_shared()),
    ("SharedMut::open, new, map", |w| w.view_mut()),
    ("Private::open, new, map", |w| w.view_private()),
    ("Shared::read_at", |w| w.view(|v, d| any(v.read_at(d.at(), &mut d.bytes())))),
    ("Shared::to_vec", |w| w.view(|v, d| any(v.to_vec(d.bounds())))),
    ("Shared::load u8", |w| w.view(|v, d| any(v.load::<u8>(d.at())))),
    ("Shared::load u16", |w| w.view(|v, d| any(v.load::<u16>(d.at())))),
    ("Shared::load u32", |w| w.view(|v, d| any(v.load::<u32>(d.at())))),
    ("Shared::load u64", |w| w.view(|v, d| any(v.load::<u64>(d.word())))),
    ("Shared::find_byte", |w| w.view(|v, d| any(v.find_byte(d.bounds(), d.byte())))),
    ("Shared::find_either", |w| {
        w.view(|v, d| any(v.find_either(d.bounds(), d.byte(), d.byte())));
    }),
    ("Shared::rfind_byte", |w| w.view(|v, d| any(v.rfind_byte(d.bounds(), d.byte())))),
    ("Shared::find", |w| w.view(|v, d| any(v.find(d.bounds(), &d.bytes())))),
    ("Shared::equals", |w| w.view(|v, d| any(v.equals(d.at(), &d.bytes())))),
    ("Shared::write_out", |w| w.view(|v, d| any(v.write_out(d.sink(), d.bounds())))),
    ("Shared::pages", |w| w.view(|v, d| d.lent(&v.pages()))),
    ("Shared::error, kind, object_offset, len", |w| {
        w.view(|v, _| any((v.error(), v.kind(), v.object_offset(), v.len())));
    }),
    ("Shared::is_empty, is_direct, as_ptr", |w| {
        w.view(|v, _| any((v.is_empty(), v.is_direct(), v.as_ptr())));
    }),
    ("SharedMut::as_mut_ptr", |w| w.shared_mut(|v, _| any(v.as_mut_ptr()))),
    ("Shared::reader", |w| w.view(read)),
    ("SharedMut::write_at", |w| w.shared_mut(|v, d| any(v.write_at(d.at(), &d.bytes())))),
    ("SharedMut::fill", |w| w.shared_mut(|v, d| any(v.fill(d.bounds(), d.byte())))),
    ("SharedMut::store u8", |w| w.shared_mut(|v, d| any(v.store(d.at(), d.byte())))),
    ("SharedMut::store u64", |w| w.shared_mut(|v, d| any(v.store(d.word(), d.number())))),
    ("SharedMut::atomic_u32", |w| w.shared_mut(|v, d| add_32(v, d.word()))),
    ("SharedMut::atomic_u64", |w| w.shared_mut(|v, d| add_64(v, d.word()))),
    ("SharedMut::write_through", |w| {
        w.shared_mut(|v, d| any(v.write_through(d.at(), &d.bytes())));
    }),
    ("Frozen::verity", |w| any(w.file(|f, _| any(Frozen::verity(f))))),
    ("SharedAtomic::load, store, swap, fetch_add, fetch_sub", |w| w.shared_mut(step)),
    ("SharedAtomic::compare_exchange, fetch_update, fetch_max, as_ptr", |w| w.shared_mut(exchange)),
    ("SharedMut::sync", |w| w.shared_mut(|v, d| any(v.sync(d.bounds(), d.sync())))),
    ("SharedMut::writer", |w| w.shared_mut(write)),
    ("Private::write_at", |w| w.private(|v, d| any(v.write_at(d.at(), &d.bytes())))),
    ("Private::fill", |w| w.private(|v, d| any(v.fill(d.bounds(), d.byte())))),
    ("Private::store", |w| w.private(|v, d| any(v.store(d.word(), d.number() as u32)))),
    ("Private::detach", |w| w.detach()),
    ("Shared::into_mapping, SharedMut::into_mapping, Private::into_mapping", |w| w.end_view()),
    // Memory and Frozen
    ("Memory::new, map, secret", |w| w.memory_new()),
    ("the bytes of Memory, written", |w| w.memory(scribble)),
    ("Memory::resize", |w| w.memory(|m, d| any(m.resize(d.len())))),
    ("Memory::clear", |w| w.memory(Memory::clear_it)),
    ("Memory::pages", |w| w.memory(|m, d| d.lent(&m.pages()))),
    ("the bytes of Memory, as they were", |w| w.memory(|_, _| {})),
    ("Memory::freeze", |w| w.freeze()),
    ("Memory::into_mapping", |w| w.memory_ends()),
    ("Frozen::open, open_within", |w| w.frozen_open()),
    ("Frozen::copy, copy_within", |w| w.frozen_copy()),
    ("Frozen::sealed", |w| w.frozen_sealed()),
    ("Frozen::open of a descriptor", |w| w.frozen_descriptor()),
    ("Frozen::slice, proof", |w| w.frozen_part()),
    ("the bytes of Frozen, as they were", |w| w.frozen(|f, _| any(f.proof()))),
    ("Frozen::pages", |w| w.frozen(|f, d| f.pages().iter().for_each(|pages| d.lent(pages)))),
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

fn step(view: &SharedMut, dice: &mut Dice) {
    if let Ok(word) = view.atomic_u32(dice.word()) {
        word.store(word.load(Relaxed), Relaxed);
        word.fetch_sub(word.swap(dice.number() as u32, Relaxed), Relaxed);
        word.fetch_add(1, Relaxed);
    }
}

fn exchange(view: &SharedMut, dice: &mut Dice) {
    if let Ok(word) = view.atomic_u64(dice.word()) {
        any(word.compare_exchange(word.load(Relaxed), dice.number(), Relaxed, Relaxed));
        any(word.fetch_update(Relaxed, Relaxed, |old| old.checked_add(1)));
        any(word.fetch_max(dice.number(), Relaxed));
        assert!(word.as_ptr().is_aligned());
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

fn scribble(memory: &mut Memory, dice: &mut Dice) {
    let at = dice.at().min(memory.len());
    let end = at.saturating_add(dice.len()).min(memory.len());
    let byte = dice.byte();
    memory[at..end].fill(byte);
}

impl World {
    fn view_shared(&mut self) {
        let view = match self.dice.below(4) {
            0 => Shared::open(self.dice.path()),
            1 => Shared::new(&&*self.dice.object()),
            _ => Shared::map(&self.dice.options(), &&*self.dice.object()),
        };
        view.into_iter().for_each(|view| {
            self.views.put(&mut self.dice, View::Shared(Arc::new(view)));
        });
    }

    fn view_mut(&mut self) {
        let view = match self.dice.below(4) {
            0 => SharedMut::open(self.dice.path()),
            1 => SharedMut::new(&&*self.dice.object()),
            _ => SharedMut::map(&self.dice.options(), &&*self.dice.object()),
        };
        view.into_iter().for_each(|view| {
            self.views.put(&mut self.dice, View::Mut(Arc::new(view)));
        });
    }

    fn view_private(&mut self) {
        let view = match self.dice.below(4) {
            0 => Private::open(self.dice.path()),
            1 => Private::new(&&*self.dice.object()),
            _ => Private::map(&self.dice.options(), &&*self.dice.object()),
        };
        view.into_iter().for_each(|view| {
            self.views.put(&mut self.dice, View::Private(Arc::new(view)));
        });
    }

    pub(crate) fn view(&mut self, act: impl FnOnce(&Shared, &mut Dice)) {
        match self.views.pick(&mut self.dice) {
            Some(View::Shared(view)) => act(view, &mut self.dice),
            Some(View::Mut(view)) => act(view, &mut self.dice),
            Some(View::Private(view)) => act(view, &mut self.dice),
            None => {}
        }
    }

    pub(crate) fn shared_mut(&mut self, act: impl FnOnce(&SharedMut, &mut Dice)) {
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
        let memory = match self.dice.below(5) {
            0..2 => Memory::new(self.dice.len()),
            2 if self.dice.is_odd => Memory::secret(self.dice.len()),
            _ => Memory::map(&self.dice.options(), self.dice.len()),
        };
        if let Ok(memory) = memory {
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

    pub(crate) fn keep_frozen(&mut self, frozen: Option<Frozen>) {
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

    fn frozen_sealed(&mut self) {
        let Some(fd) = self.dice.descriptor() else { return };
        if let Ok(memory) = MemFd::<Immutable>::from_fd(fd) {
            self.keep_frozen(Frozen::sealed(&memory).ok());
        }
    }

    fn frozen_descriptor(&mut self) {
        let Some(fd) = self.dice.descriptor() else { return };
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        self.keep_frozen(Frozen::open(path).ok());
    }
}
