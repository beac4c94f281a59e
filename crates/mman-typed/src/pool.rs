//! Allocating, counting and giving back units of a pool that this process has attached.

use crate::attach::{Attached, byte};
use crate::damage::Damage;
use crate::entries::{entry_of, range_of};
use crate::failure::{Cause, Failure};
use crate::file::{self, File};
use crate::layout::{BLOCK, SLOTS, head, slot};
use crate::lock::{Verdict, is_same_claim, owner, thread};
use crate::nodes::{NIL, Node};
use crate::number::{size, word};
use crate::space::Refused;
use crate::store::{Identity, Store};
use crate::turn::Begun;
use crate::witness::{self, milliseconds_of};
use core::ops::Range;
use mman_sys::{Errno, OpenFlags, gettid};

/// How often the lock is waited for, a millisecond each time: five seconds.
const PATIENCE: u32 = 5000;
/// So many bytes that were touched are given back at a time, while the lock is held: the others wait no longer than that.
const STEP: usize = 32 << 20;

/// What is to be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// So many units, in one run or in several.
    Any(usize),
    /// So many units, in one run.
    Run(usize),
    /// Those from the first on: with whoever has them.
    At(usize, usize),
}

/// How many milliseconds an allocation that lacks memory waits for children that are about to take slots of their own.
const FOR_A_CHILD: u32 = 10;

/// Whether there is too little of something that others may give back.
fn lacks(done: &Result<u32, Failure>) -> bool {
    matches!(done, Err(Failure { cause: Cause::Full { .. } | Cause::NoRoom, .. }))
}

/// The file system of the table gives it no memory.
fn no_memory(errno: Errno) -> Failure {
    match errno {
        Errno::ENOSPC => Failure::new(Errno::ENOMEM, Cause::NoMemory),
        errno => Failure::new(errno, Cause::Kernel("fallocate")),
    }
}

impl Attached {
    /// Looks at the table's file: it is the one that is mapped, and as long as it was.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        let is_it = |attached: &Self| {
            let stat = attached.file.stat().ok()?;
            (Identity::of(&stat) == attached.table_identity).then_some(stat.st_size)
        };
        let len = match is_it(self) {
            Some(len) => len,
            // Somebody closed the descriptor, which is the program's right; its number may be another file's by now.
            None => {
                let again = File::open(&self.path, OpenFlags::RDWR, 0).map(File::out_of_the_way);
                let lost = core::mem::replace(&mut self.file, again.map_err(Failure::of("open"))?);
                let _not_ours = lost.keep();
                is_it(self).ok_or(Failure::damaged(Damage::Store))?
            }
        };
        let needed = word(self.table.layout.end).saturating_mul(8);
        if u64::try_from(len).unwrap_or(0) < needed {
            return Err(Failure::damaged(Damage::Truncated));
        }
        Ok(())
    }

    /// Does something under the lock of the table. Where it finds damage, the derived part is made anew, so that the next
    /// call finds none.
    pub(crate) fn locked<R>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        // A torn child has its parent's slot still: two with one name would take the lock from each other.
        if self.is_torn {
            return Err(Failure::new(Errno::EAGAIN, Cause::Torn));
        }
        self.look()?;
        let mut round = 0;
        let me = self.table.name(self.slot, gettid().cast_unsigned());
        let mut counts = |range: &Range<usize>| self.give_memory_to_counts(range).is_ok();
        match self.table.begin(me, &mut |word| self.wait(word, &mut round), &mut counts) {
            Begun::Ours => {}
            Begun::GivenUp => return Err(Failure::new(Errno::EAGAIN, Cause::Busy)),
            Begun::NoMemory => return Err(Failure::new(Errno::ENOMEM, Cause::NoMemory)),
        }
        let done = work(self);
        let is_damaged = matches!(&done, Err(Failure { cause: Cause::Damaged(_), .. }));
        let mut counts = |range: &Range<usize>| self.give_memory_to_counts(range).is_ok();
        let ended = self.table.end(me, is_damaged, &mut counts);
        match ended {
            Ok(true) => self.table.memory.wake(head::LOCK),
            Ok(false) => {}
            Err(_) => return done.and(Err(Failure::damaged(Damage::Lock))),
        }
        done
    }

    fn wait(&self, word: u64, round: &mut u32) -> Verdict {
        let time = milliseconds_of(1);
        if self.table.memory.wait(head::LOCK, word, &time) {
            return Verdict::Again;
        }
        *round = round.saturating_add(1);
        if *round >= PATIENCE {
            return Verdict::GiveUp;
        }
        match owner(word) {
            Some(slot) if self.has(slot, word) && !self.is_dead(slot, word) => Verdict::Again,
            // Nobody has such a slot, or somebody else has it since.
            _ => Verdict::OwnerIsDead,
        }
    }

    /// Whether a word of the lock names the one who has this slot now.
    fn has(&self, slot: usize, word: u64) -> bool {
        slot < SLOTS && is_same_claim(self.table.name(slot, 0), word)
    }

    /// Whether nobody is left who could finish what a thread began in the name of a slot: no address space is left that has
    /// the slot, or the thread has ended, which left one that knows nothing of it: a child's that nobody told of. It is not
    /// this address space: one thread of it at a time comes here.
    fn is_dead(&self, slot: usize, word: u64) -> bool {
        slot == self.slot
            || self.is_abandoned(slot)
            || witness::is_over(self.table.who(slot).namespace, thread(word))
    }

    /// Whether no address space is left that came from the one that took the slot (A1).
    pub(crate) fn is_abandoned(&self, slot: usize) -> bool {
        // The number of the descriptor may be another file's by now, of which nobody has locked anything.
        slot != self.slot && self.file.is_locked(byte(slot)) == Ok(false) && self.is_table()
    }

    /// Whether the table's descriptor is still that.
    fn is_table(&self) -> bool {
        self.file.stat().is_ok_and(|stat| Identity::of(&stat) == self.table_identity)
    }

    /// A node, with an entry of the table that stands for it.
    fn new_node(&mut self) -> Result<u32, Failure> {
        if let Some(node) = self.nodes.take() {
            return Ok(node);
        }
        let full = Failure::new(Errno::ENOMEM, Cause::NoRoom);
        let ours = self.nodes.ready() / BLOCK;
        let block = self.table.free_block().ok_or(full)?;
        self.take_block(block, ours)?;
        self.nodes.grow().map_err(Failure::of("mprotect"))?;
        self.nodes.take().ok_or(full)
    }

    /// Makes a block of the table the one that the nodes of our block stand for.
    pub(crate) fn take_block(&mut self, block: usize, ours: usize) -> Result<(), Failure> {
        let full = Failure::new(Errno::ENOMEM, Cause::NoRoom);
        let first = self.table.layout.entry(block.saturating_mul(BLOCK)).ok_or(full)?;
        let bytes = word(BLOCK).saturating_mul(8);
        let at = word(first).saturating_mul(8);
        self.file.allocate(at, bytes).map_err(no_memory)?;
        let place = self.blocks.get_mut(ours).ok_or(full)?;
        *place = u16::try_from(block).map_err(|_| full)?;
        self.table.take_block(block, self.slot);
        Ok(())
    }

    /// The entry of the table that stands for a node.
    pub(crate) fn index(&self, node: u32) -> usize {
        let node = node as usize;
        let block = self.blocks.get(node / BLOCK).copied().unwrap_or(0);
        usize::from(block).saturating_mul(BLOCK).saturating_add(node % BLOCK)
    }

    /// Writes a node's entry.
    fn hold(&mut self, range: &Range<usize>) -> Result<u32, Failure> {
        let node = self.new_node()?;
        let entry = entry_of(range);
        self.nodes.change(node, |node| (node.entry, node.counts) = (entry, true));
        self.table.set_entry(self.index(node), entry);
        Ok(node)
    }

    /// A node for what is mapped without allocating: the table knows nothing of it.
    pub(crate) fn uncounted(&mut self, range: &Range<usize>) -> Result<u32, Failure> {
        self.locked(|this| {
            let node = this.new_node()?;
            this.nodes.change(node, |node| node.entry = entry_of(range));
            Ok(node)
        })
    }

    pub(crate) fn full(&self) -> Failure {
        let (free, longest) = (self.table.free_units(), self.table.longest());
        Failure::new(Errno::ENOMEM, Cause::Full { free, longest })
    }

    /// Allocates; answers a list of nodes by `right`, in the order of their mapping. Where there is not enough, what the
    /// dead have left is given back first, and what waits for a child that was just forked is waited for a moment.
    pub(crate) fn allocate(&mut self, wanted: Wanted) -> Result<u32, Failure> {
        self.settle()?;
        let mut done = self.locked(|this| this.allocate_locked(wanted));
        if lacks(&done) && self.heal()? {
            done = self.locked(|this| this.allocate_locked(wanted));
        }
        for _ in 0..FOR_A_CHILD {
            if !lacks(&done) || self.waiting == NIL {
                break;
            }
            witness::sleep(1);
            self.settle()?;
            done = self.locked(|this| this.allocate_locked(wanted));
        }
        done
    }

    fn allocate_locked(&mut self, wanted: Wanted) -> Result<u32, Failure> {
        match wanted {
            Wanted::At(first, units) => self.add(&(first..first.saturating_add(units))),
            Wanted::Run(units) => {
                let start = self.table.find(units).map_err(Failure::damaged)?;
                let start = start.ok_or(self.full())?;
                self.take(start..start.saturating_add(units))
            }
            Wanted::Any(units) if units > self.table.free_units() => Err(self.full()),
            Wanted::Any(units) => self.take_any(units),
        }
    }

    fn take(&mut self, range: Range<usize>) -> Result<u32, Failure> {
        let node = self.new_node()?;
        let entry = entry_of(&range);
        self.nodes.change(node, |node| (node.entry, node.counts) = (entry, true));
        let taken = self.table.take(self.index(node), &range);
        taken.map(|()| node).map_err(|damage| {
            self.nodes.give(node);
            Failure::damaged(damage)
        })
    }

    /// One run if there is one, else the longest runs, until it is enough: as few pieces as can be.
    fn take_any(&mut self, units: usize) -> Result<u32, Failure> {
        let (mut first, mut last, mut left) = (NIL, NIL, units);
        while left > 0 {
            let taken = self.next_piece(left).and_then(|range| {
                let len = range.len();
                self.take(range).map(|node| (node, len))
            });
            let (node, len) = match taken {
                Ok(taken) => taken,
                Err(failure) => {
                    self.give_back_list(first)?;
                    return Err(failure);
                }
            };
            left = left.saturating_sub(len);
            if last == NIL {
                first = node;
            } else {
                self.nodes.change(last, |last| last.right = node);
            }
            last = node;
        }
        Ok(first)
    }

    fn next_piece(&self, left: usize) -> Result<Range<usize>, Failure> {
        if let Some(start) = self.table.find(left).map_err(Failure::damaged)? {
            return Ok(start..start.saturating_add(left));
        }
        let longest = self.table.find_longest().map_err(Failure::damaged)?;
        // More are free than the tree knows of.
        longest.filter(|run| !run.is_empty()).ok_or(Failure::damaged(Damage::Tree))
    }

    /// Under the lock: pieces that were just taken, and that nobody has mapped.
    fn give_back_list(&mut self, mut node: u32) -> Result<(), Failure> {
        while node != NIL {
            let next = self.nodes.get(node).right;
            let index = self.index(node);
            let all = usize::MAX;
            let given = self.table.release_some(index, all, &mut |_| ());
            self.nodes.give(node);
            given.map_err(Failure::damaged)?;
            node = next;
        }
        Ok(())
    }

    fn add(&mut self, range: &Range<usize>) -> Result<u32, Failure> {
        let node = self.new_node()?;
        let entry = entry_of(range);
        self.nodes.change(node, |node| (node.entry, node.counts) = (entry, true));
        match self.enter(node, entry) {
            Ok(()) => Ok(node),
            Err(failure) => {
                self.nodes.give(node);
                Err(failure)
            }
        }
    }

    /// Under the lock: enters an entry for a node, of units that others may have.
    pub(crate) fn enter(&mut self, node: u32, entry: u64) -> Result<(), Failure> {
        let range = range_of(entry);
        if self.table.is_used(&range) {
            self.give_memory_to_counts(&range)?;
        }
        let index = self.index(node);
        self.table.enter(index, entry).map_err(|refused| match refused {
            Refused::TooOften => Failure::new(Errno::EAGAIN, Cause::TooOften),
            Refused::Damaged(damage) => Failure::damaged(damage),
        })
    }

    /// Cuts a node in two at an address within it; the second one is answered, in the tree.
    pub(crate) fn cut(&mut self, node: u32, address: usize) -> Result<u32, Failure> {
        let misaligned = Failure::new(Errno::EINVAL, Cause::Range);
        let value = self.nodes.get(node);
        let bytes = address.saturating_sub(value.address);
        let units = bytes.checked_div(self.unit).unwrap_or(0);
        let range = range_of(value.entry);
        if units.saturating_mul(self.unit) != bytes || units == 0 || units >= range.len() {
            return Err(misaligned);
        }
        let middle = range.start.saturating_add(units);
        let (head, tail) = (range.start..middle, middle..range.end);
        self.locked(|this| {
            // The tail first: a moment with both is one with too much.
            let new = if value.counts {
                this.check_entry(node)?;
                let new = this.hold(&tail)?;
                this.table.set_entry(this.index(node), entry_of(&head));
                new
            } else {
                this.new_node()?
            };
            let Node { fd, mark, counts, .. } = value;
            this.nodes.change(new, |new| {
                (new.address, new.entry, new.counts) = (address, entry_of(&tail), counts);
                (new.fd, new.mark) = (fd, mark);
            });
            this.nodes.change(node, |node| node.entry = entry_of(&head));
            this.nodes.insert(new);
            Ok(new)
        })
    }

    /// That the table says of a node what we wrote; where not, it is written again.
    fn check_entry(&self, node: u32) -> Result<(), Failure> {
        let (index, entry) = (self.index(node), self.nodes.get(node).entry);
        if self.table.entry(index) == entry {
            return Ok(());
        }
        self.table.set_entry(index, entry);
        Err(Failure::damaged(Damage::Entry))
    }

    /// Gives back what a node has, which is not mapped here any more and not in the tree; later, where a child that nobody
    /// told of may still have it mapped, or where it fails.
    pub(crate) fn release(&mut self, node: u32, is_alone: bool) -> Result<(), Failure> {
        if !self.nodes.get(node).counts {
            self.nodes.give(node);
            return Ok(());
        }
        let released = if is_alone { self.release_now(node) } else { Ok(false) };
        if released != Ok(true) {
            self.keep_waiting(node);
        }
        released.map(drop)
    }

    fn keep_waiting(&mut self, node: u32) {
        let next = self.waiting;
        // Not mapped here: a child that is forked from now on does not have it.
        self.nodes.change(node, |node| (node.right, node.address) = (next, 0));
        self.waiting = node;
    }

    /// Whether no other address space came from this one and was not told of.
    pub(crate) fn is_alone(&self) -> bool {
        !self.is_torn && self.counter.is_some_and(|counter| counter.is_alone())
    }

    /// `true` when it is done; `false` where it has to wait.
    fn release_now(&mut self, node: u32) -> Result<bool, Failure> {
        let index = self.index(node);
        let mut is_first = true;
        loop {
            let most = self.reach(&range_of(self.nodes.get(node).entry));
            let is_done = self.locked(|this| {
                if core::mem::take(&mut is_first) {
                    this.check_entry(node)?;
                }
                // Asked under the lock, which may have been waited for: nothing becomes free that cannot be emptied.
                if !this.has_store() {
                    return Ok(None);
                }
                this.release_step(index, most).map(Some)
            })?;
            let Some(is_done) = is_done else { return Ok(false) };
            if is_done {
                self.nodes.give(node);
                return Ok(true);
            }
            // What is left is what a child would find in the table.
            let left = self.table.entry(index);
            self.nodes.change(node, |node| node.entry = left);
        }
    }

    fn step(&self) -> usize {
        STEP.checked_div(self.unit).unwrap_or(1).max(1)
    }

    /// How many units of a range are given back at once: those at its start that nobody ever touched, and a step more.
    fn reach(&self, range: &Range<usize>) -> usize {
        let step = self.step();
        if range.len() <= step {
            return step;
        }
        let untouched = match self.store.next_data(word(range.start.saturating_mul(self.unit))) {
            Ok(at) => size(at).checked_div(self.unit).unwrap_or(0).saturating_sub(range.start),
            Err(Errno::ENXIO) => range.len(),
            Err(_) => 0,
        };
        step.saturating_add(untouched)
    }

    fn release_step(&mut self, index: usize, most: usize) -> Result<bool, Failure> {
        let Self { table, store, unit, punches, identity, .. } = self;
        let mut empty = |range: Range<usize>| {
            if *punches {
                punch(store, *identity, &range, *unit);
            }
        };
        table.release_some(index, most, &mut empty).map_err(Failure::damaged)
    }

    /// Gives back what waited for children that have ended, or have a slot of their own, meanwhile.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        if self.waiting == NIL || !self.is_alone() {
            return Ok(());
        }
        while self.waiting != NIL {
            let node = self.waiting;
            self.waiting = self.nodes.get(node).right;
            let released = self.release_now(node);
            if released != Ok(true) {
                self.keep_waiting(node);
                return released.map(drop);
            }
        }
        Ok(())
    }

    /// Gives back what the dead have left; whether there was a dead one.
    pub(crate) fn heal(&mut self) -> Result<bool, Failure> {
        self.settle()?;
        if !self.has_store() {
            return Ok(false);
        }
        self.look()?;
        let mut found = false;
        for dead in 0..SLOTS {
            if self.table.state(dead) == slot::FREE || !self.may_drain(dead) {
                continue;
            }
            found = true;
            while !self.locked(|this| this.drain_step(dead))? {}
        }
        Ok(found)
    }

    fn may_drain(&self, slot: usize) -> bool {
        self.table.state(slot) == slot::DEAD && slot != self.slot || self.is_abandoned(slot)
    }

    /// Under the lock, where it is looked at again: another may have been quicker, and the slot somebody's since.
    fn drain_step(&mut self, dead: usize) -> Result<bool, Failure> {
        if self.table.state(dead) == slot::FREE || !self.may_drain(dead) {
            return Ok(true);
        }
        let most = self.step();
        // The lock may have been waited for: nothing becomes free that cannot be emptied.
        if !self.has_store() {
            return Ok(true);
        }
        let Self { table, store, unit, punches, identity, .. } = self;
        let mut empty = |range: Range<usize>| {
            if *punches {
                punch(store, *identity, &range, *unit);
            }
        };
        table.drain_some(dead, most, &mut empty).map_err(Failure::damaged)
    }

    /// Whether the store can be given bytes back by its descriptor: a program may close it, and have a file of its own
    /// under that number, which must keep its bytes.
    pub(crate) fn has_store(&self) -> bool {
        !self.punches || self.is_store(self.store.raw())
    }

    /// Opens the store again where its descriptor was closed.
    pub(crate) fn renew_store(&mut self, store: &Store) -> Result<(), Failure> {
        if !self.has_store() {
            let again = store.open()?.out_of_the_way();
            let _not_ours = core::mem::replace(&mut self.store, again).keep();
        }
        Ok(())
    }

    /// The counts of a range of units get memory, so that touching them is no fault that cannot be served.
    fn give_memory_to_counts(&self, range: &Range<usize>) -> Result<(), Failure> {
        let counts = self.table.layout.counts;
        let at = counts.saturating_add(range.start >> 2).saturating_mul(8);
        let end = counts.saturating_add(range.end.saturating_add(3) >> 2).saturating_mul(8);
        self.file.allocate(word(at), word(end.saturating_sub(at))).map_err(no_memory)
    }

    /// Whether a descriptor is open on this pool's store.
    pub(crate) fn is_store(&self, fd: i32) -> bool {
        file::stat(fd).is_ok_and(|stat| Identity::of(&stat) == self.identity)
    }

    /// What a whole count of bytes is in units.
    pub(crate) fn units(&self, bytes: usize) -> usize {
        crate::number::up(bytes, self.unit)
    }

    /// How often the table was made anew, and how many entries were dropped as impossible.
    pub(crate) fn repairs(&self) -> (usize, usize) {
        use crate::memory::Memory;
        let memory = self.table.memory;
        (size(memory.load(head::REBUILT)), size(memory.load(head::DROPPED)))
    }
}

/// E4: gives the bytes of a range of units back.
fn punch(store: &File, identity: Identity, range: &Range<usize>, unit: usize) {
    // A file of the program's own that has the number by now keeps its bytes.
    if !store.stat().is_ok_and(|stat| Identity::of(&stat) == identity) {
        return;
    }
    let (at, len) = (range.start.saturating_mul(unit), range.len().saturating_mul(unit));
    // No entry covers the units any more but the one that is being released, whose memory is unmapped. Where the store
    // cannot give back, or the process may not, the bytes stay.
    let _as_it_was = store.punch(word(at), word(len));
}
