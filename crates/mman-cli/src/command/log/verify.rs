//! `mman log verify`: what a file of a log holds, and where it is bad.

use crate::failure::Failure;
use std::io::{self, Write};
use std::path::Path;

/// Checks one file. Damage is told by offset, and is a failure.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let name = file.display().to_string();
    let found = mman::log::verify(file).map_err(|error| Failure::of(&name, &error))?;
    let state = if found.ended { "ended" } else { "open" };
    let mut text = format!(
        "{name}: file {}, {state}: {} records of {} bytes, {} places of dead writers, {} damaged\n",
        found.segment, found.records, found.bytes, found.dead, found.damaged
    );
    for at in &found.damaged_at {
        text.push_str(&format!("{name}: damaged at byte {at}\n"));
    }
    let is_cut = !found.ended && is_rotated(file, found.segment);
    if is_cut {
        text.push_str(&format!(
            "{name}: rotated, but without its end: what stood behind byte {} is lost\n",
            found.end
        ));
    }
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::writing(&error))?;
    match (found.damaged, is_cut) {
        (0, false) => Ok(()),
        (0, true) => Err(Failure::line(format!("{name}: its end is missing"))),
        (damaged, _) => Err(Failure::line(format!("{name}: {damaged} damaged places"))),
    }
}

/// Whether a name is the one that a full file of this number is given. Nothing is written to it any more.
fn is_rotated(file: &Path, number: u64) -> bool {
    file.extension().is_some_and(|end| end.as_encoded_bytes() == number.to_string().as_bytes())
}
