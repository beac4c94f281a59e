//! What a core file says of the signal that made it.

use crate::limits::{self, Resource};
use crate::require;
use std::fs;
use std::path::Path;

/// The signal that killed a process, and where its thread was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// `si_signo`.
    pub signal: i32,
    /// `si_code`.
    pub code: i32,
    /// `si_addr`; of a signal that was sent, the sender in the lower half.
    pub address: u64,
    /// The next instruction.
    pub instruction: u64,
    /// The register of a function's first argument.
    pub argument: u64,
}

const NT_PRSTATUS: u32 = 1;
const NT_SIGINFO: u32 = 0x5349_4749;
const PT_NOTE: u32 = 4;
/// Where the registers begin in a `struct elf_prstatus`, and which of them are of interest.
const REGISTERS: usize = 112;
#[cfg(target_arch = "x86_64")]
const ARGUMENT: usize = 14;
#[cfg(target_arch = "x86_64")]
const INSTRUCTION: usize = 16;
#[cfg(target_arch = "aarch64")]
const ARGUMENT: usize = 0;
#[cfg(target_arch = "aarch64")]
const INSTRUCTION: usize = 32;

/// Lets this process and its children leave core files in a folder, which becomes the working directory: registers
/// only, no memory. `false`, and said so, where the kernel puts cores elsewhere.
///
/// # Panics
///
/// Where the limits cannot be set.
#[must_use]
pub fn allow(folder: &Path) -> bool {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let maximum = rustix::process::getrlimit(Resource::Core).maximum.unwrap_or(u64::MAX);
    let here = pattern.trim() == "core" && maximum > 1 << 20;
    if !require::holds(here, "core files in the working directory") {
        return false;
    }
    std::env::set_current_dir(folder).expect("a working directory");
    limits::set(Resource::Core, maximum.min(1 << 30));
    fs::write("/proc/self/coredump_filter", "0").expect("coredump_filter");
    true
}

/// What the core file of a process says, which is removed; `None` where there is none.
///
/// # Panics
///
/// Where it is no core file.
#[must_use]
pub fn take(folder: &Path) -> Option<Death> {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("it").path());
    let is_core = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"core"))
    };
    let path = entries.into_iter().find(is_core)?;
    let bytes = fs::read(&path).expect("a core file");
    fs::remove_file(path).expect("a core file to remove");
    Some(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Death {
    assert!(bytes.starts_with(b"\x7fELF\x02\x01"), "a file of 64 bits");
    let (table, size) = (word(bytes, 32), usize::from(half(bytes, 54)));
    let headers = (0..usize::from(half(bytes, 56))).map(|index| &bytes[table + index * size..]);
    let notes = headers.filter(|header| int(header, 0) == PT_NOTE).map(|header| {
        let start = word(header, 8);
        &bytes[start..start + word(header, 32)]
    });
    let (mut status, mut told) = (None, None);
    for mut rest in notes {
        while rest.len() >= 12 {
            let (name, len, kind) = (int(rest, 0), int(rest, 4), int(rest, 8));
            let start = 12 + padded(name);
            let content = &rest[start..start + padded(len)];
            match kind {
                NT_PRSTATUS if status.is_none() => status = Some(content), // the thread that died comes first
                NT_SIGINFO if told.is_none() => told = Some(content),
                _ => {}
            }
            rest = &rest[start + padded(len)..];
        }
    }
    let (status, told) = (status.expect("registers"), told.expect("what is told of the signal"));
    let register = |number: usize| word(status, REGISTERS + 8 * number) as u64;
    Death {
        signal: int(told, 0).cast_signed(),
        code: int(told, 8).cast_signed(),
        address: word(told, 16) as u64,
        instruction: register(INSTRUCTION),
        argument: register(ARGUMENT),
    }
}

fn padded(len: u32) -> usize {
    usize::try_from(len).expect("a length").next_multiple_of(4)
}

fn word(bytes: &[u8], at: usize) -> usize {
    usize::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn int(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}
