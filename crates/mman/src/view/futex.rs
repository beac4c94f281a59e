//! Waiting on a word of shared memory until another process changes it and says so.
#![expect(unsafe_code, reason = "names a word of mapped memory to the kernel")]
