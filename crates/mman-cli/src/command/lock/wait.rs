//! Waiting for the end: a signal, the end of another process, or the time to look again.

use crate::failure::{Failure, text_of};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody asks for the end.
    Asked,
    /// The process has ended.
    Gone,
    Time,
}

/// What can end a wait.
#[derive(Debug)]
pub(super) struct Waker {
    signals: UnixStream,
    process: Option<OwnedFd>,
}

/// How long until the next look: a second, and so long that looking takes a twentieth of the time at most.
pub(super) fn pause(last: Duration) -> Duration {
    last.saturating_mul(20).max(Duration::from_secs(1))
}

impl Waker {
    pub(super) fn new(until: Option<u32>) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::line(format!("signals: {}", text_of(&error)));
        let (signals, other) = UnixStream::pair().map_err(failed)?;
        for signal in [SIGINT, SIGTERM] {
            let end = other.try_clone().map_err(failed)?;
            signal_hook::low_level::pipe::register(signal, end).map_err(failed)?;
        }
        Ok(Self { signals, process: until.map(open).transpose()? })
    }

    /// Waits, as long as this at most.
    pub(super) fn wait(&self, most: Option<Duration>) -> Result<Event, Failure> {
        let mut watched = vec![PollFd::new(&self.signals, PollFlags::IN)];
        watched.extend(self.process.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let most = most.and_then(|most| Timespec::try_from(most).ok());
        match poll(&mut watched, most.as_ref()) {
            Ok(0) => Ok(Event::Time),
            Ok(_) if watched.first().is_some_and(|first| !first.revents().is_empty()) => {
                Ok(Event::Asked)
            }
            Ok(_) => Ok(Event::Gone),
            // The signal is in the pipe, or the flag is set.
            Err(Errno::INTR) => Ok(Event::Time),
            Err(errno) => Err(Failure::line(format!("poll: {}", text_of(&errno.into())))),
        }
    }
}

fn open(number: u32) -> Result<OwnedFd, Failure> {
    let told = |why: &str| Failure::line(format!("--until {number}: {why}"));
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| told("no process has this number"))?;
    pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
        Errno::SRCH | Errno::INVAL => told("no process has this number"),
        other => told(&text_of(&other.into())),
    })
}
