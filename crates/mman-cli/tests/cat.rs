//! `mman cat`: the bytes that were asked for, and no others.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

mod common;

use common::{Files, at, byte_at, mman, one_line, run, written};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

fn pattern(start: u64, end: u64) -> Vec<u8> {
    (start..end).map(byte_at).collect()
}

#[test]
fn every_slice_is_exact_to_the_byte() {
    let files = Files::new();
    let size = 3 * (2 << 20) + 4097; // several windows, and a page that is not full
    let path = files.pattern("data", size);
    let window = 2 << 20;
    let edges = [0, 1, 4095, 4096, 4097, window - 1, window, window + 1, size - 1, size];
    for start in edges {
        for end in edges {
            if start < end {
                let out = written([OsStr::new("cat"), &at(&path, &format!("{start}-{end}"))]);
                assert!(out == pattern(start, end), "{start}-{end}: {} bytes", out.len());
            }
        }
    }
    assert!(written([OsStr::new("cat"), path.as_os_str()]) == pattern(0, size));
    assert!(written([OsStr::new("cat"), &at(&path, "-5")]) == pattern(size - 5, size));
    assert!(written([OsStr::new("cat"), &at(&path, "0x1000+1K")]) == pattern(4096, 5120));
    assert!(written([OsStr::new("cat"), &at(&path, "6M-")]) == pattern(6 << 20, size));
    assert!(written([OsStr::new("cat"), &at(&path, &format!("{size}-"))]).is_empty());
}

#[test]
fn hexadecimal_says_the_same_bytes() {
    let files = Files::new();
    let path = files.pattern("data", 300_000);
    let out = written([OsStr::new("cat"), OsStr::new("--hex"), &at(&path, "131065-140000")]);
    let text = String::from_utf8(out).unwrap();
    let mut bytes = Vec::new();
    for (line, number) in text.lines().zip(0_u64..) {
        let (offset, rest) = line.split_once("  ").unwrap();
        assert_eq!(u64::from_str_radix(offset, 16).unwrap(), 131_065 + number * 16);
        let (hexadecimal, _characters) = rest.split_once('|').unwrap();
        let digits = hexadecimal.split_whitespace();
        bytes.extend(digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()));
    }
    assert!(bytes == pattern(131_065, 140_000));
}

#[test]
fn an_empty_file_is_no_bytes_and_no_error() {
    let files = Files::new();
    let path = files.pattern("empty", 0);
    assert!(written([OsStr::new("cat"), path.as_os_str()]).is_empty());
    assert!(written([OsStr::new("cat"), &at(&path, "-10")]).is_empty());
}

#[test]
fn files_that_hide_their_length_are_read() {
    let version = std::fs::read("/proc/version").unwrap();
    assert_eq!(written(["cat", "/proc/version"]), version);
    assert_eq!(written(["cat", "/proc/version@6-13"]), version[6..13]);
    assert_eq!(written(["cat", "/proc/version@-4"]), version[version.len() - 4..]);
    // /sys says 4096 bytes, refuses to be mapped, and has fewer.
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    if let Ok(setting) = std::fs::read(path) {
        assert_eq!(written(["cat", path]), setting);
        assert_eq!(written(["cat", &format!("{path}@1-3")]), setting[1..3]);
    } else {
        eprintln!("skipped: needs {path}");
    }
}

#[test]
fn a_device_without_an_end_gives_as_much_as_asked() {
    assert_eq!(written(["cat", "/dev/zero@5+10000"]), vec![0; 10_000]);
    assert_eq!(written(["cat", "/dev/urandom@0+100"]).len(), 100); // refuses to be mapped
}

#[test]
fn a_block_device_is_as_long_as_it_says() {
    let files = Files::new();
    let image = files.pattern("image", 1 << 20);
    let Some(device) = Loop::attach(&image) else {
        eprintln!("skipped: needs loop devices");
        return;
    };
    let end = (1 << 20) - 10;
    let word = |range: &str| format!("{}@{range}", device.0);
    assert!(written(["cat", &word("1000-5000")]) == pattern(1000, 5000));
    assert!(written(["cat", &word("-10")]) == pattern(end, 1 << 20));
    let line = common::refused(["cat", &word("2M-")]);
    assert!(line.contains("1048576 bytes"), "{line}");
}

/// A loop device, detached at the end.
struct Loop(String);

impl Loop {
    fn attach(image: &std::path::Path) -> Option<Self> {
        let output = std::process::Command::new("losetup")
            .args(["--find", "--show", "--read-only"])
            .arg(image)
            .output()
            .ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        output.status.success().then_some(Self(name))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let detached = std::process::Command::new("losetup").arg("--detach").arg(&self.0).status();
        assert!(detached.is_ok_and(|status| status.success()), "{} is detached", self.0);
    }
}

#[test]
fn memory_of_a_process_is_written_by_address() {
    let bytes = pattern(0, 300_000);
    let word = format!("pid:{}@{:#x}+{}", std::process::id(), bytes.as_ptr().addr(), bytes.len());
    assert!(written(["cat", &word]) == bytes);
}

#[test]
fn a_name_that_is_no_text_is_a_name() {
    let files = Files::new();
    let path = files.pattern(OsStr::from_bytes(b"caf\xe9@1"), 100);
    assert!(written([OsStr::new("cat"), path.as_os_str()]) == pattern(0, 100));
    assert!(written([OsStr::new("cat"), &at(&path, "3+4")]) == pattern(3, 7));
}

#[test]
fn one_bad_object_does_not_keep_the_next_from_being_written() {
    let files = Files::new();
    let (first, last) = (files.pattern("first", 10), files.pattern("last", 20));
    let missing = files.path("missing");
    let words = [OsStr::new("cat"), first.as_os_str(), missing.as_os_str(), last.as_os_str()];
    let output = run(words);
    assert_eq!(output.stdout, [pattern(0, 10), pattern(0, 20)].concat());
    assert!(one_line(&output).contains("missing: open: No such file or directory (ENOENT)"));
}

#[test]
fn a_reader_that_closes_early_ends_it_quietly() {
    let files = Files::new();
    let path = files.pattern("data", 8 << 20);
    for hex in [&[][..], &["--hex"]] {
        let mut child = mman(["cat"])
            .args(hex)
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut head).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_full_device_is_told() {
    let files = Files::new();
    let path = files.pattern("data", 10_000);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = mman(["cat"]).arg(&path).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let line = one_line(&output);
    assert!(line.contains("No space left on device (ENOSPC)"), "{line}");
}

/// A mapping of a file that becomes shorter has pages that raise SIGBUS. The command must end with a line.
#[test]
fn a_file_truncated_meanwhile_is_an_error_and_no_signal() {
    let files = Files::new();
    for (hex, cut) in [(false, 5 << 20), (false, (5 << 20) + 100), (true, 5 << 20)] {
        let path = files.pattern("data", 16 << 20);
        let mut command = mman(["cat"]);
        if hex {
            command.arg("--hex");
        }
        let mut child =
            command.arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut head = vec![0; 1000];
        output.read_exact(&mut head).unwrap(); // it is in its first window, and the pipe is full
        OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).unwrap();
        drop(output);
        let ended = child.wait_with_output().unwrap();
        let line = one_line(&ended);
        assert!(
            line.contains(&format!("became shorter while it was written out: {cut} bytes now")),
            "{line}"
        );
        if !hex {
            // What came before the cut is all there. Of the page that holds it, zeros may follow.
            head.extend(rest);
            let len = head.len() as u64;
            assert!((cut..=cut.next_multiple_of(4096)).contains(&len), "{len} bytes of {cut}");
            assert!(head[..cut as usize] == pattern(0, cut));
        }
    }
}

/// However long the file, memory stays the same.
#[test]
fn memory_does_not_grow_with_the_file() {
    let [short, long] = [16, 256].map(peak_of_writing);
    assert!(long < short + 512, "{short} KiB for 16 MiB, {long} KiB for 256 MiB");
    // The program itself, built for tests, is most of it.
    assert!(long < 16 << 10, "{long} KiB");
}

/// The most memory in KiB that the command took while it wrote a file of so many MiB.
fn peak_of_writing(mebibytes: u64) -> u64 {
    let files = Files::new();
    let path = files.path("sparse");
    std::fs::File::create(&path).unwrap().set_len(mebibytes << 20).unwrap();
    let mut child = mman(["cat"]).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut piece = vec![0; 1 << 20];
    for _ in 1..mebibytes {
        output.read_exact(&mut piece).unwrap(); // the last megabyte keeps it alive
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib = peak.trim().trim_end_matches(" kB").parse().unwrap();
    output.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
    kib
}

#[test]
fn standard_output_may_be_a_file() {
    let files = Files::new();
    let path = files.pattern("data", 100_000);
    let copy = files.path("copy");
    let mut head = std::fs::File::create(&copy).unwrap();
    head.write_all(b"head").unwrap();
    let status = mman(["cat"]).arg(&path).stdout(head).status().unwrap();
    assert!(status.success());
    let all = std::fs::read(copy).unwrap();
    assert!(all[..4] == *b"head" && all[4..] == pattern(0, 100_000));
}
