//! The words of signals.

use crate::names::{bit_flags, open_number};
use linux_raw_sys::general as raw;

bit_flags! {
    /// How a signal handler is installed. [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html)
    ActionFlags(u64) {
        /// No signal when a child stops.
        NOCLDSTOP = raw::SA_NOCLDSTOP;
        /// Children do not become zombies.
        NOCLDWAIT = raw::SA_NOCLDWAIT;
        /// The handler takes three arguments.
        SIGINFO = raw::SA_SIGINFO;
        /// The restorer field is set (set by this crate where the machine needs it).
        RESTORER = 0x0400_0000u64;
        /// On the alternate stack.
        ONSTACK = raw::SA_ONSTACK;
        /// Interrupted calls go on.
        RESTART = raw::SA_RESTART;
        /// The signal is not blocked in its own handler.
        NODEFER = raw::SA_NODEFER;
        /// Back to the default after one delivery.
        RESETHAND = raw::SA_RESETHAND;
    }
}

open_number! {
    /// What `sigprocmask` does with a set. [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html)
    MaskHow(u32) {
        /// Adds it.
        BLOCK = raw::SIG_BLOCK;
        /// Takes it away.
        UNBLOCK = raw::SIG_UNBLOCK;
        /// Makes it the mask.
        SETMASK = raw::SIG_SETMASK;
    }
}

open_number! {
    /// A signal's number. [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)
    ///
    /// Real-time signals are numbers from 32 on (the C library keeps the first two or three).
    Signal(u32) {
        /// Access to memory whose object has nothing there.
        SIGBUS = raw::SIGBUS;
        /// Access to memory that is not mapped or not permitted.
        SIGSEGV = raw::SIGSEGV;
        /// A descriptor has news: also a lease that breaks.
        SIGIO = raw::SIGIO;
        /// Ends the process.
        SIGKILL = raw::SIGKILL;
        /// Stops the process.
        SIGSTOP = raw::SIGSTOP;
        /// Lets it go on.
        SIGCONT = raw::SIGCONT;
        /// Ends the process with a core.
        SIGABRT = raw::SIGABRT;
        /// Free for programs.
        SIGUSR1 = raw::SIGUSR1;
        /// Free for programs.
        SIGUSR2 = raw::SIGUSR2;
    }
}
