//! Ctrl-C: a flag that long work looks at between two steps, so that it ends whole and says what it did.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether somebody asked the command to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first SIGINT or SIGTERM sets the flag; one a moment later ends the process at once.
    pub(crate) fn listen() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        let insists = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order counts: a later signal finds the flag set and ends the process. Where a signal cannot be had,
            // it goes on to do what it does by itself.
            let ended = 128_i32.wrapping_add(signal);
            let later = Arc::clone(&insists);
            let _default = signal_hook::flag::register_conditional_shutdown(signal, ended, later);
            let _default = signal_hook::flag::register(signal, Arc::clone(&flag));
        }
        insist_later(insists);
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

/// Sets a flag a moment after the first signal. timeout(1) sends its signal twice at once, to the process and to its
/// group: that is one wish to end, and no reason to leave work half done.
fn insist_later(insists: Arc<AtomicBool>) {
    const MOMENT: Duration = Duration::from_millis(200);
    let Ok((mut signalled, wakes)) = UnixStream::pair() else { return };
    for signal in [SIGINT, SIGTERM] {
        let Ok(wakes) = wakes.try_clone() else { return };
        let _default = signal_hook::low_level::pipe::register(signal, wakes);
    }
    let wait = move || {
        let _first = signalled.read(&mut [0]);
        std::thread::sleep(MOMENT);
        insists.store(true, Ordering::Relaxed);
    };
    let _without_a_thread_the_flag_is_all = std::thread::Builder::new().spawn(wait);
}
