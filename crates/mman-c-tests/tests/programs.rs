//! Real programs with this library preloaded: they give what they give without it, and have really used it.
//!
//! Each program is a script for `sh -eu`, run twice, each time in an empty folder of the same name. What it prints
//! must be the same, and so must the files that the test names; the loader's own account (`LD_DEBUG=bindings`) must show that the
//! program found `mmap` and its like in `libmman.so`. Calls that the C library makes inside itself do not pass
//! through symbols, so each program is one that maps on its own.

use mman_c_tests::Library;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A script, what it needs and what it must bind.
struct Program {
    /// The commands it needs, with the packages of Debian they come in.
    needs: &'static [(&'static str, &'static str)],
    script: &'static str,
    /// Objects (the beginnings of their names) and symbols that they must have found in this library; `mmap`
    /// may be `mmap64` as well.
    binds: &'static [(&'static str, &'static [&'static str])],
    /// Files whose bytes must be the same.
    same: &'static [&'static str],
}

/// Runs it without and with the library, and compares.
fn check(program: &Program) {
    for (command, package) in program.needs {
        if !is_there(command) {
            eprintln!("skipped: needs {command} ({package})");
            return;
        }
    }
    let library = Library::built().shared();
    let plain = Run::of(program.script, None);
    let preloaded = Run::of(program.script, Some(&library));
    assert_eq!(plain.output(), preloaded.output());
    for name in program.same {
        let read = |run: &Run| fs::read(run.folder().join(name)).expect("a file of the script");
        assert!(read(&plain) == read(&preloaded), "{name} differs");
    }
    let bound = preloaded.bindings(&library);
    for (object, symbols) in program.binds {
        for symbol in *symbols {
            let is_symbol = |what: &str| what == *symbol || what.strip_suffix("64") == Some(symbol);
            let found = bound.iter().any(|(who, what)| who.starts_with(object) && is_symbol(what));
            assert!(found, "{object} did not bind {symbol}: {bound:?}");
        }
    }
    println!("bound: {bound:?}");
}

fn is_there(command: &str) -> bool {
    search_path().split(':').any(|folder| Path::new(folder).join(command).exists())
}

/// Debian's own programs before others of the same name, which may be scripts.
fn search_path() -> String {
    format!("/usr/bin:/bin:{}", std::env::var("PATH").unwrap_or_default())
}

/// A finished run, and the folder it ran in.
struct Run {
    outside: TempDir,
    output: Output,
}

impl Run {
    fn of(script: &str, preloaded: Option<&Path>) -> Self {
        let outside = TempDir::with_prefix("mman-programs-").expect("a temporary folder");
        let folder = outside.path().join("run");
        fs::create_dir(&folder).expect("a folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-eu", "-c", script]).current_dir(&folder);
        command.env("PATH", search_path()).env("LC_ALL", "C.UTF-8");
        command.env("CRATES", Library::workspace().join("crates"));
        command.env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD");
        if let Some(library) = preloaded {
            command.env("LD_PRELOAD", library).env("LD_DEBUG", "bindings");
            command.env("LD_DEBUG_OUTPUT", outside.path().join("bindings"));
        }
        let output = command.output().expect("the shell starts");
        Self { outside, output }
    }

    fn folder(&self) -> PathBuf {
        self.outside.path().join("run")
    }

    /// What it printed; it must have succeeded.
    fn output(&self) -> (String, String) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, errors) = (text(&self.output.stdout), text(&self.output.stderr));
        assert!(self.output.status.success(), "{}: {out}{errors}", self.output.status);
        assert!(!out.is_empty(), "it prints something to compare");
        (out, errors)
    }

    /// Which objects bound which symbols of the library. The loader has written a file for each process, with
    /// lines like: `binding file /usr/bin/git [0] to /a/libmman.so [0]: normal symbol `mmap' [GLIBC_2.2.5]`.
    fn bindings(&self, library: &Path) -> BTreeSet<(String, String)> {
        let to = format!(" to {} ", library.display());
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(self.outside.path()).expect("the folder").flatten() {
            if !entry.file_name().to_string_lossy().starts_with("bindings.") {
                continue;
            }
            let text = fs::read(entry.path()).expect("an account of the loader");
            for line in String::from_utf8_lossy(&text).lines().filter(|line| line.contains(&to)) {
                let Some((_, who)) = line.split_once("binding file ") else { continue };
                let who = who.split(' ').next().unwrap_or_default();
                let who = who.rsplit('/').next().unwrap_or_default();
                let what = line.split(['`', '\'']).nth(1).unwrap_or_default();
                found.insert((who.to_owned(), what.to_owned()));
            }
        }
        found
    }
}

#[test]
fn sqlite_with_mapped_files() {
    check(&Program {
        needs: &[("sqlite3", "sqlite3")],
        script: r"
            sqlite3 -batch test.db <<'SQL'
                PRAGMA mmap_size = 268435456;
                PRAGMA journal_mode = WAL;
                CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value REAL, data BLOB);
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
                    INSERT INTO t SELECT i, 'name ' || (i * 7919 % 50021), i / 3.0, zeroblob(i % 200) FROM n;
                CREATE INDEX by_name ON t (name);
                CREATE INDEX by_value ON t (value, name);
                UPDATE t SET name = name || ' again', data = zeroblob(300) WHERE id % 3 = 0;
                DELETE FROM t WHERE id % 11 = 0;
                SELECT count(*), sum(length(name)), sum(value), sum(length(data)) FROM t;
                SELECT id, name FROM t WHERE name BETWEEN 'name 4' AND 'name 5' ORDER BY name LIMIT 20;
                PRAGMA wal_checkpoint(TRUNCATE);
                VACUUM;
                PRAGMA integrity_check;
SQL
            sqlite3 -batch test.db 'PRAGMA mmap_size = 268435456; PRAGMA integrity_check; SELECT max(id) FROM t;' .sha3sum
        ",
        binds: &[("libsqlite3.so", &["mmap", "mremap", "munmap"])],
        same: &["test.db"],
    });
}

#[test]
fn ripgrep_with_mapped_files() {
    check(&Program {
        needs: &[("rg", "ripgrep")],
        script: r#"
            # Only what others do not change meanwhile.
            cp -r "$CRATES/mman-sys" crates
            rg --mmap --sort path --no-heading --line-number 'fn \w+' crates
            rg --mmap --sort path --count-matches 'unsafe' crates
            seq 1 2000000 >big
            rg --mmap --count '77$' big
            rg --mmap --line-number --byte-offset '^19999[0-9]{2}$' big
        "#,
        binds: &[("rg", &["mmap", "munmap"])],
        same: &[],
    });
}

#[test]
fn python_with_the_mmap_module() {
    check(&Program {
        needs: &[("python3", "python3")],
        script: r#"
            cat >maps.py <<'PYTHON'
import hashlib, mmap, os

with open("data", "w+b") as file:
    file.write(bytes(range(256)) * 4096)
    file.flush()
    with mmap.mmap(file.fileno(), 0) as area:
        print(len(area), area[:4], area.find(b"\xfe\xff\x00"), area.rfind(b"\x10\x11"))
        area[10:15] = b"hello"
        area.seek(4096)
        area.write(b"world" * 1000)
        area.move(100000, 4096, 5000)
        print(area.flush(), area.flush(0, mmap.PAGESIZE))
        for advice in (mmap.MADV_SEQUENTIAL, mmap.MADV_WILLNEED, mmap.MADV_NORMAL):
            print(area.madvise(advice, 0, mmap.PAGESIZE))
        area.resize(3 << 20)
        area[-5:] = b"ended"
        print(len(area), hashlib.sha256(area).hexdigest())
        try:
            area.resize(1 << 62)
        except (OSError, ValueError) as error:
            print(type(error).__name__)
    file.seek(0)
    print(os.fstat(file.fileno()).st_size, hashlib.sha256(file.read()).hexdigest())
    with mmap.mmap(file.fileno(), 8192, access=mmap.ACCESS_COPY, offset=mmap.PAGESIZE) as area:
        area[0:4] = b"mine"
        print(area[0:8])
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as area:
        print(area.find(b"world"), area.find(b"mine"))
try:
    mmap.mmap(12345, 4096)
except OSError as error:
    print(error.errno)
with mmap.mmap(-1, 1 << 20) as shared:
    if (child := os.fork()) == 0:
        shared[0:5] = b"child"
        os._exit(0)
    os.waitpid(child, 0)
    print(shared[0:5])
    shared.madvise(mmap.MADV_DONTNEED)
    print(shared[0:5], len(shared))
PYTHON
            python3 maps.py
        "#,
        // In Debian's the module is part of the program; elsewhere it may be one of its own.
        binds: &[("", &["mmap", "munmap", "msync", "madvise", "mremap"])],
        same: &["data"],
    });
}

#[test]
fn git_on_a_repository() {
    check(&Program {
        needs: &[("git", "git")],
        script: r#"
            export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 HOME="$PWD"
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_AUTHOR_DATE='2001-01-01T00:00:00Z'
            export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'
            git init --quiet --initial-branch=main work
            cd work
            for round in 1 2 3; do
                for i in $(seq 1 100); do
                    seq $((round * i)) $((round * i + 3000)) >"file $i"
                done
                git add .
                git commit --quiet -m "round $round"
            done
            git checkout --quiet -b side HEAD~1
            echo side >side
            git add side
            git commit --quiet -m side
            git merge --quiet -m merged main
            git gc --quiet
            git fsck --full --strict --no-progress
            # Which threads found which deltas is chance, and so is the pack's name.
            git verify-pack .git/objects/pack/*.idx
            git cat-file --batch-all-objects --batch | sha256sum
            git log -p --stat | sha256sum
            git rev-parse HEAD
            git grep -c 2999 | sha256sum
            git blame 'file 7' | sha256sum
            git status --short
        "#,
        binds: &[("git", &["mmap", "munmap"])],
        same: &[],
    });
}

#[test]
fn lmdb_dumped_and_loaded() {
    check(&Program {
        needs: &[("mdb_load", "lmdb-utils"), ("mdb_dump", "lmdb-utils")],
        script: r#"
            {
                printf 'VERSION=3\nformat=print\ntype=btree\nmapsize=104857600\nmaxreaders=126\n'
                printf 'db_pagesize=4096\nHEADER=END\n'
                for i in $(seq 100000 120000); do
                    printf ' key %s\n value of %s, and again: %s\n' $((i * 7919 % 100003 + 100000)) "$i" "$i$i$i"
                done
                printf 'DATA=END\n'
            } >first.txt
            mkdir one two
            mdb_load -f first.txt one
            mdb_dump -p one >second.txt
            mdb_load -f second.txt two
            mdb_dump -p two | cmp - second.txt
            mdb_stat -e two
            sha256sum second.txt
        "#,
        binds: &[("mdb_load", &["mmap", "munmap"]), ("mdb_dump", &["mmap", "munmap"])],
        same: &["second.txt"],
    });
}

/// The link step compiles in several processes at once, and the compiler's own allocator maps.
#[test]
fn gcc_with_optimization_at_link_time() {
    check(&Program {
        needs: &[("gcc", "gcc"), ("make", "make")],
        script: r#"
            for i in 1 2 3 4 5 6 7 8; do
                printf 'int f%s(int n) { int s = 0; for (int i = 0; i < n; i++) s += i * %s; return s; }\n' $i $i >f$i.c
            done
            cat >main.c <<'C'
#include <stdio.h>
int f1(int), f2(int), f3(int), f4(int), f5(int), f6(int), f7(int), f8(int);
int main(void)
{
    return printf("%d\n", f1(9) + f2(9) + f3(9) + f4(9) + f5(9) + f6(9) + f7(9) + f8(9)) < 0;
}
C
            printf 'program: main.o f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o\n' >Makefile
            printf '\tgcc -O2 -flto=2 -flto-partition=max -fno-ipa-icf -o $@ $^\n' >>Makefile
            printf '%%.o: %%.c\n\tgcc -O2 -g0 -flto -frandom-seed=$@ -c $<\n' >>Makefile
            make -s -j2
            ./program
        "#,
        binds: &[("cc1", &["mmap"]), ("lto1", &["mmap", "munmap"])],
        same: &["program"],
    });
}

/// Threads that compile at once, in one process.
#[test]
fn rustc_with_many_code_generators() {
    check(&Program {
        needs: &[("rustc", "rustc")],
        script: r#"
            for i in 1 2 3 4 5 6 7 8; do
                printf 'pub mod m%s {\n' $i
                for j in 1 2 3 4 5 6 7 8; do
                    printf '#[inline(never)] pub fn f%s(n: u64) -> u64 { (0..n).map(|x| x * x ^ %s).sum() }\n' $j $i$j
                done
                printf '}\n'
            done >many.rs
            echo 'fn main() { println!("{}", m1::f1(10) + m2::f3(20) + m8::f8(30)); }' >>many.rs
            rustc --edition 2021 -O -C codegen-units=8 --remap-path-prefix=$PWD=. many.rs
            ./many
        "#,
        binds: &[("librustc_driver", &["mmap", "munmap"])],
        same: &[],
    });
}
