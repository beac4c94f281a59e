//! Who holds memory of a pool: processes by number, and what they run.

use crate::output::terminal::shown;
use crate::processes::{About, Folder, State};
use mman::inspect::typed::{Held, Look};
use mman::process::Process;

/// A holder, with what is known of its process.
pub(super) struct Who {
    pub(super) held: Held,
    /// The process that took the memory, while it runs here.
    pub(super) about: Option<About>,
    /// Whether it has the lock of the table.
    pub(super) is_changing: bool,
    pub(super) is_stopped: bool,
}

/// The holders of a pool, those with the most first.
pub(super) fn of(look: &Look) -> Vec<Who> {
    let changing = look.changed_by();
    let who = |held: Held| {
        let number = held.holder.process;
        let is_changing = changing == Some(number);
        let here = u32::try_from(number).ok().filter(|_| held.holder.is_here);
        let is_stopped = here.and_then(State::of).is_some_and(|state| state.is_stopped);
        Who { held, about: here.and_then(about), is_changing, is_stopped }
    };
    let mut all: Vec<Who> = look.holders().into_iter().map(who).collect();
    // Who has ended and left nothing is nobody, unless it was changing the table.
    all.retain(|who| !who.is_dead() || who.held.holder.ranges > 0 || who.is_changing);
    all.sort_by_key(|who| {
        let holder = &who.held.holder;
        (std::cmp::Reverse(holder.bytes), holder.process)
    });
    all
}

fn about(number: u32) -> Option<About> {
    let process = Process::open(number).ok()?;
    Some(About::of(number, &Folder::of(&process).ok()?))
}

impl Who {
    pub(super) const fn is_dead(&self) -> bool {
        self.held.holder.is_dead
    }

    /// What it runs; a dash where it does not run here.
    pub(super) fn command(&self) -> String {
        self.about.as_ref().map_or_else(|| "–".to_owned(), |about| shown(&about.command))
    }

    /// What there is to say of it besides.
    pub(super) const fn state(&self) -> &'static str {
        let holder = &self.held.holder;
        match (holder.is_dead, self.is_changing, holder.is_here) {
            (true, true, _) => "ended in the middle of a change: the next call mends it",
            (true, false, _) => "ended: the next call gives it back",
            (false, true, _) if self.is_stopped => "stopped, with the lock of the table",
            (false, true, _) => "is changing the table",
            (false, false, false) => "ended, or out of sight: a child of it may have this",
            (false, false, true) if self.is_stopped => "stopped",
            (false, false, true) if holder.ranges == 0 => "has it open",
            (false, false, true) => "",
        }
    }
}
