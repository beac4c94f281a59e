//! Running the command in a terminal: a pseudo-terminal of a width, whose other end is read.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "test code")]

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A pseudo-terminal, of which a command has the one end.
pub(crate) struct Terminal {
    ours: File,
    theirs: File,
}

impl Terminal {
    pub(crate) fn new(columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let name = name.into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).unwrap();
        Self { ours: File::from(ours), theirs }
    }

    /// Starts a command in the terminal: output and errors go there; nothing is typed.
    pub(crate) fn spawn(self, command: &mut Command) -> (Child, Output) {
        let end = || OwnedFd::from(self.theirs.try_clone().unwrap());
        command.env("TERM", "xterm").env_remove("COLUMNS");
        command.stdin(Stdio::null()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        // The command holds descriptors of its own: the end of the output is seen when they are gone too.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        (child, Output(self.ours))
    }
}

/// What comes out of the terminal.
pub(crate) struct Output(File);

impl Output {
    /// All of it until the command has ended, with plain line ends.
    pub(crate) fn read(mut self) -> String {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        // A terminal whose other end is closed answers EIO.
        while let Ok(count @ 1..) = self.0.read(&mut piece) {
            bytes.extend_from_slice(&piece[..count]);
        }
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }
}

/// Runs a command in a terminal of so many columns; what stood there in the end, escape sequences included.
pub(crate) fn in_terminal(command: &mut Command, columns: u16) -> (String, ExitStatus) {
    let (mut child, output) = Terminal::new(columns).spawn(command);
    let text = output.read();
    (text, child.wait().unwrap())
}

/// The text without escape sequences.
pub(crate) fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\x1b' {
            let _sequence = letters.by_ref().find(|letter| letter.is_ascii_alphabetic());
        } else {
            plain.push(letter);
        }
    }
    plain
}
