//! Typed memory in safe Rust: what is mapped is allocated, by whichever operation it is unmapped, replaced, cut or moved it is
//! given back, once; and nobody is given what another still has.
#![forbid(unsafe_code)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod changed;
mod machine;
mod model;
mod object;
mod processes;
mod refused;
mod setup;
