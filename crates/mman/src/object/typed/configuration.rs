//! Which pools and ports there are.

use super::{KIND, TypedMemory};
use crate::error::{Cause, Error, Operation, Result};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

impl TypedMemory {
    /// Has this process read its pools and ports from one file, in place of those of the machine: for a program that brings
    /// its own, before it opens its first port. What is mapped stays as it is. A port that is open goes on with the ways
    /// of mapping that it was used for; each other one opens its name once more, by the new configuration. If that has no
    /// such name, or it is another pool's there, the call is [`Cause::NotFound`].
    ///
    /// A configuration is lines; a `#` begins a comment:
    ///
    /// ```text
    /// directory /dev/shm/our-pools                  # where the tables, and the stores that are files of ours, are
    /// defaults no                                   # without the built-in pools
    /// pool NAME kind=shm   size=64M  [mode=0660] [commit=yes]  # shared memory
    /// pool NAME kind=node  node=0 size=1G           # shared memory of a NUMA node
    /// pool NAME kind=huge  page=2M size=1G [path=/mnt/huge]    # huge pages; path: a hugetlbfs
    /// pool NAME kind=store path=/proc/123/fd/4      # an object that is there already: a file, a memfd of a process
    /// pool NAME kind=dax   path=/dev/dax0.0         # a device
    /// port /NAME pool=NAME [access=rw|r] [allocatable=owner|root|any]
    /// ```
    ///
    /// Those of the machine are `/etc/mman-typed.conf` and the files of `/etc/mman-typed.d` that end with `.conf`; the
    /// environment variable `MMAN_TYPED_CONFIG`, as the process was started with it, names one in their place, by a path from
    /// `/` on. What is wrong with a line leaves the line out. With `commit=yes` what is mapped is given memory at once, also
    /// for programs in C, and for [`MapOptions::sparse`](crate::MapOptions::sparse).
    ///
    /// ```
    /// use mman::TypedMemory;
    ///
    /// # let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    /// # let directory = directory.path();
    /// let file = directory.join("conf");
    /// let tables = directory.display();
    /// std::fs::write(&file, format!("directory {tables}\npool p kind=shm size=1M\nport /ours pool=p\n"))?;
    /// TypedMemory::use_configuration(&file)?;
    /// assert_eq!(TypedMemory::open("/ours")?.info()?.size, 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::BadName`] for a path of more than 255 bytes, with a zero among them, or not from the root on. Whether there is
    /// such a file is seen when a port is opened ([`Cause::PoolConfiguration`]).
    pub fn use_configuration(path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref().as_os_str().as_bytes();
        mman_typed::config::use_configuration(path)
            .map_err(|errno| Error::kernel(Operation::Open, KIND, errno).because(Cause::BadName))
    }
}
