//! Progress of long work: a bar on standard error, where that is a terminal and the user did not ask for silence.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How much is done of bytes that are to be done. Shown only after a moment: short work needs no bar.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    shown: OnceLock<()>,
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
        let shown = if quiet { OnceLock::from(()) } else { OnceLock::new() };
        Self { bar, start: Instant::now(), shown }
    }

    /// There is more to do than was known.
    pub(crate) fn more(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.shown.get().is_none() && self.start.elapsed() >= MOMENT {
            self.shown.get_or_init(|| {
                // Not shown unless standard error is a terminal: indicatif sees to that.
                self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
                self.bar.enable_steady_tick(MOMENT);
            });
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
