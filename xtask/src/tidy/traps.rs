//! Where the system is entered: only the kernel seam traps, and only listed files use assembly.

use crate::finding::Finding;
use crate::rust_file::{Place, RustFile};

/// The kernel seam.
const SEAM: &str = "crates/mman-sys/src/linux/";

/// The one call that a cancelled thread is unwound out of: no Rust frame may lie between it and its caller.
const CANCELLATION_POINT: &str = "crates/mman-c/src/cancel_";

/// Instructions that trap into the kernel.
const TRAPS: &[&str] = &["syscall", "sysenter", "svc", "int 0x80", "int $0x80", "ecall"];

const ASM: &[&str] = &["asm", "naked_asm", "global_asm"];

pub(super) fn check(file: &RustFile, may_use_assembly: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let may_trap = [SEAM, CANCELLATION_POINT].iter().any(|place| file.path.starts_with(place));
    if file.place == Place::Elsewhere || may_trap {
        return found;
    }
    let tokens = &file.tokens;
    for at in 0..tokens.len() {
        let line = tokens.line(at);
        let mut find = |message: &str| found.push(Finding::new(&file.path, line, message));
        if tokens.names_crate(at, "syscalls") {
            find("a system call outside the kernel seam: give mman-sys a function for it");
        }
        if tokens.names_crate(at, "libc") && !may_use_libc(file, line) {
            find("libc outside tests: use mman-sys for memory, rustix for plain file work");
        }
        if ASM.contains(&tokens.text(at)) && tokens.text(at + 1) == "!" {
            let traps = tokens
                .inside(at + 2)
                .iter()
                .any(|token| token.literal && TRAPS.iter().any(|trap| token.text.contains(trap)));
            if traps {
                find("a trap instruction outside the kernel seam: give mman-sys a function for it");
            } else if !may_use_assembly && is_published_code(file, line) {
                find("assembly in a file that xtask/src/tidy/unsafe_files.txt does not name");
            }
        }
    }
    found
}

fn may_use_libc(file: &RustFile, line: usize) -> bool {
    file.package == "mman-bench" || file.is_test(line)
}

fn is_published_code(file: &RustFile, line: usize) -> bool {
    !matches!(file.package.as_str(), "mman-bench" | "mman-testkit") && !file.is_test(line)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rust_file::RustFile;

    fn count(path: &str, listed: bool, text: &str) -> usize {
        check(&RustFile::new(path, text), listed).len()
    }

    const CALL: &str = "fn a() { syscalls::syscall!(B) }\n";
    const TRAP: &str = "fn a() { core::arch::asm!(\"mov rax, 1\", \"syscall\") }\n";
    const COPY: &str = "fn a() { core::arch::asm!(\"rep movsb\") }\n";
    const LIBC: &str = "fn a() { libc::abort() }\n";

    #[test]
    fn the_seam_may_trap() {
        assert_eq!(count("crates/mman-sys/src/linux/map.rs", true, CALL), 0);
        assert_eq!(count("crates/mman-sys/src/linux/syscall.rs", true, TRAP), 0);
    }

    #[test]
    fn nobody_else_may() {
        assert_eq!(count("crates/mman-sys/src/lib.rs", true, CALL), 1);
        assert_eq!(count("crates/mman/src/a.rs", true, TRAP), 1);
        assert_eq!(count("crates/mman/tests/a.rs", false, CALL), 1);
        assert_eq!(count("crates/mman/src/a.rs", true, LIBC), 1);
        assert_eq!(count("crates/mman-testkit/src/a.rs", true, LIBC), 1);
    }

    #[test]
    fn assembly_needs_a_line_in_the_list() {
        assert_eq!(count("crates/mman/src/view/copy.rs", true, COPY), 0);
        assert_eq!(count("crates/mman/src/view/copy.rs", false, COPY), 1);
    }

    #[test]
    fn tests_and_measurements_may_use_libc() {
        assert_eq!(count("crates/mman/tests/a.rs", false, LIBC), 0);
        assert_eq!(count("crates/mman-bench/src/a.rs", false, LIBC), 0);
        assert_eq!(count("crates/mman/src/a.rs", false, "// libc::abort()\nfn a() {}\n"), 0);
    }
}
