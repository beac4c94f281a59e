//! The header: it compiles with everything, shows the right names, and agrees with `mman-sys`, the library and the
//! manual page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "test code: all of it may panic, and says on standard error what it leaves out"
)]

#[path = "header/beside.rs"]
mod beside;
#[path = "header/compiler.rs"]
mod compiler;
#[path = "header/manual.rs"]
mod manual;
#[path = "header/names.rs"]
mod names;
#[path = "header/numbers.rs"]
mod numbers;
#[path = "header/source.rs"]
mod source;
#[path = "header/visible.rs"]
mod visible;
