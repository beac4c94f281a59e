//! Telling systemd how it goes. [sd_notify(3)](https://man7.org/linux/man-pages/man3/sd_notify.3.html)

use crate::failure::{Failure, text_of};
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends a message where somebody wants to know. A name that begins with `@` is in the abstract name space.
pub(super) fn tell(message: &str) -> Result<(), Failure> {
    match std::env::var_os("NOTIFY_SOCKET") {
        Some(name) if !name.is_empty() => send(&name, message).map_err(|error| {
            Failure::line(format!("NOTIFY_SOCKET={}: {}", name.display(), text_of(&error)))
        }),
        _ => Ok(()),
    }
}

fn send(name: &OsStr, message: &str) -> std::io::Result<()> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}
