//! Processes: found by number or name, and which of them have a file mapped or open.

mod about;
mod ahead;
mod find;
mod folder;
mod holders;
mod kind;
mod numbers;
mod read;
mod row;
mod state;
mod users;
mod wanted;
mod who;

pub(crate) use about::About;
pub(crate) use find::find;
pub(crate) use folder::Folder;
pub(crate) use holders::{FileId, Held, Holders, Part, Unseen};
pub(crate) use kind::Kind;
pub(crate) use numbers::{Measure, Numbers, sum};
pub(crate) use read::{Detail, Read, forbidden, read};
pub(crate) use row::{Place, Row};
pub(crate) use state::State;
pub(crate) use who::who_has;
