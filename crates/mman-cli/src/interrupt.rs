//! Ctrl-C: a flag that long work looks at between two steps, so that it ends whole and says what it did.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked the command to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first SIGINT or SIGTERM sets the flag; the second ends the process at once.
    pub(crate) fn listen() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order counts: a second signal finds the flag set and ends the process. Where a signal cannot be had,
            // it goes on to do what it does by itself.
            let ended = 128_i32.wrapping_add(signal);
            let _default =
                signal_hook::flag::register_conditional_shutdown(signal, ended, Arc::clone(&flag));
            let _default = signal_hook::flag::register(signal, Arc::clone(&flag));
        }
        Self(flag)
    }

    /// Asks the same from within: nobody reads the output any more.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
