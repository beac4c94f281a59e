//! Where there is no backend: the build stops here, with the reason.
compile_error!(
    "mman-sys speaks to Linux on x86-64 and aarch64 only: its traps are written for those"
);
