//! Pools of typed memory, as they are configured.

use super::Finding;
use crate::output::terminal::shown;
use mman::Errno;
use mman::inspect::typed::{Configuration, Pool, configuration};

/// Looks at the configuration, and whether tables of its pools are damaged.
pub(super) fn look() -> Finding {
    let (state, meaning) = match configuration() {
        Err(error) => ("?".to_owned(), format!("the configuration cannot be read: {error}")),
        Ok(found) => {
            let names: Vec<&str> = found.ports.iter().map(|port| port.name.as_str()).collect();
            let files: Vec<String> =
                found.files.iter().map(|file| shown(file.as_os_str())).collect();
            let of = match files.is_empty() {
                true => "built in, nothing is configured".to_owned(),
                false => format!("of {}", files.join(", ")),
            };
            let wrong = match found.remarks.len() {
                0 => String::new(),
                1 => "; 1 line counts for nothing: see mman typed".to_owned(),
                lines => format!("; {lines} lines count for nothing: see mman typed"),
            };
            let damaged = damaged(&found);
            (found.ports.len().to_string(), format!("{}: {of}{wrong}{damaged}", some(&names)))
        }
    };
    Finding { name: "ports of typed memory", state, meaning }
}

/// The pools whose tables are damaged, by name.
fn damaged(found: &Configuration) -> String {
    let mut pools: Vec<&Pool> = Vec::new();
    for pool in found.ports.iter().filter_map(|port| port.pool.as_ref()) {
        if !pools.iter().any(|there| there.name == pool.name) {
            pools.push(pool);
        }
    }
    let is_damaged =
        |pool: &&Pool| pool.look().is_err_and(|error| error.errno() == Some(Errno::EIO));
    pools.retain(is_damaged);
    let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => format!("; pool {name} is damaged: see mman typed"),
        names => format!("; pools {} are damaged: see mman typed", some(names)),
    }
}

/// The first names.
fn some(names: &[&str]) -> String {
    const MOST: usize = 5;
    match names {
        [] => "none".to_owned(),
        names if names.len() > MOST => {
            format!("{}, ...", names.get(..MOST).unwrap_or_default().join(", "))
        }
        names => names.join(", "),
    }
}
