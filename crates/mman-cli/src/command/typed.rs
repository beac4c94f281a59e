//! `mman typed`: pools of typed memory, how full they are, and who holds what.

mod holders;
mod list;
mod map;
mod one;
mod record;
mod runs;

use crate::args;
use crate::failure::{Failure, exit_code, report};
use crate::outcome::Outcome;
use crate::output::Printer;
use crate::output::terminal::shown;
use crate::output::units::Units;
use holders::Who;
use mman::Errno;
use mman::inspect::typed::{
    Agreement, Configuration, Kind, Look, Planned, Pool, Port, Repairs, Sizes, State, configuration,
};
use std::process::ExitCode;

/// A pool that was looked at.
enum Seen {
    /// Nobody has opened it yet.
    Unused(Planned),
    InUse(Box<Used>),
    /// What it is made of is not there: what that is.
    Lacking(String),
    /// Why nothing is known.
    Unknown(String),
}

/// One that is in use.
struct Used {
    look: Look,
    sizes: Sizes,
    repairs: Repairs,
    holders: Vec<Who>,
    /// Whether its table agrees with itself, where that was asked.
    agreement: Option<Agreement>,
}

/// A port, and its pool.
struct Line<'told> {
    port: &'told Port,
    seen: &'told Seen,
}

/// Does it.
pub(crate) fn run(args: &args::Typed) -> ExitCode {
    match tell(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => exit_code([Err(failure)]),
    }
}

fn tell(args: &args::Typed) -> Result<Outcome, Failure> {
    let configured = read()?;
    let mut printer = Printer::new(args.output);
    let mut outcome = Outcome::Done;
    let mut ports = Vec::new();
    for name in &args.ports {
        match configured.port(name) {
            Some(port) => ports.push(port),
            None => {
                report(&unknown(name, &configured));
                outcome = Outcome::Error;
            }
        }
    }
    if args.ports.is_empty() {
        ports.extend(&configured.ports);
    }
    // Each pool once, also where several ports are of it.
    let mut pools: Vec<(&Pool, Seen)> = Vec::new();
    for pool in ports.iter().filter_map(|port| port.pool.as_ref()) {
        if !pools.iter().any(|(there, _)| there.name == pool.name) {
            pools.push((pool, look(pool, args.check)));
        }
    }
    let missing = Seen::Lacking("its pool is not configured".to_owned());
    let lines: Vec<Line<'_>> = ports
        .iter()
        .map(|port| {
            let seen = pools.iter().find(|(pool, _)| pool.name == port.pool_name);
            Line { port, seen: seen.map_or(&missing, |(_, seen)| seen) }
        })
        .collect();
    if printer.is_json() {
        record::print(args, &mut printer, &lines, &configured)?;
    } else if args.ports.is_empty() {
        list::print(&mut printer, &lines, &configured)?;
    } else {
        one::print_all(args, &mut printer, &lines)?;
    }
    printer.finish()?;
    Ok(outcome.and(judge(args, &lines)).and(of_configuration(args, &configured)))
}

fn read() -> Result<Configuration, Failure> {
    configuration().map_err(|error| {
        let named = std::env::var_os("MMAN_TYPED_CONFIG").map(|name| shown(&name));
        let named = named.unwrap_or_else(|| "/etc/mman-typed.conf".to_owned());
        Failure::of(&format!("the configuration of typed memory, {named}"), &error)
    })
}

/// Nobody has that name: which there are.
fn unknown(name: &str, configured: &Configuration) -> Failure {
    const MOST: usize = 8;
    let some: Vec<&str> =
        configured.ports.iter().take(MOST).map(|port| port.name.as_str()).collect();
    let more = if configured.ports.len() > MOST { ", ..." } else { "" };
    let there = if some.is_empty() { "none".to_owned() } else { some.join(", ") };
    Failure::line(format!(
        "{name}: no port of typed memory has that name; there are: {there}{more}"
    ))
}

fn look(pool: &Pool, check: bool) -> Seen {
    let look = match pool.look() {
        Ok(State::InUse(look)) => look,
        Ok(State::Unused(planned)) => return Seen::Unused(planned),
        Err(error) => return unseen(pool, &error),
    };
    let agreement = check.then(|| look.agreement()).transpose();
    let agreement = match agreement {
        Ok(agreement) => agreement,
        Err(error) => return unseen(pool, &error),
    };
    let holders = holders::of(&look);
    let (sizes, repairs) = (look.sizes(), look.repairs());
    Seen::InUse(Box::new(Used { look, sizes, repairs, holders, agreement }))
}

/// Why a pool cannot be looked at: what it lacks, by its name.
fn unseen(pool: &Pool, error: &mman::Error) -> Seen {
    if error.errno() != Some(Errno::ENODEV) {
        let is_forbidden = error.errno() == Some(Errno::EACCES);
        let directory = pool.directory.as_ref().filter(|_| is_forbidden);
        let place = directory.map(|place| format!("; its table is in {}", place.display()));
        return Seen::Unknown(format!("{error}{}", place.unwrap_or_default()));
    }
    Seen::Lacking(match &pool.kind {
        Kind::Huge { page, path: None } => {
            format!("no hugetlbfs with pages of {} is mounted", Units::Iec.size(*page))
        }
        Kind::Huge { page, path: Some(path) } => {
            let page = Units::Iec.size(*page);
            format!("there is no hugetlbfs with pages of {page} at {}", path.display())
        }
        Kind::Store(path) | Kind::Dax(path) => {
            format!("there is no {}", path.display())
        }
        _ => error.to_string(),
    })
}

/// Tells on standard error what could not be looked at; the worst of all. What the machine lacks is an error of who asks
/// for it by name.
fn judge(args: &args::Typed, lines: &[Line<'_>]) -> Outcome {
    let mut outcome = Outcome::Done;
    for Line { port, seen } in lines {
        match seen {
            Seen::Lacking(_) if args.ports.is_empty() => {}
            Seen::Lacking(why) | Seen::Unknown(why) => {
                let Port { name, pool_name, .. } = port;
                report(&Failure::line(format!("{name} (pool {pool_name}): {why}")));
                outcome = outcome.and(Outcome::Error);
            }
            Seen::InUse(used) if used.agreement == Some(Agreement::Differs) => {
                outcome = outcome.and(Outcome::False);
            }
            _ => {}
        }
    }
    outcome
}

/// Where everything was asked for, lines that count for nothing count here.
fn of_configuration(args: &args::Typed, configured: &Configuration) -> Outcome {
    let is_whole = configured.remarks.is_empty() || !args.ports.is_empty();
    if is_whole { Outcome::Done } else { Outcome::False }
}

/// What a pool is made of, in a few letters.
fn kind_of(pool: Option<&Pool>) -> String {
    match pool.map(|pool| &pool.kind) {
        None => "?".to_owned(),
        Some(Kind::Node(node)) => format!("node {node}"),
        Some(Kind::Huge { page, .. }) => {
            let (count, letter) = match *page {
                page if page >= 1 << 30 => (page >> 30, 'G'),
                page if page >= 1 << 20 => (page >> 20, 'M'),
                page => (page >> 10, 'K'),
            };
            format!("huge {count}{letter}")
        }
        Some(Kind::Store(_)) => "store".to_owned(),
        Some(Kind::Dax(_)) => "dax".to_owned(),
        Some(_) => "shm".to_owned(),
    }
}

impl Used {
    /// How many bytes somebody has.
    const fn used(&self) -> u64 {
        self.sizes.size.saturating_sub(self.sizes.free)
    }

    /// How many address spaces hold memory of it, that of the dead not counted.
    fn living(&self) -> usize {
        self.holders.iter().filter(|who| who.held.holder.ranges > 0 && !who.is_dead()).count()
    }

    /// How many have ended, and how much they have left.
    fn dead(&self) -> (usize, u64) {
        let dead = self.holders.iter().filter(|who| who.is_dead());
        dead.fold((0, 0), |(count, bytes), who| {
            (count.saturating_add(1), bytes.saturating_add(who.held.holder.bytes))
        })
    }
}
