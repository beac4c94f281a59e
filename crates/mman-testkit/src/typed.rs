//! Typed memory: a configuration of a test's own, and processes that hold memory of its pools.

use crate::fork::{self, Forked};
use mman_sys::{MapFlags, OpenFlags, Prot};
use mman_typed::TypedFlags;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::time::Duration;
use tempfile::TempDir;

/// Pools that only this test knows: their configuration and their tables go away with the value.
#[derive(Debug)]
pub struct Pools(TempDir);

impl Pools {
    /// These lines are the configuration, below one for the directory and one that leaves out what is built in.
    ///
    /// # Panics
    ///
    /// Where there is no shared memory.
    #[must_use]
    pub fn new(lines: &str) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").expect("a directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("its mode");
        let tables = directory.path().display();
        let text = format!("directory {tables}\ndefaults no\n{lines}\n");
        fs::write(directory.path().join("conf"), text).expect("the configuration");
        Self(directory)
    }

    /// Where tables, stores and the configuration are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    /// The configuration: for the environment variable `MMAN_TYPED_CONFIG`.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.0.path().join("conf")
    }

    /// Has this process use them. In a child, which does nothing else with typed memory.
    ///
    /// # Panics
    ///
    /// Where the path is too long.
    pub fn use_here(&self) {
        let file = self.file();
        let file = file.as_os_str().as_encoded_bytes();
        mman_typed::config::use_configuration(file).expect("a path");
    }

    /// The table of a pool.
    #[must_use]
    pub fn table(&self, pool: &str) -> PathBuf {
        self.0.path().join(format!("{pool}.table"))
    }

    /// Kills a process that holds memory, and waits until others can see that it is dead: who reads its mappings in `/proc`
    /// meanwhile keeps them, and with them the lock that says that it is alive.
    ///
    /// # Panics
    ///
    /// Where somebody reads them for ever.
    pub fn kill(holder: Forked, is_dead: impl Fn() -> bool) {
        holder.kill();
        for _ in 0..5000 {
            if is_dead() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it is dead, and nobody sees it");
    }

    /// A process that allocates pieces of so many units, gives back those at these places of the list, and waits until it
    /// is killed. In a child of one thread.
    ///
    /// # Panics
    ///
    /// Where it cannot have them.
    #[must_use]
    pub fn hold(&self, port: &str, pieces: &[usize], given_back: &[usize]) -> Forked {
        let (mut ready, mut done) = std::io::pipe().expect("a pipe");
        let holder = fork::start(|| {
            self.use_here();
            allocate(port, pieces, given_back);
            done.write_all(b"x").expect("a reader");
            std::thread::sleep(Duration::from_secs(300));
        });
        drop(done);
        ready.read_exact(&mut [0]).expect("the process holds its memory");
        holder
    }
}

fn allocate(port: &str, pieces: &[usize], given_back: &[usize]) {
    let fd = mman_typed::open(port.as_bytes(), OpenFlags::RDWR, TypedFlags::ALLOCATE);
    let fd = fd.expect("a port");
    let unit = mman_typed::info(fd).expect("a pool").unit;
    let unit = usize::try_from(unit).expect("a size");
    let prot = Prot::READ | Prot::WRITE;
    let mut all = Vec::new();
    for units in pieces {
        let len = units * unit;
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let at = unsafe { mman_typed::map(null_mut(), len, prot, MapFlags::SHARED, fd, 0) };
        all.push((at.expect("memory of the pool"), len));
    }
    for place in given_back {
        let (at, len) = all[*place];
        // SAFETY: mapped above, and nobody has a reference into it.
        unsafe { mman_typed::unmap(at, len) }.expect("given back");
    }
}
