//! `--systemd-unit`: a unit file that runs this very command line.

use crate::args::{self, SizeLimit};
use crate::failure::{Failure, text_of};
use crate::outcome::Outcome;
use crate::range::Asked;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Prints the unit.
pub(super) fn print(args: &args::Lock) -> Result<Outcome, Failure> {
    if args.until.is_some() {
        return Err(Failure::line("--until names a process of now: leave it out of a unit"));
    }
    if args.select.files_from.as_deref().is_some_and(|path| path == Path::new("-")) {
        return Err(Failure::line("--files-from -: a unit has no standard input; name a file"));
    }
    let program = std::env::current_exe();
    let program =
        program.map_err(|error| Failure::line(format!("/proc/self/exe: {}", text_of(&error))))?;
    let text = unit(program.as_os_str(), args)?;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::writing(&error))?;
    Ok(Outcome::Done)
}

fn unit(program: &OsStr, args: &args::Lock) -> Result<String, Failure> {
    let mut paths = Vec::new();
    for path in &args.select.paths {
        paths.push(absolute(path)?);
    }
    if paths.is_empty() && args.select.files_from.is_none() {
        paths.push(absolute(Path::new("."))?);
    }
    let mut line = vec![quoted(program, true), "lock".to_owned()];
    line.extend(flags(args)?);
    if paths.iter().any(|path| path.as_bytes().first() == Some(&b'-')) {
        line.push("--".to_owned());
    }
    line.extend(paths.iter().map(|path| quoted(path, true)));
    let command = line.join(" ");
    let mounts: Vec<String> = paths.iter().map(|path| quoted(path, false)).collect();
    let mounts = match mounts.is_empty() {
        true => String::new(),
        false => format!("RequiresMountsFor={}\n", mounts.join(" ")),
    };
    Ok(format!(
        "[Unit]\n\
         Description=Hold files in memory\n\
         Documentation=man:mman-lock(1)\n\
         {mounts}\n\
         [Service]\n\
         Type=notify\n\
         ExecStart={command}\n\
         LimitMEMLOCK=infinity\n\
         TimeoutStartSec=infinity\n\
         Restart=on-failure\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    ))
}

fn absolute(path: &Path) -> Result<std::ffi::OsString, Failure> {
    let failed = |error| Failure::line(format!("{}: {}", path.display(), text_of(&error)));
    Ok(std::path::absolute(path).map_err(failed)?.into_os_string())
}

/// All flags that were given, but those of this unit alone.
fn flags(args: &args::Lock) -> Result<Vec<String>, Failure> {
    let select = &args.select;
    let mut flags = Vec::new();
    let mut flag = |is_set: bool, name: &str| {
        if is_set {
            flags.push(name.to_owned());
        }
    };
    flag(args.on_fault, "--on-fault");
    flag(args.follow_changes, "--follow-changes");
    flag(select.ignore, "--ignore");
    flag(select.follow, "--follow");
    flag(select.one_file_system, "--one-file-system");
    flag(select.null, "--null");
    flag(args.output.json, "--json");
    flag(args.output.bytes, "--bytes");
    flag(args.output.quiet, "--quiet");
    let mut value = |name: &str, value: &OsStr| {
        let mut word = std::ffi::OsString::from(format!("--{name}="));
        word.push(value);
        flags.push(quoted(&word, true));
    };
    for glob in &select.glob {
        value("glob", OsStr::new(glob));
    }
    for glob in &select.exclude {
        value("exclude", OsStr::new(glob));
    }
    for limit in &select.size {
        let text = match limit {
            SizeLimit::AtLeast(bytes) => format!("+{bytes}"),
            SizeLimit::AtMost(bytes) => format!("-{bytes}"),
            SizeLimit::Exactly(bytes) => bytes.to_string(),
        };
        value("size", OsStr::new(&text));
    }
    if let Some(depth) = select.max_depth {
        value("max-depth", OsStr::new(&depth.to_string()));
    }
    if let Some(threads) = select.threads {
        value("threads", OsStr::new(&threads.to_string()));
    }
    let range = args.range.and_then(|range| match range {
        Asked::Whole => None,
        Asked::Between(start, end) => Some(format!("{start}-{end}")),
        Asked::From(start) => Some(format!("{start}-")),
        Asked::Last(count) => Some(format!("-{count}")),
    });
    if let Some(range) = range {
        value("range", OsStr::new(&range));
    }
    for (name, path) in [("files-from", &select.files_from), ("pidfile", &args.pidfile)] {
        if let Some(path) = path {
            value(name, &absolute(path)?);
        }
    }
    Ok(flags)
}

/// A word as systemd reads it: in quotes where it has to be, with `%` doubled, and in a command line `$` too.
fn quoted(word: &OsStr, is_command: bool) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@".contains(byte);
    let mut text = String::new();
    for byte in word.as_bytes() {
        match byte {
            b'%' => text.push_str("%%"),
            b'$' if is_command => text.push_str("$$"),
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if !word.is_empty() && word.as_bytes().iter().all(plain) {
        return text;
    }
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        let cases: [(&[u8], &str); 6] = [
            (b"/var/lib/db", "/var/lib/db"),
            (b"", "\"\""),
            (b"a b", "\"a b\""),
            (b"50%$x", "\"50%%$$x\""),
            (b"q\"\\", "\"q\\\"\\\\\""),
            (b"\xff\n", "\"\\xff\\x0a\""),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(OsStr::from_bytes(word), true), expected);
        }
        assert_eq!(quoted(OsStr::new("a$"), false), "\"a$\"");
    }
}
