//! What the kernel tells everybody of a process: `/proc/PID/stat`.

/// How a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// It has ended, all of it, and waits to be waited for.
    pub(crate) is_over: bool,
    /// It is stopped, by a signal or a debugger.
    pub(crate) is_stopped: bool,
    /// It is a thread of the kernel, without memory of its own.
    pub(crate) is_kernel: bool,
}

/// `PF_KTHREAD`.
const KERNEL_THREAD: u32 = 0x0020_0000;

impl State {
    /// `None` where there is no such process, or it is hidden.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&text)
    }

    /// The second field is the name, in parentheses, whatever it holds.
    fn parse(text: &[u8]) -> Option<Self> {
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let rest = str::from_utf8(text.get(end.checked_add(1)?..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        let flags: u32 = fields.nth(5)?.parse().ok()?;
        // The first thread may have ended before the others.
        let threads: u32 = fields.nth(10)?.parse().ok()?;
        let ended = matches!(state, "Z" | "X");
        Some(Self {
            is_over: ended && threads <= 1,
            is_stopped: matches!(state, "T" | "t"),
            is_kernel: flags & KERNEL_THREAD != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_anything() {
        let text = |state: &str, flags: u32, threads: u32| {
            format!("7 (a) R b) {state} 1 7 7 0 -1 {flags} 1 0 0 0 2 3 0 0 20 0 {threads} 0 91 0")
        };
        let parse = |text: String| State::parse(text.as_bytes()).unwrap();
        let plain = State { is_over: false, is_stopped: false, is_kernel: false };
        assert_eq!(parse(text("S", 0, 1)), plain);
        assert_eq!(parse(text("Z", 4, 1)), State { is_over: true, ..plain });
        assert_eq!(parse(text("Z", 4, 2)), plain);
        assert_eq!(parse(text("T", 4, 2)), State { is_stopped: true, ..plain });
        assert!(parse(text("I", 0x0020_8040, 1)).is_kernel);
        assert_eq!(State::parse(b"7 (a"), None);
    }

    #[test]
    fn we_are_neither() {
        let state = State::of(std::process::id()).unwrap();
        assert!(!state.is_over && !state.is_kernel);
    }
}
