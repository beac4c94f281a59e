//! Whether a pool that nobody has opened yet could be opened: what it is made of is there, and this process may make its
//! files. Nothing is opened for it, and what cannot be told is taken for yes.

use super::{Kind, Pool};
use mman_sys::Errno;
use mman_typed::{Cause, Failure};
use rustix::fs::{Access, AtFlags, CWD, accessat, statfs};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Huge pages (`linux/magic.h`).
const HUGETLBFS: u64 = 0x9584_58f6;
const NODES: &str = "/sys/devices/system/node";

/// That what it is made of is there, and is what its line says.
pub(super) fn look(pool: &Pool) -> Result<(), Failure> {
    let is_there = match &pool.kind {
        Kind::Shm | Kind::Huge { path: None, .. } => true,
        Kind::Node(node) => is_node(*node),
        Kind::Huge { page, path: Some(path) } => is_hugetlbfs(path, *page).unwrap_or(true),
        Kind::Store(path) => may_open(path)? && !path.is_dir(),
        Kind::Dax(path) => may_open(path)? && is_dax(path).unwrap_or(true),
    };
    let lacks = Failure { errno: Errno::ENODEV, cause: Cause::Lacks };
    if is_there { Ok(()) } else { Err(lacks) }
}

/// Where there are no nodes to be seen, a kernel without them has none.
fn is_node(node: u32) -> bool {
    let is_seen = Path::new("/sys/devices/system").exists();
    !is_seen || Path::new(NODES).join(format!("node{node}")).exists()
}

/// `None` where nobody tells.
fn is_hugetlbfs(path: &Path, page: u64) -> Option<bool> {
    match statfs(path) {
        Ok(told) => {
            let kind = u64::try_from(told.f_type).ok()? & 0xffff_ffff;
            Some(kind == HUGETLBFS && u64::try_from(told.f_bsize) == Ok(page))
        }
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Some(false),
        Err(_) => None,
    }
}

/// Whether an object is there; an error where it is, and may not be opened.
fn may_open(path: &Path) -> Result<bool, Failure> {
    let forbidden = Failure { errno: Errno::EACCES, cause: Cause::Kernel("open") };
    match fs::metadata(path).map_err(|error| error.kind()) {
        Ok(_) if !may(path, Access::READ_OK | Access::WRITE_OK) => Err(forbidden),
        Ok(_) => Ok(true),
        Err(ErrorKind::PermissionDenied) => Err(forbidden),
        Err(kind) => Ok(!matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)),
    }
}

/// Whether a device is one of memory; `None` where nobody tells.
fn is_dax(path: &Path) -> Option<bool> {
    let about = fs::metadata(path).ok()?;
    if !about.file_type().is_char_device() {
        return Some(false);
    }
    let number = about.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let system = format!("/sys/dev/char/{major}:{minor}/subsystem");
    fs::canonicalize(system).ok().map(|system| system.ends_with("dax"))
}

/// Whether this process may make the files of a pool.
pub(super) fn may_be_made(pool: &Pool) -> bool {
    let is_open = |directory: &Path| match directory.exists() {
        true => may(directory, Access::WRITE_OK | Access::EXEC_OK),
        // It is made then.
        false => {
            let parent = directory.parent();
            parent.is_some_and(|parent| may(parent, Access::WRITE_OK | Access::EXEC_OK))
        }
    };
    let tables = pool.directory.as_deref().is_none_or(is_open);
    let store = match &pool.kind {
        Kind::Huge { page, path } => path.clone().or_else(|| hugetlbfs(*page)),
        _ => None,
    };
    tables && store.is_none_or(|store| is_open(&store))
}

/// Where huge pages of this size are mounted: the first place that the process sees.
fn hugetlbfs(page: u64) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut places = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        (kind == "hugetlbfs").then(|| PathBuf::from(place))
    });
    places.find(|place| is_hugetlbfs(place, page) == Some(true))
}

/// With the rights that a call has.
fn may(path: &Path, access: Access) -> bool {
    use rustix::io::Errno;
    let told = accessat(CWD, path, access, AtFlags::EACCESS);
    !matches!(told, Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::NOENT))
}
