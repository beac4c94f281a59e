//! The log behind the crate `log`: feature `log`.

use super::append_log::AppendLog;
use super::level::Level;
use core::fmt::Write as _;

impl From<::log::Level> for Level {
    fn from(level: ::log::Level) -> Self {
        match level {
            ::log::Level::Error => Self::Error,
            ::log::Level::Warn => Self::Warn,
            ::log::Level::Info => Self::Info,
            ::log::Level::Debug => Self::Debug,
            ::log::Level::Trace => Self::Trace,
        }
    }
}

/// A record of the crate `log` becomes one record: its target, a colon, its message. `log` has no way to tell of
/// errors: a record that cannot be appended is counted by [`AppendLog::failures`].
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("mman-doc-facade-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("app.log");
/// log::set_boxed_logger(Box::new(mman::log::AppendLog::open(&path)?))?;
/// log::set_max_level(log::LevelFilter::Info);
/// log::info!(target: "server", "listening on {}", 80);
///
/// let mut reader = mman::log::LogReader::open(&path)?;
/// assert_eq!(reader.next_entry()?.unwrap().bytes, b"server: listening on 80");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl ::log::Log for AppendLog {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        self.is_enabled(metadata.level().into())
    }

    fn log(&self, record: &::log::Record<'_>) {
        if !::log::Log::enabled(self, record.metadata()) {
            return;
        }
        let mut text = String::with_capacity(128);
        let written = write!(text, "{}: {}", record.target(), record.args());
        if written.is_err() || self.append_at(record.level().into(), text.as_bytes()).is_err() {
            self.count_failure();
        }
    }

    /// Puts what was logged on the device: see [`AppendLog::sync`].
    fn flush(&self) {
        if self.sync().is_err() {
            self.count_failure();
        }
    }
}
