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
//! - L1: the word is 0, or the slot of the one who changes the table, and one.
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

/// The slot that a word of a lock names.
pub(crate) const fn owner(word: u64) -> Option<usize> {
    crate::number::size(word & OWNER).checked_sub(1)
}

impl<M: Memory> Lock<M> {
    /// Takes it for a slot. What to do about another owner is asked, with the word that is there, until it is ours;
    /// `Err` with the word where it was given up.
    pub(crate) fn acquire(
        &self,
        slot: usize,
        wait: &mut dyn FnMut(u64) -> Verdict,
    ) -> Result<Taken, u64> {
        let me = crate::number::word(slot).wrapping_add(1) & OWNER;
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
    pub(crate) fn release(&self, slot: usize) -> Result<bool, u64> {
        let me = crate::number::word(slot).wrapping_add(1) & OWNER;
        let mut word = me;
        loop {
            match self.memory.replace(self.at, word, 0) {
                Ok(()) => return Ok(word & WAITED != 0),
                Err(now) if now & OWNER == me && now != word => word = now,
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
    fn change(model: &Model, slot: usize, dead: Option<usize>) -> Taken {
        let lock = Lock { memory: model, at: 0 };
        let taken = lock
            .acquire(slot, &mut |word| {
                if dead.is_some() && owner(word) == dead {
                    return Verdict::OwnerIsDead;
                }
                loom::thread::yield_now();
                Verdict::Again
            })
            .unwrap();
        model.table.with_mut(add_one);
        lock.release(slot).unwrap();
        taken
    }

    #[test]
    fn one_alone_changes_the_table() {
        loom::model(|| {
            let model = model(0);
            let other = Arc::clone(&model);
            let other = loom::thread::spawn(move || change(&other, 1, None));
            assert_eq!(change(&model, 2, None), Taken::Free);
            assert_eq!(other.join().unwrap(), Taken::Free);
            assert_eq!(model.word.load(Acquire), 0);
        });
    }

    #[test]
    fn one_alone_takes_over_from_the_dead() {
        let mut bounded = loom::model::Builder::new();
        bounded.preemption_bound = Some(3);
        bounded.check(|| {
            let model = model(8); // slot 7, dead in the middle of a change
            let others = [1, 2].map(|slot| {
                let model = Arc::clone(&model);
                loom::thread::spawn(move || change(&model, slot, Some(7)))
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
            assert_eq!(lock.release(7), Err(4));
            assert_eq!(lock.acquire(7, &mut |_| Verdict::GiveUp), Err(4));
            assert_eq!(owner(4), Some(3));
        });
    }
}
