//! `broadcast`: how long a message takes from one process to another, through shared memory and through a pipe.

use crate::failure::Result;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, bytes, spread, time};
use mman::{Broadcast, Received, Receiver, Sender, ShmObject};
use std::io::{Read, Write, stdin, stdout};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 21;
const LENGTHS: [usize; 2] = [32, 4096];
const MESSAGES: u32 = 16;
/// Turns of one sample, and before it.
const TURNS: usize = 2000;
const WARM: usize = 200;
const LONG: Option<Duration> = Some(Duration::from_secs(30));

/// The first is what the others are compared with.
const WAYS: [&str; 3] = ["pipe", "blocking", "spinning"];

pub fn run() -> Result<()> {
    println!("{}", machine::header("broadcast", &format!("{ROUNDS} rounds")));
    for (placed, core) in
        [("where the scheduler puts them", false), ("each on a core of its own", true)]
    {
        if core {
            stay_on(0)?;
        }
        println!("### Two processes, {placed}\n");
        table(core)?;
    }
    println!(
        "Half of the time until a message is back from a process that sends back what it receives.\n"
    );
    Ok(())
}

/// Keeps this process on one core, and so its children until they say otherwise.
fn stay_on(core: usize) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

fn table(apart: bool) -> Result<()> {
    let head = ["length", "way", "one way", "p10 - p90", "to the pipe", "p10 - p90"];
    let mut table = Table::new(2, head);
    for len in LENGTHS {
        let mut ways = WAYS;
        let runs = interleave(ROUNDS, &mut ways, |way| sample(way, len, apart))?;
        let samples: Vec<Samples> = runs.into_iter().map(Samples::new).collect();
        for (way, own) in WAYS.iter().zip(&samples) {
            let ratio = own.ratio_to(&samples[0]);
            table.row([
                bytes(len as u64),
                (*way).to_owned(),
                time(own.median()),
                spread(own, time),
                format!("{:.3}", ratio.median()),
                spread(&ratio, |value| format!("{value:.3}")),
            ]);
        }
    }
    println!("{table}");
    Ok(())
}

/// Seconds for one way of a message.
fn sample(way: &str, len: usize, apart: bool) -> Result<f64> {
    let mut other = if way == "pipe" {
        Other::by_pipe(len, apart)?
    } else {
        Other::by_channels(way, len, apart)?
    };
    let message = vec![7; len];
    let mut back = vec![0; len];
    for _ in 0..WARM {
        other.turn(&message, &mut back)?;
    }
    let begin = Instant::now();
    for _ in 0..TURNS {
        other.turn(&message, &mut back)?;
    }
    let taken = begin.elapsed().as_secs_f64();
    other.end()?;
    Ok(taken / (2 * TURNS) as f64)
}

fn placed(apart: bool) -> &'static str {
    if apart { "apart" } else { "anywhere" }
}

/// The process that sends back.
enum Other {
    Pipe(Child),
    Channels { child: Child, channels: Box<(Sender, Receiver)>, spins: bool },
}

impl Other {
    fn by_pipe(len: usize, apart: bool) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["broadcast-echo", "pipe", &len.to_string(), "", placed(apart)]);
        Ok(Self::Pipe(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?))
    }

    fn by_channels(way: &str, len: usize, apart: bool) -> Result<Self> {
        let name = format!("mman-bench-broadcast-{}", std::process::id());
        let _left_by_another_run = ShmObject::unlink(&name);
        let channel = Broadcast::new(MESSAGES, len as u32);
        let there = ShmObject::create_new(&name, channel.object_len()?)?;
        let sender = channel.create_in(&there)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["broadcast-echo", way, &len.to_string(), &name, placed(apart)]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        // It says that it is ready, and where it sends.
        let mut ready = [0];
        child.stdout.as_mut().ok_or("no output")?.read_exact(&mut ready)?;
        let back = ShmObject::open(format!("{name}-back"))?;
        ShmObject::unlink(&name)?;
        ShmObject::unlink(format!("{name}-back"))?;
        let receiver = Receiver::open(&back)?;
        let channels = Box::new((sender, receiver));
        Ok(Self::Channels { child, channels, spins: way == "spinning" })
    }

    fn turn(&mut self, message: &[u8], back: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Pipe(child) => {
                child.stdin.as_mut().ok_or("no input")?.write_all(message)?;
                child.stdout.as_mut().ok_or("no output")?.read_exact(back)?;
            }
            Self::Channels { channels, spins, .. } => {
                let (sender, receiver) = &mut **channels;
                sender.send(message)?;
                let found =
                    if *spins { receiver.spin(back, LONG) } else { receiver.recv(back, LONG) };
                if !matches!(found?, Received::Message { .. }) {
                    return Err("no message came back".into());
                }
            }
        }
        Ok(())
    }

    fn end(self) -> Result<()> {
        let mut child = match self {
            Self::Pipe(mut child) => {
                drop(child.stdin.take());
                child
            }
            Self::Channels { child, channels, .. } => {
                drop(channels);
                child
            }
        };
        if child.wait()?.success() { Ok(()) } else { Err("the other process failed".into()) }
    }
}

/// The other process: sends back until there is nothing more.
pub fn echo(way: &str, len: usize, name: &str, placed: &str) -> Result<()> {
    if placed == "apart" {
        stay_on(1)?;
    }
    let mut message = vec![0; len];
    let (mut from, mut to) = (stdin().lock(), std::fs::File::from(rustix::io::dup(stdout())?));
    if way == "pipe" {
        // The end of the input is the end.
        while from.read_exact(&mut message).is_ok() {
            to.write_all(&message)?;
        }
        return Ok(());
    }
    let channel = Broadcast::new(MESSAGES, len as u32);
    let back = ShmObject::create_new(format!("{name}-back"), channel.object_len()?)?;
    let mut sender = channel.create_in(&back)?;
    let mut receiver = Receiver::open(&ShmObject::open(name)?)?;
    to.write_all(b".")?;
    loop {
        let found = match way {
            "spinning" => receiver.spin(&mut message, LONG)?,
            _ => receiver.recv(&mut message, LONG)?,
        };
        match found {
            Received::Message { .. } => sender.send(&message)?,
            Received::Closed => return Ok(()),
            other => return Err(format!("{other:?}").into()),
        };
    }
}
