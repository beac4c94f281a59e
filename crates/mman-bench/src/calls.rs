//! `calls`: what one call costs, through this library, its kernel seam, rustix and the C library.
//!
//! A contender makes calls in short batches, and the contenders take turns after every batch, so that what
//! disturbs the machine disturbs all of them.

use crate::failure::Result;
use crate::file::{Fill, Sample};
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, digits, ratio, spread};
use mman::{Anonymous, FileObject, Hint, MapOptions, Mapping, Protection};
use mman_sys::{Advice, MapFlags, OpenFlags};
use rustix::mm;
use std::ffi::CString;
use std::fs::File;
use std::hint::black_box;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::ptr::null_mut;
use std::time::Instant;

const ROUNDS: usize = 21;
const BATCHES: usize = 200;
const CALLS: usize = 500;
const PAGE: usize = 4096;

/// Makes the same call so many times.
type Batch<'a> = Box<dyn FnMut(usize) + 'a>;

struct Contender<'a> {
    name: &'static str,
    batch: Batch<'a>,
}

/// A contender that makes the call in a loop of its own: nothing but the call is in the loop.
fn contender<'a>(name: &'static str, mut call: impl FnMut(usize) + 'a) -> Contender<'a> {
    Contender { name, batch: Box::new(move |count| (0..count).for_each(&mut call)) }
}

const OURS: &str = "mman";
const SEAM: &str = "mman-sys";
const RUSTIX: &str = "rustix";
const LIBC: &str = "libc";

pub fn run() -> Result<()> {
    let rounds =
        format!("{ROUNDS} rounds of {BATCHES} batches of {CALLS} calls for each contender");
    println!("{}", machine::header("calls", &rounds));
    let head = ["call", "by", "ns", "p10 - p90", "of rustix", "of libc"];
    let mut table = Table::new(2, head);
    let sample = Sample::new(PAGE as u64)?;
    let file = File::open(sample.path())?;
    let object = FileObject::new(&file)?;
    measure(&mut table, "map + unmap, anonymous, 4 KiB", map_anonymous())?;
    measure(&mut table, "map + unmap, file, 4 KiB, length asked", map_file_of_its_length(&object))?;
    measure(&mut table, "map + unmap, file, 4 KiB, peers know it", map_file(&object))?;
    sample.warm(Fill::Sequential)?;
    measure(&mut table, "open + map + touch + unmap + close, 4 KiB", whole(sample.path()))?;
    let mut page = touched_page()?;
    measure(&mut table, "protect, a touched page", protect(&mut page))?;
    measure(&mut table, "advise NORMAL, a touched page", advise_normal(&page))?;
    measure(&mut table, "advise WILLNEED, a touched page", advise_will_need(&page))?;
    println!("{table}");
    println!(
        "`mman` asks for the length of a file in every `map`; \"length asked\" lets the peers do so too \
         (`fstat`), \"peers know it\" does not. Ratios are medians of the ratios of single rounds."
    );
    Ok(())
}

/// Adds the rows of one call: each round's value is the median of its batches.
fn measure(table: &mut Table, call: &str, mut contenders: Vec<Contender>) -> Result<()> {
    for contender in &mut contenders {
        (contender.batch)(CALLS);
    }
    let mut rounds: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        let batches = interleave(BATCHES, &mut contenders, |contender| {
            let begin = Instant::now();
            (contender.batch)(black_box(CALLS));
            Ok(begin.elapsed().as_secs_f64() * 1e9 / CALLS as f64)
        })?;
        for (place, batches) in batches.into_iter().enumerate() {
            rounds[place].push(Samples::new(batches).median());
        }
    }
    let samples: Vec<Samples> = rounds.into_iter().map(Samples::new).collect();
    let of = |name| contenders.iter().position(|one| one.name == name).map(|place| &samples[place]);
    let (rustix, libc) = (of(RUSTIX).ok_or("no rustix")?, of(LIBC).ok_or("no libc")?);
    for (contender, samples) in contenders.iter().zip(&samples) {
        table.row([
            call.to_owned(),
            contender.name.to_owned(),
            digits(samples.median()),
            spread(samples, digits),
            ratio(&samples.ratio_to(rustix)),
            ratio(&samples.ratio_to(libc)),
        ]);
    }
    Ok(())
}

fn map_anonymous<'a>() -> Vec<Contender<'a>> {
    vec![
        contender(OURS, |_| {
            let options = MapOptions::private().read_write();
            drop(black_box(options.map(&Anonymous::new(PAGE)).expect("memory")));
        }),
        contender(SEAM, |_| {
            let prot = Protection::READ | Protection::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
            // SAFETY: nothing is replaced.
            let page = unsafe { mman_sys::mmap(null_mut(), PAGE, prot, flags, -1, 0) };
            // SAFETY: the page was mapped a line before, for this.
            unsafe { mman_sys::munmap(black_box(page.expect("memory")), PAGE) }.expect("unmap");
        }),
        contender(RUSTIX, |_| {
            let prot = mm::ProtFlags::READ | mm::ProtFlags::WRITE;
            // SAFETY: nothing is replaced.
            let page = unsafe { mm::mmap_anonymous(null_mut(), PAGE, prot, mm::MapFlags::PRIVATE) };
            // SAFETY: the page was mapped a line before, for this.
            unsafe { mm::munmap(black_box(page.expect("memory")), PAGE) }.expect("unmap");
        }),
        contender(LIBC, |_| {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: nothing is replaced.
            let page = unsafe { libc::mmap(null_mut(), PAGE, prot, flags, -1, 0) };
            assert_ne!(page, libc::MAP_FAILED, "memory");
            // SAFETY: the page was mapped a line before, for this.
            assert_eq!(unsafe { libc::munmap(black_box(page), PAGE) }, 0, "unmap");
        }),
    ]
}

#[inline]
fn sys_file(file: &File, len: usize, after: fn(*const u8)) {
    // SAFETY: nothing is replaced, and the file is open.
    let page = unsafe {
        let fd = file.as_raw_fd();
        mman_sys::mmap(null_mut(), len, Protection::READ, MapFlags::SHARED, fd, 0)
    };
    let page = page.expect("map");
    after(page.cast());
    // SAFETY: the page was mapped above, for this.
    unsafe { mman_sys::munmap(page, len) }.expect("unmap");
}

#[inline]
fn rustix_file(file: &File, len: usize, after: fn(*const u8)) {
    let (prot, flags) = (mm::ProtFlags::READ, mm::MapFlags::SHARED);
    // SAFETY: nothing is replaced.
    let page = unsafe { mm::mmap(null_mut(), len, prot, flags, file, 0) };
    let page = page.expect("map");
    after(page.cast());
    // SAFETY: the page was mapped above, for this.
    unsafe { mm::munmap(page, len) }.expect("unmap");
}

fn libc_len(file: &File) -> usize {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the file is open, and the place ours to write.
    assert_eq!(unsafe { libc::fstat(file.as_raw_fd(), stat.as_mut_ptr()) }, 0, "fstat");
    // SAFETY: integers only, which zeros are a value of.
    unsafe { stat.assume_init() }.st_size as usize
}

#[inline]
fn libc_file(file: &File, len: usize, after: fn(*const u8)) {
    let (fd, prot, flags) = (file.as_raw_fd(), libc::PROT_READ, libc::MAP_SHARED);
    // SAFETY: nothing is replaced, and the file is open.
    let page = unsafe { libc::mmap(null_mut(), len, prot, flags, fd, 0) };
    assert_ne!(page, libc::MAP_FAILED, "map");
    after(page.cast());
    // SAFETY: the page was mapped above, for this.
    assert_eq!(unsafe { libc::munmap(page, len) }, 0, "unmap");
}

fn our_file<'a>(object: &'a FileObject<&File>) -> Contender<'a> {
    contender(OURS, |_| drop(black_box(MapOptions::shared().map(object).expect("map"))))
}

fn map_file<'a>(object: &'a FileObject<&File>) -> Vec<Contender<'a>> {
    let file = *object.file();
    vec![
        our_file(object),
        contender(SEAM, move |_| sys_file(file, black_box(PAGE), leave)),
        contender(RUSTIX, move |_| rustix_file(file, black_box(PAGE), leave)),
        contender(LIBC, move |_| libc_file(file, black_box(PAGE), leave)),
    ]
}

fn map_file_of_its_length<'a>(object: &'a FileObject<&File>) -> Vec<Contender<'a>> {
    let file = *object.file();
    vec![
        our_file(object),
        contender(SEAM, move |_| {
            // SAFETY: the file is open.
            let stat = unsafe { mman_sys::fstat(file.as_raw_fd()) }.expect("fstat");
            sys_file(file, stat.st_size as usize, leave);
        }),
        contender(RUSTIX, move |_| {
            let stat = rustix::fs::fstat(file).expect("fstat");
            rustix_file(file, stat.st_size as usize, leave);
        }),
        contender(LIBC, move |_| libc_file(file, libc_len(file), leave)),
    ]
}

/// What a program does that looks into one small file.
fn whole<'a>(path: &'a Path) -> Vec<Contender<'a>> {
    let name = CString::new(path.as_os_str().as_encoded_bytes()).expect("no zero in a path");
    let seam = name.clone();
    vec![
        contender(OURS, move |_| {
            let mapping = FileObject::open(path).and_then(|file| file.map()).expect("map");
            touch(mapping.as_ptr());
        }),
        contender(SEAM, move |_| {
            let flags = OpenFlags::CLOEXEC;
            // SAFETY: the directory is the working directory.
            let fd = unsafe { mman_sys::openat(mman_sys::AT_FDCWD, &seam, flags, 0) };
            // SAFETY: the descriptor was opened a line before, and is nobody else's.
            let file = unsafe { File::from_raw_fd(fd.expect("open")) };
            // SAFETY: the file is open.
            let stat = unsafe { mman_sys::fstat(file.as_raw_fd()) }.expect("fstat");
            sys_file(&file, stat.st_size as usize, touch);
        }),
        contender(RUSTIX, move |_| {
            let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
            let file = File::from(rustix::fs::open(path, flags, 0.into()).expect("open"));
            let stat = rustix::fs::fstat(&file).expect("fstat");
            rustix_file(&file, stat.st_size as usize, touch);
        }),
        contender(LIBC, move |_| {
            // SAFETY: the name ends with a zero.
            let fd = unsafe { libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
            assert!(fd >= 0, "open");
            // SAFETY: the descriptor was opened a line before, and is nobody else's.
            let file = unsafe { File::from_raw_fd(fd) };
            libc_file(&file, libc_len(&file), touch);
        }),
        contender("memmap2", move |_| {
            let file = File::open(path).expect("open");
            // SAFETY: nobody changes the file meanwhile: it is the measurement's own.
            let mapping = unsafe { memmap2::Mmap::map(&file) }.expect("map");
            touch(mapping.as_ptr());
        }),
    ]
}

/// Looks at no byte.
fn leave(start: *const u8) {
    black_box(start);
}

/// Reads the first byte of a mapping, which must not be empty.
fn touch(start: *const u8) {
    // SAFETY: callers have just mapped the byte, of a file that nobody cuts.
    black_box(unsafe { start.read_volatile() });
}

/// A page that was written to, between two pages without access, so that no neighbour is merged with it.
fn touched_page() -> Result<Mapping> {
    let memory = Anonymous::new(3 * PAGE).map()?;
    let (mut below, rest) = memory.split_at(PAGE).map_err(|refused| refused.error)?;
    let (page, mut above) = rest.split_at(PAGE).map_err(|refused| refused.error)?;
    below.protect(.., Protection::NONE)?;
    above.protect(.., Protection::NONE)?;
    page.write_at(0, b"touched")?;
    std::mem::forget((below, above)); // they stay to the end
    Ok(page)
}

/// All contenders change the same page.
fn protect(page: &mut Mapping) -> Vec<Contender<'_>> {
    let start = page.as_mut_ptr().cast();
    vec![
        contender(OURS, move |count| {
            let prot = [Protection::READ, Protection::READ | Protection::WRITE][count % 2];
            page.protect(.., prot).expect("protect");
        }),
        contender(SEAM, move |count| {
            let prot = [Protection::READ, Protection::READ | Protection::WRITE][count % 2];
            // SAFETY: the page is the mapping's, and nobody has a reference into it.
            unsafe { mman_sys::mprotect(start, PAGE, prot) }.expect("protect");
        }),
        contender(RUSTIX, move |count| {
            let both = mm::MprotectFlags::READ | mm::MprotectFlags::WRITE;
            let prot = [mm::MprotectFlags::READ, both][count % 2];
            // SAFETY: as above.
            unsafe { mm::mprotect(start, PAGE, prot) }.expect("protect");
        }),
        contender(LIBC, move |count| {
            let prot = [libc::PROT_READ, libc::PROT_READ | libc::PROT_WRITE][count % 2];
            // SAFETY: as above.
            let answer = unsafe { libc::mprotect(start.cast(), PAGE, prot) };
            assert_eq!(answer, 0, "protect");
        }),
    ]
}

fn advise_normal(page: &Mapping) -> Vec<Contender<'_>> {
    advise(page, Hint::Normal, Advice::NORMAL, mm::Advice::Normal, libc::MADV_NORMAL)
}

fn advise_will_need(page: &Mapping) -> Vec<Contender<'_>> {
    advise(page, Hint::WillNeed, Advice::WILLNEED, mm::Advice::WillNeed, libc::MADV_WILLNEED)
}

fn advise(
    page: &Mapping,
    hint: Hint,
    seam: Advice,
    rustix: mm::Advice,
    libc: libc::c_int,
) -> Vec<Contender<'_>> {
    let start = page.as_ptr().cast_mut().cast();
    vec![
        contender(OURS, move |_| page.advise(.., hint).expect("advise")),
        contender(SEAM, move |_| {
            // SAFETY: the advice destroys no byte.
            unsafe { mman_sys::madvise(start, PAGE, seam) }.expect("advise");
        }),
        contender(RUSTIX, move |_| {
            // SAFETY: as above.
            unsafe { mm::madvise(start, PAGE, rustix) }.expect("advise");
        }),
        contender(LIBC, move |_| {
            // SAFETY: as above.
            assert_eq!(unsafe { libc::madvise(start, PAGE, libc) }, 0, "advise");
        }),
    ]
}
