//! A log in a mapped file: many writers in threads and processes, readers while it is written.
//!
//! [`AppendLog`] appends, [`LogReader`] reads and follows, [`verify`] checks. A record survives the death of the
//! process from the moment on when its append has returned, and a power loss after a [`sync`](AppendLog::sync).
//!
//! # How it works
//!
//! A file has a header of 4096 bytes, records, and zeros to its end. A record begins with a word of eight bytes. A
//! writer finds the first word that is zero and, by one compare-and-swap, makes it say "claimed", by whom, and how
//! long the record is: so each claim says where the next one is, and a writer can die at any instruction without
//! hiding what others write behind. It copies the content, and by a store that is ordered behind that makes the word say
//! "committed". A reader that finds that word finds all of the record.
//!
//! Each writer holds a lock on one byte behind the end of the file, which the kernel takes away when the writer dies.
//! A claim whose writer has no lock is dead: readers pass it over, who opens the log next marks it. If a writer that
//! lives were taken for dead, its record would be there all the same, and missed only by who has passed it.
//!
//! The header's hints are moved forward now and then: `tail`, where to look for a free word, and `committed`, before
//! which everything is finished, so that recovery looks at what is behind it only.

mod ahead;
mod append_log;
mod clock;
mod crc;
#[cfg(feature = "log")]
mod facade;
mod file;
mod format;
#[cfg(feature = "tracing")]
mod layer;
mod level;
mod line_writer;
mod lock;
mod options;
mod reader;
mod recover;
mod scan;
mod seats;
mod segment;
mod turn;
mod verify;

pub use append_log::{AppendLog, Position};
#[cfg(feature = "tracing")]
pub use layer::LogLayer;
pub use level::Level;
pub use line_writer::LineWriter;
pub use options::LogOptions;
pub use reader::{Entry, LogReader};
pub use verify::{Verification, verify};
