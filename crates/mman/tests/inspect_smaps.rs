//! What memory mappings use, as the kernel counts it: every field it prints, the sums, and texts that are none.
//!
//! Tools that know a fixed list of fields break with each kernel, or print 0 for what they did not find.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::inspect::{self, Entry, Smaps, Usage};
use mman::process::Process;
use mman::{Anonymous, Cause, Errno, FileObject, Hint, HugePageSize, MapOptions, Mapping};
use mman_testkit::files::Folder;
use mman_testkit::huge::Pool;
use mman_testkit::{companion, memory, page, require};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

const PAGES: usize = 64;

/// Memory of its own, a file it maps, and nothing that it does.
fn quiet(pages: usize) -> ((Mapping, Mapping, Folder), String) {
    let anonymous = Anonymous::new(pages * page()).map().unwrap();
    anonymous.advise(.., Hint::PopulateWrite).unwrap();
    let folder = Folder::new();
    let file = FileObject::open(folder.patterned("file", pages * page())).unwrap();
    let file = file.map().unwrap();
    file.advise(.., Hint::PopulateRead).unwrap();
    memory::lock(file.as_ptr().addr(), page()).unwrap();
    let said = format!("{} {}", anonymous.as_ptr().addr(), file.as_ptr().addr());
    ((anonymous, file, folder), said)
}

/// What a text says, by other means: header and fields of each mapping.
fn split(text: &str) -> Vec<(&str, BTreeMap<&str, &str>)> {
    let mut found: Vec<(&str, BTreeMap<&str, &str>)> = Vec::new();
    for line in text.lines() {
        match line.split_once(':') {
            Some((name, value)) if !name.contains('-') => {
                let before = found.last_mut().unwrap().1.insert(name, value.trim());
                assert_eq!(before, None);
            }
            _ => found.push((line, BTreeMap::new())),
        }
    }
    found
}

#[track_caller]
fn assert_same(usage: &Usage, fields: &BTreeMap<&str, &str>) {
    let known: Vec<_> = usage.fields().collect();
    let flags = usage.flags().iter().collect::<Vec<_>>().join(" ");
    assert_eq!(flags, fields.get("VmFlags").copied().unwrap_or_default());
    let others = usage.others().count();
    let lines = known.len() + others + usize::from(fields.contains_key("VmFlags"));
    assert_eq!(lines, fields.len(), "every field once: {usage:?} {fields:?}");
    for (name, number) in known {
        let value = fields[name];
        let expected = match value.strip_suffix(" kB") {
            Some(digits) => digits.parse::<u64>().unwrap() * 1024,
            None => value.parse().unwrap(),
        };
        assert_eq!((number, usage.field(name)), (expected, Some(expected)), "{name}");
    }
    for (name, value) in usage.others() {
        assert_eq!(value, fields[name]);
    }
}

#[test]
fn every_field_that_the_kernel_prints_is_told() {
    let Some(other) = companion::start(|| quiet(PAGES)) else { return };
    let path = format!("/proc/{}/smaps", other.pid());
    let (text, all, again) = std::iter::repeat_with(|| {
        let text = fs::read_to_string(&path).unwrap();
        let process = Process::open(other.pid()).unwrap();
        let all: Vec<_> = process.smaps().unwrap().map(Result::unwrap).collect();
        (text, all, fs::read_to_string(&path).unwrap())
    })
    .take(100)
    .find(|(before, _, after)| before == after)
    .expect("a process that is quiet");
    assert_eq!(text, again);
    let expected = split(&text);
    assert_eq!(all.len(), expected.len());
    for ((entry, usage), (header, fields)) in all.iter().zip(&expected) {
        assert_eq!(
            *entry,
            inspect::Maps::of_text(format!("{header}\n").as_bytes()).next().unwrap().unwrap()
        );
        assert_same(usage, fields);
        assert_eq!(usage.others().count(), 0, "a field that is new: {usage:?}");
    }
    let at =
        |address| &all.iter().find(|(entry, _)| entry.addresses().contains(&address)).unwrap().1;
    let anonymous = at(other.number(0));
    let bytes = Some((PAGES * page()) as u64);
    assert!(anonymous.rss() >= bytes && anonymous.private_dirty() >= bytes, "{anonymous:?}");
    assert!(anonymous.anonymous() >= bytes && anonymous.locked() == Some(0));
    assert_eq!(anonymous.kernel_page_size(), Some(page() as u64));
    assert!(anonymous.flags().contains("rd") && !anonymous.flags().contains("lo"));
    let file = at(other.number(1));
    assert_eq!((file.size(), file.locked()), (Some(page() as u64), Some(page() as u64)));
    assert!(file.flags().contains("lo"));
    assert_eq!((file.anonymous(), file.swap()), (Some(0), Some(0)));
}

/// Of each field the sum over all mappings; of shares a kilobyte more or less, since each is rounded.
#[test]
fn the_sums_are_those_of_the_rollup() {
    let Some(other) = companion::start(|| quiet(PAGES)) else { return };
    let process = Process::open(other.pid()).unwrap();
    let (rollup, all, _) = std::iter::repeat_with(|| {
        let before = process.smaps_rollup().unwrap();
        let all: Vec<_> = process.smaps().unwrap().map(Result::unwrap).collect();
        (before, all, process.smaps_rollup().unwrap())
    })
    .take(100)
    .find(|(before, _, after)| before == after)
    .expect("a process that is quiet");
    assert!(rollup.size().is_none() && rollup.flags().iter().next().is_none());
    assert!(rollup.rss() > Some((2 * PAGES * page()) as u64));
    let mut compared = 0;
    for (name, total) in
        rollup.fields().filter(|(name, _)| !name.starts_with("Pss_") || *name == "Pss_Dirty")
    {
        let sum: u64 = all.iter().map(|(_, usage)| usage.field(name).unwrap()).sum();
        let rounded = matches!(name, "Pss" | "Pss_Dirty" | "SwapPss" | "Locked");
        let slack = if rounded { all.len() as u64 * 1024 } else { 0 };
        assert!(sum <= total && total - sum <= slack, "{name}: {sum} of {total}");
        compared += 1;
    }
    assert!(compared >= 15, "{rollup:?}");
    let parts = [rollup.pss_anonymous(), rollup.pss_file(), rollup.pss_shmem()];
    if parts.iter().all(Option::is_some) {
        let sum: u64 = parts.into_iter().flatten().sum();
        assert!(rollup.pss().unwrap().abs_diff(sum) <= 3 * 1024);
    }
    assert_same(
        &rollup,
        &split(&fs::read_to_string(format!("/proc/{}/smaps_rollup", other.pid())).unwrap())[0].1,
    );
}

#[test]
fn pages_of_the_huge_page_pool_are_counted_apart() {
    let Some(_pool) = Pool::with(1) else { return };
    let bytes = Pool::page_size();
    let size = HugePageSize::available();
    let size = size.iter().find(|size| size.page_size().bytes() == bytes).unwrap();
    let huge =
        MapOptions::private().read_write().huge_pages(*size).map(&Anonymous::new(1)).unwrap();
    huge.advise(.., Hint::PopulateWrite).unwrap();
    let address = huge.as_ptr().addr();
    let mut all = Process::myself().smaps().unwrap().map(Result::unwrap);
    let (entry, usage) = all.find(|(entry, _)| entry.addresses().contains(&address)).unwrap();
    assert_eq!(entry.len(), bytes);
    assert_eq!((usage.private_hugetlb(), usage.rss()), (Some(bytes as u64), Some(0)));
    assert_eq!(usage.kernel_page_size(), Some(bytes as u64));
    assert!(usage.flags().contains("ht"));
}

const HEADER: &str = "1000-2000 r--p 00000000 00:00 0 \n";

fn one(fields: &str) -> mman::Result<Usage> {
    let text = format!("{HEADER}{fields}");
    let mut smaps = Smaps::of_text(text.as_bytes());
    let (_, usage) = smaps.next().expect("an answer")?;
    assert!(smaps.next().is_none());
    Ok(usage)
}

/// What a later kernel says passes through.
#[test]
fn unknown_fields_and_flags_are_kept() {
    let usage = one(
        "Size: 4 kB\nNew_Thing:      12 kB\nOdd: a:b c\nCount: 7\nVmFlags: rd zz long ??\nLater: 1 kB\n",
    );
    let usage = usage.unwrap();
    let others: Vec<_> = usage.others().collect();
    assert_eq!(
        others,
        [("New_Thing", "12 kB"), ("Odd", "a:b c"), ("Count", "7"), ("Later", "1 kB")]
    );
    assert_eq!([usage.field("New_Thing"), usage.field("Count")], [Some(12 * 1024), Some(7)]);
    assert_eq!([usage.field("Odd"), usage.field("Rss"), usage.field("None")], [None; 3]);
    assert_eq!((usage.size(), usage.rss()), (Some(4096), None));
    assert_eq!(usage.flags().iter().collect::<Vec<_>>(), ["rd", "zz", "long", "??"]);
    assert!(usage.flags().contains("zz") && !usage.flags().contains("z"));
    assert!(format!("{usage:?}").contains("New_Thing"));
    // In any order, and any of them missing.
    let usage =
        one("Rss: 1 kB\nSize: 2 kB\nTHPeligible:           1\nProtectionKey:         3\n").unwrap();
    assert_eq!((usage.rss(), usage.size()), (Some(1024), Some(2048)));
    assert!(usage.is_thp_eligible() && usage.protection_key() == Some(3));
}

#[test]
fn fields_that_no_kernel_prints_are_errors() {
    let wrong = [
        "Size: 4 kB\nSize: 4 kB\n",
        "Size: 4\n",
        "Size: 4 MB\n",
        "Size: 4 kB \n",
        "Size: kB\n",
        "Size:\n",
        "Size: -4 kB\n",
        "Size: 4x kB\n",
        "Size: 18446744073709551615 kB\n",
        "Size: 18014398509481984 kB\n",
        "Size: 99999999999999999999 kB\n",
        "THPeligible: 1 kB\n",
        "Size 4 kB\n",
        "\n",
        ":\n",
        ": 4 kB\n",
        "A b: 4 kB\n",
        "New: 1 kB\nNew: 1 kB\n",
        "Size: 4 kB",
        "Rss:            \n      5 kB\n",
        "Rss:                     kB\n",
        "Rss:           5         kB\n",
        "Rss:                  5  kB\n",
        "Rss:                   5 kB\nRss:                   5 kB\n",
        "VmFlags:\nVmFlags: wr\n",
        "VmFlags: rd\nVmFlags: wr\n",
        "\u{fffd}: 1\n",
        " Size: 4 kB\n",
    ];
    for fields in wrong {
        let error = one(fields).expect_err(fields);
        assert!(matches!(error.cause(), Cause::NotUnderstood { .. }), "{fields}: {error}");
        assert_eq!(error.errno(), None);
    }
    assert_eq!(one("Rss:                   5 kB\n").unwrap().rss(), Some(5 * 1024));
    assert_eq!(one("Rss:            12345678 kB\n").unwrap().rss(), Some(12_345_678 * 1024));
    assert_eq!(one("Rss:            123456789 kB\n").unwrap().rss(), Some(123_456_789 * 1024));
    assert_eq!(one("Size: 18014398509481983 kB\n").unwrap().size(), Some(u64::MAX - 1023));
    let mut headless = Smaps::of_text(&b"Size: 4 kB\n"[..]);
    assert_eq!(headless.next().unwrap().unwrap_err().cause(), Cause::NotUnderstood { line: 1 });
    assert!(headless.next().is_none());
    let mut last = Smaps::of_text(&b"1000-2000 r--p 0 00:00 0 \nSize: 4 kB\nRss: x kB\n"[..]);
    assert_eq!(last.next().unwrap().unwrap_err().cause(), Cause::NotUnderstood { line: 3 });
}

/// A text of a few mappings, as this kernel prints them.
fn some_text() -> String {
    let text = fs::read_to_string("/proc/self/smaps").unwrap();
    let end = text.match_indices("VmFlags").nth(3).unwrap().0;
    let end = end + text[end..].find('\n').unwrap() + 1;
    text[..end].to_owned()
}

#[test]
fn a_text_that_is_cut_is_an_error_or_its_first_mappings() {
    let text = some_text();
    let whole: Vec<_> = Smaps::of_text(text.as_bytes()).map(Result::unwrap).collect();
    assert_eq!(whole.len(), 4);
    let ends: Vec<usize> = (0..=4).map(|n| split_at_mapping(&text, n)).collect();
    for cut in 0..text.len() {
        let mut answers: Vec<_> = Smaps::of_text(&text.as_bytes()[..cut]).collect();
        let complete = ends.iter().filter(|end| **end <= cut).count() - 1;
        let failed = answers.pop_if(|answer| answer.is_err()).is_some();
        let told: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        if complete == 0 && text[..cut].ends_with('\n') {
            // Of the first mapping nobody knows how many fields it should have.
            continue;
        }
        assert_eq!(failed, !ends.contains(&cut), "cut at {cut}");
        // Where a mapping ends is seen at the next line: half of one takes the mapping before it along.
        assert!(told.len() == complete || (failed && told.len() + 1 == complete), "cut at {cut}");
        assert_eq!(told, whole[..told.len()], "cut at {cut}");
    }
}

/// Where mapping `n` begins in a text.
fn split_at_mapping(text: &str, n: usize) -> usize {
    let mut at = 0;
    for _ in 0..n {
        at += text[at..].find("VmFlags").unwrap();
        at += text[at..].find('\n').unwrap() + 1;
    }
    at
}

/// Every number that is told of a text stands in it, with its name, in the mapping that it is told of.
fn assert_true_to(text: &[u8]) {
    let lossy = String::from_utf8_lossy(text);
    for answer in Smaps::of_text(text) {
        let Ok((entry, usage)) = answer else { return };
        let start = format!("{:x}-", entry.addresses().start);
        let has = |line: &&str| line.trim_start_matches('0').starts_with(&start);
        assert!(lossy.lines().any(|line| has(&line)), "{entry:?}");
        for (name, number) in usage.fields() {
            let stands =
                lossy.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let mut numbers = stands.filter_map(|value| {
                let value = value.trim_start();
                match value.strip_suffix(" kB") {
                    Some(digits) => digits.parse::<u64>().ok()?.checked_mul(1024),
                    None => value.parse().ok(),
                }
            });
            assert!(numbers.any(|stands| stands == number), "{name} {number}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_texts_tell_nothing_untrue(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>(), 0..4_u8), 1..8),
    ) {
        let mut text = some_text().into_bytes();
        for (at, byte, how) in changes {
            let at = at % text.len().max(1);
            let byte = b" \n:k0-9Bf".get(usize::from(byte)).copied().unwrap_or(byte);
            match how {
                0 => text.insert(at, byte),
                1 if text.len() > 1 => drop(text.remove(at)),
                2 => text.extend_from_within(at..(at + 3 * usize::from(byte)).min(text.len())),
                _ => text[at] = byte,
            }
        }
        assert_true_to(&text);
    }

    #[test]
    fn any_bytes_tell_nothing_untrue(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        let after_header = [HEADER.as_bytes(), &text].concat();
        assert_true_to(&text);
        assert_true_to(&after_header);
    }
}

/// What has no memory has no mappings; the kernel has no rollup of it.
#[test]
fn a_kernel_thread_and_a_zombie_have_no_mappings() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let process = Process::open(child.id()).unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    let zombie = Process::open(child.id()).unwrap();
    for process in [&process, &zombie] {
        assert_nothing_of(process);
    }
    child.wait().unwrap();
    if require::holds(
        fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n"),
        "process 2, a kernel thread",
    ) && require::root()
    {
        assert_nothing_of(&Process::open(2).unwrap());
    }
}

#[track_caller]
fn assert_nothing_of(process: &Process) {
    assert_eq!(process.maps().unwrap().count(), 0);
    assert_eq!(process.smaps().unwrap().count(), 0);
    assert_eq!(inspect::find(process, 0x1000).unwrap(), None::<Entry>);
    let error = process.smaps_rollup().unwrap_err();
    assert_eq!((error.cause(), error.errno()), (Cause::NoProcess, Some(Errno::ESRCH)));
}
