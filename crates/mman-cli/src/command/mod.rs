//! The commands, one file each.

pub(crate) mod cat;
pub(crate) mod doctor;
pub(crate) mod log;
pub(crate) mod overview;
