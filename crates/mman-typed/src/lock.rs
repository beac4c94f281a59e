//! The lock of a table: whose it is stands in one word, so that it can be taken over from the dead.
//!
//! ```text
//!              acquire                     wait (somebody else has it)
//!   0 ---------------------> me  <------------------------------------------ me | WAITED
//!   ^                         |                                                   |
//!   |        release          |               release, and wake                   |
//!   +-------------------------+---------------------------------------------------+
//!
//!   dead ---- acquire: the word as it was, replaced by me: FromTheDead ----> me
//! ```
//!
//! - L1: the word is 0, or the name of the one who changes the table: its slot and one, how often that slot was claimed, and
//!   its thread. So it is never the name of two: who found the owner of a word dead, and comes to take the lock a while
//!   later, does not take it from one who has the same slot since.
//! - L2: it changes from a slot to another in one step, so that of several who find the owner dead one alone takes it over.
//! - L3: who takes it over makes the derived part anew before anything else (`rebuild.rs`). Dying meanwhile leaves its own
//!   name in the word, and the next one begins again.

use crate::memory::Memory;

/// Somebody waits: to be woken by who releases.
const WAITED: u64 = 1 << 31;
/// The owner.
const OWNER: u64 = 0xffff;

/// What to do about a lock that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again.
    Again,
    /// That owner is dead.
    OwnerIsDead,
    /// It has been too long.
    GiveUp,
}

/// How the lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Free,
    /// In the middle of a change.
    FromTheDead,
}

/// The lock of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock<M> {
    pub(crate) memory: M,
    pub(crate) at: usize,
}

/// Of a name: how often its slot was claimed, as far as there is room.
const CLAIMS: u64 = 0x7fff;
/// Of a name: what its slot and its claim are.
const CLAIM: u64 = OWNER | (CLAIMS << 16);
/// Where the thread stands.
const THREAD: u32 = 32;
/// The name of nobody: the derived part could not be made anew, and whoever comes next begins with that.
const BROKEN: u64 = OWNER;

/// The name of a thread that acts for a slot, which was claimed so often.
pub(crate) const fn name(slot: usize, claims: u64, thread: u32) -> u64 {
    let slot = crate::number::word(slot).wrapping_add(1) & OWNER;
    slot | ((claims & CLAIMS) << 16) | ((thread as u64) << THREAD)
}

/// The name in a word of a lock.
pub(crate) const fn named(word: u64) -> u64 {
    word & !WAITED
}

/// Whether two names are of one claim of a slot.
pub(crate) const fn is_same_claim(one: u64, other: u64) -> bool {
    (one ^ other) & CLAIM == 0
}

/// The thread of a name.
pub(crate) const fn thread(word: u64) -> u32 {
    (word >> THREAD) as u32
}

/// The slot that a word of a lock names.
pub(crate) const fn owner(word: u64) -> Option<usize> {
    crate::number::size(word & OWNER).checked_sub(1)
}

impl<M: Memory> Lock<M> {
    /// Takes it for who has this name. What to do about another owner is asked, with the word that is there, until it is ours;
    /// `Err` with the word where it was given up.
    pub(crate) fn acquire(
        &self,
        me: u64,
        wait: &mut dyn FnMut(u64) -> Verdict,
    ) -> Result<Taken, u64> {
        let mut mine = me;
        loop {
            let word = match self.memory.replace(self.at, 0, mine) {
                Ok(()) => return Ok(Taken::Free),
                Err(word) => word,
            };
            if word == 0 {
                continue;
            }
            // Whoever has waited may not be the only one.
            mine = me | WAITED;
            if word & WAITED == 0 && self.memory.replace(self.at, word, word | WAITED).is_err() {
                continue;
            }
            match wait(word | WAITED) {
                Verdict::Again => {}
                Verdict::GiveUp => return Err(word),
                Verdict::OwnerIsDead => {
                    if self.memory.replace(self.at, word | WAITED, mine).is_ok() {
                        return Ok(Taken::FromTheDead);
                    }
                }
            }
        }
    }

    /// Lets it go; whether somebody is to be woken. `Err` with the word where it is not ours any more.
    pub(crate) fn release(&self, me: u64) -> Result<bool, u64> {
        self.leave(me, 0)
    }

    /// Lets it go for one who takes it over as from the dead.
    pub(crate) fn leave_broken(&self, me: u64) -> Result<bool, u64> {
        self.leave(me, BROKEN)
    }

    fn leave(&self, me: u64, then: u64) -> Result<bool, u64> {
        let mut word = me;
        loop {
            match self.memory.replace(self.at, word, then) {
                Ok(()) => return Ok(word & WAITED != 0),
                Err(now) if named(now) == me && now != word => word = now,
                Err(now) => return Err(now),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64;
    use loom::sync::atomic::Ordering::{AcqRel, Acquire, Release};

    struct Model {
        word: AtomicU64,
        table: UnsafeCell<u64>,
    }

    impl Memory for Model {
        fn load(&self, _at: usize) -> u64 {
            self.word.load(Acquire)
        }
        fn store(&self, _at: usize, value: u64) {
            self.word.store(value, Release);
        }
        fn replace(&self, _at: usize, old: u64, new: u64) -> Result<(), u64> {
            self.word.compare_exchange(old, new, AcqRel, Acquire).map(drop)
        }
    }

    fn model(word: u64) -> Arc<Model> {
        Arc::new(Model { word: AtomicU64::new(word), table: UnsafeCell::new(0) })
    }

    #[expect(unsafe_code, reason = "loom's cell hands out pointers, and checks how they are used")]
    fn add_one(table: *mut u64) {
        // SAFETY: loom's cell lends the pointer for this call, and reports who else uses it.
        let before = unsafe { table.read() };
        // SAFETY: as above.
        unsafe { table.write(before.wrapping_add(1)) }
    }

    /// Changes the table once; answers how the lock was got.
    fn change(model: &Model, me: u64, dead: Option<u64>) -> Taken {
        let lock = Lock { memory: model, at: 0 };
        let taken = lock
            .acquire(me, &mut |word| {
                if dead.is_some() && Some(named(word)) == dead {
                    return Verdict::OwnerIsDead;
                }
                loom::thread::yield_now();
                Verdict::Again
            })
            .unwrap();
        model.table.with_mut(add_one);
        lock.release(me).unwrap();
        taken
    }

    #[test]
    fn one_alone_changes_the_table() {
        loom::model(|| {
            let model = model(0);
            let other = Arc::clone(&model);
            let other = loom::thread::spawn(move || change(&other, name(1, 1, 0), None));
            assert_eq!(change(&model, name(2, 1, 0), None), Taken::Free);
            assert_eq!(other.join().unwrap(), Taken::Free);
            assert_eq!(model.word.load(Acquire), 0);
        });
    }

    #[test]
    fn one_alone_takes_over_from_the_dead() {
        let mut bounded = loom::model::Builder::new();
        bounded.preemption_bound = Some(3);
        bounded.check(|| {
            let dead = name(7, 3, 0); // in the middle of a change
            let model = model(dead);
            let others = [1, 2].map(|slot| {
                let model = Arc::clone(&model);
                loom::thread::spawn(move || change(&model, name(slot, 1, 0), Some(dead)))
            });
            let taken = others.map(|other| other.join().unwrap());
            let heirs = taken.iter().filter(|taken| **taken == Taken::FromTheDead).count();
            assert_eq!(heirs, 1, "{taken:?}");
            assert_eq!(model.word.load(Acquire), 0);
        });
    }

    #[test]
    fn what_is_not_ours_is_not_released() {
        loom::model(|| {
            let model = model(4);
            let lock = Lock { memory: &*model, at: 0 };
            assert_eq!(lock.release(name(7, 1, 0)), Err(4));
            assert_eq!(lock.acquire(name(7, 1, 0), &mut |_| Verdict::GiveUp), Err(4));
            assert_eq!((owner(4), owner(name(3, 5, 0))), (Some(3), Some(3)));
        });
    }

    /// The heir of a dead owner is done, and somebody has claimed the slot of the dead and changes the table, when another
    /// one who found that owner dead comes to take the lock: it is not the lock that it saw.
    #[test]
    fn a_slot_that_is_claimed_anew_is_not_the_dead_one() {
        let mut bounded = loom::model::Builder::new();
        bounded.preemption_bound = Some(3);
        bounded.check(|| {
            let dead = name(0, 1, 0);
            let model = model(dead);
            let late = Arc::clone(&model);
            let late = loom::thread::spawn(move || change(&late, name(2, 1, 0), Some(dead)));
            let heir = change(&model, name(1, 1, 0), Some(dead));
            // The slot is drained, free, and claimed by this thread.
            assert_eq!(change(&model, name(0, 2, 0), Some(dead)), Taken::Free);
            let late = late.join().unwrap();
            assert!((heir == Taken::FromTheDead) != (late == Taken::FromTheDead));
            assert_eq!(model.word.load(Acquire), 0);
        });
    }
}
