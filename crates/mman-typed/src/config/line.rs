//! A line of a configuration, read without allocating.

use core::fmt;

/// What a pool is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Plain shared memory.
    Shm,
    /// Shared memory of this NUMA node.
    Node(u32),
    /// Huge pages of so many bytes; in this hugetlbfs, or in the first that is mounted.
    Huge {
        /// The size of a page.
        page: u64,
        /// The hugetlbfs.
        path: Option<&'a [u8]>,
    },
    /// An object that is there already.
    Store(&'a [u8]),
    /// A device.
    Dax(&'a [u8]),
}

/// A pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<'a> {
    /// What ports call it.
    pub name: &'a [u8],
    /// What it is made of.
    pub kind: Kind<'a>,
    /// In bytes; 0 for all there is.
    pub size: u64,
    /// The mode of its files.
    pub mode: u32,
    /// Whether what is mapped is given memory at once.
    pub commit: bool,
}

/// Who may map without allocating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocatable {
    /// The owner of the store, and root.
    Owner,
    /// Root.
    Root,
    /// Everybody who may open the port.
    Any,
}

/// A way to a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port<'a> {
    /// What programs open.
    pub name: &'a [u8],
    /// The pool behind it.
    pub pool: &'a [u8],
    /// Whether it may be opened for writing.
    pub writes: bool,
    /// Who may map through it without allocating.
    pub allocatable: Allocatable,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Line<'a> {
    /// Nothing: it is empty, or a comment.
    Nothing,
    /// Where tables and stores are.
    Directory(&'a [u8]),
    /// Whether the built-in pools count too.
    Defaults(bool),
    /// A pool.
    Pool(Pool<'a>),
    /// A port.
    Port(Port<'a>),
}

/// What is wrong with a line of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong {
    /// It does not begin with `pool`, `port`, `directory` or `defaults`.
    Word,
    /// A pool or a port without a name, or with one that cannot be.
    Name,
    /// A word that is not known here, has no value, or is one of another kind of pool.
    Key,
    /// A value that cannot be.
    Value,
    /// The kind of the pool is missing, or none of those that there are.
    Kind,
    /// It is no line: the whole file cannot be read.
    File,
    /// Something that this kind of pool must have: `size`, `page`, `node` or `path`; or the `pool` of a port.
    Missing,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Word => "it begins with none of pool, port, directory, defaults",
            Self::Name => "there is no name, or one that cannot be",
            Self::File => "it cannot be read",
            Self::Key => "a word of it is not known, or is none of such a pool",
            Self::Value => "a value of it cannot be",
            Self::Kind => "the kind of the pool is none of shm, node, huge, store, dax",
            Self::Missing => "something is missing: size, page, node, path, or the pool of a port",
        })
    }
}

/// The longest name.
const LONGEST: usize = 128;

/// The smallest size of a pool, and of a page.
const SMALLEST: u64 = 4096;

/// The next word of a line, and the rest.
fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    line.split_at_checked(end).unwrap_or((line, &[]))
}

/// The words of a line.
fn words(mut line: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (first, rest) = word(line);
        line = rest;
        (!first.is_empty()).then_some(first)
    })
}

/// `KEY=VALUE`.
fn pair(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|byte| *byte == b'=')?;
    let (key, value) = word.split_at_checked(at)?;
    let value = value.strip_prefix(b"=").filter(|value| !value.is_empty())?;
    Some((key, value))
}

/// A number in a base.
fn number(digits: &[u8], base: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        number.checked_mul(base.into())?.checked_add(digit.into())
    })
}

/// A number of bytes: `4096`, `64M`.
pub(super) fn bytes(text: &[u8]) -> Option<u64> {
    let (last, digits) = text.split_last()?;
    let shift = match last.to_ascii_uppercase() {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        b'T' => 40,
        _ => return number(text, 10),
    };
    number(digits, 10)?.checked_mul(1 << shift)
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

fn is_path(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && path.len() <= 255
}

/// Reads a line.
pub(crate) fn parse(line: &[u8]) -> Result<Line<'_>, Wrong> {
    let end = line.iter().position(|byte| *byte == b'#').unwrap_or(line.len());
    let line = line.get(..end).unwrap_or(line);
    let (first, rest) = word(line);
    match first {
        b"" => Ok(Line::Nothing),
        b"directory" => {
            let (path, more) = word(rest);
            let is_whole = word(more).0.is_empty();
            if is_whole && is_path(path) { Ok(Line::Directory(path)) } else { Err(Wrong::Value) }
        }
        b"defaults" => yes_or_no(rest.trim_ascii()).map(Line::Defaults).ok_or(Wrong::Value),
        b"pool" => pool(rest).map(Line::Pool),
        b"port" => port(rest).map(Line::Port),
        _ => Err(Wrong::Word),
    }
}

/// What the words of a pool have said so far.
#[derive(Default)]
struct Said<'a> {
    kind: &'a [u8],
    size: Option<u64>,
    page: Option<u64>,
    node: Option<u32>,
    path: Option<&'a [u8]>,
    mode: Option<u32>,
    commit: bool,
}

fn pool(line: &[u8]) -> Result<Pool<'_>, Wrong> {
    let (name, rest) = word(line);
    if !is_name(name) || name.contains(&b'/') {
        return Err(Wrong::Name);
    }
    let mut said = Said::default();
    for each in words(rest) {
        let (key, value) = pair(each).ok_or(Wrong::Key)?;
        match key {
            b"kind" => said.kind = value,
            b"size" => said.size = Some(bytes(value).filter(|size| *size > 0).ok_or(Wrong::Value)?),
            b"page" => said.page = Some(bytes(value).filter(is_page).ok_or(Wrong::Value)?),
            b"node" => said.node = Some(small(value, 10).ok_or(Wrong::Value)?),
            b"mode" => said.mode = Some(small(value, 8).filter(is_mode).ok_or(Wrong::Value)?),
            b"commit" => said.commit = yes_or_no(value).ok_or(Wrong::Value)?,
            b"path" if is_path(value) => said.path = Some(value),
            b"path" => return Err(Wrong::Value),
            _ => return Err(Wrong::Key),
        }
    }
    let kind = match said.kind {
        b"shm" => Kind::Shm,
        b"node" => Kind::Node(said.node.ok_or(Wrong::Missing)?),
        b"huge" => Kind::Huge { page: said.page.ok_or(Wrong::Missing)?, path: said.path },
        b"store" => Kind::Store(said.path.ok_or(Wrong::Missing)?),
        b"dax" => Kind::Dax(said.path.ok_or(Wrong::Missing)?),
        _ => return Err(Wrong::Kind),
    };
    let takes = match kind {
        Kind::Shm => [false, false, false],
        Kind::Node(_) => [true, false, false],
        Kind::Huge { .. } => [false, true, true],
        Kind::Store(_) | Kind::Dax(_) => [false, false, true],
    };
    let has = [said.node.is_some(), said.page.is_some(), said.path.is_some()];
    if has.iter().zip(takes).any(|(has, takes)| *has && !takes) {
        return Err(Wrong::Key);
    }
    let has_its_own = matches!(kind, Kind::Store(_) | Kind::Dax(_));
    if said.size.is_none() && !has_its_own {
        return Err(Wrong::Missing);
    }
    let unit = if let Kind::Huge { page, .. } = kind { page } else { SMALLEST };
    if said.size.is_some_and(|size| size < unit) {
        return Err(Wrong::Value);
    }
    let (size, mode) = (said.size.unwrap_or(0), said.mode.unwrap_or(0o600));
    Ok(Pool { name, kind, size, mode, commit: said.commit })
}

fn small(digits: &[u8], base: u32) -> Option<u32> {
    u32::try_from(number(digits, base)?).ok()
}

fn is_page(page: &u64) -> bool {
    page.is_power_of_two() && *page >= SMALLEST
}

fn yes_or_no(value: &[u8]) -> Option<bool> {
    match value {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

fn is_mode(mode: &u32) -> bool {
    *mode & !0o666 == 0 && *mode & 0o600 == 0o600
}

fn port(line: &[u8]) -> Result<Port<'_>, Wrong> {
    let (name, rest) = word(line);
    let is_whole = name.len() > 1 && name.last() != Some(&b'/');
    if !is_name(name) || name.first() != Some(&b'/') || !is_whole {
        return Err(Wrong::Name);
    }
    let mut found = Port { name, pool: &[], writes: true, allocatable: Allocatable::Owner };
    for each in words(rest) {
        let (key, value) = pair(each).ok_or(Wrong::Key)?;
        match (key, value) {
            (b"pool", pool) if is_name(pool) => found.pool = pool,
            (b"access", b"rw") => found.writes = true,
            (b"access", b"r") => found.writes = false,
            (b"allocatable", b"owner") => found.allocatable = Allocatable::Owner,
            (b"allocatable", b"root") => found.allocatable = Allocatable::Root,
            (b"allocatable", b"any") => found.allocatable = Allocatable::Any,
            (b"pool" | b"access" | b"allocatable", _) => return Err(Wrong::Value),
            _ => return Err(Wrong::Key),
        }
    }
    if found.pool.is_empty() { Err(Wrong::Missing) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code: it may panic")]

    use super::*;

    #[test]
    fn good_lines_say_what_they_say() {
        assert_eq!(parse(b"  # nothing"), Ok(Line::Nothing));
        assert_eq!(parse(b"directory /a/b # there"), Ok(Line::Directory(b"/a/b")));
        assert_eq!(parse(b"defaults no"), Ok(Line::Defaults(false)));
        let pool =
            Pool { name: b"a-1", kind: Kind::Shm, size: 64 << 20, mode: 0o600, commit: false };
        assert_eq!(parse(b"pool a-1 kind=shm size=64M"), Ok(Line::Pool(pool)));
        let kind = Kind::Huge { page: 2 << 20, path: Some(b"/h") };
        let pool = Pool { name: b"h", kind, size: 1 << 30, mode: 0o660, commit: true };
        let line = b"\tpool  h commit=yes mode=0660 path=/h page=2M size=1g kind=huge";
        assert_eq!(parse(line), Ok(Line::Pool(pool)));
        let line = b"pool n kind=node node=3 size=4096";
        assert!(matches!(parse(line), Ok(Line::Pool(Pool { kind: Kind::Node(3), .. }))));
        let line = b"pool d kind=dax path=/dev/dax0.0";
        assert!(matches!(parse(line), Ok(Line::Pool(Pool { kind: Kind::Dax(_), size: 0, .. }))));
        let port =
            Port { name: b"/x/y", pool: b"a", writes: false, allocatable: Allocatable::Root };
        assert_eq!(parse(b"port /x/y pool=a access=r allocatable=root"), Ok(Line::Port(port)));
    }

    #[test]
    fn bad_lines_are_told_apart() {
        for (line, wrong) in [
            ("pol a kind=shm size=1", Wrong::Word),
            ("pool", Wrong::Name),
            ("pool a/b kind=shm size=1", Wrong::Name),
            ("pool ä kind=shm size=1", Wrong::Name),
            ("pool a kind=shm size=0", Wrong::Value),
            ("pool a kind=shm size=-1", Wrong::Value),
            ("pool a kind=shm size=99999999999T", Wrong::Value),
            ("pool a kind=shm size=99999999999999999999", Wrong::Value),
            ("pool a kind=shm size=M", Wrong::Value),
            ("pool a kind=shm mode=0777 size=1", Wrong::Value),
            ("pool a kind=shm mode=8 size=1", Wrong::Value),
            ("pool a kind=shm commit=maybe size=1", Wrong::Value),
            ("pool a kind=shm", Wrong::Missing),
            ("pool a kind=huge size=1", Wrong::Missing),
            ("pool a kind=huge size=1 page=3000", Wrong::Value),
            ("pool a kind=shm size=4095", Wrong::Value),
            ("pool a kind=store path=/a size=4095", Wrong::Value),
            ("pool a kind=huge page=2M size=1M", Wrong::Value),
            ("pool a kind=shm node=3 size=4096", Wrong::Key),
            ("pool a kind=shm page=2M size=4M", Wrong::Key),
            ("pool a kind=shm path=/a size=4096", Wrong::Key),
            ("pool a kind=node node=0 path=/a size=4096", Wrong::Key),
            ("pool a kind=huge page=2M size=4M node=0", Wrong::Key),
            ("pool a kind=store path=/a page=2M", Wrong::Key),
            ("pool a kind=dax path=/a node=0", Wrong::Key),
            ("pool a kind=ram size=1", Wrong::Kind),
            ("pool a size=1", Wrong::Kind),
            ("pool a kind=store path=relative", Wrong::Value),
            ("pool a kind", Wrong::Key),
            ("pool a colour=red", Wrong::Key),
            ("port a pool=b", Wrong::Name),
            ("port /a/ pool=b", Wrong::Name),
            ("port /a", Wrong::Missing),
            ("port /a pool=b access=w", Wrong::Value),
            ("port /a pool=b what=ever", Wrong::Key),
            ("directory relative", Wrong::Value),
            ("directory /a /b", Wrong::Value),
            ("defaults maybe", Wrong::Value),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(wrong), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _what = parse(&line);
        }
    }
}
