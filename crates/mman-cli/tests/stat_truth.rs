//! `mman stat` against ground truth: of known files exactly known pages are in the cache, and that is what it says,
//! or `?`; never another number.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod common;

use common::held::{Held, drop_all, page};
use common::{Files, nobody, run, written};
use mman::kernel::Feature;
use mman_testkit::{child, mount, require};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// Lines of JSON: of the files, and the last one.
fn parsed(output: &Output) -> (Vec<Value>, Value) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    common::schema::Schema::published().assert_describes_all(&output.stdout);
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = lines.pop().unwrap();
    assert_eq!(total["type"], "stat_total");
    assert!(lines.iter().all(|line| line["type"] == "stat" && line["version"] == 1));
    (lines, total)
}

/// `mman stat --json`, of which an exit code is expected.
fn stat<A: AsRef<OsStr>>(code: i32, arguments: impl IntoIterator<Item = A>) -> (Vec<Value>, Value) {
    let words = arguments.into_iter().map(|word| word.as_ref().to_owned());
    let output = run(["stat", "--json"].into_iter().map(OsString::from).chain(words));
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    parsed(&output)
}

/// The one file, its pages and how many of them are cached.
fn one(path: &Path) -> (u64, u64) {
    let (files, total) = stat(0, [path]);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["cached_pages"], total["cached_pages"]);
    let number = |name: &str| files[0][name].as_u64().unwrap();
    assert_eq!(number("cached"), number("cached_pages") * page());
    (number("cached_pages"), number("pages"))
}

/// What another meter says at the same moment: `mincore`.
fn by_mincore(path: &Path) -> u64 {
    let file = mman::FileObject::open(path).unwrap();
    let mapping = file.map().unwrap();
    mapping.pages().residency(..).unwrap().count() as u64
}

/// Both meters, until no page has come or gone between them.
fn both(path: &Path) -> (u64, u64) {
    let mut told = (0, 1);
    for _ in 0..50 {
        let before = by_mincore(path);
        told = (one(path).0, before);
        if told.0 == told.1 && by_mincore(path) == before {
            return told;
        }
    }
    told
}

/// Whether pages of memory file systems can leave memory: another test may have given the machine swap.
fn swap_is_on() -> bool {
    std::fs::read_to_string("/proc/swaps").unwrap().lines().count() > 1
}

fn sparse(files: &Files, name: &str, len: u64) -> PathBuf {
    let path = files.path(name);
    File::create(&path).unwrap().set_len(len).unwrap();
    path
}

#[test]
fn known_pages_are_counted() {
    let files = Files::new();
    let path = files.pattern("file", 1000 * page() - 1);
    let pages = (0..1000).filter(|number| number % 7 == 3 || (500..600).contains(number));
    let pages: Vec<u64> = pages.collect();
    let _held = Held::new(&path, pages.iter().copied());
    assert_eq!(one(&path), (pages.len() as u64, 1000));
    // Of a range those that hold a byte of it.
    for (range, first, end) in [("500K-600K", 125, 150), ("-1", 999, 1000), ("2047K+2K", 511, 513)]
    {
        if page() != 4096 {
            continue;
        }
        let (found, _) = stat(0, [OsStr::new("-r"), OsStr::new(range), path.as_os_str()]);
        let expected = pages.iter().filter(|number| (first..end).contains(*number)).count();
        assert_eq!(found[0]["cached_pages"], expected, "{range}");
        assert_eq!(found[0]["pages"], end - first, "{range}");
    }
}

#[test]
fn the_picture_shows_where_they_are() {
    let files = Files::new();
    let path = files.pattern("file", 300 * page());
    let pages = (0..100).chain(200..209).chain([299]);
    let _held = Held::new(&path, pages);
    let text = String::from_utf8(written([OsStr::new("stat"), "-m".as_ref(), path.as_ref()]));
    let text = text.unwrap();
    let row = text.lines().nth(1).unwrap();
    let cells = "██████████▁▁▁▁▁▁▁▁▁▁▇▁▁▁▁▁▁▁▁▂";
    assert!(row.contains(cells), "{text}");
}

#[test]
fn dirty_pages_are_dirty_until_they_are_written() {
    if !require::feature(Feature::Cachestat) {
        return;
    }
    let files = Files::new();
    let path = files.pattern("file", 16 * page());
    let _held = Held::new(&path, 0..16);
    let number = |name: &str| stat(0, [&path]).0[0][name].as_u64().unwrap();
    assert_eq!((number("dirty"), number("writeback")), (0, 0));
    let file = File::options().write(true).open(&path).unwrap();
    // Somebody else's sync(2) may come between: then once more.
    let seen = (0..20).any(|_| {
        file.write_all_at(&vec![1; 3 * page() as usize], page() - 1).unwrap();
        number("dirty") == 4 * page()
    });
    assert!(seen, "bytes in four pages were changed");
    let table = written([OsStr::new("stat"), "--dirty".as_ref(), path.as_ref()]);
    assert!(String::from_utf8_lossy(&table).contains("1 file, "), "--dirty shows it");
    file.sync_all().unwrap();
    assert_eq!((number("dirty"), number("writeback")), (0, 0));
    let (none, total) = stat(0, [OsStr::new("--dirty"), path.as_ref()]);
    assert_eq!((none.len(), &total["files"]), (0, &0.into()));
}

/// Past 4 GiB, in a file that is nearly all hole: numbers of pages do not fit 32 bits of bytes.
#[test]
fn pages_past_4_gib_of_a_sparse_file_are_counted() {
    let files = Files::new();
    let path = sparse(&files, "file", 5 << 30);
    let last = (5 << 30) / page() - 1;
    let _held = Held::new(&path, [0, (4 << 30) / page(), (4 << 30) / page() + 1, last]);
    assert_eq!(one(&path), (4, last + 1));
    let (found, _) = stat(0, [OsStr::new("-r4G-"), path.as_ref()]);
    assert_eq!(found[0]["cached_pages"], 3);
}

#[test]
fn hard_links_are_one_file() {
    let files = Files::new();
    let path = files.pattern("first", 10 * page());
    let _held = Held::new(&path, 0..10);
    std::fs::create_dir(files.path("below")).unwrap();
    for name in ["second", "below/third"] {
        std::fs::hard_link(&path, files.path(name)).unwrap();
    }
    for given in [&[files.path("")][..], &[files.path("second"), files.path(""), path.clone()]] {
        let (found, total) = stat(0, given);
        assert_eq!((found.len(), &total["cached_pages"]), (1, &10.into()));
    }
}

#[test]
fn memory_file_systems_have_what_was_written() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = directory.path().join("file");
    let file = File::create(&path).unwrap();
    file.set_len(100 * page()).unwrap();
    for number in [0, 7, 8, 99] {
        file.write_all_at(b"x", number * page()).unwrap();
    }
    let (cached, pages) = one(&path);
    assert!((cached == 4 || swap_is_on()) && cached <= 4 && pages == 100, "{cached} of {pages}");
}

/// A program that runs has its file mapped; the pages that it locks are there, the others are what `mincore` says.
#[test]
fn pages_that_another_process_maps_are_counted() {
    let files = Files::new();
    let program = files.path("sleep");
    assert!(Command::new("cp").arg("/bin/sleep").arg(&program).status().unwrap().success());
    File::open(&program).unwrap().sync_all().unwrap();
    let mut process = Command::new(&program).arg("100").spawn().unwrap();
    drop_all(&program); // What it maps remains.
    let (told, truth) = both(&program);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(told, truth);
    assert!(told > 0, "a mapped page is not dropped");
}

/// In a group that may have 16 MiB, a file of 64 MiB is read: part of it stays, and part of that is reclaimed again.
#[test]
fn the_cache_of_a_group_at_its_limit_is_counted() {
    // Several times what is read ahead: what is on its way cannot be reclaimed, and the reader would be killed for it.
    const LIMIT: u64 = 64 << 20;
    let group = Path::new("/sys/fs/cgroup/memory").join(format!("mman-{}", std::process::id()));
    if std::fs::create_dir(&group).is_err()
        || std::fs::write(group.join("memory.limit_in_bytes"), LIMIT.to_string()).is_err()
    {
        let _gone = std::fs::remove_dir(&group);
        return require::skip("a memory control group (cgroup v1) and root");
    }
    let files = Files::new();
    let path = files.path("file");
    std::fs::File::create(&path).unwrap().set_len(3 * LIMIT).unwrap();
    let script = "echo $$ > \"$1/cgroup.procs\" && exec cat \"$2\"";
    let mut reader = Command::new("sh");
    reader.args(["-c", script, "sh"]).args([&group, &path]).stdout(std::process::Stdio::null());
    let read = reader.status();
    let (told, truth) = both(&path);
    drop_all(&path);
    let gone = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        std::fs::remove_dir(&group).is_ok()
    });
    assert!(gone, "the group is busy");
    assert!(read.unwrap().success());
    assert_eq!(told, truth);
    assert!(told * page() <= LIMIT, "{told} pages: more than the group may have");
}

/// Of a file that may be read but not written, `mincore` says to `nobody` that all is cached. That is not repeated.
#[test]
fn nobody_is_told_the_truth_or_nothing() {
    let files = Files::new();
    let foreign = files.pattern("foreign", 20 * page());
    let own = files.pattern("own", 20 * page());
    let secret = files.pattern("secret", 20 * page());
    nobody::open_to_all(&foreign, 0o644);
    nobody::open_to_all(&secret, 0o600);
    let _held = [&foreign, &own].map(|path| Held::new(path, 3..8));
    let paths = [&foreign, &own, &secret];
    let Some(mut command) = nobody::mman(&files, ["stat", "--json"]) else { return };
    nobody::give(&own);
    let output = command.args(paths).output().unwrap();
    let (found, total) = parsed(&output);
    assert_eq!(output.status.code(), Some(2), "two files are unknown");
    // Before Linux 6.14 everybody is told the truth about what may be read.
    if found[0].get("cached").is_some() {
        assert_eq!(found[0]["cached_pages"], 5);
    } else {
        assert_eq!(found[0]["reason"], "not permitted (needs owner)");
        assert_eq!(total["unknown"], 2);
    }
    assert_eq!(found[1]["cached_pages"], 5);
    assert_eq!(found[2]["reason"], "not permitted (EACCES)");
    assert_eq!(found[2].get("cached"), None);
    assert!(found.iter().all(|file| file["size"] == 20 * page()));
    assert_eq!(total["files"], 3);
}

#[test]
fn names_that_are_no_text_are_kept() {
    let files = Files::new();
    let name = OsStr::from_bytes(b"a\xff\n\"b\x1b[31m\xe2\x82");
    let path = files.pattern(name, page());
    let (found, _) = stat(0, [files.path("")]);
    use base64::Engine;
    let told = base64::prelude::BASE64_STANDARD.decode(found[0]["path_b64"].as_str().unwrap());
    assert_eq!(told.unwrap(), path.as_os_str().as_bytes());
    let table = written([OsStr::new("stat"), path.as_ref()]);
    assert_eq!(table.iter().filter(|byte| **byte == b'\n').count(), 3, "a line is a line");
    assert!(!table.contains(&0x1b));
    assert!(table.windows(5).any(|bytes| bytes == b"a\xff\\n\""));
}

#[test]
fn the_same_tree_in_two_places_is_one() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let files = Files::new();
        for name in ["tree", "again", "tree/inner"] {
            std::fs::create_dir(files.path(name)).unwrap();
        }
        let path = files.pattern("tree/file", 10 * page());
        let other = files.pattern("file-again", 1);
        let _held = Held::new(&path, 2..5);
        rustix::mount::mount_bind(files.path("tree"), files.path("again")).unwrap();
        // In itself, and a file over another one.
        rustix::mount::mount_bind(files.path("tree"), files.path("tree/inner")).unwrap();
        rustix::mount::mount_bind(&path, &other).unwrap();
        let (found, total) = stat(0, [files.path("")]);
        for place in [other, files.path("tree/inner"), files.path("again")] {
            rustix::mount::unmount(place, rustix::mount::UnmountFlags::DETACH).unwrap();
        }
        assert_eq!((found.len(), &total["cached_pages"]), (1, &3.into()));
    });
}

#[test]
fn other_file_systems_are_left_alone_when_asked() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let files = Files::new();
        files.pattern("here", 1);
        std::fs::create_dir(files.path("memory")).unwrap();
        let mounted = mount::Mount::new("tmpfs", &files.path("memory"), c"size=1m").unwrap();
        files.pattern("memory/there", 1);
        let count = |words: &[&str]| {
            let root = files.path("");
            let words = words.iter().map(OsStr::new).chain([root.as_os_str()]);
            stat(0, words).1["files"].as_u64().unwrap()
        };
        assert_eq!((count(&[]), count(&["-x"])), (2, 1));
        drop(mounted);
    });
}

/// The kernel's own file systems have no pages, and opening their files can do something: they are not opened.
#[test]
fn proc_is_not_searched() {
    let output = run(["stat", "--json", "/proc"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(common::one_line(&output).contains("/proc: a file system of the kernel"));
    assert_eq!(parsed(&output).1["files"], 0);
    // A single file of it is looked at: nothing of it is cached, and that is no error.
    assert_eq!(one(Path::new("/proc/cpuinfo")).0, 0);
}

/// Files come and go while the tree is searched: those that are gone are counted, and nothing fails.
#[test]
fn files_that_vanish_are_no_errors() {
    let files = Files::new();
    let tree = files.path("tree");
    std::fs::create_dir(&tree).unwrap();
    std::thread::scope(|scope| {
        let busy = Arc::new(());
        let watched = Arc::downgrade(&busy);
        scope.spawn(move || {
            let mut round = 0_u64;
            while watched.strong_count() > 0 {
                let place = tree.join((round % 3).to_string());
                std::fs::create_dir_all(&place).unwrap();
                for number in 0..100 {
                    std::fs::write(place.join(number.to_string()), b"x").unwrap();
                }
                std::fs::remove_dir_all(&place).unwrap();
                round += 1;
            }
        });
        for _ in 0..50 {
            let (found, total) = stat(0, [files.path("tree")]);
            assert_eq!(found.len() as u64, total["files"].as_u64().unwrap());
            assert_eq!((&total["problems"], &total["unknown"]), (&0.into(), &0.into()));
        }
        drop(busy); // and when something is wrong above: the other thread ends too
    });
}

/// Files of huge pages are in no cache that `cachestat` knows: they are counted by a mapping.
#[test]
fn files_of_huge_pages_are_counted() {
    child::run(|| {
        if !require::root() {
            return;
        }
        let Some(_pool) = mman_testkit::huge::Pool::with(2) else { return };
        mount::be_alone();
        let files = Files::new();
        let Ok(mounted) = mount::Mount::new("hugetlbfs", &files.path(""), c"") else {
            return require::skip("hugetlbfs");
        };
        let size = mman_testkit::huge::Pool::page_size() as u64;
        let path = sparse(&files, "file", 2 * size);
        assert_eq!(one(&path), (0, 2 * size / page()));
        let file = mman::FileObject::open_read_write(&path).unwrap();
        let mapping = mman::MapOptions::shared().read_write().map(&file).unwrap();
        mapping.write_at(size as usize, b"x").unwrap();
        let told = one(&path);
        drop((mapping, file));
        std::fs::remove_file(&path).unwrap();
        drop(mounted);
        assert_eq!(told, (size / page(), 2 * size / page()));
    });
}

/// The folios add up to what is cached, and a file that was read in one go is in larger ones than a page.
#[test]
fn folios_add_up() {
    let files = Files::new();
    let path = files.pattern("file", 16 << 20);
    if !require::root() || !require::file("/proc/kpageflags") {
        return;
    }
    let _held = Held::new(&path, (0..4096).filter(|number| number % 3 == 0));
    let (found, _) = stat(0, [OsStr::new("--folios"), path.as_ref()]);
    let sizes = found[0]["folios"].as_object().unwrap();
    let sum: u64 = sizes
        .iter()
        .map(|(size, count)| size.parse::<u64>().unwrap() * count.as_u64().unwrap())
        .sum();
    assert_eq!(found[0]["cached"], sum);
}

/// 100,000 entries in one directory, a million where MMAN_TEST_ENTRIES says so (that takes half a minute).
/// The files of containers: `cachestat` says of a file of an overlay that nothing of it is cached.
#[test]
fn files_of_an_overlay_have_the_pages_of_those_below() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        let files = Files::new();
        let low = files.pattern("low/file", 100 * page());
        for name in ["up", "work", "tree"] {
            std::fs::create_dir(files.path(name)).unwrap();
        }
        let [lower, upper, work] =
            ["low", "up", "work"].map(|name| files.path(name).display().to_string());
        let words = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        let mut command = Command::new("mount");
        command.args(["-t", "overlay", "overlay", "-o", &words]).arg(files.path("tree"));
        if !command.output().is_ok_and(|output| output.status.success()) {
            println!("skipped: needs overlayfs");
            return;
        }
        let path = files.path("tree/file");
        drop_all(&low);
        let held = Held::new(&path, 10..20);
        let (found, _) = stat(0, [&path]);
        let evicted = run([OsStr::new("evict"), OsStr::new("--json"), path.as_os_str()]);
        drop(held);
        rustix::mount::unmount(files.path("tree"), rustix::mount::UnmountFlags::DETACH).unwrap();
        assert_eq!((&found[0]["cached_pages"], &found[0]["pages"]), (&10.into(), &100.into()));
        assert!(found[0].get("dirty").is_none(), "nobody tells");
        assert_eq!(evicted.status.code(), Some(1), "they are locked: {evicted:?}");
    });
}

/// Reading ahead leaves marks on pages; a fault on one of them reads on, so that looking would bring pages in.
#[test]
fn folios_are_counted_without_reading_ahead() {
    if !require::root() {
        return;
    }
    let files = Files::new();
    let path = files.pattern("file", 8192 * page());
    drop_all(&path);
    let file = File::open(&path).unwrap();
    let mut bytes = vec![0; 16 * page() as usize];
    for at in 0..32 {
        file.read_exact_at(&mut bytes, at * 16 * page()).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_millis(200)); // what is read ahead arrives
    let before = by_mincore(&path);
    for _ in 0..3 {
        let (found, _) = stat(0, [OsStr::new("--folios"), path.as_os_str()]);
        assert!(found[0].get("folios").is_some());
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    let after = by_mincore(&path);
    assert!(after <= before, "{before} pages were there, and {after} are");
}

#[test]
fn a_directory_of_very_many_entries() {
    let entries = std::env::var("MMAN_TEST_ENTRIES").ok().and_then(|text| text.parse().ok());
    let entries: u64 = entries.unwrap_or(100_000);
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    for number in 0..entries {
        let file = File::create(directory.path().join(number.to_string())).unwrap();
        if number % 1000 == 0 {
            file.write_all_at(b"x", 0).unwrap();
        }
    }
    for words in [&["--top", "0"][..], &["--sort", "none"]] {
        let words = words.iter().map(OsStr::new).chain([directory.path().as_os_str()]);
        let (found, total) = stat(0, words);
        assert!(found.is_empty() || found.len() as u64 == entries);
        assert_eq!(total["files"], entries);
        let cached = total["cached_pages"].as_u64().unwrap();
        assert!(cached == entries.div_ceil(1000) || swap_is_on(), "{cached}");
    }
}

/// Links that lead to a directory twice, to nothing, to themselves, and up again: each file once, nothing told.
#[test]
fn links_are_followed_when_asked_and_only_once() {
    let files = Files::new();
    std::fs::create_dir_all(files.path("tree/a/b")).unwrap();
    let path = files.pattern("tree/a/b/file", 10 * page());
    let _held = Held::new(&path, 0..4);
    let outside = files.pattern("outside", page());
    for (target, name) in [
        (Path::new("a"), "twice"),
        (Path::new("a"), "thrice"),
        (Path::new("nothing"), "broken"),
        (Path::new("self"), "self"),
        (Path::new(".."), "a/b/up"),
        (&outside, "a/out"),
        (Path::new("b/file"), "a/again"),
    ] {
        symlink(target, files.path("tree").join(name)).unwrap();
    }
    let tree = files.path("tree");
    let (found, _) = stat(0, [&tree]);
    assert_eq!(found.len(), 1, "links are left alone");
    let (found, total) = stat(0, [OsStr::new("-L"), tree.as_ref()]);
    assert_eq!(found.len(), 2, "the file, and the one outside");
    assert_eq!((&total["problems"], &total["unknown"]), (&0.into(), &0.into()));
    // A link that is given is followed.
    let (found, _) = stat(0, [tree.join("a/again")]);
    assert_eq!(found[0]["cached_pages"], 4);
}

#[test]
fn a_directory_without_rights_is_said_and_the_rest_counted() {
    let files = Files::new();
    std::fs::create_dir_all(files.path("closed")).unwrap();
    files.pattern("closed/file", 1);
    let open = files.pattern("open", page());
    std::fs::set_permissions(files.path("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    let Some(mut command) = nobody::mman(&files, ["stat", "--json", "-E", ".mman"]) else { return };
    nobody::give(&open);
    let output = command.arg(files.path("")).output().unwrap();
    let (found, total) = parsed(&output);
    assert!(common::one_line(&output).contains("closed: search: Permission denied (EACCES)"));
    assert_eq!((found.len(), &total["problems"]), (1, &1.into()));
}
