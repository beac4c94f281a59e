//! `maps` and `who`: the command against reading `smaps` alone, `pmap -X`, `lsof` and `fuser`.

use crate::child::{self, Cost, Sink};
use crate::failure::Result;
use crate::machine;
use crate::measure::{Samples, interleave};
use crate::table::{Table, mebibytes, ratio, spread, time};
use mman::{Anonymous, MapOptions, Mapping, Protection};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const ROUNDS: usize = 15;
const MAPPINGS: usize = 10_000;

/// A program that tells of mappings.
struct Contender {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Contender {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

/// What the measurement runs as a child: many mappings with memory, held until nobody reads what it says.
pub fn hold() -> Result<()> {
    let page = mman::PageSize::base().bytes();
    let options = MapOptions::private().read_write();
    let hold = |place: usize| -> Result<Mapping> {
        // Neighbours that differ stay apart.
        let right = if place.is_multiple_of(2) {
            Protection::READ | Protection::WRITE
        } else {
            Protection::READ
        };
        let mut mapping = options.map(&Anonymous::new((1 + place % 3) * page))?;
        mapping.write_at(0, &[1])?;
        Ok(mapping.protect(.., right).map(|()| mapping)?)
    };
    let held: Result<Vec<Mapping>> = (0..MAPPINGS).map(hold).collect();
    let held = held?;
    println!("{}", held.len());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}

/// What the measurement runs as a child: reading all of smaps, and nothing with it.
pub fn read_smaps(pid: &str) -> Result<()> {
    let mut file = File::open(format!("/proc/{pid}/smaps"))?;
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => total += count,
        }
    }
    println!("{total}");
    Ok(())
}

struct Holder(Child);

impl Holder {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("maps-hold").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = Self(command.spawn()?);
        let mut line = String::new();
        BufReader::new(holder.0.stdout.take().ok_or("its output")?).read_line(&mut line)?;
        if line.trim().parse() == Ok(MAPPINGS) { Ok(holder) } else { Err("no mappings".into()) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        eprintln!("skipped: needs {name}");
    }
    found
}

fn peer(all: &mut Vec<Contender>, name: &'static str, program: &str, arguments: &[&str]) {
    if let Some(program) = on_path(program) {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        all.push(Contender { name, program, arguments });
    }
}

pub fn run() -> Result<()> {
    println!("{}", machine::header("maps", &format!("{ROUNDS} rounds, {MAPPINGS} mappings")));
    let bench = std::env::current_exe()?;
    let mman = bench.with_file_name("mman");
    if !mman.exists() {
        return Err("no `mman` beside this program (build it: `cargo build --release`)".into());
    }
    let holder = Holder::start()?;
    let pid = holder.0.id().to_string();
    let mut table =
        Table::new(2, ["about", "program", "wall", "p10 - p90", "against mman", "CPU", "peak MiB"]);
    let ours = |name, arguments: &[&str]| Contender {
        name,
        program: mman.clone(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
    };
    let mut all = vec![ours("mman maps", &["maps", &pid])];
    let arguments = vec!["read-smaps".to_owned(), pid.clone()];
    all.push(Contender { name: "reading smaps", program: bench, arguments });
    all.push(ours("mman maps --by file", &["maps", &pid, "--by", "file"]));
    all.push(ours("mman maps --json", &["maps", &pid, "--json"]));
    peer(&mut all, "pmap -X", "pmap", &["-X", &pid]);
    rows(&mut table, "10,000 mappings", &mut all)?;
    drop(holder);
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let library = maps.split_whitespace().find(|word| word.contains("/libc.so"));
    if let Some(library) = library {
        let mut all = vec![ours("mman who", &["who", library])];
        peer(&mut all, "lsof", "lsof", &[library]);
        peer(&mut all, "fuser", "fuser", &[library]);
        rows(&mut table, "who has the C library", &mut all)?;
    }
    println!("{table}");
    println!(
        "\"against mman\": the time of this program divided by that of the first, as the median of the ratios \
         of single rounds. All write to /dev/null."
    );
    Ok(())
}

fn rows(table: &mut Table, about: &str, all: &mut [Contender]) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    let costs = interleave(ROUNDS, all, |one| {
        child::run(one.command().stderr(Stdio::null()), Sink::Null, &mut buffer)
    })?;
    let of = |which: fn(&Cost) -> f64| -> Vec<Samples> {
        costs.iter().map(|runs| Samples::new(runs.iter().map(which))).collect()
    };
    let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
    for (place, one) in all.iter().enumerate() {
        let mut command = one.command();
        // It starts others, and their ends stop it.
        let peak = if one.name == "lsof" {
            "-".to_owned()
        } else {
            let output = child::watch(command.stderr(Stdio::null()), Sink::Null, &mut buffer)?;
            mebibytes(output.peak_kib)
        };
        table.row([
            about.to_owned(),
            one.name.to_owned(),
            time(wall[place].median()),
            spread(&wall[place], time),
            ratio(&wall[place].ratio_to(&wall[0])),
            time(cpu[place].median()),
            peak,
        ]);
    }
    Ok(())
}
