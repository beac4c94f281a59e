//! Progress of long work: a bar on standard error, where that is a terminal and the user did not ask for silence.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// How much is done of bytes that are to be done. Shown only after a moment: short work needs no bar.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For `total` bytes; `verb` says what is done with them (`reading`).
    pub(crate) fn bytes(total: u64, verb: &'static str, quiet: bool) -> Self {
        if quiet {
            return Self { bar: ProgressBar::hidden() };
        }
        // Not shown unless standard error is a terminal: indicatif sees to that.
        let bar =
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        let template =
            "{prefix} {bar:20} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        bar.set_prefix(verb);
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar }
    }

    /// There is more to do than was known.
    pub(crate) fn more(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
