//! Pools of typed memory, as they are configured.

use super::Finding;
use crate::output::terminal::shown;
use mman::inspect::typed::configuration;

/// Looks at the configuration; not at the pools.
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
            (found.ports.len().to_string(), format!("{}: {of}{wrong}", some(&names)))
        }
    };
    Finding { name: "ports of typed memory", state, meaning }
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
