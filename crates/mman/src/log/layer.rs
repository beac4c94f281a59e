//! The log as a layer of `tracing`: feature `tracing`.

use super::append_log::AppendLog;
use super::level::Level;
use core::fmt::{self, Write as _};
use std::sync::Arc;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

impl From<&tracing_core::Level> for Level {
    fn from(level: &tracing_core::Level) -> Self {
        match *level {
            tracing_core::Level::ERROR => Self::Error,
            tracing_core::Level::WARN => Self::Warn,
            tracing_core::Level::INFO => Self::Info,
            tracing_core::Level::DEBUG => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// A layer of `tracing` that appends each event as one record: the spans that it is in, from the outermost, with
/// their fields, its target, its message and its fields. An event that cannot be appended is counted by
/// [`AppendLog::failures`].
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("mman-doc-layer-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("app.log");
/// use mman::log::{AppendLog, LogLayer, LogReader};
/// use std::sync::Arc;
/// use tracing_subscriber::prelude::*;
///
/// let log = Arc::new(AppendLog::open(&path)?);
/// let subscriber = tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&log)));
/// tracing::subscriber::with_default(subscriber, || {
///     let _span = tracing::info_span!("request", id = 7).entered();
///     tracing::warn!(target: "server", millis = 12, "slow");
/// });
///
/// let mut reader = LogReader::open(&path)?;
/// assert_eq!(reader.next_entry()?.unwrap().bytes, b"request{id=7}: server: slow millis=12");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogLayer {
    log: Arc<AppendLog>,
}

impl LogLayer {
    /// Appends to this log.
    #[must_use]
    pub const fn new(log: Arc<AppendLog>) -> Self {
        Self { log }
    }
}

/// The fields of a span, as they are written, by the layer of one log for those of all.
struct Written {
    fields: String,
    by: usize,
}

/// Fields as text: the message alone, the others by name.
struct Text<'text>(&'text mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let gap = if self.0.is_empty() || self.0.ends_with([' ', '{']) { "" } else { " " };
        // A string takes all that is written to it.
        let _always = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut text = String::new();
            attributes.record(&mut Text(&mut text));
            let mut extensions = span.extensions_mut();
            // Another log's layer may have written the same.
            if extensions.get_mut::<Written>().is_none() {
                extensions.insert(Written { fields: text, by: Arc::as_ptr(&self.log).addr() });
            }
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(written) = span.extensions_mut().get_mut::<Written>()
            && written.by == Arc::as_ptr(&self.log).addr()
        {
            values.record(&mut Text(&mut written.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let level = Level::from(event.metadata().level());
        if !self.log.is_enabled(level) {
            return;
        }
        let mut text = String::with_capacity(128);
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            text.push_str(span.name());
            if let Some(written) =
                span.extensions().get().filter(|one: &&Written| !one.fields.is_empty())
            {
                text.push('{');
                text.push_str(&written.fields);
                text.push('}');
            }
            text.push_str(": ");
        }
        text.push_str(event.metadata().target());
        text.push_str(": ");
        event.record(&mut Text(&mut text));
        if self.log.append_at(level, text.as_bytes()).is_err() {
            self.log.count_failure();
        }
    }
}
