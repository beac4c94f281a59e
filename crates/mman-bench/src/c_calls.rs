//! `c-calls`: what a call of `libmman` costs, against the same function of the host's C library.
//!
//! Both libraries are loaded into this process and called through pointers that `dlsym` gave. They take turns
//! after every short batch, so that what disturbs the machine disturbs both.

use crate::failure::Result;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, digits, spread};
use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_void};
use std::hint::black_box;
use std::mem::transmute_copy;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::null_mut;
use std::sync::mpsc;
use std::time::Instant;

const ROUNDS: usize = 21;
const BATCHES: usize = 200;
const CALLS: usize = 200;
const PAGE: usize = 4096;

/// The functions of a library.
#[derive(Clone, Copy)]
struct Face {
    mmap: unsafe extern "C" fn(*mut c_void, usize, c_int, c_int, c_int, i64) -> *mut c_void,
    munmap: unsafe extern "C" fn(*mut c_void, usize) -> c_int,
    mprotect: unsafe extern "C" fn(*mut c_void, usize, c_int) -> c_int,
    msync: unsafe extern "C" fn(*mut c_void, usize, c_int) -> c_int,
    mlock: unsafe extern "C" fn(*const c_void, usize) -> c_int,
    munlock: unsafe extern "C" fn(*const c_void, usize) -> c_int,
    madvise: unsafe extern "C" fn(*mut c_void, usize, c_int) -> c_int,
    posix_madvise: unsafe extern "C" fn(*mut c_void, usize, c_int) -> c_int,
    mincore: unsafe extern "C" fn(*mut c_void, usize, *mut c_uchar) -> c_int,
    mremap: unsafe extern "C" fn(*mut c_void, usize, usize, c_int, ...) -> *mut c_void,
    shm_open: unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int,
    shm_unlink: unsafe extern "C" fn(*const c_char) -> c_int,
    memfd_create: unsafe extern "C" fn(*const c_char, c_uint) -> c_int,
}

/// A loaded library, until the process ends.
struct Loaded(*mut c_void);

impl Loaded {
    fn open(path: &Path) -> Result<Self> {
        let name = CString::new(path.as_os_str().as_encoded_bytes())?;
        // SAFETY: the name ends with a zero; neither library runs code when it is loaded.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            Err(format!("{} is not loaded", path.display()).into())
        } else {
            Ok(Self(handle))
        }
    }

    /// The function of this name.
    ///
    /// # Safety
    ///
    /// `F` is its type, a pointer to a function.
    unsafe fn find<F>(&self, name: &CStr) -> Result<F> {
        // SAFETY: the library stays loaded, and the name ends with a zero.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if found.is_null() {
            return Err(format!("no {}", name.to_string_lossy()).into());
        }
        // SAFETY: a pointer to a function, which the caller knows the type of.
        Ok(unsafe { transmute_copy(&found) })
    }

    fn face(&self) -> Result<Face> {
        // SAFETY: these are the types that <sys/mman.h> declares.
        unsafe {
            Ok(Face {
                mmap: self.find(c"mmap")?,
                munmap: self.find(c"munmap")?,
                mprotect: self.find(c"mprotect")?,
                msync: self.find(c"msync")?,
                mlock: self.find(c"mlock")?,
                munlock: self.find(c"munlock")?,
                madvise: self.find(c"madvise")?,
                posix_madvise: self.find(c"posix_madvise")?,
                mincore: self.find(c"mincore")?,
                mremap: self.find(c"mremap")?,
                shm_open: self.find(c"shm_open")?,
                shm_unlink: self.find(c"shm_unlink")?,
                memfd_create: self.find(c"memfd_create")?,
            })
        }
    }
}

/// `libmman.so`, built as its users build it.
fn build() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    // target/release/mman-bench
    let target = exe.ancestors().nth(2).ok_or("no target folder")?.join("libmman");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--package", "mman-c", "--profile", "c"]);
    command.arg("--target-dir").arg(&target).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !command.status()?.success() {
        return Err("libmman cannot be built".into());
    }
    Ok(target.join("c/libmman.so"))
}

pub fn run() -> Result<()> {
    let ours = Loaded::open(&build()?)?.face()?;
    let host = Loaded::open(Path::new("libc.so.6"))?.face()?;
    let rounds = format!("{ROUNDS} rounds of {BATCHES} batches of {CALLS} calls for each library");
    println!("{}", machine::header("c-calls", &rounds));
    let head = ["call", "libmman, ns", "p10 - p90", "libc, ns", "p10 - p90", "ratio", "p10 - p90"];
    let mut table = Table::new(1, head);
    let mut bench = Bench { table: &mut table, faces: [ours, host] };
    let page = page(&host)?;
    // Threads change what glibc's msync does, for good: first without.
    bench.row("msync ASYNC, one thread so far", msync(page))?;
    for (name, call) in calls(page) {
        bench.row(name, call)?;
    }
    // It sleeps until this end hangs up.
    let (hang_up, waits) = mpsc::channel::<()>();
    let sleeper = std::thread::spawn(move || waits.recv());
    bench.row("msync ASYNC, two threads", msync(page))?;
    drop(hang_up);
    let hung_up = sleeper.join().is_ok_and(|end| end.is_err());
    assert!(hung_up, "the other thread slept to the end");
    println!("{table}");
    println!(
        "A ratio is the median of the ratios of single rounds. The first row is of one thread where no measurement \
         before it, in the same process, has started another."
    );
    Ok(())
}

/// A page that was written to, between two that allow no access, so that no neighbour is merged with it.
fn page(face: &Face) -> Result<*mut c_void> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: nothing is replaced.
    let start = unsafe { (face.mmap)(null_mut(), 3 * PAGE, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err("no memory".into());
    }
    let page = start.cast::<u8>().wrapping_add(PAGE).cast::<c_void>();
    // SAFETY: the page was mapped above, and nobody else knows it.
    let answer = unsafe { (face.mprotect)(page, PAGE, libc::PROT_READ | libc::PROT_WRITE) };
    assert_eq!(answer, 0, "mprotect");
    // SAFETY: it can be written.
    unsafe { page.cast::<u8>().write_volatile(1) };
    Ok(page)
}

/// A call, made through one library or the other. It is told how many came before it in its batch.
type Call = Box<dyn Fn(&Face, usize)>;

struct Bench<'a> {
    table: &'a mut Table,
    /// Ours, and the host's.
    faces: [Face; 2],
}

impl Bench<'_> {
    /// Measures one call: each round's value is the median of its batches.
    fn row(&mut self, name: &str, call: Call) -> Result<()> {
        let mut rounds = [Vec::new(), Vec::new()];
        for face in &self.faces {
            (0..CALLS).for_each(|number| call(face, number));
        }
        for _ in 0..ROUNDS {
            let batches = interleave(BATCHES, &mut self.faces, |face| {
                let begin = Instant::now();
                (0..black_box(CALLS)).for_each(|number| call(face, number));
                Ok(begin.elapsed().as_secs_f64() * 1e9 / CALLS as f64)
            })?;
            for (round, batches) in rounds.iter_mut().zip(batches) {
                round.push(Samples::new(batches).median());
            }
        }
        let [ours, host] = rounds.map(Samples::new);
        let ratio = ours.ratio_to(&host);
        let three = |value: f64| format!("{value:.3}");
        self.table.row([
            name.to_owned(),
            digits(ours.median()),
            spread(&ours, digits),
            digits(host.median()),
            spread(&host, digits),
            three(ratio.median()),
            spread(&ratio, three),
        ]);
        Ok(())
    }
}

fn msync(page: *mut c_void) -> Call {
    Box::new(move |face, _| {
        // SAFETY: no byte is changed.
        assert_eq!(unsafe { (face.msync)(page, PAGE, libc::MS_ASYNC) }, 0);
    })
}

fn calls(page: *mut c_void) -> Vec<(&'static str, Call)> {
    let mut all = mapping(page);
    all.extend(about(page));
    all.extend(objects());
    all
}

/// What changes mappings.
fn mapping(page: *mut c_void) -> Vec<(&'static str, Call)> {
    const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;
    let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    vec![
        (
            "mmap + munmap, anonymous, 4 KiB",
            Box::new(move |face, _| {
                // SAFETY: nothing is replaced.
                let start = unsafe { (face.mmap)(null_mut(), PAGE, READ_WRITE, anonymous, -1, 0) };
                // SAFETY: it was mapped a line before, for this; or it is MAP_FAILED, which is refused.
                assert_eq!(unsafe { (face.munmap)(start, PAGE) }, 0);
            }),
        ),
        (
            "munmap, refused (errno is set)",
            Box::new(move |face, _| {
                // SAFETY: a length of zero is refused.
                assert_eq!(unsafe { (face.munmap)(page, 0) }, -1);
            }),
        ),
        (
            "mprotect, a touched page",
            Box::new(move |face, number| {
                let prot = [libc::PROT_READ, READ_WRITE][number % 2];
                // SAFETY: the page is the measurement's, and nobody has a reference into it.
                assert_eq!(unsafe { (face.mprotect)(page, PAGE, prot) }, 0);
            }),
        ),
        (
            "mmap + mremap to 8 KiB + munmap",
            Box::new(move |face, _| {
                // SAFETY: nothing is replaced.
                let start = unsafe { (face.mmap)(null_mut(), PAGE, READ_WRITE, anonymous, -1, 0) };
                // SAFETY: it was mapped a line before, for this; or it is MAP_FAILED, which is refused.
                let start = unsafe { (face.mremap)(start, PAGE, 2 * PAGE, libc::MREMAP_MAYMOVE) };
                // SAFETY: as above.
                assert_eq!(unsafe { (face.munmap)(start, 2 * PAGE) }, 0);
            }),
        ),
    ]
}

/// What advises, locks and asks.
fn about(page: *mut c_void) -> Vec<(&'static str, Call)> {
    vec![
        (
            "mlock + munlock",
            Box::new(move |face, _| {
                // SAFETY: no byte is changed.
                assert_eq!(unsafe { (face.mlock)(page, PAGE) }, 0);
                // SAFETY: no byte is changed.
                assert_eq!(unsafe { (face.munlock)(page, PAGE) }, 0);
            }),
        ),
        (
            "madvise NORMAL",
            Box::new(move |face, _| {
                // SAFETY: this advice changes no byte.
                assert_eq!(unsafe { (face.madvise)(page, PAGE, libc::MADV_NORMAL) }, 0);
            }),
        ),
        (
            "posix_madvise NORMAL",
            Box::new(move |face, _| {
                // SAFETY: no byte is changed.
                assert_eq!(unsafe { (face.posix_madvise)(page, PAGE, libc::POSIX_MADV_NORMAL) }, 0);
            }),
        ),
        (
            "posix_madvise DONTNEED",
            Box::new(move |face, _| {
                let advice = libc::POSIX_MADV_DONTNEED;
                // SAFETY: no byte is changed, whatever the name says.
                assert_eq!(unsafe { (face.posix_madvise)(page, PAGE, advice) }, 0);
            }),
        ),
        (
            "mincore, one page",
            Box::new(move |face, _| {
                let mut resident = 0;
                // SAFETY: there is a byte for the one page.
                assert_eq!(unsafe { (face.mincore)(page, PAGE, &raw mut resident) }, 0);
            }),
        ),
    ]
}

/// What makes descriptors.
fn objects() -> Vec<(&'static str, Call)> {
    let name = CString::new(format!("/mman-bench-{}", std::process::id())).expect("no zero");
    vec![
        (
            "shm_open + close + shm_unlink",
            Box::new(move |face, _| {
                let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
                // SAFETY: the name ends with a zero.
                let fd = unsafe { (face.shm_open)(name.as_ptr(), flags, 0o600) };
                // SAFETY: it was opened a line before, for this; or it is -1, which is refused.
                assert_eq!(unsafe { libc::close(fd) }, 0);
                // SAFETY: the name ends with a zero.
                assert_eq!(unsafe { (face.shm_unlink)(name.as_ptr()) }, 0);
            }),
        ),
        (
            "memfd_create + close",
            Box::new(move |face, _| {
                // SAFETY: the name ends with a zero.
                let fd = unsafe { (face.memfd_create)(c"bench".as_ptr(), libc::MFD_CLOEXEC) };
                // SAFETY: it was made a line before, for this; or it is -1, which is refused.
                assert_eq!(unsafe { libc::close(fd) }, 0);
            }),
        ),
    ]
}
