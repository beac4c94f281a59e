//! Lines below a headline: how much, why, and the flag that helps. `still cached 8.0 MiB   dirty   --sync`.

use crate::extent::Extent;
use unicode_width::UnicodeWidthStr;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    /// What is so, and how much of it.
    amount: String,
    why: String,
    /// What helps; empty where nothing does.
    flag: String,
}

impl Remark {
    pub(crate) fn new(what: &str, size: &str, why: &str, flag: &str) -> Self {
        Self { amount: format!("{what} {size}"), why: why.to_owned(), flag: flag.to_owned() }
    }
}

/// All of them, in columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remarks(Vec<Remark>);

/// A column is not widened for a cell beyond this: what stands behind would be out of sight.
const WIDEST: usize = 48;

impl Remarks {
    pub(crate) fn add(&mut self, remark: Remark) {
        self.0.push(remark);
    }

    pub(crate) fn render(&self) -> String {
        let widest = |of: fn(&Remark) -> &str| {
            let widths = self.0.iter().map(|remark| of(remark).width());
            widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
        };
        let (amounts, whys) = (widest(|remark| &remark.amount), widest(|remark| &remark.why));
        let mut text = String::new();
        for Remark { amount, why, flag } in &self.0 {
            let pad = |cell: &str, width: usize| " ".repeat(width.saturating_sub(cell.width()));
            let line =
                format!("  {amount}{}   {why}{}   {flag}", pad(amount, amounts), pad(why, whys));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A line that says how a range was rounded; nothing where it was not.
pub(crate) fn rounding(example: Option<&Extent>, files: u64, way: &str) -> String {
    let Some(Extent { bytes, rounded_from: Some(asked) }) = example else { return String::new() };
    let of = if files > 1 { format!(" (one of {files} files)") } else { String::new() };
    let show = |range: &std::ops::Range<u64>| format!("{}-{}", range.start, range.end);
    let to = if bytes.is_empty() { "no page".to_owned() } else { show(bytes) };
    format!("{} rounded {way} to pages: {to}{of}\n", show(asked))
}

/// What else was met.
pub(crate) fn notes(outside: u64, vanished: u64) -> String {
    let mut text = String::new();
    if outside > 0 {
        text.push_str(&format!("  {outside} without these bytes: too short\n"));
    }
    if vanished > 0 {
        text.push_str(&format!("  {vanished} vanished meanwhile\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_flags_line_up() {
        let mut remarks = Remarks::default();
        let by = "mapped by postgres[812], postgres[815]";
        remarks.add(Remark::new("still cached", "768 MiB", by, "--force-mapped"));
        remarks.add(Remark::new("still cached", "8.0 MiB", "dirty", "--sync"));
        let expected = "  still cached 768 MiB   mapped by postgres[812], postgres[815]   --force-mapped\n  \
                        still cached 8.0 MiB   dirty                                    --sync\n";
        assert_eq!(remarks.render(), expected);
        assert_eq!(Remarks::default().render(), "");
    }
}
