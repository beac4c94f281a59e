//! Every assertion of POSIX about typed memory, by its number: `docs/typed-memory.md` lists them, the C programs
//! `crates/mman-c/tests/c/typed_*.c` make them true, in every way in which a program can meet the library.
//!
//! A number without a test fails here, and so does a test without a number.

use mman_c_tests::Library;
use mman_c_tests::program::{Program, Run, Way};
use mman_c_tests::tools::{skip, sources};
use mman_testkit::huge::Pool;
use mman_testkit::mount::Mount;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The functions that only ours has.
const FUNCTIONS: [&str; 3] =
    ["posix_mem_offset", "posix_typed_mem_get_info", "posix_typed_mem_open"];

/// The programs, with the beginnings of their numbers.
const PROGRAMS: [(&str, &str); 8] = [
    ("typed_names.c", "names"),
    ("typed_open.c", "open"),
    ("typed_info.c", "info"),
    ("typed_offset.c", "offset"),
    ("typed_mmap.c", "mmap"),
    ("typed_munmap.c", "munmap"),
    ("typed_life.c", "life"),
    ("typed_rationale.c", "general"),
];

/// The pools of a run: a configuration, and the folder of its tables and stores, which go away with the value.
struct Pools {
    folder: TempDir,
}

impl Pools {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a temporary folder");
        // Other users open pools, too.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        let pools = Self { folder };
        let text = fs::read_to_string(sources().join("typed.conf")).expect("the configuration");
        let text = text.replace("DIRECTORY", &pools.path().display().to_string());
        fs::write(pools.path().join("conf"), text).expect("a file");
        fs::write(pools.path().join("empty"), "defaults no\n").expect("a file");
        fs::create_dir(pools.path().join("huge")).expect("a folder");
        pools
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Has a program read this configuration.
    fn give_to(&self, command: &mut Command) {
        command.env("MMAN_TYPED_CONFIG", self.path().join("conf"));
        command.env("MMAN_TYPED_EMPTY", self.path().join("empty"));
        command.env("MMAN_TYPED_TESTS", self.path()).env_remove("MMAN_TYPED_HUGE");
    }

    fn run(&self, program: &Program, way: Way) -> Run {
        let mut command = program.command(way);
        self.give_to(&mut command);
        Program::result(command.arg("ours"), &format!("{way:?}"))
    }
}

/// A row of the page.
struct Row {
    number: String,
    assertion: String,
    answer: String,
    test: String,
}

fn page() -> String {
    let page = Library::workspace().join("docs/typed-memory.md");
    fs::read_to_string(page).expect("the page")
}

/// The rows of the tables: those whose first cell is a number.
fn rows() -> Vec<Row> {
    let row = |line: &str| {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let cells: Vec<&str> = line.split(" | ").collect();
        let [number, assertion, answer, test] = cells.try_into().ok()?;
        let (name, digits) = number.rsplit_once('-')?;
        let is_number =
            PROGRAMS.iter().any(|(_, start)| *start == name) && digits.parse::<u32>().is_ok();
        is_number.then(|| Row {
            number: number.to_owned(),
            assertion: assertion.to_owned(),
            answer: answer.to_owned(),
            test: test.to_owned(),
        })
    };
    page().lines().filter_map(row).collect()
}

/// The number of a case: `open-4` of `open-4-shm_open`.
fn number(case: &str) -> String {
    case.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
}

/// The numbers of a run, but for those that only looked whether something was left.
fn numbers(run: &Run) -> BTreeSet<String> {
    let said = run.lines.iter().filter(|line| !line.case.ends_with("-leaves-pools-empty"));
    said.map(|line| number(&line.case)).collect()
}

/// Runs a program in every way: each of its numbers is in the page, and each of the page's is run.
fn assertions(file: &str) {
    let (_, start) = PROGRAMS.iter().find(|(name, _)| *name == file).expect("a program");
    let wanted: BTreeSet<String> = rows()
        .into_iter()
        .filter(|row| row.number.rsplit_once('-').is_some_and(|(name, _)| name == *start))
        .map(|row| {
            assert_eq!(row.test, format!("`{file}`"), "{}", row.number);
            row.number
        })
        .collect();
    let program = Program::new(file);
    for way in Way::OURS {
        if !way.is_possible() {
            skip("musl-gcc");
            continue;
        }
        let run = Pools::new().run(&program, way);
        assert_eq!(numbers(&run), wanted, "{file} {way:?}");
        run.skipped.iter().for_each(|line| eprintln!("{line}"));
        if way == Way::Linked || way == Way::Preloaded {
            assert_eq!(program.bound_to_ours(way), program.imports(way), "{file} {way:?}");
        }
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        /// The sources, without their ending.
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                assertions(concat!(stringify!($name), ".c"));
            }
        )*
    };
}

programs! {
    typed_names typed_open typed_info typed_offset typed_mmap typed_munmap typed_life typed_rationale
}

/// No source is forgotten, and none of the three functions.
#[test]
fn every_source_is_run() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(sources()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("typed_") {
            found.insert(name);
        }
    }
    let known: BTreeSet<String> = PROGRAMS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(found, known);
    assert_eq!(TESTED.iter().map(|name| format!("{name}.c")).collect::<BTreeSet<_>>(), known);
    let program = Program::new("typed_names.c");
    let called = program.imports(Way::Linked);
    assert!(FUNCTIONS.iter().all(|name| called.contains(name)), "{called:?}");
}

/// The page's numbers are in order, each once, and each row says something in every cell.
#[test]
fn the_page_is_in_order() {
    for (file, start) in PROGRAMS {
        let of_program: Vec<Row> = rows()
            .into_iter()
            .filter(|row| row.number.rsplit_once('-').is_some_and(|(name, _)| name == start))
            .collect();
        assert!(!of_program.is_empty(), "{file}");
        for (row, at) in of_program.iter().zip(1..) {
            assert_eq!(row.number, format!("{start}-{at}"));
            assert!(!row.assertion.trim().is_empty() && !row.answer.trim().is_empty(), "{at}");
        }
    }
}

/// Each number that another part of the page speaks of is one of its rows.
#[test]
fn what_the_page_refers_to_is_there() {
    let known: BTreeSet<String> = rows().into_iter().map(|row| row.number).collect();
    let page = page();
    let words = page.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let mut seen = 0;
    for word in words {
        let Some((name, digits)) = word.rsplit_once('-') else { continue };
        let is_number = PROGRAMS.iter().any(|(_, start)| *start == name)
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            assert!(known.contains(word), "{word}");
            seen += 1;
        }
    }
    assert!(seen >= known.len(), "{seen}");
}

/// A pool of huge pages, where the machine has some: in the way in which most programs meet the library.
#[test]
fn a_pool_of_huge_pages() {
    let Some(_pages) = Pool::with(4) else { return };
    if Pool::page_size() != 2 << 20 {
        return skip("huge pages of 2 MiB");
    }
    let pools = Pools::new();
    let Ok(_mounted) = Mount::new("hugetlbfs", &pools.path().join("huge"), c"pagesize=2M") else {
        return skip("the right to mount a hugetlbfs");
    };
    let program = Program::new("typed_rationale.c");
    let mut command = program.command(Way::Linked);
    pools.give_to(&mut command);
    let run = Program::result(command.env("MMAN_TYPED_HUGE", "yes").arg("ours"), "huge pages");
    let of_huge = run.lines.iter().filter(|line| number(&line.case) == "general-5").count();
    assert!(of_huge >= 9, "{run:?}");
    assert!(!run.skipped.iter().any(|line| line.contains("huge")), "{:?}", run.skipped);
}
