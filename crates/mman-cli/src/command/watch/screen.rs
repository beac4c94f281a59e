//! A terminal as a screen: drawn anew at each look, left as it was found.
//!
//! Some lines of text need no library for terminals: those that are there bring 25 to 50 packages more than the whole
//! command has otherwise, to draw what is drawn here.

use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use std::io::{self, Read, Write};
use std::time::Duration;
use unicode_width::UnicodeWidthChar;

/// A screen of its own, no cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What was pressed, as far as it means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `q`, or the end of input.
    Quit,
    /// Space or return: the next look is due now.
    Look,
}

/// The terminal, as long as it is a screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// How it was; `None` where keys come from somewhere else.
    before: Option<Termios>,
}

impl Screen {
    /// Takes the terminal that standard output is; `None` where it is none.
    pub(super) fn open() -> Option<Self> {
        let output = io::stdout();
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if !isatty(&output) || is_dumb {
            return None;
        }
        let before = keys_at_once();
        let screen = Self { before };
        write(ENTER).ok()?;
        Some(screen)
    }

    /// Columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
    }

    /// Draws lines: those that fit, as far as they fit.
    pub(super) fn show(
        &self,
        page: impl FnOnce(usize, usize) -> Vec<String>,
    ) -> Result<(), Failure> {
        let (columns, lines) = self.size();
        let mut text = String::from("\x1b[H");
        for (at, line) in page(columns, lines).iter().take(lines).enumerate() {
            if at > 0 {
                text.push_str("\r\n");
            }
            text.push_str(cut(line, columns));
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        write(&text).map_err(|error| Failure::writing(&error))
    }

    /// Waits so long for a key.
    pub(super) fn key(&self, wait: Duration) -> Option<Key> {
        let input = io::stdin();
        if self.before.is_none() {
            std::thread::sleep(wait);
            return None;
        }
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(0),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut asked = [PollFd::new(&input, PollFlags::IN)];
        // A signal ends it too: then no key is there.
        if poll(&mut asked, Some(&wait)).unwrap_or(0) == 0 {
            return None;
        }
        let mut bytes = [0; 64];
        match input.lock().read(&mut bytes) {
            Ok(0) | Err(_) => Some(Key::Quit), // the terminal is gone
            Ok(count) => bytes.iter().take(count).find_map(|byte| match byte {
                b'q' | b'Q' => Some(Key::Quit),
                b' ' | b'\r' | b'\n' => Some(Key::Look),
                _ => None,
            }),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _left_or_gone = write(LEAVE);
        if let Some(before) = &self.before {
            let _restored_or_gone = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Keys come when they are pressed and are not shown; Ctrl-C stays a signal. Ctrl-Z does nothing, since the screen would stay.
fn keys_at_once() -> Option<Termios> {
    /// No character does it (`_POSIX_VDISABLE`).
    const NEVER: u8 = 0;
    let input = io::stdin();
    let before = tcgetattr(&input).ok()?;
    let mut raw = before.clone();
    raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    for (index, value) in [
        (SpecialCodeIndex::VMIN, 1),
        (SpecialCodeIndex::VTIME, 0),
        (SpecialCodeIndex::VSUSP, NEVER),
    ] {
        raw.special_codes[index] = value;
    }
    tcsetattr(&input, OptionalActions::Now, &raw).ok()?;
    Some(before)
}

fn write(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// As much of a line as goes into so many columns.
fn cut(line: &str, columns: usize) -> &str {
    let mut width = 0_usize;
    for (at, letter) in line.char_indices() {
        width = width.saturating_add(letter.width().unwrap_or(0));
        if width > columns {
            return line.get(..at).unwrap_or(line);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn lines_are_cut_at_columns_and_not_at_bytes() {
        assert_eq!(cut("a█b", 2), "a█");
        assert_eq!(cut("日本", 3), "日");
        assert_eq!(cut("short", 80), "short");
    }
}
