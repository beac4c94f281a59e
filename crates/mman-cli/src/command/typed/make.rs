//! `mman typed --make`: the files of pools, made by who runs it.

use super::{in_its_place, lacking, list, record};
use crate::failure::{Failure, report};
use crate::outcome::Outcome;
use crate::output::Printer;
use mman::inspect::typed::{Pool, Port, Remark, State};
use mman::{Errno, TypedMemory};

/// Makes each pool once, also where several ports are of it. Without names (`is_whole`) those of a file: what is built in is
/// each user's own.
pub(super) fn run(
    printer: &mut Printer,
    ports: &[&Port],
    remarks: &[Remark],
    is_whole: bool,
) -> Result<Outcome, Failure> {
    let is_built_in = |port: &Port| port.place.file.as_os_str().is_empty();
    let mut outcome = Outcome::Done;
    let mut made: Vec<&str> = Vec::new();
    for port in ports.iter().filter(|port| !is_whole || !is_built_in(port)) {
        if made.contains(&port.pool_name.as_str()) {
            continue;
        }
        made.push(&port.pool_name);
        let state = make(port);
        match &state {
            Ok(state) => {
                printer.text(&format!("{state:<9}  {} (pool {})\n", port.name, port.pool_name))?;
            }
            Err(why) => {
                report(&Failure::line(format!("{} (pool {}): {why}", port.name, port.pool_name)));
                outcome = Outcome::False;
            }
        }
        record::made(printer, port, &state)?;
    }
    if is_whole {
        list::remarks(printer, remarks)?;
        record::remarks(printer, remarks)?;
    }
    if made.is_empty() && is_whole {
        printer.text("no file configures a pool; what is built in is each user's own\n")?;
    }
    Ok(outcome)
}

/// Opens a port, which makes what is not there.
fn make(port: &Port) -> Result<&'static str, String> {
    let Some(pool) = &port.pool else { return Err("its pool is not configured".to_owned()) };
    let was_there = matches!(pool.look(), Ok(State::InUse(_)));
    let opened = match port.writes {
        true => TypedMemory::open(&port.name),
        false => TypedMemory::open_read_only(&port.name),
    };
    match opened {
        Ok(_) if was_there => Ok("was there"),
        Ok(_) => Ok("made"),
        Err(error) => Err(why(pool, &error)),
    }
}

fn why(pool: &Pool, error: &mman::Error) -> String {
    match error.errno() {
        Some(Errno::ENODEV) => lacking(pool, error),
        _ => in_its_place(pool, error),
    }
}
