//! `mman typed --make`: pools that several users share are made by root, so that each of them may open them, and nobody who
//! may not is told that a pool waits for him; what could never be opened is not called unused.
#![allow(
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
use mman::TypedMemory;
use mman_testkit::typed::Pools;
use mman_testkit::{child, fork, require};
use processes::{objects, of_type};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// `nobody`, in the group of the pools; and somebody who is not.
const MEMBER: u32 = 65_534;
const STRANGER: u32 = 65_533;
const TWO: &str = "pool p kind=shm size=400K mode=0660\nport /ram pool=p\nport /again pool=p access=r\n\
                   pool q kind=shm size=64K\nport /q pool=q access=r";

fn command(pools: &Pools, words: &[&str]) -> Command {
    let mut command = mman(["typed"].iter().chain(words));
    command.env("MMAN_TYPED_CONFIG", pools.file());
    command
}

fn run(pools: &Pools, words: &[&str]) -> Output {
    command(pools, words).output().unwrap()
}

fn says(pools: &Pools, words: &[&str], code: i32) -> String {
    let output = run(pools, words);
    assert!(output.status.code() == Some(code) && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(pools: &Pools, words: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let output = run(pools, &words);
    Schema::published().assert_describes_all(&output.stdout);
    objects(&output)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Each pool once, by whichever of its ports comes first; those that were named, or all; and made only once.
#[test]
fn pools_are_made_once() {
    let pools = Pools::new(TWO);
    assert_eq!(says(&pools, &["--make", "again"], 0), "made       /again (pool p)\n");
    let mode = |file: &str| fs::metadata(pools.directory().join(file)).unwrap().mode() & 0o777;
    assert_eq!((mode("p.table"), mode("p.pool")), (0o660, 0o660));
    assert!(!pools.table("q").exists(), "nobody named it");
    let all = json(&pools, &["--make"]);
    let told: Vec<_> = all.iter().map(|one| [&one["port"], &one["pool"], &one["state"]]).collect();
    assert_eq!(told, [["/ram", "p", "was there"], ["/q", "q", "made"]]);
    let output = run(&pools, &["--make", "ram", "/b/q", "/q"]);
    assert!(one_line(&output).contains("/b/q: no port of typed memory has that name"));
    assert_eq!(text(&output), "was there  /ram (pool p)\nwas there  /q (pool q)\n");
}

/// What cannot be made is told, with its reason, beside what can; and lines that count for nothing too.
#[test]
fn what_cannot_be_made() {
    let pools = Pools::new(
        "pool s kind=store path=/nowhere\nport /s pool=s\npool p kind=shm size=64K\nport /p pool=p\nport /x pool=none",
    );
    let output = run(&pools, &["--make"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("mman: /s (pool s): there is no /nowhere\n"), "{errors}");
    assert!(errors.contains("/x (pool none): its pool is not configured\n"), "{errors}");
    let file = pools.file();
    let line = format!(
        "made       /p (pool p)\n  {}:7: the port is of a pool that is not configured: port /x pool=none\n",
        file.display()
    );
    assert_eq!(text(&output), line);
    let all = json(&pools, &["--make", "s", "p"]);
    assert_eq!(
        (&all[0]["state"], &all[0]["reason"]),
        (&"failed".into(), &"there is no /nowhere".into())
    );
    assert_eq!(all[1]["state"], "was there");
    assert_eq!(run(&pools, &["--make", "p"]).status.code(), Some(0));
    assert_eq!(run(&pools, &["--make", "s", "-q"]).status.code(), Some(1));
    assert_eq!(run(&pools, &["--make", "what"]).status.code(), Some(2), "no such name");
    assert!(!run(&pools, &["--make", "--check"]).status.success());
}

/// What is built in is each user's own, and made only by name.
#[test]
fn nothing_is_configured() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let file = directory.path().join("conf");
    fs::write(&file, format!("directory {}/tables\n", directory.path().display())).unwrap();
    let run = |words: &[&str]| {
        let words = ["typed", "--make"].iter().chain(words);
        let output = mman(words).env("MMAN_TYPED_CONFIG", &file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        text(&output)
    };
    assert!(run(&[]).starts_with("no file configures a pool"));
    assert!(!directory.path().join("tables").exists());
    assert_eq!(run(&["/shm"]), "made       /shm (pool shm)\n");
}

/// Root makes a pool in a directory of the users' group; they allocate from it, and others may not.
#[test]
fn a_group_shares_a_pool_that_root_made() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let pools = Pools::new("pool p kind=shm size=400K mode=0660\nport /ram pool=p");
        chown(pools.directory(), Some(0), Some(MEMBER)).unwrap();
        fs::set_permissions(pools.directory(), Permissions::from_mode(0o2755)).unwrap();
        let files = Files::new();
        let by = |user: u32, words: &[&str]| {
            let words = ["typed"].iter().chain(words);
            let mut command = nobody::mman(&files, words).unwrap();
            command.uid(user).gid(user).env("MMAN_TYPED_CONFIG", pools.file()).output().unwrap()
        };
        // Not yet: neither may make it, and both are told so.
        for user in [MEMBER, STRANGER] {
            let output = by(user, &[]);
            assert!(
                output.status.success() && text(&output).contains("/ram (not made)\n"),
                "{output:?}"
            );
            assert!(
                text(&output).contains("  /ram: may be made only by who may write to /dev/shm/")
            );
            assert!(
                text(&by(user, &["ram"])).contains("  not made; 400 KiB in units of 4.0 KiB\n")
            );
            let output = by(user, &["--make"]);
            let line = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(1) && line.contains("(EACCES)"), "{output:?}");
            assert_eq!(objects(&by(user, &["--json"]))[0]["state"], "not made");
        }
        assert!(says(&pools, &[], 0).contains("/ram (not in use)\n"), "root may");
        assert_eq!(says(&pools, &["--make"], 0), "made       /ram (pool p)\n");
        for file in ["p.table", "p.pool"] {
            let about = fs::metadata(pools.directory().join(file)).unwrap();
            let told = (about.uid(), about.gid(), about.mode() & 0o777);
            assert_eq!(told, (0, MEMBER, 0o660), "{file}");
        }
        let allocates = |user: u32, group: u32| {
            let status = fork::and_wait(|| {
                let (group, user) = (Gid::from_raw(group), Uid::from_raw(user));
                set_thread_groups(&[]).unwrap();
                set_thread_res_gid(group, group, group).unwrap();
                set_thread_res_uid(user, user, user).unwrap();
                TypedMemory::use_configuration(pools.file()).unwrap();
                u8::from(TypedMemory::open("/ram").and_then(|pool| pool.allocate(4096)).is_err())
            });
            status.code()
        };
        assert_eq!(allocates(MEMBER, MEMBER), Some(0));
        assert_eq!(allocates(STRANGER, MEMBER), Some(0));
        assert_eq!(allocates(STRANGER, STRANGER), Some(1));
        // Who may not open it is told so, and those who may see it.
        assert!(text(&by(MEMBER, &[])).contains("  /ram\n"));
        let output = by(STRANGER, &[]);
        let line = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && line.contains("(EACCES)"), "{output:?}");
        assert!(!text(&output).contains("not in use"), "{output:?}");
    });
}

/// A pool that could never be opened is not one that nobody has opened yet.
#[test]
fn what_is_not_there_is_not_unused() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let here = directory.path().display();
    File::create(directory.path().join("store")).unwrap().set_len(65_536).unwrap();
    let pools = Pools::new(&format!(
        "pool a kind=huge page=2M size=4M path={here}/none\nport /a pool=a\n\
         pool b kind=huge page=2M size=4M path={here}\nport /b pool=b\n\
         pool c kind=node node=63 size=1M\nport /c pool=c\n\
         pool d kind=store path={here}\nport /d pool=d\n\
         pool e kind=dax path=/dev/null size=2M\nport /e pool=e\n\
         pool f kind=dax path={here}/store size=2M\nport /f pool=f\n\
         pool g kind=store path={here}/store\nport /g pool=g"
    ));
    let output = run(&pools, &[]);
    let (all, told) = (text(&output), output.status.code());
    assert!(told == Some(0) && output.stderr.is_empty(), "{output:?}");
    let expected = [
        ("/a", format!("there is no {here}/none")),
        ("/b", format!("{here} is no hugetlbfs with pages of 2.0 MiB")),
        ("/c", "there is no NUMA node 63".to_owned()),
        ("/d", format!("{here} is a directory")),
        ("/e", "/dev/null is no dax device".to_owned()),
        ("/f", format!("{here}/store is no dax device")),
    ];
    for (port, why) in &expected {
        assert!(all.contains(&format!("{port} (not there)\n")), "{port}: {all}");
        assert!(all.contains(&format!("  {port}: {why}\n")), "{port}: {all}");
        assert!(one_line(&run(&pools, &[port])).contains(why.as_str()), "{port}");
    }
    assert!(all.contains("/g (not in use)\n"), "{all}");
    let states: Vec<_> = json(&pools, &[]).iter().map(|port| port["state"].clone()).collect();
    assert_eq!(states[..6], vec![Value::from("lacking"); 6]);
    // What is said agrees with what opening answers.
    let names = ["--make", "/a", "/c", "/d", "/e", "/f", "/g"];
    for port in of_type(&json(&pools, &names), "typed_made") {
        let is_there = port["port"] == "/g";
        assert_eq!(port["state"], if is_there { "made" } else { "failed" }, "{port}");
    }
}

/// The help has room in 80 columns, and the manual says what the help says, once.
#[test]
fn help_and_manual() {
    let (help, status) = in_terminal(&mut mman(["typed", "--help"]), 80);
    let codes = help.split("Exit codes: ").nth(1).unwrap();
    assert!(status.success() && codes.lines().all(|line| line.len() > 50), "{help}");
    let directory = tempfile::tempdir().unwrap();
    let made = mman(["generate", "man"]).arg(directory.path()).output().unwrap();
    assert!(made.status.success());
    let page = fs::read_to_string(directory.path().join("mman-typed.1")).unwrap();
    for part in
        ["\\-\\-make", "could not make a pool.", "mman\\-typed.conf(5)", "mman typed \\-\\-make"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(".SH NOTES") && !page.contains("below \\-\\-min"), "{page}");
}

/// A store that another user keeps for himself.
#[test]
fn an_object_that_may_not_be_opened() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let store = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        store.as_file().set_len(65_536).unwrap();
        let pools = Pools::new(&format!(
            "pool s kind=store path={}\nport /s pool=s",
            store.path().display()
        ));
        fs::set_permissions(pools.directory(), Permissions::from_mode(0o755)).unwrap();
        chown(pools.directory(), Some(MEMBER), None).unwrap();
        let files = Files::new();
        let mut command = nobody::mman(&files, ["typed"]).unwrap();
        let output = command.env("MMAN_TYPED_CONFIG", pools.file()).output().unwrap();
        let line = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && line.contains("(EACCES)"), "{output:?}");
        assert!(!text(&output).contains("not in use"), "{output:?}");
    });
}
