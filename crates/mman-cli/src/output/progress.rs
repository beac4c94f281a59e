//! Progress of long work: a bar on standard error, where that is a terminal and the user did not ask for silence.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much is done of bytes that are to be done. Shown only after a moment: short work needs no bar.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: OnceLock<()>,
    /// Whether it never is.
    quiet: bool,
    /// Counted here until it is shown: the bar has a lock, and there may be very many small files.
    done: AtomicU64,
    total: AtomicU64,
}

/// Work that ends before this shows no bar.
const MOMENT: Duration = Duration::from_millis(500);

impl Progress {
    /// For `total` bytes; `verb` says what is done with them (`reading`).
    pub(crate) fn bytes(total: u64, verb: &'static str, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template =
            "{prefix} {bar:20} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        bar.set_prefix(verb);
        let quiet = quiet || !std::io::stderr().is_terminal();
        let (done, total) = (AtomicU64::new(0), AtomicU64::new(total));
        Self { bar, start: Instant::now(), shown: OnceLock::new(), quiet, done, total }
    }

    /// There is more to do than was known.
    pub(crate) fn more(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: u64) {
        let before = self.done.fetch_add(bytes, Ordering::Relaxed);
        if self.quiet || (self.shown.get().is_none() && self.start.elapsed() < MOMENT) {
            return;
        }
        self.bar.set_length(self.total.load(Ordering::Relaxed));
        self.bar.set_position(before.saturating_add(bytes));
        self.shown.get_or_init(|| {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.bar.enable_steady_tick(MOMENT);
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
