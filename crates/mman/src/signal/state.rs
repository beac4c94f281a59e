//! The state of a slot: who may write it, who is reading it, and when it is nobody's again.
//!
//! ```text
//!           claim                open                    close                last reader left
//!   FREE ----------> CLAIMED ----------> LIVE ----------------------> CLOSING ----------------> FREE
//!                                        |  ^
//!                                  enter |  | leave      (handlers in flight, counted)
//!                                        +--+
//! ```
//!
//! - S1: what a slot says is written between `claim` and `open`, and after `close`: never while a handler reads it.
//! - S2: a handler reads it between a successful `enter` and its `leave`. `close` returns when none is in between.
//! - S3: a forked child inherits the count of handlers that were in flight in threads which it does not have. The
//!   count carries the generation of the process that made it, and is 0 for any other.
//!
//! All of it is one word, so that each arrow is one atomic step. The word is generic: the tests put loom's in its
//! place, which tries every order of two threads.

use crate::atomic_word::AtomicWord;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The two lowest bits.
const STATE: u64 = 0b11;
const FREE: u64 = 0;
const CLAIMED: u64 = 1;
const LIVE: u64 = 2;
const CLOSING: u64 = 3;
/// One handler in flight; 30 bits of them, more than there can be threads.
const HANDLER: u64 = 1 << 2;
const HANDLERS: u64 = (1 << 32) - 1 - STATE;

/// The word of a slot: state, handlers in flight, and the generation that they are of.
#[derive(Debug)]
pub(crate) struct State<W> {
    word: W,
}

impl<W: AtomicWord> State<W> {
    /// A free slot, made of a word that is 0.
    pub(crate) const fn new(zero: W) -> Self {
        Self { word: zero }
    }

    /// Takes the slot, if it is free.
    pub(crate) fn claim(&self) -> bool {
        self.word.load(Relaxed) == FREE
            && self.word.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok()
    }

    /// Lets handlers see what the claimer wrote.
    pub(crate) fn open(&self) {
        self.word.store(LIVE, Release);
    }

    /// Whether a handler may read the slot, until it says [`leave`](Self::leave).
    pub(crate) fn enter(&self, generation: u32) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & STATE == LIVE {
            let inside = handlers(word, generation).wrapping_add(HANDLER);
            let next = (u64::from(generation) << 32) | inside | LIVE;
            match self.word.compare_exchange(word, next, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(changed) => word = changed,
            }
        }
        false
    }

    /// Ends what [`enter`](Self::enter) began.
    pub(crate) fn leave(&self) {
        self.word.fetch_sub(HANDLER, Release);
    }

    /// Lets no handler in any more, and waits for those that are in.
    pub(crate) fn close(&self, generation: u32) {
        let mut word = self.word.load(Relaxed);
        while let Err(changed) = self.word.compare_exchange(word, word | CLOSING, Acquire, Relaxed)
        {
            word = changed;
        }
        let mut round = 0_u32;
        while handlers(self.word.load(Acquire), generation) != 0 {
            W::pause(round);
            round = round.saturating_add(1);
        }
    }

    /// Gives the slot back, after [`close`](Self::close).
    pub(crate) fn free(&self) {
        self.word.store(FREE, Release);
    }
}

/// S3: the handlers in flight of this generation, as the bits of the word.
const fn handlers(word: u64, generation: u32) -> u64 {
    if word >> 32 == generation as u64 { word & HANDLERS } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU64;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    /// A slot whose content is a plain cell: loom reports every access to it that is not in order.
    struct Modelled {
        state: State<loom::sync::atomic::AtomicU64>,
        content: UnsafeCell<u64>,
    }

    fn modelled() -> Arc<Modelled> {
        let word = loom::sync::atomic::AtomicU64::new(0);
        Arc::new(Modelled { state: State::new(word), content: UnsafeCell::new(0) })
    }

    impl Modelled {
        fn register(&self, value: u64) -> bool {
            let claimed = self.state.claim();
            if claimed {
                self.content.with_mut(|content| write(content, value));
                self.state.open();
            }
            claimed
        }

        fn unregister(&self) {
            self.state.close(1);
            self.content.with_mut(|content| write(content, 0));
            self.state.free();
        }

        fn handle(&self) -> Option<u64> {
            self.state.enter(1).then(|| {
                let value = self.content.with(read);
                self.state.leave();
                value
            })
        }
    }

    #[expect(unsafe_code, reason = "loom's cell hands out pointers, and checks how they are used")]
    fn write(content: *mut u64, value: u64) {
        // SAFETY: loom's cell lends the pointer for this call, and reports who else uses it.
        unsafe { content.write(value) }
    }

    #[expect(unsafe_code, reason = "loom's cell hands out pointers, and checks how they are used")]
    fn read(content: *const u64) -> u64 {
        // SAFETY: as in `write`.
        unsafe { content.read() }
    }

    #[test]
    fn a_handler_reads_what_was_registered_or_nothing() {
        loom::model(|| {
            let slot = modelled();
            let shared = Arc::clone(&slot);
            let handler = loom::thread::spawn(move || shared.handle());
            assert!(slot.register(7));
            slot.unregister();
            let seen = handler.join().unwrap();
            assert!(matches!(seen, None | Some(7)), "{seen:?}");
        });
    }

    #[test]
    fn two_handlers_are_both_waited_for() {
        // Three threads have too many orders: those with at most so many switches are tried.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let slot = modelled();
            assert!(slot.register(7));
            let handlers = [Arc::clone(&slot), Arc::clone(&slot)]
                .map(|shared| loom::thread::spawn(move || shared.handle()));
            slot.unregister();
            for handler in handlers {
                let seen = handler.join().unwrap();
                assert!(matches!(seen, None | Some(7)), "{seen:?}");
            }
        });
    }

    #[test]
    fn a_slot_that_is_used_again_shows_one_content_or_the_other() {
        loom::model(|| {
            let slot = modelled();
            assert!(slot.register(7));
            let shared = Arc::clone(&slot);
            let handler = loom::thread::spawn(move || shared.handle());
            slot.unregister();
            assert!(slot.register(8));
            let seen = handler.join().unwrap();
            assert!(matches!(seen, None | Some(7 | 8)), "{seen:?}");
        });
    }

    #[test]
    fn two_who_register_never_get_the_same_slot() {
        loom::model(|| {
            let slot = modelled();
            let shared = Arc::clone(&slot);
            let other = loom::thread::spawn(move || shared.register(1));
            let ours = slot.register(2);
            let theirs = other.join().unwrap();
            assert!(ours != theirs, "one of them: {ours} {theirs}");
        });
    }

    /// A slot as the table has it: with a range that is looked at before entering, and again after.
    struct Ranged {
        slot: Modelled,
        start: AtomicUsize,
        end: AtomicUsize,
    }

    impl Ranged {
        fn new() -> Arc<Self> {
            let word = loom::sync::atomic::AtomicU64::new(0);
            let slot = Modelled { state: State::new(word), content: UnsafeCell::new(0) };
            Arc::new(Self { slot, start: AtomicUsize::new(0), end: AtomicUsize::new(0) })
        }

        /// The content of a range is its start.
        fn register(&self, start: usize) -> bool {
            let claimed = self.slot.state.claim();
            if claimed {
                self.slot.content.with_mut(|content| write(content, start as u64));
                self.start.store(start, Relaxed);
                self.end.store(start.wrapping_add(10), Relaxed);
                self.slot.state.open();
            }
            claimed
        }

        fn unregister(&self) {
            self.slot.state.close(1);
            self.start.store(0, Relaxed);
            self.end.store(0, Relaxed);
            self.slot.content.with_mut(|content| write(content, 0));
            self.slot.state.free();
        }

        fn contains(&self, address: usize) -> bool {
            self.start.load(Relaxed) <= address && address < self.end.load(Relaxed)
        }

        fn handle(&self, address: usize) -> Option<u64> {
            if !self.contains(address) || !self.slot.state.enter(1) {
                return None;
            }
            let found = self.contains(address).then(|| self.slot.content.with(read));
            self.slot.state.leave();
            found
        }
    }

    /// Someone drops a range and another thread registers its own in the slot, while a handler looks for an address of
    /// the first, or of the second.
    #[test]
    fn a_handler_never_takes_the_range_of_another_for_its_own() {
        for address in [15, 25] {
            let mut model = loom::model::Builder::new();
            model.preemption_bound = Some(3);
            model.check(move || {
                let slot = Ranged::new();
                assert!(slot.register(10));
                let [handler, other] = [Arc::clone(&slot), Arc::clone(&slot)];
                let handler = loom::thread::spawn(move || handler.handle(address));
                let other = loom::thread::spawn(move || other.register(20));
                slot.unregister();
                let again = other.join().unwrap();
                let seen = handler.join().unwrap();
                let own = if address == 15 { 10 } else { 20 };
                assert!(seen.is_none_or(|seen| seen == own), "{seen:?} for {address}");
                assert!(again || slot.register(20), "it was free for one of them");
                assert_eq!(slot.handle(25), Some(20));
                assert_eq!(slot.handle(15), None);
            });
        }
    }

    /// The bounds of two ranges that follow each other can be seen mixed before entering, the start of one and the end of
    /// the other: that is why they are looked at again.
    #[test]
    fn a_handler_between_two_ranges_finds_none() {
        loom::model(|| {
            let slot = Ranged::new();
            assert!(slot.register(30));
            let shared = Arc::clone(&slot);
            let handler = loom::thread::spawn(move || shared.handle(25));
            slot.unregister();
            assert!(slot.register(10));
            assert_eq!(handler.join().unwrap(), None);
        });
    }

    /// Nobody gets a slot while a handler is still in it.
    #[test]
    fn a_slot_with_a_handler_in_it_is_not_claimed() {
        loom::model(|| {
            let slot = modelled();
            assert!(slot.register(7) && slot.state.enter(1));
            let shared = Arc::clone(&slot);
            let dropper = loom::thread::spawn(move || shared.unregister());
            assert!(!slot.register(8), "the handler is in it");
            slot.content.with(read);
            slot.state.leave();
            dropper.join().unwrap();
            assert!(slot.register(8));
            assert_eq!(slot.handle(), Some(8));
        });
    }

    #[test]
    fn a_child_does_not_wait_for_the_handlers_of_its_parent() {
        let state = State::new(AtomicU64::new(0));
        assert!(state.claim());
        state.open();
        assert!(state.enter(1)); // in flight in a thread of the parent, for ever
        state.close(2); // returns: the child is another generation
        state.free();
        assert!(state.claim());
        state.open();
        assert!(state.enter(1) && state.enter(2)); // the child's own count begins at one
        state.leave();
        state.close(2);
    }
}
