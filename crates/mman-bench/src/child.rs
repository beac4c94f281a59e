//! Children that write to a pipe or to nowhere, and what they cost.

use crate::failure::Result;
use crate::file::sum;
use crate::peak;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where a child's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A pipe of the size that pipes have, which this process reads, a MiB at a time, into one buffer.
    Pipe,
    /// `/dev/null`, which looks at no byte.
    Null,
}

impl Sink {
    pub const ALL: [Self; 2] = [Self::Pipe, Self::Null];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pipe => "pipe",
            Self::Null => "/dev/null",
        }
    }
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds from before the start to after the end.
    pub wall: f64,
    /// Seconds of processor time of the child, its own and the kernel's for it.
    pub cpu: f64,
}

/// What came out of a child, in an untimed run.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub len: u64,
    pub sum: u64,
    pub peak_kib: u64,
}

/// Runs a command and times it.
pub fn run(command: &mut Command, sink: Sink, buffer: &mut [u8]) -> Result<Cost> {
    run_up_to(command, sink, buffer, 0)
}

/// The same for one that may end with exit codes up to this.
pub fn run_up_to(command: &mut Command, sink: Sink, buffer: &mut [u8], most: i32) -> Result<Cost> {
    let begin = Instant::now();
    let mut child = start(command, sink)?;
    if let Some(mut pipe) = child.stdout.take() {
        while pipe.read(buffer)? > 0 {}
    }
    let cpu = wait(&child, most)?;
    Ok(Cost { wall: begin.elapsed().as_secs_f64(), cpu: cpu.as_secs_f64() })
}

/// Runs a command and watches its memory and its output.
pub fn watch(command: &mut Command, sink: Sink, buffer: &mut [u8]) -> Result<Output> {
    let mut child = start(peak::watched(command), sink)?;
    let pipe = child.stdout.take();
    // The child stops before its end with the pipe still open: it is read by another thread.
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| pipe.map_or(Ok((0, 0)), |pipe| total(pipe, buffer)));
        let peak_kib = peak::of(&child);
        wait(&child, 0)?;
        let (len, sum) = reader.join().expect("no panic")?;
        Ok(Output { len, sum, peak_kib: peak_kib? })
    })
}

/// The most memory that a command has at once, in KiB; its output goes nowhere.
pub fn peak_up_to(command: &mut Command, most: i32) -> Result<u64> {
    let child = start(peak::watched(command), Sink::Null)?;
    let peak = peak::of(&child)?;
    wait(&child, most)?;
    Ok(peak)
}

/// How many bytes come out of a pipe, and their sum.
fn total(mut pipe: impl Read, buffer: &mut [u8]) -> std::io::Result<(u64, u64)> {
    let (mut len, mut total) = (0, 0_u64);
    loop {
        match fill(&mut pipe, buffer)? {
            0 => return Ok((len, total)),
            count => {
                len += count as u64;
                total = total.wrapping_add(sum(&buffer[..count]));
            }
        }
    }
}

fn start(command: &mut Command, sink: Sink) -> Result<Child> {
    let output = match sink {
        Sink::Pipe => Stdio::piped(),
        Sink::Null => Stdio::null(),
    };
    command.stdin(Stdio::null()).stdout(output);
    command.spawn().map_err(|error| format!("{command:?}: {error}").into())
}

/// Reads until the buffer is full or the pipe has ended.
fn fill(pipe: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match pipe.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Waits for a child, whose exit code is this at most, and answers its processor time.
fn wait(child: &Child, most: i32) -> Result<Duration> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    let process = libc::pid_t::try_from(child.id())?;
    // SAFETY: both places are ours to write; nobody else waits for this child.
    let ended = unsafe { libc::wait4(process, &raw mut status, 0, usage.as_mut_ptr()) };
    if ended != process {
        return Err(std::io::Error::last_os_error().into());
    }
    if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) > most {
        return Err(format!("the child ended with status {status:#x}").into());
    }
    // SAFETY: integers only, which zeros are a value of.
    let usage = unsafe { usage.assume_init() };
    Ok(duration(usage.ru_utime) + duration(usage.ru_stime))
}

fn duration(time: libc::timeval) -> Duration {
    let micros = time.tv_sec * 1_000_000 + time.tv_usec;
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
