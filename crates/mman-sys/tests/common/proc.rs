//! What `/proc` says: the page size, the mappings, the locked memory, the kernel's release.

use std::fs;
use std::sync::OnceLock;

/// The key of the page size among what the kernel tells a program at its start (`linux/auxvec.h`).
const AT_PAGESZ: usize = 6;

/// The page size, as the kernel tells every program at its start.
pub(crate) fn page() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    *PAGE.get_or_init(|| {
        let words: Vec<usize> = fs::read("/proc/self/auxv")
            .unwrap()
            .chunks_exact(size_of::<usize>())
            .map(|word| usize::from_ne_bytes(word.try_into().unwrap()))
            .collect();
        words.chunks_exact(2).find(|pair| pair[0] == AT_PAGESZ).expect("AT_PAGESZ")[1]
    })
}

/// A line of `/proc/self/maps`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Such as `rw-p`.
    pub(crate) access: String,
    pub(crate) offset: u64,
    pub(crate) inode: u64,
    /// The path, or what stands for it.
    pub(crate) name: String,
}

/// All mappings of this process, in the order of their addresses.
pub(crate) fn lines() -> Vec<Line> {
    let text = fs::read_to_string("/proc/self/maps").unwrap();
    text.lines().map(parse).collect()
}

/// The mapping that covers an address.
pub(crate) fn line_of(address: usize) -> Option<Line> {
    lines().into_iter().find(|line| (line.start..line.end).contains(&address))
}

fn parse(line: &str) -> Line {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next().unwrap().split_once('-').unwrap();
    Line {
        start: usize::from_str_radix(start, 16).unwrap(),
        end: usize::from_str_radix(end, 16).unwrap(),
        access: words.next().unwrap().to_owned(),
        offset: u64::from_str_radix(words.next().unwrap(), 16).unwrap(),
        inode: words.nth(1).unwrap().parse().unwrap(),
        name: words.collect::<Vec<_>>().join(" "),
    }
}

/// Locked memory of this process in pages. Only in a child is that the test's own.
pub(crate) fn vm_lck() -> usize {
    vm_lck_of("self")
}

/// Locked memory of a process in pages.
pub(crate) fn vm_lck_of(process: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("VmLck");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024 / page()
}

/// The kernel's release, as `(6, 18)`.
pub(crate) fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|word| word.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A number in a file of the kernel.
pub(crate) fn number(path: &str) -> usize {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}
