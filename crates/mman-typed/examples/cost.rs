//! What allocating and releasing costs, beside anonymous memory: `cargo run --release -p mman-typed --example cost`.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement: it may panic, prints, and maps memory of its own"
)]

use mman_sys::{MapFlags, OpenFlags, Prot, mmap, munmap};
use mman_typed::{TypedFlags, map, open, unmap};
use std::ffi::c_void;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::time::Instant;

const RW: Prot = Prot::READ.union(Prot::WRITE);

fn touch(at: *mut c_void, len: usize) {
    for offset in (0..len).step_by(4096) {
        // SAFETY: mapped by the caller, with this length.
        unsafe { at.cast::<u8>().wrapping_add(offset).write_volatile(1) }
    }
}

fn time(rounds: u32, mut each: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..rounds).for_each(|_| each());
    start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
}

fn anonymous(len: usize, touches: bool) {
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
    // SAFETY: the kernel chooses the place.
    let at = unsafe { mmap(null_mut(), len, RW, flags, -1, 0) }.unwrap();
    if touches {
        touch(at, len);
    }
    // SAFETY: mapped above.
    unsafe { munmap(at, len) }.unwrap();
}

fn typed(fd: i32, len: usize, touches: bool) {
    // SAFETY: the kernel chooses the place.
    let at = unsafe { map(null_mut(), len, RW, MapFlags::SHARED, fd, 0) }.unwrap();
    if touches {
        touch(at, len);
    }
    // SAFETY: mapped above.
    unsafe { unmap(at, len) }.unwrap();
}

fn compare(title: &str, any: i32, run: i32) {
    println!("{title}");
    for (len, rounds) in
        [(4096, 20_000), (65_536, 20_000), (1 << 20, 5000), (16 << 20, 2000), (256 << 20, 500)]
    {
        for touches in [false, true] {
            let rounds = if touches {
                (rounds * 4096 / u32::try_from(len).unwrap()).clamp(3, 5000)
            } else {
                rounds
            };
            let (mut plain, mut ours, mut contig) = (f64::MAX, f64::MAX, f64::MAX);
            for _ in 0..5 {
                plain = plain.min(time(rounds, || anonymous(len, touches)));
                ours = ours.min(time(rounds, || typed(any, len, touches)));
                contig = contig.min(time(rounds, || typed(run, len, touches)));
            }
            let kind = if touches { "touched" } else { "mapped " };
            println!(
                "{:>7} KiB {kind}: anonymous {plain:9.2} us, ALLOCATE {ours:9.2} us ({:.2}x), CONTIG {contig:9.2} us ({:.2}x)",
                len / 1024,
                ours / plain,
                contig / plain
            );
        }
    }
}

static CONF: OnceLock<String> = OnceLock::new();

fn main() {
    if let Some(conf) = std::env::args().nth(1) {
        mman_typed::config::use_configuration(conf.as_bytes()).unwrap();
        return hold();
    }
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let conf = directory.path().join("conf");
    let tables = directory.path().display().to_string();
    let lines = "defaults no\npool p kind=shm size=8G\nport /p pool=p\n";
    std::fs::write(&conf, format!("directory {tables}\n{lines}")).unwrap();
    mman_typed::config::use_configuration(conf.to_str().unwrap().as_bytes()).unwrap();
    CONF.set(conf.display().to_string()).unwrap();
    let any = open(b"/p", OpenFlags::RDWR, TypedFlags::ALLOCATE).unwrap();
    let run = open(b"/p", OpenFlags::RDWR, TypedFlags::ALLOCATE_CONTIG).unwrap();
    compare("an empty pool", any, run);
    live(any, run);
}

/// With 100,000 live allocations, in four processes (one has 65,530 mappings at most), and a hole after each.
fn live(any: i32, run: i32) {
    let children: Vec<_> = (0..4).map(|_| start(any)).collect();
    compare("with 100,000 live allocations", any, run);
    for mut child in children {
        drop(child.stdin.take());
        drop(child.wait());
    }
}

/// This program once more, which holds 25,000 allocations until its standard input ends.
fn start(_any: i32) -> Child {
    let program = std::env::current_exe().unwrap();
    let conf = CONF.get().unwrap();
    let mut command = Command::new(program);
    command.arg(conf).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0_u8; 1]).unwrap();
    child
}

fn hold() {
    let fd = open(b"/p", OpenFlags::RDWR, TypedFlags::ALLOCATE).unwrap();
    let allocate = || {
        // SAFETY: the kernel chooses the place.
        unsafe { map(null_mut(), 4096, RW, MapFlags::SHARED, fd, 0) }.unwrap()
    };
    let all: Vec<_> = (0..25_000).map(|_| (allocate(), allocate())).collect();
    for (_, hole) in all {
        // SAFETY: mapped above.
        unsafe { unmap(hole, 4096) }.unwrap();
    }
    std::io::stdout().write_all(b"x").unwrap();
    std::io::stdout().flush().unwrap();
    drop(std::io::stdin().read(&mut [0_u8; 1]));
}
