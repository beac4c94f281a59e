//! The commands, one file each.

pub(crate) mod advise;
pub(crate) mod cat;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod evict;
pub(crate) mod generate;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod maps;
pub(crate) mod overview;
pub(crate) mod restore;
pub(crate) mod save;
pub(crate) mod stat;
pub(crate) mod touch;
pub(crate) mod typed;
pub(crate) mod watch;
pub(crate) mod who;
