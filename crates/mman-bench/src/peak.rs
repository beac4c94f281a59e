//! The peak of memory of a process, read in the moment before it ends.
//!
//! `wait4` would tell it too, but counts the memory of the parent at the moment of the fork for the child's.

use crate::failure::Result;
use std::fs;
use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::ptr::null_mut;

/// Makes a command stop for [`of`] when it has started.
pub fn watched(command: &mut Command) -> &mut Command {
    let traced = || match trace(libc::PTRACE_TRACEME, 0, 0) {
        Ok(()) => Ok(()),
        Err(error) => Err(error),
    };
    // SAFETY: after the fork the closure makes one system call, and allocates nothing.
    unsafe { command.pre_exec(traced) }
}

/// Lets a child that was started [`watched`] run, and answers the most memory that it had at once, in KiB. It
/// is about to end then, and is still to be waited for.
pub fn of(child: &Child) -> Result<u64> {
    let process = libc::pid_t::try_from(child.id())?;
    stopped(process)?;
    trace(libc::PTRACE_SETOPTIONS, process, libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_EXITKILL)?;
    trace(libc::PTRACE_CONT, process, 0)?;
    stopped(process)?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    trace(libc::PTRACE_CONT, process, 0)?;
    high_water(&status).ok_or_else(|| "the process had ended".into())
}

fn trace(request: libc::c_uint, process: libc::pid_t, data: libc::c_int) -> Result<(), Error> {
    let data = libc::c_long::from(data);
    // SAFETY: none of these requests reads or writes memory of this process.
    match unsafe { libc::ptrace(request, process, null_mut::<libc::c_void>(), data) } {
        -1 => Err(Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Waits until a traced process stops.
fn stopped(process: libc::pid_t) -> Result<()> {
    let mut status = 0;
    // SAFETY: the status is ours to write.
    let answer = unsafe { libc::waitpid(process, &raw mut status, 0) };
    match (answer == process, libc::WIFSTOPPED(status)) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("the child ended with status {status:#x}").into()),
        (false, _) => Err(Error::last_os_error().into()),
    }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_and_a_zombie_has_none() {
        let status = "Name:\tcat\nVmPeak:\t    9000 kB\nVmHWM:\t    1234 kB\nVmRSS:\t  900 kB\n";
        assert_eq!(high_water(status), Some(1234));
        assert_eq!(high_water("Name:\tcat\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn a_short_child_is_caught_before_it_ends() {
        let mut child = watched(&mut Command::new("true")).spawn().unwrap();
        assert!(of(&child).unwrap() > 100);
        assert!(child.wait().unwrap().success());
    }
}
