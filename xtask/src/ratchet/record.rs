//! The recorded numbers, as they stand in the file, with the reasons they were raised for.

use std::fmt;

use super::counts::{Counts, Key, Numbers, Side};

/// The comment that a new file starts with.
const HEAD: &str = "\
# How much unsafe each crate holds, counted by `cargo xtask ratchet`. The numbers may only fall:
# `cargo xtask ratchet --write` lowers them, `cargo xtask ratchet --raise CRATE \"why\"` raises them
# on purpose and leaves the reason here.";

/// The file, read.
#[derive(Debug, Default)]
pub(super) struct Record {
    head: Vec<String>,
    sections: Vec<Section>,
}

/// One side of one crate.
#[derive(Debug)]
struct Section {
    key: Key,
    numbers: Numbers,
    reasons: Vec<String>,
    line: usize,
}

impl Record {
    /// Reads the file; what is wrong comes with its line.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut record = Self::default();
        let mut comments: Vec<String> = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            let wrong = |what: &str| (index + 1, format!("{what}: `{line}`"));
            if line.starts_with('#') {
                comments.push(line.to_owned());
            } else if line.is_empty() {
                if record.sections.is_empty() {
                    record.head.append(&mut comments);
                }
            } else if let Some(header) = line.strip_prefix('[') {
                let key = key(header).ok_or_else(|| wrong("not [CRATE.src] or [CRATE.tests]"))?;
                let (numbers, reasons) = (Numbers::default(), std::mem::take(&mut comments));
                record.sections.push(Section { key, numbers, reasons, line: index + 1 });
            } else {
                record
                    .number(line)
                    .ok_or_else(|| wrong("not `blocks`, `fns` or `impls` = NUMBER"))?;
            }
        }
        Ok(record)
    }

    fn number(&mut self, line: &str) -> Option<()> {
        let numbers = &mut self.sections.last_mut()?.numbers;
        let (name, value) = line.split_once('=')?;
        let place = match name.trim() {
            "blocks" => &mut numbers.blocks,
            "fns" => &mut numbers.fns,
            "impls" => &mut numbers.impls,
            _ => return None,
        };
        *place = value.trim().parse().ok()?;
        Some(())
    }

    pub(super) fn counts(&self) -> Counts {
        self.sections.iter().map(|section| (section.key.clone(), section.numbers)).collect()
    }

    /// The line a side of a crate is recorded at; the first where it is not.
    pub(super) fn line(&self, key: &Key) -> usize {
        self.sections.iter().find(|section| section.key == *key).map_or(1, |section| section.line)
    }

    /// Lowers every number to the current one; none rises.
    pub(super) fn lower(&mut self, current: &Counts) {
        for section in &mut self.sections {
            let now = current.get(&section.key).copied().unwrap_or_default();
            section.numbers = section.numbers.lowest(now);
        }
        self.sections.retain(|section| section.numbers != Numbers::default());
    }

    /// Records the current numbers of a crate where they are higher, with the reason; tells what rose.
    pub(super) fn raise(&mut self, current: &Counts, package: &str, why: &str) -> Vec<String> {
        let mut raised = Vec::new();
        for side in [Side::Src, Side::Tests] {
            let key = (package.to_owned(), side);
            let now = current.get(&key).copied().unwrap_or_default();
            let then = self.counts().get(&key).copied().unwrap_or_default();
            if now.lowest(then) == now {
                continue;
            }
            let reason = format!("# {now}: {why}");
            raised.push(format!("{package}.{} raised to {now}", side.name()));
            match self.sections.iter_mut().find(|section| section.key == key) {
                Some(section) => {
                    section.numbers = now;
                    section.reasons.push(reason);
                }
                None => {
                    let reasons = vec![reason];
                    self.sections.push(Section { key, numbers: now, reasons, line: 1 });
                }
            }
        }
        self.sections.sort_by(|a, b| a.key.cmp(&b.key));
        raised
    }
}

fn key(header: &str) -> Option<Key> {
    let (package, side) = header.strip_suffix(']')?.rsplit_once('.')?;
    let side = match side {
        "src" => Side::Src,
        "tests" => Side::Tests,
        _ => return None,
    };
    Some((package.to_owned(), side))
}

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.head.is_empty() {
            writeln!(out, "{HEAD}")?;
        }
        for line in &self.head {
            writeln!(out, "{line}")?;
        }
        for section in &self.sections {
            let (package, side) = &section.key;
            writeln!(out)?;
            for reason in &section.reasons {
                writeln!(out, "{reason}")?;
            }
            writeln!(out, "[{package}.{}]", side.name())?;
            for (name, number) in section.numbers.named() {
                writeln!(out, "{name} = {number}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Numbers, Record, Side};

    const TEXT: &str =
        "# Head.\n\n# 2 blocks, 1 fns, 0 impls: maps\n[a.src]\nblocks = 2\nfns = 1\nimpls = 0\n";

    fn current(blocks: usize, fns: usize) -> Counts {
        Counts::from([(("a".to_owned(), Side::Src), Numbers { blocks, fns, impls: 0 })])
    }

    #[test]
    fn what_is_read_is_written_again() {
        assert_eq!(Record::parse(TEXT).unwrap().to_string(), TEXT);
        assert_eq!(Record::parse(TEXT).unwrap().counts(), current(2, 1));
    }

    #[test]
    fn writing_only_lowers() {
        let mut record = Record::parse(TEXT).unwrap();
        record.lower(&current(1, 5));
        assert_eq!(record.counts(), current(1, 1));
        record.lower(&Counts::new());
        assert!(record.counts().is_empty());
    }

    #[test]
    fn raising_leaves_the_reason() {
        let mut record = Record::parse(TEXT).unwrap();
        assert!(record.raise(&current(2, 1), "a", "no need").is_empty());
        assert_eq!(record.raise(&current(3, 1), "a", "remaps").len(), 1);
        let text = record.to_string();
        assert!(
            text.contains("impls: maps\n# 3 blocks, 1 fns, 0 impls: remaps\n[a.src]\nblocks = 3\n")
        );
        assert!(Record::default().raise(&current(1, 0), "b", "other crate").is_empty());
    }

    #[test]
    fn a_strange_line_is_named() {
        assert_eq!(Record::parse("[a.src]\nblocks = 1\nspeed = 2\n").err().map(|e| e.0), Some(3));
        assert_eq!(Record::parse("\n[a.lib]\n").err().map(|e| e.0), Some(2));
        assert_eq!(Record::parse("blocks = 1\n").err().map(|e| e.0), Some(1));
    }
}
