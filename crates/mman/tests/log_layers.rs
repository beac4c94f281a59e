//! A program that kept all events in one log and the errors in another was ended by a panic at its first span: both layers
//! put their text at the same place of it. And what a span was told after it was made was never written.

#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, reason = "a test may stop at what it does not expect")]

use mman::log::{AppendLog, Level, LogLayer, LogReader};
use mman_testkit::files::Folder;
use std::sync::Arc;
use tracing::field::Empty;
use tracing_subscriber::layer::SubscriberExt;

#[test]
fn two_logs_take_the_events_of_one_program() {
    let folder = Folder::new();
    let log = |name| Arc::new(AppendLog::open(folder.name(name)).unwrap());
    let (all, errors) = (log("all"), log("errors"));
    errors.set_level(Some(Level::Error));
    let layers = tracing_subscriber::registry().with(LogLayer::new(all));
    let layers = layers.with(LogLayer::new(errors));
    tracing::subscriber::with_default(layers, || {
        let span = tracing::info_span!("request", id = 7, user = Empty);
        span.record("user", "bob");
        let _entered = span.entered();
        tracing::info!(target: "server", "begun");
        tracing::error!(target: "server", "failed");
    });
    let written = |name| {
        let mut reader = LogReader::open(folder.name(name)).unwrap();
        let mut texts = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            texts.push(String::from_utf8(entry.bytes.to_vec()).unwrap());
        }
        texts
    };
    let begun = r#"request{id=7 user="bob"}: server: begun"#;
    let failed = r#"request{id=7 user="bob"}: server: failed"#;
    assert_eq!(written("all"), [begun, failed]);
    assert_eq!(written("errors"), [failed]);
}
