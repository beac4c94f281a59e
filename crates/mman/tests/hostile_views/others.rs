//! The rest: the allocator of pages, what tells of processes, keys, numbers, errors.

use crate::dice::Dice;
use crate::world::{FORKING, Operation, World, any};
use mman::inspect::{self, Entry, Maps, NumaMaps, Placement, Smaps, Usage};
use mman::kernel::Feature;
use mman::process::{self, IoClass, LockAll, Process};
use mman::signal::{self, Owner};
use mman::{
    Errno, Error, Hint, KeyRights, MapOptions, OnFree, PageAllocator, PageRange, PageRun, PageSize,
    ProtectionKey,
};
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

pub(crate) const TABLE: &[Operation] = &[
    ("PageAllocator::new, from_reservation, on_free", |w| w.allocator()),
    ("PageAllocator::allocate, allocate_aligned", |w| w.allocate()),
    ("PageAllocator::allocate_raw", |w| w.allocate_raw()),
    ("PageAllocator::free_pages, largest, len, is_empty, page_size", |w| {
        w.allocators.pick(&mut w.dice).into_iter().for_each(|a| ask_allocator(a));
    }),
    ("PageRun::allocator, split_at, free_range", |w| w.allocate()),
    ("Maps::of_text, read_into, Smaps::of_text, read_into", |w| read_text(&mut w.dice)),
    ("inspect::maps", |_| maps(&Process::myself())),
    ("inspect::smaps", |w| {
        if w.dice.one_in(6) {
            smaps(&Process::myself())
        }
    }),
    ("inspect::smaps_rollup", |_| {
        inspect::smaps_rollup(&Process::myself()).iter().for_each(ask_usage);
    }),
    ("inspect::numa_maps", |_| {
        numa_maps(inspect::numa_maps(&Process::myself()).into_iter().flatten());
    }),
    ("NumaMaps::of_text, read_into, Placement::address, policy, nodes", |w| {
        read_text(&mut w.dice);
    }),
    ("inspect::find", |w| w.find()),
    ("inspect::file_pages", |w| {
        let addresses = w.dice.at()..w.dice.at();
        any(inspect::file_pages(&Process::myself(), addresses));
    }),
    ("Entry::addresses, len, protection, is_shared, offset, device, inode, name", |w| w.find()),
    ("Entry::kernel_name, is_deleted, object", |w| w.find()),
    ("Usage::field, fields, others, is_thp_eligible, flags, VmFlags::contains, iter", |_| {
        inspect::smaps_rollup(&Process::myself()).iter().for_each(ask_usage);
    }),
    ("Process::myself, pid, maps, smaps, smaps_rollup, folder", |w| {
        if w.dice.one_in(4) {
            ask_process(&Process::myself(), &mut w.dice);
        }
    }),
    ("Process::open", |w| w.open_nobody()),
    ("Process::advise, still_has, release", |w| w.child_of_ours()),
    ("process::lock_all, lock_all_on_fault, unlock_all", |w| w.lock_all()),
    ("process::set_io_class", |w| {
        let class = w.dice.pick(&[IoClass::Default, IoClass::BestEffort, IoClass::Idle]);
        std::thread::spawn(move || any(process::set_io_class(class))).join().unwrap();
    }),
    ("ProtectionKey::allocate, number, set_rights, rights", |w| key(&mut w.dice)),
    ("PageSize::base, new, bytes, log2, offset_in_page, divides, round_down, round_up", |w| {
        page_size(&mut w.dice);
    }),
    ("PageRange::new, covering, within, start, end, len, is_empty", |w| page_range(&mut w.dice)),
    ("PageRange::pages, page_size, contains, split_at", |w| page_range(&mut w.dice)),
    ("Error::operation, object, range, errno, cause", |w| {
        w.dice.options().map(&&*w.dice.object()).err().iter().for_each(ask_error);
    }),
    ("Feature::support", |w| any(w.dice.pick(&Feature::ALL).support())),
    ("mman::leaked", |_| any(mman::leaked())),
    ("signal::set_owner, arm", |_| {
        let Ok(_calm) = FORKING.try_read() else { return };
        any((signal::set_owner(Owner::Library), signal::arm()));
    }),
    ("exchange", |w| w.exchange()),
    ("fork", |w| {
        if w.dice.one_in(6) {
            w.fork(300, |_| {});
        }
    }),
];

static ALLOCATORS: Mutex<Vec<Arc<PageAllocator>>> = Mutex::new(Vec::new());

/// What threads share goes away before it is asked what is left.
pub(crate) fn clear() {
    ALLOCATORS.lock().unwrap().clear();
}

/// Pages, all bytes of which are this one.
struct Filled<'allocator> {
    run: PageRun<'allocator>,
    with: u8,
}

impl Filled<'_> {
    fn check(&self) {
        assert!(self.run.iter().all(|byte| *byte == self.with), "nobody else has this run");
    }
}

fn ask_allocator(allocator: &PageAllocator) {
    let (free, page) = (allocator.free_pages(), allocator.page_size());
    assert!(free * page.bytes() <= allocator.len() && !allocator.is_empty());
    assert!(allocator.largest() <= allocator.len());
}

impl World {
    fn allocator(&mut self) {
        let made = if self.dice.one_in(2) {
            PageAllocator::new(self.dice.len())
        } else {
            let Some(mut space) = self.spaces.take(&mut self.dice) else { return };
            if self.dice.one_in(2) {
                let dice = &mut self.dice;
                any(space.place(0, &MapOptions::private(), &&*dice.object()));
                any((space.commit(..), space.write_at(0, &dice.bytes())));
            }
            PageAllocator::from_reservation(space)
        };
        let Ok(allocator) = made else { return };
        let on_free = self.dice.pick(&[OnFree::GiveBack, OnFree::Keep]);
        let allocator = Arc::new(allocator.on_free(on_free));
        if let Ok(mut shared) = ALLOCATORS.try_lock() {
            if !self.dice.is_odd {
                shared.push(Arc::clone(&allocator));
            }
            if shared.len() > 3 {
                let other = shared.swap_remove(self.dice.below(4));
                self.allocators.put(&mut self.dice, other);
            }
        }
        self.allocators.put(&mut self.dice, allocator);
    }

    fn allocate(&mut self) {
        let Some(allocator) = self.allocators.pick(&mut self.dice).map(|a| Arc::clone(a)) else {
            return;
        };
        let mut runs: Vec<Filled<'_>> = Vec::new();
        for _ in 0..self.dice.below(12) {
            let dice = &mut self.dice;
            let alignment = PageSize::new(1 << dice.below(18)).unwrap();
            let made = match dice.below(6) {
                0 => allocator.allocate_aligned(dice.len(), alignment),
                1 | 2 => allocator.allocate(dice.len()),
                3.. => {
                    change(&mut runs, dice);
                    continue;
                }
            };
            if let Ok(mut run) = made {
                assert!(run.iter().all(|byte| *byte == 0), "pages begin as zeros");
                let with = dice.byte();
                run.fill(with);
                runs.push(Filled { run, with });
            }
        }
        runs.iter().for_each(Filled::check);
    }

    /// These pages are never free again, as nobody knows of them.
    fn allocate_raw(&mut self) {
        if self.dice.one_in(4)
            && let Some(allocator) = self.allocators.pick(&mut self.dice)
        {
            any(allocator.allocate_raw(self.dice.len() % (1 << 40)));
        }
    }

    fn find(&mut self) {
        let known = self.mappings.pick(&mut self.dice).map(|m| m.as_ptr().addr());
        for address in [known.unwrap_or(0), self.dice.at(), self.dice.number() as usize >> 17] {
            if let Ok(Some(entry)) = inspect::find(&Process::myself(), address) {
                ask_entry(&entry);
            }
        }
    }

    /// No process has such a number.
    fn open_nobody(&mut self) {
        let pid = (1 << 22) + (self.dice.number() as u32) % (u32::MAX - (1 << 22));
        assert!(Process::open(pid).is_err(), "{pid} is no process");
    }

    fn child_of_ours(&mut self) {
        if !self.dice.one_in(8) {
            return;
        }
        let myself = Process::myself();
        advise(&myself, &mut self.dice);
        any(myself.release());
        let mut asleep = Command::new("sleep");
        asleep.arg("20").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = asleep.spawn() else { return };
        let process = Process::open(child.id());
        if let Ok(process) = &process {
            ask_process(process, &mut self.dice);
            advise(process, &mut self.dice);
            assert!(process.release().is_err(), "it is not dying");
        }
        any((child.kill(), process.as_ref().map(Process::release)));
        any(child.wait());
        if let Ok(process) = &process {
            assert!(process.maps().is_err() || process.maps().is_ok_and(|m| m.count() == 0));
            ask_process(process, &mut self.dice);
            advise(process, &mut self.dice);
            any(process.release());
        }
    }

    fn lock_all(&mut self) {
        if !self.is_child {
            return if self.dice.one_in(10) {
                self.fork(20, Self::lock_all)
            };
        }
        let what = self.dice.pick(&[LockAll::Current, LockAll::Future, LockAll::Both]);
        let answer = match self.dice.below(2) {
            0 => process::lock_all(what),
            _ => process::lock_all_on_fault(what),
        };
        any(answer);
        for _ in 0..10 {
            self.step();
        }
        any(process::unlock_all());
    }
}

/// Splits, frees a part of, refills or drops one of the runs.
fn change(runs: &mut Vec<Filled<'_>>, dice: &mut Dice) {
    if runs.is_empty() {
        return;
    }
    let Filled { mut run, with } = runs.swap_remove(dice.below(runs.len()));
    ask_allocator(run.allocator());
    let parts = match dice.below(4) {
        0 => return,
        1 => run.split_at(if dice.one_in(2) { dice.boundary() } else { dice.at() }),
        2 => run.free_range(dice.bounds()),
        _ => {
            assert!(run.iter().all(|byte| *byte == with), "nobody else has this run");
            let with = dice.byte();
            run.fill(with);
            return runs.push(Filled { run, with });
        }
    };
    match parts {
        Ok((low, high)) => runs.extend([low, high].map(|run| Filled { run, with })),
        Err(refused) => runs.push(Filled { run: refused.given, with }),
    }
}

fn ask_entry(entry: &Entry) {
    assert_eq!(entry.addresses().len(), entry.len());
    any((entry.protection(), entry.is_shared(), entry.offset(), entry.device(), entry.inode()));
    any((entry.name(), entry.kernel_name(), entry.is_deleted(), entry.object()));
}

fn ask_usage(usage: &Usage) {
    any((usage.is_thp_eligible(), usage.flags().contains("rd"), usage.flags().iter().count()));
    for (name, number) in usage.fields() {
        assert_eq!(usage.field(name), Some(number));
    }
    any(usage.others().count());
}

fn numa_maps(all: impl Iterator<Item = mman::Result<Placement>>) {
    for one in all.flatten() {
        any((one.address(), one.policy(), one.nodes()));
    }
}

fn ask_error(error: &Error) {
    any((error.operation(), error.object(), error.range(), error.cause()));
    any(error.errno().map(Errno::raw));
    assert!(!error.to_string().contains('\n'));
}

fn maps(process: &Process) {
    inspect::maps(process).into_iter().flatten().flatten().for_each(|entry| ask_entry(&entry));
}

fn smaps(process: &Process) {
    for (entry, usage) in inspect::smaps(process).into_iter().flatten().flatten() {
        ask_entry(&entry);
        ask_usage(&usage);
    }
}

fn ask_process(process: &Process, dice: &mut Dice) {
    any((process.pid(), process.folder(), process.maps().map(Iterator::count)));
    process.smaps_rollup().iter().for_each(ask_usage);
    match dice.below(3) {
        0 => smaps(process),
        1 => any(process.smaps().map(Iterator::count)),
        _ => maps(process),
    }
}

/// About ranges of its own, and about any.
fn advise(process: &Process, dice: &mut Dice) {
    let Ok(entries) = process.maps() else { return };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for entry in entries.flatten() {
        any(process.still_has(&entry));
        if dice.one_in(3) {
            ranges.push(entry.addresses());
        }
        if dice.one_in(9) {
            ranges.push(dice.at()..dice.at());
        }
    }
    let about = [Hint::Cold, Hint::PageOut, Hint::WillNeed, Hint::Collapse, dice.hint()];
    any(process.advise(ranges, dice.pick(&about)));
}

/// What the kernel prints, and the same with wrong bytes in it.
fn read_text(dice: &mut Dice) {
    let name = if dice.one_in(2) { "/proc/self/maps" } else { "/proc/self/smaps_rollup" };
    let mut text = std::fs::read(name).unwrap_or_default();
    for _ in 0..dice.below(4) {
        let at = dice.below(text.len().max(1));
        if let Some(byte) = text.get_mut(at) {
            *byte = dice.byte();
        }
    }
    let mut entry = Entry::default();
    let mut maps = Maps::of_text(&text[..]);
    while maps.read_into(&mut entry).is_ok_and(|more| more) {
        ask_entry(&entry);
    }
    numa_maps(NumaMaps::of_text(&text[..]));
    let mut usage = Usage::default();
    let mut smaps = Smaps::of_text(&text[..]);
    while smaps.read_into(&mut entry, &mut usage).is_ok_and(|more| more) {
        ask_usage(&usage);
    }
}

fn key(dice: &mut Dice) {
    let rights = [KeyRights::ReadWrite, KeyRights::ReadOnly, KeyRights::Nothing];
    if let Ok(key) = ProtectionKey::allocate(dice.pick(&rights)) {
        any((key.number(), key.set_rights(dice.pick(&rights)), key.rights()));
    }
}

fn page_size(dice: &mut Dice) {
    let size = PageSize::new(dice.at()).unwrap_or(PageSize::base());
    let value = dice.at();
    assert_eq!(size.bytes(), 1 << size.log2());
    assert_eq!(size.round_down(value) + size.offset_in_page(value), value);
    any((size.divides(value), size.round_up(value)));
}

fn page_range(dice: &mut Dice) {
    let size = PageSize::new(1 << dice.below(63)).unwrap();
    let (start, end) = (dice.at(), dice.at());
    let within = PageRange::within(start..end, size);
    let ranges = [PageRange::new(start, end, size), PageRange::covering(start..end, size)];
    for range in ranges.into_iter().flatten().chain([within]) {
        assert_eq!(range.len(), range.end() - range.start());
        assert!(!range.is_empty() || range.pages() == 0);
        assert_eq!(range.pages() << range.page_size().log2(), range.len());
        any((range.contains(within), range.split_at(dice.at())));
    }
}
