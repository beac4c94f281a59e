//! `shm_open` and `shm_unlink`: files of `/dev/shm`, by POSIX's rules for names.
#![expect(unsafe_code, reason = "exports C functions, and reads their strings")]

use crate::errno::{number, status};
use crate::name::is_readable;
use core::ffi::{CStr, c_char, c_int, c_uint};
use mman_sys as sys;
use mman_sys::{AT_FDCWD, Errno, OpenFlags};

/// Where shared memory objects are. [shm_overview(7)](https://man7.org/linux/man-pages/man7/shm_overview.7.html)
const DIRECTORY: &[u8] = b"/dev/shm/";
/// The longest name of a file, without its zero (`NAME_MAX`, `linux/limits.h`).
const NAME_MAX: usize = 255;
const PATH_SIZE: usize = DIRECTORY.len() + NAME_MAX + 1;

/// The longest path that the kernel reads, with its zero (`PATH_MAX`, `linux/limits.h`).
const PATH_MAX: usize = 4096;

/// Why a name is none.
enum BadName {
    /// It is empty, or has a slash inside.
    Shape,
    /// It is longer than a name may be.
    TooLong,
    /// It cannot be read.
    Fault,
}

/// The path of an object.
struct ObjectPath {
    /// S1: begins with the directory; a zero stands after the name, and none before.
    bytes: [u8; PATH_SIZE],
}

impl ObjectPath {
    /// Reads a name: leading slashes do not count, and others are not allowed.
    ///
    /// # Safety
    ///
    /// `name` ends with a zero, or cannot be read at all.
    unsafe fn of(name: *const c_char) -> Result<Self, BadName> {
        // SAFETY: the caller's promise.
        if !unsafe { is_readable(name) } {
            return Err(BadName::Fault);
        }
        let mut bytes = [0; PATH_SIZE];
        let mut path = bytes.iter_mut();
        // The shorter one first: `zip` takes from its first before it looks at its second.
        for (byte, place) in DIRECTORY.iter().zip(path.by_ref()) {
            *place = *byte;
        }
        // The last place is for the zero.
        let mut places = path.take(NAME_MAX);
        let mut inside = false;
        let mut too_long = false;
        for at in 0..PATH_MAX {
            // SAFETY: the kernel read as far, and the loop ends at the zero.
            match unsafe { name.cast::<u8>().wrapping_add(at).read() } {
                0 if too_long => return Err(BadName::TooLong),
                0 if !inside => return Err(BadName::Shape),
                0 => return Ok(Self { bytes }), // S1: what follows is still zero
                b'/' if inside => return Err(BadName::Shape),
                b'/' => {}
                byte => {
                    inside = true;
                    match places.next() {
                        Some(place) => *place = byte,
                        None => too_long = true,
                    }
                }
            }
        }
        Err(BadName::TooLong)
    }

    /// Whether it is the directory itself, or the one above.
    fn is_dots(&self) -> bool {
        let name = self.bytes.get(DIRECTORY.len()..).unwrap_or_default();
        name.starts_with(b".\0") || name.starts_with(b"..\0")
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"") // S1: there is a zero
    }
}

/// Opens or makes a shared memory object. [shm_open(3)](https://man7.org/linux/man-pages/man3/shm_open.3.html)
///
/// The descriptor is closed by exec, and the last component is not followed where it is a symbolic link. It is
/// no cancellation point, as POSIX wants it: the call is made here and not in the C library.
///
/// # Safety
///
/// That of C: `name` ends with a zero, or cannot be read at all (`EFAULT`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_open(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    let path = match unsafe { ObjectPath::of(name) } {
        // They are directories and no objects, also where the kernel would open them.
        Ok(path) if path.is_dots() => return number(Err(Errno::EINVAL)),
        Ok(path) => path,
        Err(BadName::Shape) => return number(Err(Errno::EINVAL)),
        Err(BadName::TooLong) => return number(Err(Errno::ENAMETOOLONG)),
        Err(BadName::Fault) => return number(Err(Errno::EFAULT)),
    };
    let flags =
        OpenFlags::from_bits(flags.cast_unsigned()) | OpenFlags::NOFOLLOW | OpenFlags::CLOEXEC;
    // SAFETY: the path is absolute, so no descriptor is used.
    let opened = unsafe { sys::openat(AT_FDCWD, path.as_c_str(), flags, mode) };
    number(match opened {
        // Somebody made a directory there: it is no object.
        Err(Errno::EISDIR) => Err(Errno::EINVAL),
        other => other,
    })
}

/// Removes the name of an object, which lives on until its last user lets it go.
/// [shm_unlink(3)](https://man7.org/linux/man-pages/man3/shm_open.3.html)
///
/// # Safety
///
/// That of [`shm_open`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    let path = match unsafe { ObjectPath::of(name) } {
        Ok(path) => path,
        Err(BadName::Shape) => return status(Err(Errno::ENOENT)),
        Err(BadName::TooLong) => return status(Err(Errno::ENAMETOOLONG)),
        Err(BadName::Fault) => return status(Err(Errno::EFAULT)),
    };
    // SAFETY: the path is absolute, so no descriptor is used.
    let removed = unsafe { sys::unlinkat(AT_FDCWD, path.as_c_str(), 0) };
    status(match removed {
        // The directory is sticky: POSIX has one error for what may not be done.
        Err(Errno::EPERM) => Err(Errno::EACCES),
        other => other,
    })
}
