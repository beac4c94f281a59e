//! `mman maps` against processes whose mappings are known: what they have in memory, locked, dirty, huge, and names.
//!
//! Tools that split lines at spaces tell of half a name; ones that add up what they do not know tell of too little.
#![allow(
    clippy::redundant_closure,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod common;
#[path = "common/processes.rs"]
mod processes;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{one_line, run};
use mman::{Anonymous, FileObject, Hint, MapOptions, Mapping, MemFdOptions};
use mman_testkit::{companion, memory, page, require};
use processes::{AsNobody, objects, of_type};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

/// The mapping at an address.
fn at(all: &[Value], address: usize) -> &Value {
    let holds = |mapping: &&Value| {
        let number = |key: &str| mapping[key].as_u64().unwrap();
        (number("start")..number("end")).contains(&(address as u64))
    };
    of_type(all, "mapping").into_iter().find(holds).expect("the mapping")
}

fn start(mapping: &Mapping) -> usize {
    mapping.as_ptr().addr()
}

fn maps(pid: u32, more: &[&str]) -> Vec<Value> {
    let pid = pid.to_string();
    let output = run(["maps", &pid, "--json"].iter().chain(more));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    objects(&output)
}

#[test]
fn what_is_in_memory_locked_and_dirty_is_counted() {
    let other = companion::start(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a file of two words");
        std::fs::write(&path, vec![7; 8 * page()]).unwrap();
        let file = FileObject::open(&path).unwrap();
        file.file().sync_all().unwrap();
        let shared = file.map().unwrap();
        shared.advise(.., Hint::PopulateRead).unwrap();
        memory::lock(start(&shared), 3 * page()).unwrap();
        let copies = MapOptions::private().read_write().map(&file).unwrap();
        copies.write_at(0, &vec![1; 2 * page()]).unwrap();
        let anonymous = Anonymous::new(16 * page()).map().unwrap();
        anonymous.advise(.., Hint::NoHugePages).unwrap();
        anonymous.write_at(0, &vec![1; 5 * page()]).unwrap();
        let memfd = MemFdOptions::new(4 * page() as u64).name("a label").create().unwrap();
        let memfd = memfd.map().unwrap();
        memfd.write_at(0, &[1]).unwrap();
        let all = [shared, copies, anonymous, memfd];
        let said = all.iter().map(|mapping| start(mapping).to_string()).collect::<Vec<_>>();
        ((all, folder), said.join(" "))
    });
    let Some(other) = other else { return };
    let all = maps(other.pid(), &[]);
    let bytes = |pages: usize| Value::from(pages * page());
    let locked = at(&all, other.number(0));
    for measure in ["size", "rss", "locked"] {
        assert_eq!(locked[measure], bytes(3), "{measure}: {locked}");
    }
    assert_eq!((&locked["dirty"], &locked["swap"]), (&bytes(0), &bytes(0)));
    assert_eq!((&locked["kind"], &locked["deleted"]), (&"file".into(), &false.into()));
    assert!(locked["name"].as_str().unwrap().ends_with("/a file of two words"), "{locked}");
    assert!(locked["flags"].as_array().unwrap().contains(&"lo".into()));
    let rest = at(&all, other.number(0) + 3 * page());
    assert_eq!((&rest["size"], &rest["locked"]), (&bytes(5), &bytes(0)));
    assert_eq!(rest["offset"], bytes(3));
    let copies = at(&all, other.number(1));
    assert_eq!((&copies["anonymous"], &copies["dirty"]), (&bytes(2), &bytes(2)), "{copies}");
    assert_eq!(copies["permissions"], "rw-p");
    let memfd = at(&all, other.number(3));
    assert_eq!((&memfd["kind"], &memfd["rss"]), (&"memfd".into(), &bytes(1)), "{memfd}");
    assert_eq!(memfd["name"], "/memfd:a label (deleted)");
    // A neighbour of the same kind may be one mapping with it.
    let anonymous = at(&all, other.number(2));
    assert!(anonymous["dirty"].as_u64() >= bytes(5).as_u64(), "{anonymous}");
    assert!(anonymous["kind"] == "anonymous" && anonymous["pid"] == other.pid());
}

#[test]
fn every_name_is_told_as_it_is() {
    let names: [&[u8]; 6] =
        [b"line\nbreak", b"\xff\xfe", b"two  words ", b"x (deleted)", b"\\012", b"\x1b[31m"];
    let other = companion::start(|| {
        let folder = tempfile::tempdir().unwrap();
        let mapped = |name: &[u8]| {
            let path = folder.path().join(OsStr::from_bytes(name));
            std::fs::write(&path, b"x").unwrap();
            FileObject::open(path).unwrap().map().unwrap()
        };
        let mut all: Vec<_> = names.into_iter().map(mapped).collect();
        all.push(mapped(b"gone"));
        std::fs::remove_file(folder.path().join("gone")).unwrap();
        let said = all.iter().map(|mapping| start(mapping).to_string()).collect::<Vec<_>>();
        ((all, folder), said.join(" "))
    });
    let Some(other) = other else { return };
    let all = maps(other.pid(), &[]);
    for (place, name) in names.into_iter().enumerate() {
        let told = at(&all, other.number(place));
        let known = match std::str::from_utf8(name) {
            Ok(text) => told["name"].as_str().unwrap().ends_with(&format!("/{text}")),
            Err(_) => {
                let path = BASE64_STANDARD.decode(told["name_b64"].as_str().unwrap()).unwrap();
                told["name"].is_null() && path.ends_with(&[b"/", name].concat())
            }
        };
        assert!(known && told["deleted"] == false, "{name:?}: {told}");
    }
    let gone = at(&all, other.number(names.len()));
    assert!(gone["deleted"] == true && gone["name"].as_str().unwrap().ends_with("/gone"), "{gone}");
    // For people: no line is broken, no terminal is steered, and the two kinds of "(deleted)" differ.
    let text = run(["maps", &other.pid().to_string()]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(
        !text.contains('\x1b') && text.contains("\\u{1b}[31m") && text.contains("/line\\nbreak\n")
    );
    assert!(
        text.contains("/gone (deleted)\n") && text.contains("/x (deleted) (so named)\n"),
        "{text}"
    );
}

#[test]
fn huge_pages_of_each_kind_have_their_numbers() {
    let huge = 2 << 20;
    let other = companion::start(|| {
        let pool = mman_testkit::huge::Pool::with(1);
        let anonymous = Anonymous::new(3 * huge).map().unwrap();
        anonymous.advise(.., Hint::HugePages).unwrap();
        anonymous.advise(.., Hint::PopulateWrite).unwrap();
        let collapsed = anonymous.advise(.., Hint::Collapse).is_ok();
        let options = MapOptions::private().huge_pages(mman::HugePageSize::MIB_2).read_write();
        let pooled = options.map(&Anonymous::new(huge)).ok();
        let address = pooled.as_ref().map_or(0, start);
        let said = format!("{} {address} {}", start(&anonymous), usize::from(collapsed));
        pooled.iter().for_each(|pooled| pooled.write_at(0, &[1]).unwrap());
        ((anonymous, pooled, pool), said)
    });
    let Some(other) = other else { return };
    let all = maps(other.pid(), &[]);
    if require::holds(other.number(2) == 1, "transparent huge pages") {
        let told = at(&all, other.number(0));
        assert!(told["anon_huge"].as_u64() >= Some(2 * huge as u64), "{told}");
        assert!(told["huge"] == told["anon_huge"]);
    }
    if require::holds(other.number(1) != 0, "a page of the huge page pool") {
        let told = at(&all, other.number(1));
        assert_eq!((&told["hugetlb"], &told["rss"]), (&huge.into(), &0.into()), "{told}");
        assert_eq!(told["kind"], "huge pages");
    }
    let heads = run(["maps", &other.pid().to_string(), "--huge"]).stdout;
    let heads = String::from_utf8(heads).unwrap();
    let heads = heads.lines().next().unwrap();
    for head in ["ANONHUGE", "SHMEMHUGE", "FILEHUGE", "HUGETLB"] {
        assert!(heads.split_whitespace().any(|word| word == head), "{heads}");
    }
}

/// A process that does nothing, so that two looks at it see the same.
fn quiet() -> ((Vec<Mapping>, tempfile::TempDir), String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many");
    std::fs::write(&path, vec![1; page()]).unwrap();
    let file = FileObject::open(path).unwrap();
    let all: Vec<_> = (0..10_000).map(|_| file.map().unwrap()).collect();
    ((all, folder), String::new())
}

#[test]
fn ten_thousand_mappings_are_told_and_sum_up() {
    let Some(other) = companion::start(|| quiet()) else { return };
    let lines = || std::fs::read_to_string(format!("/proc/{}/maps", other.pid())).unwrap();
    let (before, all, after) = (lines(), maps(other.pid(), &[]), lines());
    assert_eq!(before, after, "it is quiet");
    let mappings = of_type(&all, "mapping");
    assert_eq!(mappings.len(), before.lines().count());
    let total = of_type(&all, "mappings_total")[0];
    assert_eq!(total["mappings"], mappings.len());
    for by in ["file", "kind"] {
        let all = maps(other.pid(), &["--by", by]);
        let again = of_type(&all, "mappings_total")[0];
        let groups = of_type(&all, "mappings");
        for measure in ["size", "rss", "pss", "private", "shared", "dirty", "swap", "locked"] {
            let sum = |rows: &[&Value]| -> u64 {
                rows.iter().map(|row| row[measure].as_u64().unwrap()).sum()
            };
            assert_eq!(sum(&groups), again[measure], "{by} {measure}");
            assert_eq!(sum(&mappings), total[measure], "{measure}");
        }
        assert_eq!(again["size"], total["size"]);
        if by == "file" {
            let many = |row: &&&Value| row["name"].as_str().unwrap().ends_with("/many");
            assert_eq!(groups.iter().find(many).unwrap()["mappings"], 10_000);
        }
    }
}

#[test]
fn the_sum_in_memory_is_the_kernels_own() {
    let Some(other) = companion::start(|| quiet()) else { return };
    let rollup = || {
        let process = mman::process::Process::open(other.pid()).unwrap();
        process.smaps_rollup().unwrap()
    };
    let look = || (rollup(), maps(other.pid(), &["--by", "kind"]), rollup());
    let same = std::iter::repeat_with(look).take(50).find(|(before, _, after)| before == after);
    let (rollup, all, _) = same.expect("a process that is quiet");
    let total = of_type(&all, "mappings_total")[0];
    assert_eq!(total["rss"].as_u64(), rollup.rss());
    assert_eq!(total["swap"].as_u64(), rollup.swap());
    let private = rollup.private_clean().unwrap() + rollup.private_dirty().unwrap();
    assert_eq!(total["private"].as_u64(), Some(private));
}

#[test]
fn nodes_sum_up_to_what_is_in_memory() {
    let other = companion::start(|| {
        let memory = Anonymous::new(8 * page()).map().unwrap();
        memory.advise(.., Hint::PopulateWrite).unwrap();
        let said = start(&memory).to_string();
        (memory, said)
    });
    let Some(other) = other else { return };
    let all = maps(other.pid(), &["--numa"]);
    let told = at(&all, other.number(0));
    if !require::holds(told["nodes"].is_object(), "a kernel that knows nodes") {
        return;
    }
    let nodes = told["nodes"].as_object().unwrap().values();
    let sum: u64 = nodes.map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!(Some(sum), told["rss"].as_u64(), "{told}");
    let text = run(["maps", &other.pid().to_string(), "--numa"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().next().unwrap().contains("POLICY") && text.contains(" N0 "), "{text}");
}

#[test]
fn those_without_memory_have_no_mappings_and_that_is_no_error() {
    // A child that has ended, and that nobody has waited for.
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id().to_string();
    let stat = format!("/proc/{pid}/stat");
    let is_zombie = || std::fs::read_to_string(&stat).unwrap().contains(") Z ");
    while !is_zombie() {
        std::thread::yield_now();
    }
    let output = run(["maps", &pid]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0 mappings, true[") && text.ends_with("a zombie: its memory is gone\n"));
    child.wait().unwrap();
    assert!(one_line(&run(["maps", &pid])).contains("no process has this number"));
    // The second process of a machine is a thread of the kernel; not so in a container.
    let flags = std::fs::read_to_string("/proc/2/stat").unwrap_or_default();
    if require::holds(flags.contains("(kthreadd)"), "threads of the kernel") {
        let text = String::from_utf8(run(["maps", "2"]).stdout).unwrap();
        assert!(text.contains("a thread of the kernel"), "{text}");
    }
}

#[test]
fn what_means_no_process_is_one_line() {
    for (word, expected) in [
        ("4294967295", "no process has this number"),
        ("99999999999999999999", "no process has this number"),
        ("0", "no process has this number"),
        ("no such name", "no process has this name"),
        ("", "no process has this name"),
    ] {
        let line = one_line(&run(["maps", word]));
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn all_processes_of_a_name_are_told_each_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("a-name-longer-than-15");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let spawn = || Command::new(&program).arg("100").stdout(Stdio::null()).spawn().unwrap();
    let mut children = [spawn(), spawn()];
    let run_by = |name: &str| objects(&run(["maps", name, "--json"]));
    // Until both run the program, they are this test.
    let found = std::iter::repeat_with(|| run_by("a-name-longer-than-15"))
        .find(|all| of_type(all, "mappings_total").first().is_some_and(|all| all["processes"] == 2))
        .unwrap();
    let by_kernel = run_by("a-name-longer-t");
    for all in [&found, &by_kernel] {
        let pids: std::collections::BTreeSet<_> = of_type(all, "mapping")
            .iter()
            .map(|mapping| mapping["pid"].as_u64().unwrap())
            .collect();
        let expected = children.iter().map(|child| u64::from(child.id())).collect();
        assert_eq!(pids, expected);
        assert!(
            of_type(all, "mapping").iter().all(|one| one["command"] == "a-name-longer-than-15")
        );
    }
    let text = String::from_utf8(run(["maps", "a-name-longer-than-15"]).stdout).unwrap();
    assert!(text.trim_start().starts_with("PID "), "{text}");
    children.iter_mut().for_each(|child| child.kill().unwrap());
    for child in &mut children {
        child.wait().unwrap();
    }
}

/// A process may end at any moment: its half is not told, and what is told of the others is whole.
#[test]
fn processes_that_end_meanwhile_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ends-soon");
    std::fs::copy("/bin/sleep", &program).unwrap();
    for round in 0..8 {
        let spawn = |_| Command::new(&program).arg("100").stdout(Stdio::null()).spawn().unwrap();
        let mut children: Vec<_> = (0..20).map(spawn).collect();
        let output = std::thread::scope(|scope| {
            let output = scope.spawn(|| run(["maps", "ends-soon", "--json"]));
            std::thread::sleep(std::time::Duration::from_millis(round));
            for child in &mut children {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            output.join().unwrap()
        });
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            errors.lines().all(|line| line.contains("ended") || line.contains("no process")),
            "{errors}"
        );
        let all = objects(&output);
        match output.status.code() {
            Some(0) => {
                let total = of_type(&all, "mappings_total")[0];
                let rows = of_type(&all, "mapping");
                let rss: u64 = rows.iter().map(|row| row["rss"].as_u64().unwrap()).sum();
                assert_eq!(
                    (total["mappings"].as_u64(), total["rss"].as_u64()),
                    (Some(rows.len() as u64), Some(rss))
                );
            }
            Some(2) => assert!(all.is_empty()),
            code => panic!("{code:?}: {errors}"),
        }
    }
}

#[test]
fn as_nobody_what_may_not_be_seen_is_said_in_a_line() {
    let Some(nobody) = AsNobody::new() else { return };
    let Some(other) = companion::start(|| ((), String::new())) else { return };
    let line = one_line(&nobody.run(["maps", &other.pid().to_string()]));
    assert!(line.contains("not permitted") && line.contains("needs root"), "{line}");
    // What everybody may know is said.
    assert!(line.contains("in memory and "), "{line}");
    let program = std::env::current_exe().unwrap();
    assert!(line.contains(&program.file_name().unwrap().to_str().unwrap()[..15]), "{line}");
}
