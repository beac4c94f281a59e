//! Work shared between threads: each keeps its own, the newest first, and gives away the oldest when another one has none.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// What threads have given away.
#[derive(Debug)]
pub(super) struct Queue<T> {
    shared: Mutex<Shared<T>>,
    changed: Condvar,
    /// How many threads have nothing to do, less the pieces of work that wait for them.
    hungry: AtomicUsize,
    threads: usize,
}

#[derive(Debug)]
struct Shared<T> {
    work: VecDeque<T>,
    waiting: usize,
    done: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(threads: usize) -> Self {
        let shared = Shared { work: VecDeque::new(), waiting: 0, done: false };
        Self {
            shared: Mutex::new(shared),
            changed: Condvar::new(),
            hungry: AtomicUsize::new(0),
            threads,
        }
    }

    /// Whether some thread has nothing to do.
    pub(super) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed) > 0
    }

    /// Gives work away.
    pub(super) fn give(&self, work: T) {
        let mut shared = self.lock();
        shared.work.push_back(work);
        self.count(&shared);
        drop(shared);
        self.changed.notify_one();
    }

    /// Waits for work; `None` when no thread has any.
    pub(super) fn take(&self) -> Option<T> {
        let mut shared = self.lock();
        shared.waiting = shared.waiting.saturating_add(1);
        loop {
            if let Some(work) = shared.work.pop_front() {
                shared.waiting = shared.waiting.saturating_sub(1);
                self.count(&shared);
                return Some(work);
            }
            if shared.done || shared.waiting >= self.threads {
                shared.done = true;
                drop(shared);
                self.changed.notify_all();
                return None;
            }
            self.count(&shared);
            shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn count(&self, shared: &Shared<T>) {
        self.hungry.store(shared.waiting.saturating_sub(shared.work.len()), Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
