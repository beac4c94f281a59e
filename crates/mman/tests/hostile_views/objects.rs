//! Memory objects: files, memfds in every state, shared memory under every name, secret memory.

use crate::dice::Dice;
use crate::world::{Operation, World, any};
use mman::{
    Anonymous, FileObject, FixedSize, Immutable, MemFd, MemFdOptions, MemoryObject, SealState,
    SecretMem, ShmObject, ShmOptions, Unsealed,
};
use mman_testkit::object;
use std::os::fd::OwnedFd;

pub(crate) const TABLE: &[Operation] = &[
    // Files
    ("FileObject::open, open_read_write", |w| w.open()),
    ("FileObject::new, file, into_file", |w| w.file_new()),
    ("FileObject::map", |w| w.file(|f, _| f.map()).into_iter().flatten().for_each(|m| w.keep(m))),
    ("FileObject::reserve", |w| any(w.file(|f, d| any(f.reserve(d.wide()))))),
    ("FileObject::cache", |w| any(w.file(|f, d| any(f.cache(d.wide()))))),
    ("FileAdvice::tell", |w| {
        any(w.file(|f, d| {
            let about = d.file_advice();
            any(about.tell(f.file(), d.wide()));
        }));
    }),
    ("FileObject::advise", |w| {
        any(w.file(|f, d| {
            let about = d.file_advice();
            any(f.advise(d.wide(), about));
        }));
    }),
    ("CacheStatus::of", |w| {
        any(w.file(|f, d| any(mman::CacheStatus::of(f.file(), d.wide()))));
    }),
    ("FileObject::residency_is_visible", |w| any(w.file(|f, _| any(f.residency_is_visible())))),
    ("MemoryObject::size, kind, immutability", |w| {
        let object = w.dice.object();
        any((object.size(), object.kind(), object.immutability()));
    }),
    ("Anonymous::new, map", |w| {
        Anonymous::new(w.dice.len()).map().into_iter().for_each(|m| w.keep(m));
    }),
    // Memfds
    ("MemFd::new", |w| {
        let made = MemFd::new(w.dice.size());
        made.into_iter().for_each(|memory| w.dice.give(OwnedFd::from(memory)));
    }),
    ("MemFdOptions::new, name, huge_pages, executable, create", |w| create(&mut w.dice)),
    ("MemFd::from_fd", |w| {
        memfd::<Immutable>(w, |_| {});
        memfd::<FixedSize>(w, |_| {});
    }),
    ("MemFd::set_size", |w| memfd::<Unsealed>(w, |(m, d)| any(m.set_size(d.size())))),
    ("MemFd::reserve", |w| memfd::<Unsealed>(w, |(m, d)| any(m.reserve(d.wide())))),
    ("MemFd::reserve, sealed", |w| memfd::<FixedSize>(w, |(m, d)| any(m.reserve(d.wide())))),
    ("MemFd::map", |w| map_memfd::<Unsealed>(w)),
    ("MemFd::map, of fixed size", |w| map_memfd::<FixedSize>(w)),
    ("MemFd::map, frozen", |w| map_memfd::<Immutable>(w)),
    ("MemFd::fix_size, freeze", |w| seal(&mut w.dice)),
    // Shared memory objects
    ("ShmObject::create", |w| w.shm_of(|d| ShmObject::create(d.shm_name(), d.size()))),
    ("ShmObject::create_new", |w| w.shm_of(|d| ShmObject::create_new(d.shm_name(), d.size()))),
    ("ShmOptions::new, mode, create, create_new", |w| {
        w.shm_of(|d| {
            let options = ShmOptions::new().mode(d.number() as u32);
            if d.one_in(2) {
                return options.create_new(d.shm_name(), d.size());
            }
            options.create(d.shm_name(), d.size())
        });
    }),
    ("ShmObject::open", |w| w.shm_of(|d| ShmObject::open(d.shm_name()))),
    ("ShmObject::open_read_only", |w| w.shm_of(|d| ShmObject::open_read_only(d.shm_name()))),
    ("ShmObject::unlink", |w| any(ShmObject::unlink(w.dice.shm_name()))),
    ("ShmObject::list", |_| any(ShmObject::list())),
    ("ShmObject::map", |w| w.shm_map()),
    ("ShmObject::set_size", |w| w.shm(|s, d| any(s.set_size(d.size())))),
    ("ShmObject::reserve", |w| w.shm(|s, d| any(s.reserve(d.wide())))),
    ("ShmObject::permissions, set_permissions", |w| {
        w.shm(|s, d| any((s.set_permissions(d.number() as u32), s.permissions())));
    }),
    // Secret memory
    ("SecretMem::new, map", |w| {
        let made = SecretMem::new(w.dice.len()).and_then(|secret| secret.map());
        made.into_iter().for_each(|m| w.keep(m));
    }),
];

fn create(dice: &mut Dice) {
    let name = dice.shm_name().to_string_lossy().into_owned();
    let mut options = MemFdOptions::new(dice.size()).name(&name);
    if dice.one_in(3) {
        options = options.executable();
    }
    if dice.one_in(2) {
        options = options.huge_pages(dice.huge_page_size());
    }
    options.create().into_iter().for_each(|memory| dice.give(OwnedFd::from(memory)));
}

/// A descriptor as a memfd in that state, if it is one.
fn memfd<S: SealState>(world: &mut World, act: impl FnOnce((&MemFd<S>, &mut Dice))) {
    let dice = &mut world.dice;
    match dice.descriptor().map(MemFd::<S>::from_fd) {
        Some(Ok(memory)) => act((&memory, dice)),
        Some(Err(refused)) => any(refused.given),
        None => {}
    }
}

fn map_memfd<S: SealState>(world: &mut World) {
    let mut made = None;
    memfd::<S>(world, |(memory, _)| made = memory.map().ok());
    made.into_iter().for_each(|mapping| world.keep(mapping));
}

/// The descriptor is one of several, so what is sealed stays among those that are thrown.
fn seal(dice: &mut Dice) {
    let Some(Ok(memory)) = dice.descriptor().map(MemFd::<Unsealed>::from_fd) else { return };
    match dice.below(4) {
        0 => any(memory.fix_size().map(MemFd::<FixedSize>::freeze)),
        1 | 2 => any(memory.fix_size()),
        _ => any(memory.freeze()),
    }
}

impl World {
    fn open(&mut self) {
        let path = self.dice.path();
        for object in [FileObject::open(&path), FileObject::open_read_write(&path)] {
            object.into_iter().for_each(|object| self.objects.put(&mut self.dice, object));
        }
    }

    /// Of any descriptor, and of one for a name only.
    fn file_new(&mut self) {
        if let Some(fd) = self.dice.descriptor()
            && let Ok(object) = FileObject::new(fd)
        {
            any((object.file(), object.size()));
            let fd = object.into_file();
            if self.dice.one_in(8) {
                self.dice.give(fd);
            }
        }
        any(FileObject::new(object::name_only(&self.dice.files.fifo)));
    }

    fn shm_of(&mut self, make: impl FnOnce(&mut Dice) -> mman::Result<ShmObject>) {
        let made = make(&mut self.dice);
        made.into_iter().for_each(|object| self.shm.put(&mut self.dice, object));
    }

    fn shm(&mut self, act: impl FnOnce(&ShmObject, &mut Dice)) {
        if let Some(object) = self.shm.pick(&mut self.dice) {
            act(object, &mut self.dice);
        }
    }

    fn shm_map(&mut self) {
        let mut made = None;
        self.shm(|object, _| made = object.map().ok());
        made.into_iter().for_each(|mapping| self.keep(mapping));
    }
}
