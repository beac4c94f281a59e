//! Whether fs-verity keeps the bytes of a file: asked of the kernel, and believed of file systems of its own.
#![expect(
    unsafe_code,
    reason = "asks by ioctl for the digest of a file, which rustix does not wrap"
)]

use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};
use std::os::fd::{AsRawFd, BorrowedFd};

/// `f_type` of the file systems that have fs-verity (`linux/magic.h`; that of btrfs: `linux/btrfs.h`). Others pass on
/// what a server or a layer below says.
const BELIEVED: [u64; 3] = [0xef53, 0xf2f5_2010, 0x9123_683e];

/// What the kernel says of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// `f_type` of its file system.
    pub(super) system: u64,
    /// The attributes that are set, and those that the file system knows.
    pub(super) attributes: StatxAttributes,
    pub(super) known: StatxAttributes,
    /// Whether it has a digest.
    pub(super) measured: bool,
}

impl Seen {
    /// Looks at an open file; what cannot be asked proves nothing.
    pub(super) fn of(fd: BorrowedFd<'_>) -> Option<Self> {
        let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::empty()).ok()?;
        let attributes = stat.stx_attributes;
        if !attributes.contains(StatxAttributes::VERITY) {
            return None; // nearly every file
        }
        let system = rustix::fs::fstatfs(fd).ok()?.f_type;
        // SAFETY: the descriptor is borrowed, so open.
        let measured = unsafe { mman_sys::measure_verity(fd.as_raw_fd()) }.is_ok();
        Some(Self {
            system: u64::try_from(system).ok()?,
            attributes,
            known: stat.stx_attributes_mask,
            measured,
        })
    }

    /// Whether nobody can write to the file or shorten it, for good: the kernel refuses to open it for writing,
    /// refused to switch verity on while somebody had it open so, and has no way to switch it off.
    pub(super) fn proves(self) -> bool {
        let verity = StatxAttributes::VERITY;
        BELIEVED.contains(&self.system)
            && self.attributes.contains(verity)
            && self.known.contains(verity)
            && self.measured
    }
}

/// What is seen of a file with verity on: for tests, where it cannot be switched on.
#[cfg(test)]
pub(super) const ON: Seen = Seen {
    system: 0xef53,
    attributes: StatxAttributes::VERITY,
    known: StatxAttributes::VERITY,
    measured: true,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_word_proves_nothing() {
        assert!(ON.proves());
        const FUSE: u64 = 0x6573_5546;
        const OVERLAY: u64 = 0x794c_7630;
        for seen in [
            Seen { system: FUSE, ..ON },
            Seen { system: OVERLAY, ..ON },
            Seen { attributes: StatxAttributes::IMMUTABLE, ..ON },
            Seen { known: StatxAttributes::empty(), ..ON },
            Seen { measured: false, ..ON },
        ] {
            assert!(!seen.proves(), "{seen:?}");
        }
    }

    #[test]
    fn a_file_without_it_is_not_asked_further() {
        use std::os::fd::AsFd;
        let file = std::fs::File::open("Cargo.toml").unwrap();
        assert!(Seen::of(file.as_fd()).is_none());
    }
}
