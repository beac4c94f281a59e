//! Memory for what was just allocated, so that a lack of it is an error now and no signal later.

use super::KIND;
use crate::area::Area;
use crate::error::{Operation, Result};
use crate::object::blocks;
use crate::pages::typed::pieces;
use std::os::fd::BorrowedFd;

/// Gives memory to each piece of new pages. Where that fails, they are to be unmapped, which gives back what was given.
pub(crate) fn commit(operation: Operation, fd: BorrowedFd<'_>, area: &Area) -> Result<()> {
    for piece in pieces(operation, area, 0..area.len())? {
        blocks::commit(operation, fd, KIND, piece)?;
    }
    Ok(())
}
