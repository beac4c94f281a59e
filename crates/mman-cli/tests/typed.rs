//! `mman typed`: what it says of pools is what programs have of them, and it makes, changes and waits for nothing.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: it may panic"
)]

mod common;
#[path = "common/processes.rs"]
mod processes;

use common::pty::in_terminal;
use common::schema::Schema;
use common::{Files, mman, nobody, one_line};
use mman_testkit::child;
use mman_testkit::typed::Pools;
use processes::{objects, of_type};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

const UNIT: u64 = 4096;
/// One pool of 100 units behind two ports.
const ONE: &str = "pool p kind=shm size=400K\nport /ram/low pool=p\nport /b pool=p access=r";

fn command(pools: &Pools, words: &[&str]) -> Command {
    let mut command = mman(["typed"].iter().chain(words));
    command.env("MMAN_TYPED_CONFIG", pools.file());
    command
}

fn run(pools: &Pools, words: &[&str]) -> Output {
    command(pools, words).output().unwrap()
}

/// What it says, in silence on standard error, with this exit code.
fn says(pools: &Pools, words: &[&str], code: i32) -> String {
    let output = run(pools, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(code) && errors.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Its objects of JSON, which are as the schema says.
fn json(pools: &Pools, words: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let output = run(pools, &words);
    Schema::published().assert_describes_all(&output.stdout);
    objects(&output)
}

/// A pool that nobody has opened is said to be so, with its size, and is not made.
#[test]
fn looking_makes_nothing() {
    let pools = Pools::new(ONE);
    let text = says(&pools, &[], 0);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[1].contains("400 KiB") && lines[1].ends_with("/ram/low (not in use)"), "{text}");
    assert!(lines[3].starts_with("2 ports, 1 pool, of "), "{text}");
    assert!(says(&pools, &["low"], 0).contains("not in use; 400 KiB in units of 4.0 KiB"));
    let all = json(&pools, &[]);
    assert_eq!((&all[0]["state"], &all[0]["size"]), (&"not in use".into(), &(100 * UNIT).into()));
    assert!(all[0].get("used").is_none());
    assert_eq!(fs::read_dir(pools.directory()).unwrap().count(), 1, "the configuration alone");
}

/// Who holds what, what is free, and the picture of it; and the table and its store are as they were.
#[test]
fn what_is_held_is_told() {
    child::run(|| {
        let pools = Pools::new(ONE);
        let one = pools.hold("low", &[10; 8], &[1, 3, 7]);
        let two = pools.hold("low", &[15], &[]);
        let before = fs::read(pools.table("p")).unwrap();
        // 0-10 20-30 40-70 are of the one. The other has what is first long enough, from 70 on.
        let all = json(&pools, &["low", "--runs", "--check"]);
        let port = &of_type(&all, "typed_port")[0];
        for (name, units) in
            [("size", 100), ("used", 65), ("free", 35), ("largest", 15), ("unit", 1)]
        {
            assert_eq!(port[name], units * UNIT, "{name}: {port}");
        }
        assert_eq!(
            (&port["holders"], &port["dead"], &port["free_runs"]),
            (&2.into(), &0.into(), &3.into())
        );
        assert_eq!(port["table"], "agrees");
        let run =
            |of: &Value| (of["start"].as_u64().unwrap() / UNIT, of["end"].as_u64().unwrap() / UNIT);
        let free: Vec<_> = of_type(&all, "typed_run").into_iter().map(run).collect();
        assert_eq!(free, [(10, 20), (30, 40), (85, 100)]);
        let holders = of_type(&all, "typed_holder");
        assert_eq!(holders.len(), 2);
        // In the order of the pool, though they are not written so.
        let ranges = |at: usize| -> Vec<_> {
            holders[at]["ranges"].as_array().unwrap().iter().map(run).collect()
        };
        assert_eq!((&holders[0]["pid"], &holders[1]["pid"]), (&one.id().into(), &two.id().into()));
        assert_eq!(ranges(0), [(0, 10), (20, 30), (40, 50), (50, 60), (60, 70)]);
        assert_eq!(ranges(1), [(70, 85)]);
        assert!(holders[0]["command"].is_string() && holders[0]["here"] == true);
        let text = says(&pools, &["/ram/low", "--runs"], 0);
        let has = |part: &str| assert!(text.contains(part), "{part}: {text}");
        has("in 3 runs, the largest 60 KiB (43%)");
        has("██████████▁▁▁▁▁▁▁▁▁▁██████████▁▁▁▁▁▁▁▁▁▁████████████████████████");
        has("   256 KiB  █████████████████████▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n");
        has("each 4.0 KiB, a unit");
        has("   3  140 KiB  100%  32 KiB to below 64 KiB");
        has(&format!("{}  200 KiB       5  ", one.id()));
        assert!(says(&pools, &["-B"], 0).contains("266240  143360"), "used and free in bytes");
        // Without a name: the list, and then the runs of each pool once.
        let text = says(&pools, &["--runs"], 0);
        assert!(text.starts_with(&says(&pools, &[], 0)), "{text}");
        let runs = text.rsplit_once("\n/ram/low: pool p\n").unwrap().1;
        assert_eq!(
            runs.lines().nth(1),
            Some("   3  140 KiB  100%  32 KiB to below 64 KiB"),
            "{text}"
        );
        assert_eq!((runs.lines().count(), text.matches(": pool p\n").count()), (2, 1), "{text}");
        assert_eq!(fs::read(pools.table("p")).unwrap(), before, "nothing was written");
    });
}

/// A full pool, and one that is open and empty.
#[test]
fn full_and_empty_pools() {
    child::run(|| {
        let pools = Pools::new(ONE);
        let holder = pools.hold("low", &[100], &[]);
        let text = says(&pools, &["b"], 0);
        assert!(text.contains("the pool is full") && text.contains(&"█".repeat(36)), "{text}");
        assert!(
            text.contains("read only") && !says(&pools, &["b", "--runs"], 0).contains("LENGTH")
        );
        Pools::kill(holder, || json(&pools, &["low"])[0]["dead"] == 1);
        let _empty = pools.hold("low", &[1], &[0]);
        let text = says(&pools, &["b"], 0);
        assert!(text.contains("in one run") && text.contains("(has it open)"), "{text}");
        assert!(
            text.contains(&"▁".repeat(36))
                && !text.lines().any(|line| line.starts_with("   ") && line.contains("██"))
        );
    });
}

/// Who may map without allocating, and who may write, is said where it is not the rule.
#[test]
fn rights_of_ports_are_told() {
    let pools = Pools::new(
        "pool p kind=shm size=64K\nport /p pool=p\nport /any pool=p access=r allocatable=any\nport /root pool=p allocatable=root",
    );
    let first = |name: &str| says(&pools, &[name], 0).lines().next().unwrap().to_owned();
    assert!(first("p").starts_with("/p: pool p, shm, /dev/shm/"));
    assert!(first("any").starts_with("/any: pool p, shm, read only, allocatable=any, /dev/shm/"));
    assert!(first("root").starts_with("/root: pool p, shm, allocatable=root, /dev/shm/"));
    let text = says(&pools, &[], 0);
    assert!(
        text.contains("/any (read only) (not in use)\n") && text.contains("/root (not"),
        "{text}"
    );
    let all = json(&pools, &[]);
    let expected = [(true, "owner"), (false, "any"), (true, "root")];
    for (port, (writes, whose)) in all.iter().zip(expected) {
        assert_eq!((&port["writes"], &port["allocatable"]), (&writes.into(), &whose.into()));
    }
}

/// A process that has ended and has left nothing is nobody.
#[test]
fn the_dead_without_memory_are_not_told() {
    child::run(|| {
        let pools = Pools::new(ONE);
        let (one, other) = (pools.hold("low", &[3], &[]), pools.hold("low", &[1], &[0]));
        let id = other.id().to_string();
        assert!(says(&pools, &["low"], 0).contains(&id));
        Pools::kill(other, || of_type(&json(&pools, &["low"]), "typed_holder").len() == 1);
        let text = says(&pools, &["low"], 0);
        assert!(!text.lines().any(|line| line.trim_start().starts_with(&id)), "{text}");
        assert!(text.contains(&one.id().to_string()) && !text.contains("ended"), "{text}");
        assert_eq!(json(&pools, &["low"])[0]["dead"], 0);
    });
}

/// What the dead have left is told, and not given back by looking.
#[test]
fn the_dead_are_told() {
    child::run(|| {
        let pools = Pools::new(ONE);
        let holder = pools.hold("low", &[30], &[]);
        let id = holder.id();
        Pools::kill(holder, || json(&pools, &["low"])[0]["dead"] == 1);
        for _ in 0..2 {
            let text = says(&pools, &[], 0);
            assert!(text.contains("120 KiB are of 1 process that has ended"), "{text}");
            let text = says(&pools, &["low"], 0);
            assert!(text.contains(&format!("{id}  120 KiB       1  –     – (ended: ")), "{text}");
            let all = json(&pools, &["low"]);
            assert_eq!(
                (&all[0]["dead_bytes"], &all[0]["holders"]),
                (&(30 * UNIT).into(), &0.into())
            );
            assert_eq!((&all[1]["dead"], &all[1]["here"]), (&true.into(), &false.into()));
            assert!(all[1].get("command").is_none());
        }
    });
}

/// A process that is stopped with the lock of a table: told at once.
#[test]
fn a_stopped_process_keeps_nobody_waiting() {
    child::run(|| {
        let pools = Pools::new(ONE);
        let holder = pools.hold("low", &[5], &[]);
        holder.signal(19); // SIGSTOP
        let stat = || fs::read_to_string(format!("/proc/{}/stat", holder.id())).unwrap();
        while !stat().contains(") T ") {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The word of the lock names the slot of its owner, and one.
        let table = File::options().write(true).open(pools.table("p")).unwrap();
        table.write_all_at(&1_u64.to_ne_bytes(), 64).unwrap();
        let start = Instant::now();
        let text = says(&pools, &[], 0);
        assert!(
            text.contains(&format!("[{}] is stopped with the lock of its table", holder.id())),
            "{text}"
        );
        assert!(
            says(&pools, &["low", "--check"], 0).contains("(stopped, with the lock of the table)")
        );
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    });
}

/// Names are those that programs open; one that is unknown is an error, with those that there are.
#[test]
fn names_are_those_of_programs() {
    let pools = Pools::new(ONE);
    for name in ["/ram/low", "ram/low", "low", "/b", "b"] {
        let text = says(&pools, &[name], 0);
        assert!(text.starts_with(if name.ends_with('b') {
            "/b: pool p"
        } else {
            "/ram/low: pool p"
        }));
    }
    for name in ["/low", "ow", "", "ram", "\x1b[31m\n"] {
        let line = one_line(&run(&pools, &[name]));
        assert!(
            line.contains("no port of typed memory has that name; there are: /ram/low, /b\n"),
            "{line}"
        );
        assert!(!line.contains('\x1b'), "{line}");
    }
    // The others are told none the less.
    let output = run(&pools, &["/nothing", "b"]);
    assert!(one_line(&output).contains("/nothing"));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("/b: "));
}

/// Lines of the configuration that count for nothing are told with their number, and the exit code says that there are some.
#[test]
fn the_configuration_is_judged() {
    let pools = Pools::new(
        "pool p kind=shm size=64K\npool q kind=shm size=lots\nport /p pool=p\nport /p pool=q\nport /x pool=q\nwhat",
    );
    let text = says(&pools, &[], 1);
    let file = pools.file().display().to_string();
    let told: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("  {file}:")))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        told,
        [
            "4: a value of it cannot be: pool q kind=shm size=lots",
            "6: there is a port of this name already: port /p pool=q",
            "7: the port is of a pool that is not configured: port /x pool=q",
            "8: it begins with none of pool, port, directory, defaults: what",
        ]
    );
    assert!(text.contains("/x (no pool)"), "{text}");
    let all = json(&pools, &[]);
    let lines: Vec<_> =
        of_type(&all, "typed_remark").iter().map(|one| one["line"].clone()).collect();
    assert_eq!(lines, [4, 6, 7, 8]);
    assert_eq!(of_type(&all, "typed_port")[1]["kind"], Value::Null);
    assert_eq!(run(&pools, &["-q"]).status.code(), Some(1));
    assert_eq!(run(&pools, &["p"]).status.code(), Some(0), "nobody asked for the rest");
    assert!(one_line(&run(&pools, &["x"])).contains("its pool is not configured"));
    // Doctor counts them.
    let doctor = mman(["doctor"]).env("MMAN_TYPED_CONFIG", pools.file()).output().unwrap();
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    let row = doctor.lines().find(|line| line.contains("ports of typed memory")).unwrap();
    assert!(row.contains("/p, /x: of ") && row.contains("4 lines count for nothing"), "{row}");
}

/// A configuration that cannot be read is one line; one with escapes in its name does not steer the terminal.
#[test]
fn the_configuration_itself() {
    let pools = Pools::new("what");
    let with = |file: &str| mman(["typed"]).env("MMAN_TYPED_CONFIG", file).output().unwrap();
    let line = one_line(&with("/no/such\x1bfile"));
    assert!(
        line.contains("/no/such\\u{1b}file: open a typed") && line.contains("ENOENT"),
        "{line}"
    );
    let odd = pools.directory().join("a\x1b[31m");
    fs::rename(pools.file(), &odd).unwrap();
    let output = with(odd.to_str().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("a\\u{1b}[31m:3: ") && !text.contains('\x1b'), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

/// What the machine lacks is told among the others, and is an error only of who asks for it.
#[test]
fn what_the_machine_lacks() {
    let pools = Pools::new(
        "pool s kind=store path=/nowhere\nport /s pool=s\npool h kind=huge page=8K size=1M\nport /h pool=h",
    );
    let text = says(&pools, &[], 0);
    assert!(
        text.contains("/s (not there)\n") && text.contains("  /s: there is no /nowhere\n"),
        "{text}"
    );
    assert!(text.contains("  /h: no hugetlbfs with pages of 8.0 KiB is mounted\n"), "{text}");
    assert!(one_line(&run(&pools, &["s"])).contains("/s (pool s): there is no /nowhere"));
    assert_eq!(json(&pools, &[])[0]["state"], "lacking");
}

/// A damaged table is one line, other pools are told, and `--check` finds a table that only contradicts itself.
#[test]
fn damaged_tables() {
    child::run(|| {
        let pools = Pools::new(&format!("{ONE}\npool q kind=shm size=64K\nport /q pool=q"));
        let _holders = [pools.hold("low", &[5], &[]), pools.hold("q", &[5], &[])];
        let table = File::options().read(true).write(true).open(pools.table("p")).unwrap();
        assert!(says(&pools, &["--check", "low"], 0).contains("table   agrees with itself"));
        // The first word of the map of used units: behind head, slots and owners of blocks.
        let map = (64 + 1024 * 8 + 4096) * 8;
        table.write_all_at(&0xff_u64.to_ne_bytes(), map).unwrap();
        let text = says(&pools, &["--check"], 1);
        assert!(text.contains("/b: its table does not agree with itself"), "{text}");
        assert_eq!(json(&pools, &["--check"])[0]["table"], "differs");
        assert_eq!(run(&pools, &[]).status.code(), Some(0), "not asked");
        let doctor = || {
            let doctor = mman(["doctor"]).env("MMAN_TYPED_CONFIG", pools.file()).output().unwrap();
            let doctor = String::from_utf8(doctor.stdout).unwrap();
            doctor.lines().find(|line| line.contains("ports of typed memory")).unwrap().to_owned()
        };
        assert!(!doctor().contains("damaged"), "{}", doctor());
        table.write_all_at(b"nonsense", 0).unwrap();
        assert!(doctor().ends_with("; pool p is damaged: see mman typed"), "{}", doctor());
        assert!(one_line(&run(&pools, &["low"])).contains("the table of the pool was damaged"));
        let output = run(&pools, &[]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("64 KiB  4.0 KiB  20 KiB  44 KiB   44 KiB        1  shm   q     /q\n"),
            "{text}"
        );
        let all = json(&pools, &[]);
        assert!(all[0]["state"] == "unknown" && all[0]["reason"].as_str().unwrap().contains("EIO"));
        table.set_len(30).unwrap();
        assert!(one_line(&run(&pools, &["low"])).contains("cut short"));
    });
}

/// Another user sees what he may read; what not, is one line with its reason.
#[test]
fn another_user() {
    child::run(|| {
        let pools =
            Pools::new(&format!("{ONE}\npool q kind=shm size=64K mode=0644\nport /q pool=q"));
        let _holders = [pools.hold("low", &[5], &[]), pools.hold("q", &[5], &[])];
        let files = Files::new();
        let run = |words: &[&str]| {
            let words = ["typed"].iter().chain(words);
            let mut command = nobody::mman(&files, words)?;
            Some(command.env("MMAN_TYPED_CONFIG", pools.file()).output().unwrap())
        };
        let Some(output) = run(&["q"]) else { return };
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("20 KiB  31%"), "{text}");
        let line = one_line(&run(&["low"]).unwrap());
        let tables = pools.directory().display();
        assert!(
            line.contains("(EACCES)") && line.contains(&format!("its table is in {tables}")),
            "{line}"
        );
        // A directory that others may write to is trusted by nobody.
        fs::set_permissions(pools.directory(), fs::Permissions::from_mode(0o777)).unwrap();
        let line = one_line(&run(&["q"]).unwrap());
        assert!(line.contains("others may write to it"), "{line}");
    });
}

/// In a terminal no line of a table or a picture is wider than it is; what has no room is named.
#[test]
fn terminals_of_any_width() {
    child::run(|| {
        let pools = Pools::new(
            "pool a-rather-long-name-of-a-pool kind=shm size=64M\nport /a/rather/long/name pool=a-rather-long-name-of-a-pool",
        );
        let pieces = vec![3; 900];
        let holes: Vec<usize> = (0..900).step_by(2).collect();
        let _holder = pools.hold("name", &pieces, &holes);
        for columns in [60, 80, 120, 200] {
            let words: [&[&str]; 2] = [&[], &["name", "--runs"]];
            for words in words {
                let (text, status) = in_terminal(&mut command(&pools, words), columns);
                assert!(status.success(), "{text}");
                let bare =
                    text.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
                let is_sentence = |line: &&str| line.contains(" of /") || line.contains(", shm, ");
                for line in bare.lines().filter(|line| !is_sentence(line)) {
                    assert!(line.width() <= columns.into(), "{columns}: {line}\n{text}");
                }
            }
        }
    });
}
