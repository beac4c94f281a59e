//! A pool of typed memory in which others hold very much: children, with a hole behind each thing that they hold.

use crate::failure::Result;
use mman_sys::{MapFlags, OpenFlags, Prot};
use mman_typed::{TypedFlags, map, open, unmap};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::ptr::null_mut;

/// The port of the pool that the children hold memory of.
pub const PORT: &[u8] = b"/live";
/// A process has 65,530 mappings at most.
const CHILDREN: usize = 4;
const EACH: usize = 25_000;
pub const ALL: usize = CHILDREN * EACH;
const PAGE: usize = 4096;

/// A child that holds until this is dropped.
pub struct Holder {
    child: Child,
    _until: ChildStdin,
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It holds nothing that is ever looked at.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Starts the children, and waits until they hold.
pub fn start(conf: &Path) -> Result<Vec<Holder>> {
    (0..CHILDREN)
        .map(|_| {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("typed-hold").arg(conf).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn()?;
            let until = child.stdin.take().ok_or("no pipe")?;
            let ready = child.stdout.take().ok_or("no pipe")?.read_exact(&mut [0]);
            let holder = Holder { child, _until: until };
            ready.map(|()| holder).map_err(Into::into)
        })
        .collect()
}

/// What a child does: allocates twice as many, gives back every second, and waits for the end of its standard input.
pub fn hold(conf: &str) -> Result<()> {
    mman_typed::config::use_configuration(conf.as_bytes())?;
    let fd = open(PORT, OpenFlags::RDWR, TypedFlags::ALLOCATE)?;
    let allocate = || {
        // SAFETY: the kernel chooses the place.
        unsafe { map(null_mut(), PAGE, Prot::READ | Prot::WRITE, MapFlags::SHARED, fd, 0) }
    };
    let mut holes = Vec::new();
    for _ in 0..EACH {
        allocate()?;
        holes.push(allocate()?);
    }
    for hole in holes {
        // SAFETY: mapped above, and nobody has a reference into it.
        unsafe { unmap(hole, PAGE) }?;
    }
    std::io::stdout().write_all(b"x")?;
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
