//! What `/proc/self/maps` and `/proc/self/smaps` say of this process.

use std::fs;
use std::ops::Range;

/// A mapping as the kernel counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its addresses.
    pub range: Range<usize>,
    /// Such as `rw-p`.
    pub access: String,
    /// Where it begins in the object, in bytes.
    pub offset: u64,
    /// Major and minor number of the object's device.
    pub device: (u32, u32),
    /// The object's inode number; 0 for anonymous memory.
    pub inode: u64,
    /// The object's path, or what stands for it.
    pub name: String,
}

impl Entry {
    /// Whether it is memory of an object that has a number.
    #[must_use]
    pub const fn has_object(&self) -> bool {
        self.inode != 0
    }

    /// Whether `next` goes on where this one ends, in memory and in the object, with the same rights.
    fn goes_on_in(&self, next: &Self) -> bool {
        let distance = self.range.len() as u64;
        self.range.end == next.range.start
            && self.access == next.access
            && (self.device, self.inode, &self.name) == (next.device, next.inode, &next.name)
            && (!self.has_object() || self.offset + distance == next.offset)
    }

    /// The part of it that lies in a range.
    fn clipped_to(mut self, range: &Range<usize>) -> Self {
        let start = self.range.start.max(range.start);
        if self.has_object() {
            self.offset += (start - self.range.start) as u64;
        }
        self.range = start..self.range.end.min(range.end);
        self
    }
}

/// All mappings of this process, in the order of their addresses.
///
/// A mapping that another thread makes longer in the middle of the reading is told twice (6.17 and later): then it is
/// read again.
///
/// # Panics
///
/// Where the file cannot be read, or says what it never says.
#[must_use]
pub fn all() -> Vec<Entry> {
    loop {
        let text = text_of("/proc/self/maps");
        let entries: Vec<Entry> = text
            .lines()
            .map(|line| parse(line).unwrap_or_else(|| panic!("not a mapping: {line}")))
            .collect();
        if entries.is_sorted_by(|one, next| one.range.end <= next.range.start) {
            return entries;
        }
    }
}

/// How many mappings this process has. Only in a child of one thread is that the test's own.
#[must_use]
pub fn count() -> usize {
    all().len()
}

/// The mappings in a range: cut off at its ends, and joined where the kernel counts as two what is alike.
#[must_use]
pub fn within(range: Range<usize>) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for entry in all() {
        if entry.range.end <= range.start || range.end <= entry.range.start {
            continue;
        }
        let entry = entry.clipped_to(&range);
        match found.last_mut() {
            Some(last) if last.goes_on_in(&entry) => last.range.end = entry.range.end,
            _ => found.push(entry),
        }
    }
    found
}

/// The accesses in a range, such as `["rw-p", "---p"]`; a hole is `"hole"`.
#[must_use]
pub fn accesses(range: Range<usize>) -> Vec<String> {
    let mut at = range.start;
    let mut found = Vec::new();
    for entry in within(range.clone()) {
        if entry.range.start > at {
            found.push("hole".to_owned());
        }
        at = entry.range.end;
        found.push(entry.access);
    }
    if at < range.end {
        found.push("hole".to_owned());
    }
    found
}

/// Whether nothing at all is mapped in a range.
#[must_use]
pub fn is_free(range: Range<usize>) -> bool {
    within(range).is_empty()
}

/// The two-letter flags (`VmFlags` of smaps) of every mapping that has a part in a range.
///
/// # Panics
///
/// Where the file cannot be read.
#[must_use]
pub fn flags_within(range: Range<usize>) -> Vec<(Range<usize>, Vec<String>)> {
    let text = text_of("/proc/self/smaps");
    let mut found = Vec::new();
    let mut addresses = 0..0;
    for line in text.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            if addresses.start < range.end && range.start < addresses.end {
                let flags = flags.split_ascii_whitespace().map(str::to_owned).collect();
                found.push((addresses.clone(), flags));
            }
        } else if !line.ends_with(" kB")
            && let Some(entry) = parse(line)
        {
            addresses = entry.range;
        }
    }
    found
}

/// The two-letter flags of the mapping at an address.
///
/// # Panics
///
/// Where nothing is mapped there.
#[must_use]
pub fn flags_at(address: usize) -> Vec<String> {
    let found = flags_within(address..address + 1);
    found.into_iter().next().unwrap_or_else(|| panic!("nothing is at {address:#x}")).1
}

/// For every page of a range: whether its mapping has a flag.
///
/// # Panics
///
/// Where nothing is mapped in a page.
#[must_use]
pub fn pages_with_flag(range: Range<usize>, flag: &str) -> Vec<bool> {
    let found = flags_within(range.clone());
    let has = |address: usize| {
        let (_, flags) =
            found.iter().find(|(range, _)| range.contains(&address)).expect("a mapping");
        flags.iter().any(|has| has == flag)
    };
    range.step_by(crate::page()).map(has).collect()
}

/// For every page of a range: its access, such as `rw-p`; of a hole, `"hole"`.
#[must_use]
pub fn page_accesses(range: Range<usize>) -> Vec<String> {
    let found = within(range.clone());
    let access = |address: usize| {
        let entry = found.iter().find(|entry| entry.range.contains(&address));
        entry.map_or_else(|| "hole".to_owned(), |entry| entry.access.clone())
    };
    range.step_by(crate::page()).map(access).collect()
}

fn parse(line: &str) -> Option<Entry> {
    let hex = |digits: &str| usize::from_str_radix(digits, 16).ok();
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let range = hex(start)?..hex(end)?;
    let access = words.next()?.to_owned();
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let (major, minor) = words.next()?.split_once(':')?;
    let device = (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
    let inode = words.next()?.parse().ok()?;
    let name = words.collect::<Vec<_>>().join(" ");
    Some(Entry { range, access, offset, device, inode, name })
}

/// What a file of `/proc` says. Names of files are any bytes.
pub(crate) fn text_of(path: &str) -> String {
    String::from_utf8_lossy(&fs::read(path).expect(path)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parsed_whole() {
        let entry = parse("7f00-9f00 r-xs 00003000 fe:01 77                 /a b").unwrap();
        assert_eq!((entry.range.clone(), entry.access.as_str()), (0x7f00..0x9f00, "r-xs"));
        assert_eq!((entry.offset, entry.device, entry.inode), (0x3000, (0xfe, 1), 77));
        assert_eq!(entry.name, "/a b");
        let part = entry.clipped_to(&(0x8000..0x8800));
        assert_eq!((part.range, part.offset), (0x8000..0x8800, 0x3100));
        assert!(parse("Size:                 12 kB").is_none());
    }

    #[test]
    fn our_own_stack_can_be_read_and_written() {
        let here = 0_u8;
        let address = (&raw const here).addr();
        assert_eq!(accesses(address..address + 1), ["rw-p"]);
        assert_eq!(accesses(0..4096), ["hole"]);
        assert!(is_free(0..4096) && !is_free(address..address + 1));
        assert!(flags_at(address).contains(&"wr".to_owned()));
    }
}
