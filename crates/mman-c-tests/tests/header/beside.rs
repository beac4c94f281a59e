//! Our header alone, and with others before and after it.

use crate::compiler::{self, Compiler, Language, Libc};

/// Feature-test macros, as compiler options.
const FEATURES: &[&[&str]] = &[
    &[],
    &["-D_POSIX_C_SOURCE=200809L"],
    &["-D_XOPEN_SOURCE=700"],
    &["-D_GNU_SOURCE"],
    &["-D_DEFAULT_SOURCE"],
];

/// Fewer of them, for the many arrangements: all names, and as few as possible.
const EXTREMES: &[&[&str]] = &[&["-D_GNU_SOURCE"], &["-D_POSIX_C_SOURCE=200809L"]];

/// Ours, where the folder of our header is searched first.
const OURS: &str = "#include <sys/mman.h>\n";
/// Theirs, where it is not: a header has to be found by searching, to be one of the system.
const THEIRS: &str = OURS;

/// Ours beside theirs.
fn by_path() -> String {
    format!("#include \"{}/sys/mman.h\"\n", compiler::include().display())
}

/// Uses what POSIX promises, and what is there with `_GNU_SOURCE`.
const BODY: &str = r"
extern void *body(mode_t mode, off_t offset, size_t len);
void *body(mode_t mode, off_t offset, size_t len)
{
    int fd = shm_open(0, 0, mode);
    void *at = mmap(0, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);
    if (at == MAP_FAILED || mprotect(at, len, PROT_NONE) || msync(at, len, MS_SYNC | MS_INVALIDATE)
        || mlock(at, len) || munlock(at, len) || mlockall(MCL_CURRENT) || munlockall() || shm_unlink(0)
        || posix_madvise(at, len, POSIX_MADV_WILLNEED) || munmap(at, len))
        return 0;
#ifdef _GNU_SOURCE
    {
        struct cachestat_range range;
        struct cachestat stat;
        ssize_t advised;
        off64_t far = offset;
        range.off = range.len = 0;
        stat.nr_cache = 0;
        advised = process_madvise(fd, 0, stat.nr_cache, MADV_COLD, 0);
        at = mmap64(0, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int) MAP_HUGE_2MB, fd, far);
        at = mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at);
        return advised < 0 || cachestat(0, &range, &stat, 0) || mseal(at, len, 0) || memfd_secret(0)
            || memfd_create(0, MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_1GB) || pkey_set(1, PKEY_DISABLE_WRITE)
            || madvise(at, len, MADV_GUARD_INSTALL) ? at : map_shadow_stack(0, len, SHADOW_STACK_SET_TOKEN);
    }
#else
    return at;
#endif
}
";

/// Checks one source with a compiler's standards and these options.
fn each(
    compiler: &Compiler,
    standards: &[&str],
    features: &[&[&str]],
    more: &[&str],
    source: &str,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for standard in standards {
        for options in features {
            let options = [options, more].concat();
            wrong.extend(compiler.check(standard, &options, source).err());
        }
    }
    wrong
}

/// The oldest and the newest standard.
fn ends(compiler: &Compiler) -> [&'static str; 2] {
    let newest = compiler.standards.iter().rfind(|standard| !standard.starts_with("gnu"));
    [compiler.standards[0], newest.unwrap()]
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} of them fail; the first:\n{}", wrong.len(), wrong[0]);
}

/// Whether the compiler finds these headers.
fn finds(compiler: &Compiler, includes: &str) -> bool {
    compiler.check(compiler.standards[0], &["-w"], &format!("{includes}int a;\n")).is_ok()
}

#[test]
fn alone_and_twice_without_a_warning() {
    let folder = format!("-I{}", compiler::include().display());
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        let more = [folder.as_str()];
        let source = format!("{OURS}{BODY}");
        wrong.extend(each(compiler, &compiler.standards, FEATURES, &more, &source));
        wrong.extend(each(compiler, &ends(compiler), EXTREMES, &more, &format!("{OURS}{source}")));
    }
    report(&wrong);
}

#[test]
fn before_and_after_the_c_librarys_own() {
    let ours = by_path();
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        for source in [format!("{ours}{THEIRS}{BODY}"), format!("{THEIRS}{ours}{BODY}")] {
            wrong.extend(each(compiler, &compiler.standards, FEATURES, &[], &source));
            let large = &["-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-D_LARGEFILE64_SOURCE"];
            wrong.extend(each(compiler, &ends(compiler), &[large], &[], &source));
        }
    }
    report(&wrong);
}

/// What programs include with it. glibc's and the kernel's `fcntl.h` cannot stand together, so each has its turn.
const OTHERS: &[&str] = &[
    "linux/mman.h",
    "linux/memfd.h",
    "asm/mman.h",
    "linux/fcntl.h",
    "fcntl.h",
    "sys/stat.h",
    "sys/types.h",
    "sys/uio.h",
    "sys/syscall.h",
    "unistd.h",
];

#[test]
fn before_and_after_the_kernels_and_others() {
    let ours = by_path();
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        for other in OTHERS {
            let theirs = format!("#include <{other}>\n");
            if !finds(compiler, &theirs) {
                eprintln!("skipped: needs <{other}> for {}", compiler.name);
                continue;
            }
            for source in [format!("{ours}{theirs}{BODY}"), format!("{theirs}{ours}{BODY}")] {
                wrong.extend(each(compiler, &ends(compiler), EXTREMES, &[], &source));
            }
        }
    }
    report(&wrong);
}

#[test]
fn in_any_order_with_the_c_librarys_and_the_kernels() {
    let ours = by_path();
    const KERNEL: &str = "#include <linux/mman.h>\n#include <linux/memfd.h>\n";
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        if !finds(compiler, KERNEL) {
            eprintln!("skipped: needs <linux/mman.h> for {}", compiler.name);
            continue;
        }
        for order in [
            [&ours, KERNEL, THEIRS],
            [&ours, THEIRS, KERNEL],
            [KERNEL, &ours, THEIRS],
            [KERNEL, THEIRS, &ours],
            [THEIRS, KERNEL, &ours],
            [THEIRS, &ours, KERNEL],
        ] {
            wrong.extend(each(
                compiler,
                &ends(compiler),
                EXTREMES,
                &[],
                &format!("{}{BODY}", order.concat()),
            ));
        }
    }
    report(&wrong);
}

#[test]
fn with_the_kernels_of_later_versions() {
    let ours = by_path();
    const KERNEL: &str = "#include <linux/mman.h>\n";
    const HAVE: &str = "#include <asm/unistd.h>\n#ifndef __NR_cachestat\n#error old\n#endif\n";
    let newer = compiler::newer("kernel");
    let mut wrong = Vec::new();
    for compiler in compiler::all() {
        if !finds(compiler, KERNEL) {
            eprintln!("skipped: needs <linux/mman.h> for {}", compiler.name);
            continue;
        }
        // Where they are that new already, the tests above have done it.
        let more: &[&str] = if finds(compiler, HAVE) { &[] } else { &["-isystem", &newer] };
        for source in [
            format!("{ours}{BODY}"),
            format!("{ours}{KERNEL}{BODY}"),
            format!("{KERNEL}{ours}{BODY}"),
            format!("{THEIRS}{KERNEL}{ours}{BODY}"),
            format!("{THEIRS}{ours}{KERNEL}{BODY}"),
        ] {
            wrong.extend(each(compiler, &ends(compiler), EXTREMES, more, &source));
        }
    }
    report(&wrong);
}

#[test]
fn with_the_c_librarys_of_later_versions() {
    let ours = by_path();
    let newer = compiler::newer("libc");
    let mut wrong = Vec::new();
    for compiler in compiler::all().iter().filter(|compiler| compiler.libc == Libc::Glibc) {
        let more = ["-isystem", newer.as_str()];
        for source in [format!("{ours}{THEIRS}{BODY}"), format!("{THEIRS}{ours}{BODY}")] {
            wrong.extend(each(compiler, &ends(compiler), FEATURES, &more, &source));
        }
    }
    report(&wrong);
}

/// C++ forgives that a header of the system promises something else, unless it is asked not to.
#[test]
fn it_promises_to_throw_nothing_where_the_c_library_does() {
    let newer = compiler::newer("libc");
    let source = format!("{THEIRS}{}{BODY}", by_path());
    let strict = ["-Wsystem-headers", "-Wno-pedantic", "-Wno-redundant-decls", "-Wno-undef"];
    let cpp = compiler::all().iter().filter(|compiler| compiler.language == Language::Cpp);
    let mut wrong = Vec::new();
    for compiler in cpp {
        for more in [&[][..], &["-isystem", &newer]] {
            // The later version that we have is one of glibc.
            if more.is_empty() || compiler.libc == Libc::Glibc {
                let options = [&strict, more].concat();
                wrong.extend(each(compiler, &["c++17"], &EXTREMES[..1], &options, &source));
            }
        }
    }
    report(&wrong);
}

#[test]
fn another_machine_is_refused_in_one_line() {
    let compiler = compiler::all().iter().find(|compiler| compiler.language == Language::C);
    let Some(compiler) = compiler else {
        eprintln!("skipped: needs a C compiler");
        return;
    };
    let said = compiler.check("gnu17", &["-U__LP64__"], &by_path()).unwrap_err();
    assert!(
        said.contains("the <sys/mman.h> of libmman is for Linux on x86-64 and aarch64"),
        "{said}"
    );
}
