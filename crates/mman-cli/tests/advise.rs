//! `mman advise`: what it says that it did is counted by other means too, and what it could not do has its reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

mod common;
#[path = "common/processes.rs"]
mod processes;

use common::{one_line, refused, run};
use mman::process::Process;
use mman::{Anonymous, FileObject, Hint, MapOptions, Mapping};
use mman_testkit::{companion, memory, page, require};
use processes::{AsNobody, objects, of_type};
use serde_json::Value;
use std::process::Output;
use tempfile::TempDir;

const PAGES: usize = 64;

/// A file that only this process maps, in memory and unchanged.
fn clean_file(name: &str) -> (TempDir, Mapping) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, vec![7; PAGES * page()]).unwrap();
    let file = FileObject::open(&path).unwrap();
    file.file().sync_all().unwrap();
    let mapping = file.map().unwrap();
    mapping.advise(.., Hint::PopulateRead).unwrap();
    (folder, mapping)
}

fn said(mapping: &Mapping) -> String {
    mapping.as_ptr().addr().to_string()
}

/// Of the mapping at an address, by the library: in memory, in swap, in huge pages, touched of late.
fn counted(pid: u32, address: usize) -> [u64; 4] {
    let all = Process::open(pid).unwrap().smaps().unwrap().map(Result::unwrap);
    let (_, usage) =
        all.into_iter().find(|(entry, _)| entry.addresses().contains(&address)).unwrap();
    [usage.rss(), usage.swap(), usage.anon_huge(), usage.referenced()].map(Option::unwrap)
}

fn advise(pid: u32, more: &[&str]) -> Output {
    let pid = pid.to_string();
    run(["advise", &pid].iter().chain(more))
}

fn told(output: &Output) -> Value {
    let all = objects(output);
    of_type(&all, "advised")[0].clone()
}

fn remaining(told: &Value, why: &str) -> Option<u64> {
    let all = told["remaining"].as_array().unwrap();
    all.iter().find(|one| one["why"].as_str().unwrap().contains(why))?["bytes"].as_u64()
}

#[test]
fn pages_of_a_file_go_out_and_come_back() {
    let other = companion::start(|| {
        let kept = clean_file("paged.data");
        let said = said(&kept.1);
        (kept, said)
    });
    let Some(other) = other else { return };
    let output = advise(other.pid(), &["pageout", "--file", "paged.*", "--json"]);
    if !require::holds(output.status.code() != Some(2), "advice to other processes") {
        return;
    }
    let answer = told(&output);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert_eq!(counted(other.pid(), other.number(0))[0], 0);
    assert_eq!((&answer["after"]["rss"], &answer["mappings"]), (&0.into(), &1.into()), "{answer}");
    assert_eq!(answer["changed"], answer["before"]["rss"]);
    let output = advise(other.pid(), &["willneed", "--file", "paged.*", "--json"]);
    let answer = told(&output);
    assert_eq!(output.status.code(), Some(0), "{answer}");
    assert_eq!(answer["cached_after"], (PAGES * page()) as u64, "{answer}");
    let grown =
        answer["cached_after"].as_u64().unwrap() - answer["cached_before"].as_u64().unwrap();
    assert_eq!(answer["changed"], grown);
    // For people, once more: now all is there.
    let output = advise(other.pid(), &["willneed", "--file", "paged.*"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("were there already, in 1 mapping"), "{text}");
}

#[test]
fn locked_memory_stays_and_is_said_to_be_locked() {
    let other = companion::start(|| {
        let kept = clean_file("locked.data");
        memory::lock(kept.1.as_ptr().addr(), PAGES * page()).unwrap();
        let said = said(&kept.1);
        (kept, said)
    });
    let Some(other) = other else { return };
    for how in ["pageout", "cold"] {
        let output = advise(other.pid(), &[how, "--file", "locked.data", "--json"]);
        let answer = told(&output);
        assert_eq!(output.status.code(), Some(1), "nothing could change: {answer}");
        assert_eq!(remaining(&answer, "mlock"), Some((PAGES * page()) as u64), "{answer}");
    }
    assert_eq!(counted(other.pid(), other.number(0))[0], (PAGES * page()) as u64);
}

#[test]
fn anonymous_memory_needs_swap_to_go_to() {
    let start = || {
        companion::start(|| {
            let memory = Anonymous::new(512 * page()).map().unwrap();
            memory.advise(.., Hint::NoHugePages).unwrap();
            memory.write_at(0, &vec![5; 512 * page()]).unwrap();
            let said = format!("{:#x} {}", memory.as_ptr().addr(), memory.as_ptr().addr());
            (memory, said)
        })
    };
    let Some(other) = start() else { return };
    // Here and not above: the companion runs what is above too, and is killed with what it has.
    let swap = mman_testkit::swap::SwapFile::on(64 << 20);
    let range = format!("{}+2M", other.said.split(' ').next().unwrap());
    let output = advise(other.pid(), &["pageout", "-r", &range, "--json"]);
    let answer = told(&output);
    if require::holds(swap.is_some(), "swap") {
        assert_eq!(output.status.code(), Some(0), "{answer}");
        let [_, swapped, _, _] = counted(other.pid(), other.number(1));
        assert!(swapped >= 512 * page() as u64 / 2, "{swapped}: {answer}");
        let output = advise(other.pid(), &["willneed", "-r", &range]);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
    }
}

#[test]
fn without_swap_anonymous_memory_stays_and_that_is_said() {
    let other = companion::start(|| {
        let memory = Anonymous::new(PAGES * page()).map().unwrap();
        memory.advise(.., Hint::NoHugePages).unwrap();
        memory.write_at(0, &vec![5; PAGES * page()]).unwrap();
        let said = said(&memory);
        (memory, said)
    });
    let Some(other) = other else { return };
    let swaps = || std::fs::read_to_string("/proc/swaps").unwrap().lines().count() > 1;
    let before = swaps();
    let output = advise(other.pid(), &["pageout", "--json"]);
    // Another test may switch swap on.
    if !require::holds(!before && !swaps(), "a machine without swap") {
        return;
    }
    let answer = told(&output);
    assert!(remaining(&answer, "there is no swap") >= Some((PAGES * page()) as u64), "{answer}");
    assert!(counted(other.pid(), other.number(0))[0] >= (PAGES * page()) as u64);
    let text = String::from_utf8(advise(other.pid(), &["pageout"]).stdout).unwrap();
    assert!(text.contains("still in memory") && text.contains("no swap"), "{text}");
}

#[test]
fn what_is_cooled_was_not_touched_of_late() {
    let other = companion::start(|| {
        let kept = clean_file("warm.data");
        let mut bytes = vec![0; PAGES * page()];
        kept.1.read_at(0, &mut bytes).unwrap();
        let said = said(&kept.1);
        (kept, said)
    });
    let Some(other) = other else { return };
    let before = counted(other.pid(), other.number(0))[3];
    let output = advise(other.pid(), &["cold", "--file", "warm.data", "--json"]);
    let answer = told(&output);
    let after = counted(other.pid(), other.number(0))[3];
    assert_eq!(answer["before"]["referenced"], before, "{answer}");
    assert_eq!(answer["after"]["referenced"], after, "{answer}");
    assert!(before > 0 && after < before && output.status.success(), "{answer}");
}

#[test]
fn huge_pages_are_made_and_counted() {
    let other = companion::start(|| {
        let options = MapOptions::private().read_write();
        let memory = options.map(&Anonymous::new(8 << 20)).unwrap();
        memory.advise(.., Hint::NoHugePages).unwrap();
        memory.write_at(0, &vec![1; 8 << 20]).unwrap();
        memory.advise(.., Hint::HugePages).unwrap();
        let said = format!("{} {:#x}+8M", memory.as_ptr().addr(), memory.as_ptr().addr());
        (memory, said)
    });
    let Some(other) = other else { return };
    if !require::feature(mman::kernel::Feature::Collapse) {
        return;
    }
    let range = other.said.split(' ').nth(1).unwrap();
    let output = advise(other.pid(), &["collapse", "-r", range, "--json"]);
    let answer = told(&output);
    let [_, _, huge, _] = counted(other.pid(), other.number(0));
    assert_eq!(answer["after"]["anon_huge"], huge, "{answer}");
    match output.status.code() {
        Some(0) => assert!(huge >= 2 << 20, "{answer}"),
        // A machine without a free huge page says so.
        code => assert!(
            code == Some(1) && !answer["refused"].as_array().unwrap().is_empty(),
            "{answer}"
        ),
    }
}

#[test]
fn a_dry_run_changes_nothing_and_names_the_mappings() {
    let other = companion::start(|| {
        let kept = clean_file("dry.data");
        memory::lock(kept.1.as_ptr().addr(), page()).unwrap();
        let said = said(&kept.1);
        (kept, said)
    });
    let Some(other) = other else { return };
    let rest = other.number(0) + page();
    let before = counted(other.pid(), rest);
    let output = advise(other.pid(), &["pageout", "--file", "*.data", "-n"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(counted(other.pid(), rest), before);
    assert!(text.contains(&format!("{rest:012x}-")) && text.contains("/dry.data\n"), "{text}");
    assert!(text.contains("would be advised, nothing was"), "{text}");
    assert!(text.contains("left out 1 mapping") && text.contains("locked"), "{text}");
    let all = objects(&advise(other.pid(), &["pageout", "--file", "*.data", "-n", "--json"]));
    let planned = of_type(&all, "advice_planned");
    assert_eq!(planned.len(), 2);
    assert_eq!(planned.iter().filter(|one| one["left_out"].is_null()).count(), 1);
}

#[test]
fn what_matches_nothing_is_false_and_bad_input_is_a_line() {
    let pid = std::process::id().to_string();
    for more in [&["--file", "no-such-*"][..], &["-r", "0x10-0x20"], &["--file", "/no/*"]] {
        let output = run(["advise", &pid, "cold"].iter().chain(more));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(1) && text.contains("no mapping matches"), "{text}");
    }
    assert!(refused(["advise", &pid, "cold", "-r", "-4096"]).contains("no end to count from"));
    assert!(refused(["advise", &pid, "cold", "-r", "5-5"]).contains("no addresses"));
    assert!(refused(["advise", &pid, "cold", "--file", "["]).contains("glob '['"));
    assert!(refused(["advise", "4294967295", "cold"]).contains("no process has this number"));
    assert_eq!(run(["advise", &pid, "warm"]).status.code(), Some(2));
}

#[test]
fn as_nobody_it_is_refused_in_a_line() {
    let Some(nobody) = AsNobody::new() else { return };
    let line = one_line(&nobody.run(["advise", &std::process::id().to_string(), "cold"]));
    assert!(line.contains("not permitted"), "{line}");
}
