//! `mman stat` as it looks: in terminals of three widths, in a pipe, with colours and without.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

mod common;

use common::held::{Held, page};
use common::pty::{in_terminal, without_colors};
use common::{Files, mman};

/// Three files: a quarter of the first is cached, all of the second, nothing of the third.
fn tree() -> (Files, [Held; 3]) {
    let files = Files::new();
    std::fs::create_dir_all(files.path("tree/base/16384")).unwrap();
    let long = "tree/base/16384/a-name-that-is-much-too-long-for-a-narrow-terminal-2619";
    let first = Held::new(&files.pattern(long, 400 * page()), 100..200);
    let second = Held::new(&files.pattern("tree/wal", 20 * page()), 0..20);
    let third = Held::new(&files.pattern("tree/zero", 3), []);
    (files, [first, second, third])
}

/// The table, without how long it took.
fn shown(files: &Files, words: &[&str], columns: u16) -> String {
    let mut command = mman(["stat"].iter().chain(words));
    command.arg(files.path("tree")).env("NO_COLOR", "1");
    let (text, status) = in_terminal(&mut command, columns);
    assert!(status.success(), "{text}");
    assert!(!text.contains('\x1b'), "NO_COLOR: {text:?}");
    let seconds = text.rfind(" s\n").and_then(|end| text[..end].rfind(' ')).unwrap();
    format!("{} T\n", &text[..seconds])
}

#[test]
fn a_narrow_terminal_shows_numbers_and_names() {
    if page() != 4096 {
        return;
    }
    let (files, _held) = tree();
    let expected = "  CACHED      SIZE       %     DIRTY  FILE
 400 KiB   1.6 MiB     25%         –  base/16…-terminal-2619
  80 KiB    80 KiB    100%         –  wal
       –       3 B      0%         –  zero
 480 KiB   1.6 MiB     29%         –  3 files, T
";
    assert_eq!(shown(&files, &[], 60), expected);
}

#[test]
fn a_terminal_of_80_columns_has_room_for_a_picture() {
    if page() != 4096 {
        return;
    }
    let (files, _held) = tree();
    let expected = "  CACHED      SIZE       %     DIRTY  MAP               FILE
 400 KiB   1.6 MiB     25%         –  ▁▁▁▁████▁▁▁▁▁▁▁▁  base/16…ow-terminal-2619
  80 KiB    80 KiB    100%         –  ████████████████  wal
       –       3 B      0%         –  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  zero
 480 KiB   1.6 MiB     29%         –  3 files           T
";
    assert_eq!(shown(&files, &[], 80), expected);
}

#[test]
fn folios_leave_a_line_a_line() {
    if !mman_testkit::require::root() {
        return;
    }
    let (files, _held) = tree();
    for columns in [80, 110, 200] {
        let text = shown(&files, &["--folios"], columns);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns.into(), "{columns}: {text}");
    }
}

#[test]
fn a_wide_terminal_has_the_widest_picture_and_whole_names() {
    if page() != 4096 {
        return;
    }
    let (files, _held) = tree();
    let expected = "  CACHED      SIZE       %     DIRTY  MAP                             FILE
 400 KiB   1.6 MiB     25%         –  ▁▁▁▁▁▁▁▃███████▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  base/16384/a-name-that-is-much-too-long-for-a-narrow-terminal-2619
  80 KiB    80 KiB    100%         –  ██████████████████████████████  wal
       –       3 B      0%         –  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  zero
 480 KiB   1.6 MiB     29%         –  3 files                         T
";
    assert_eq!(shown(&files, &[], 200), expected);
    let root = files.path("tree").display().to_string();
    let text = shown(&files, &["--by", "dir", "--sort", "size"], 200).replace(&root, "T");
    let expected = "  CACHED      SIZE       %     DIRTY  FILES  DIRECTORY
 400 KiB   1.6 MiB     25%         –      1  T/base/16384
  80 KiB    80 KiB     95%         –      2  T
 480 KiB   1.6 MiB     29%         –  3 files, T
";
    assert_eq!(text, expected);
}

#[test]
fn a_pipe_has_whole_paths_and_neither_colours_nor_a_picture() {
    if page() != 4096 {
        return;
    }
    let (files, _held) = tree();
    let output = mman(["stat", "--top", "2"]).arg(files.path("tree")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let root = files.path("tree").display().to_string();
    let end = text.rfind(", ").unwrap();
    let expected = "  CACHED      SIZE       %     DIRTY  FILE
 400 KiB   1.6 MiB     25%         –  T/base/16384/a-name-that-is-much-too-long-for-a-narrow-terminal-2619
  80 KiB    80 KiB    100%         –  T/wal
 480 KiB   1.6 MiB     29%         –  3 files";
    assert_eq!(text[..end].replace(&root, "T"), expected);
}

#[test]
fn colours_are_for_terminals_and_change_no_text() {
    let (files, _held) = tree();
    let colored = |words: &[&str]| {
        let mut command = mman(["stat", "--top", "1"].iter().chain(words));
        in_terminal(command.arg(files.path("tree")).env_remove("NO_COLOR"), 80).0
    };
    let text = colored(&[]);
    assert!(text.starts_with("\x1b[1m  CACHED"), "{text:?}");
    let cut = |text: &str| text[..text.rfind("3 files").unwrap()].to_owned();
    assert_eq!(cut(&without_colors(&text)), cut(&colored(&["--color", "never"])));
    let piped = mman(["stat", "--color", "always"]).arg(files.path("tree")).output().unwrap();
    assert!(piped.stdout.starts_with(b"\x1b[1m"));
}

/// A reason stands where the picture would.
#[test]
fn what_is_unknown_says_why() {
    let files = Files::new();
    std::fs::create_dir(files.path("tree")).unwrap();
    common::nobody::open_to_all(&files.path("tree"), 0o755);
    let path = files.pattern("tree/secret", 9 << 20);
    common::nobody::open_to_all(&path, 0o600);
    let Some(mut command) = common::nobody::mman(&files, ["stat"]) else { return };
    let (text, status) = in_terminal(command.arg(files.path("tree")), 100);
    assert_eq!(status.code(), Some(2));
    let text = without_colors(&text);
    let row = "       ?   9.0 MiB       ?         ?  not permitted (EACCES)          secret";
    assert_eq!(text.lines().nth(1), Some(row), "{text}");
    let total = "       ?   9.0 MiB       ?         ?  1 file, 1 unknown               0.0";
    assert!(text.lines().nth(2).unwrap().starts_with(total), "{text}");
}
