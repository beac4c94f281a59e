//! Several ranges of an object one after another: what `remap_file_pages` was for.
#![expect(unsafe_code, reason = "maps what is to come into a reservation")]

use crate::area::{Area, Place, range_error};
use crate::error::{Error, ObjectKind, Operation, Result};
use crate::object::MemoryObject;
use crate::options::{MapOptions, Plan};
use crate::page::RangeError;
use crate::reserve::Reservation;
use core::ops::Range;

impl Reservation {
    /// Puts ranges of an object one after another from byte `at` on, in the order given, and answers where they are. A
    /// range may come more than once. What was there before is dropped. Address, place and range of the options do
    /// not count.
    ///
    /// Ranges are whole pages of the object; the last one may end anywhere, at the end of the object for example.
    ///
    /// This is what [remap_file_pages(2)](https://man7.org/linux/man-pages/man2/remap_file_pages.2.html) was for,
    /// which the kernel emulates in just this way since 4.0. Each range that does not go on where the one before it
    /// ended is a mapping for the kernel.
    ///
    /// Every range is mapped before the first is put in its place: what the object, a limit or a lack of memory refuses
    /// changes nothing. After that only the limit of mappings can stop it, reached by another thread in just that
    /// moment; then the ranges before are in place, and the rest is what it was.
    ///
    /// ```
    /// use mman::{FileObject, MapOptions, Reservation};
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("pages");
    /// # let page = mman::PageSize::base().bytes() as u64;
    /// # std::fs::write(&path, (0..4 * page).map(|at| (at / page) as u8).collect::<Vec<_>>()).unwrap();
    /// let file = FileObject::open(path)?; // page n is full of the number n
    /// let mut window = Reservation::new(1 << 20)?;
    /// let pages = [3 * page..4 * page, 0..page, 3 * page..4 * page];
    /// let bytes = window.place_scattered(0, &MapOptions::shared(), &file, &pages)?;
    /// let mut all = vec![0; bytes.len()];
    /// window.read_at(bytes.start, &mut all)?;
    /// assert_eq!([all[0], all[all.len() / 3], all[all.len() - 1]], [3, 0, 3]);
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`](crate::Cause::Range) where a range is none, is empty or is not whole pages, and where they do
    /// not fit there; else those of [`MapOptions::map`].
    pub fn place_scattered(
        &mut self,
        at: usize,
        options: &MapOptions,
        object: &impl MemoryObject,
        ranges: &[Range<u64>],
    ) -> Result<Range<usize>> {
        let kind = object.kind();
        let mut areas: Vec<(usize, Area)> = Vec::new();
        let mut place = at;
        let mut end = at;
        self.bytes(Operation::Place, &(at..at))?;
        for (index, range) in ranges.iter().enumerate() {
            let options = options.range(range.clone());
            let Some(plan) = options.plan(object)? else {
                return Err(range_error(Operation::Place, kind, RangeError::Empty));
            };
            let Plan { request, shape, .. } = plan;
            let is_last = index.saturating_add(1) == ranges.len();
            let page = request.page;
            let fills = page.offset_in_page(shape.len) == 0 || is_last;
            if shape.lead != 0 || !fills {
                let value = if shape.lead == 0 { range.end } else { range.start };
                return Err(unaligned(kind, value, page.bytes()).on(range.start, shape.len as u64));
            }
            self.room_for(Operation::Place, place, request.len, page)?;
            // SAFETY: nothing is replaced.
            let area = unsafe { options.make(Operation::Place, object, &plan, Place::Anywhere) }?;
            areas.push((place, area));
            end = place.saturating_add(shape.len);
            place = place.saturating_add(request.len); // it fits, so it does not saturate
        }
        for (place, area) in areas {
            let pages = self.room_for(Operation::Place, place, area.len(), area.page_size())?;
            area.move_over(&mut self.area, pages)?;
        }
        Ok(at..end)
    }
}

fn unaligned(kind: ObjectKind, value: u64, page: usize) -> Error {
    range_error(Operation::Place, kind, RangeError::Unaligned { value, page })
}
