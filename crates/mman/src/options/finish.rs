//! What a new mapping is given that `mmap` has no flag for, before anybody touches it.
#![expect(unsafe_code, reason = "makes mappings")]

use crate::area::{Area, Place, Request};
use crate::error::{Operation, Result};
use crate::mapping::fork::{self, OnFork};
use crate::object::{Backing, Described, MemoryObject, typed};
use crate::options::{MapOptions, Plan};
use crate::pages::lock;
use crate::pages::numa::{self, Move, NumaPolicy};
use crate::pages::populate::{self, Populate};
use mman_sys::{Advice, MapFlags, Prot};

/// The steps after `mmap`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) numa: Option<NumaPolicy>,
    pub(crate) on_fork: Option<OnFork>,
    /// A page that cannot be populated is an error.
    pub(crate) checked: bool,
}

impl Steps {
    pub(crate) const NONE: Self = Self { numa: None, on_fork: None, checked: false };
}

impl MapOptions {
    /// Reserves blocks, maps what was planned, and takes the steps.
    ///
    /// # Safety
    ///
    /// With [`Place::Replacing`], the caller owns what is at the address. The plan is for this object.
    pub(crate) unsafe fn make(
        &self,
        operation: Operation,
        object: &impl MemoryObject,
        plan: &Plan<'_>,
        place: Place,
    ) -> Result<Area> {
        let Plan { request, shape, blocks, .. } = plan;
        let shape = *shape;
        blocks.as_ref().map_or(Ok(()), |blocks| blocks.reserve_if_possible(operation))?;
        let Steps { numa, on_fork, checked } = self.steps();
        if self.asks_random_access() {
            say_random(object);
        }
        // Pages come only after the policy is set: what would bring them is done below.
        let later = match (numa, checked) {
            (Some(_), _) => MapFlags::POPULATE | MapFlags::LOCKED,
            (None, true) => MapFlags::POPULATE,
            (None, false) => MapFlags::empty(),
        };
        let wanted = request.flags;
        let first = Request { flags: wanted.without(later), ..*request };
        // SAFETY: the caller's promise; the object keeps its descriptor open.
        let area = unsafe { Area::map(first, place) };
        let mut area = area.map_err(|why| self.refused(operation, object, request, shape, why))?;
        let whole = area.whole();
        if let Some(fd) = plan.committed {
            typed::commit(operation, fd, &area)?;
        }
        if self.asks_random_access() {
            // SAFETY: changes no byte and takes no access.
            let _taken_or_not = unsafe { area.advise_unexplained(whole, Advice::RANDOM) };
        }
        let told = |error: crate::Error| error.counted_from(shape.lead);
        if let Some(policy) = numa {
            numa::bind(&area, whole, policy, Move::Nothing).map_err(told)?;
        }
        if let Some(how) = on_fork {
            fork::on_fork(&mut area, whole, how).map_err(told)?;
        }
        if later.contains(MapFlags::LOCKED) && wanted.contains(MapFlags::LOCKED) {
            lock::lock_new(&area).map_err(told)?;
        }
        if checked || (numa.is_some() && wanted.contains(MapFlags::POPULATE)) {
            match populate::populate(&area, whole, populating(request)) {
                Err(error) if checked => return Err(told(error)),
                _ => {}
            }
        }
        Ok(area)
    }
}

/// Says of the descriptor that its file is read here and there. What has no such thing ignores it.
fn say_random(object: &impl MemoryObject) {
    if let Ok(Described { backing: Backing::Descriptor(fd), .. }) = object.describe() {
        let _taken_or_not = rustix::fs::fadvise(fd, 0, None, rustix::fs::Advice::Random);
    }
}

/// As `MAP_POPULATE` does it: private writable pages become our own, all others are only read.
fn populating(request: &Request) -> Populate {
    let private = request.flags.map_type() == MapFlags::PRIVATE;
    if private && request.prot.contains(Prot::WRITE) {
        Populate::ForWriting
    } else {
        Populate::ForReading
    }
}
