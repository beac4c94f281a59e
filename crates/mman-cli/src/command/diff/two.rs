//! Two snapshots.

use super::common::{Beside, Shares};
use super::report::{Report, State};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::snapshot::{FileHead, Index, Malformed, SnapshotFile, open};
use std::path::Path;

const NOT_SAVED: &str = "not known when it was saved";

/// Compares them: each file of the later is looked up in the earlier, and what is left over there is gone.
pub(super) fn compare(
    names: (&Path, &Path),
    (before, reader): (&Index, &mut SnapshotFile),
    after: &mut SnapshotFile,
    report: &mut Report,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let of_before = |error| open::malformed(names.0, &error);
    let of_after = |error| open::malformed(names.1, &error);
    let mut met = vec![false; usize::try_from(before.totals.files).unwrap_or(0)];
    while let Some(head) = after.next_file().map_err(of_after)? {
        if interrupt.is_set() {
            return Ok(());
        }
        let found = before.find(reader, &head.path).map_err(of_before)?;
        let (state, shares) = match found {
            None => (State::New, all(after, &head).map_err(of_after)?),
            Some((number, old)) => {
                if let Some(met) = met.get_mut(number) {
                    *met = true;
                }
                let mut beside = Beside::new(reader);
                let page = after.header().page;
                while let Some(runs) = after.next_runs().map_err(of_after)? {
                    for run in runs {
                        let bytes = run.start.saturating_mul(page)..run.end.saturating_mul(page);
                        beside.after(&bytes).map_err(of_before)?;
                    }
                }
                let shares = beside.finish().map_err(of_before)?;
                let is_same = (old.size, old.modified) == (head.size, head.modified);
                match (old.known && head.known, is_same) {
                    (false, _) => (State::Unknown(NOT_SAVED.to_owned()), Shares::default()),
                    (true, true) => (State::Same, shares),
                    (true, false) => (State::Changed, shares),
                }
            }
        };
        report.file(&head.path, state, shares)?;
    }
    for (number, _) in met.iter().enumerate().filter(|(_, met)| !**met) {
        let Some(head) = before.file(reader, number).map_err(of_before)? else { continue };
        let Shares { after, .. } = all(reader, &head).map_err(of_before)?;
        report.file(&head.path, State::Gone, Shares { before: after, after: 0, both: 0 })?;
    }
    Ok(())
}

/// All that a snapshot has of the file that was just read, as having come.
pub(super) fn all(reader: &mut SnapshotFile, head: &FileHead) -> Result<Shares, Malformed> {
    let page = reader.header().page;
    let mut pages = 0_u64;
    while let Some(runs) = reader.next_runs()? {
        for run in runs {
            pages = pages.saturating_add(run.end.saturating_sub(run.start));
        }
    }
    let after = if head.known { pages.saturating_mul(page) } else { 0 };
    Ok(Shares { before: 0, after, both: 0 })
}
