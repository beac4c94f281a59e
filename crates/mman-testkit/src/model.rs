//! A reference model of address space: what every page holds and allows, and what each operation does to it.
//!
//! Pure data: nothing is mapped here. A page stands for a page of memory that is filled with one byte. The model
//! says what the library must answer and what `/proc/self/maps` must show, page by page, in the simplest way that
//! is right; where the kernel works on mappings, the model works on pages, and both must agree.

use mman::Protection;
use std::ops::Range;

/// What a page is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing is mapped.
    Unmapped,
    /// Address space that is held.
    Held,
    /// Anonymous memory, filled with a byte. `given_up`: it may turn to zeros at any time.
    Committed {
        /// The byte.
        byte: u8,
        /// Discarded for when memory is short.
        given_up: bool,
    },
    /// A page of the object, shared.
    Shared {
        /// Which page of the object.
        page: usize,
    },
    /// A page of the object, private: the object's byte shows until the page is written to.
    Private {
        /// Which page of the object.
        page: usize,
        /// The byte of our copy.
        copy: Option<u8>,
    },
}

/// A page of address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it is made of.
    pub content: Content,
    /// What may be done with it.
    pub protection: Protection,
}

/// Nothing, held for later.
const HELD: Page = Page { content: Content::Held, protection: Protection::NONE };
/// Nothing at all.
const UNMAPPED: Page = Page { content: Content::Unmapped, protection: Protection::NONE };

/// How an object is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Stores reach the object.
    Shared,
    /// Stores stay here.
    Private,
}

/// How bytes are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// At once.
    Now,
    /// When memory is short.
    WhenNeeded,
    /// From the object.
    FromObject,
}

/// Why an operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The range is not in the address space.
    Range,
    /// The page with this number does not allow it; what comes before it is done.
    Denied(usize),
    /// The page with this number is not of a kind for it; what comes before it is done.
    Kind(usize),
    /// The page with this number is not mapped.
    NotMapped(usize),
    /// There is no room.
    NoRoom,
    /// The range is made of parts that differ.
    SeveralParts,
}

/// What an operation answers.
pub type Answer<T = ()> = Result<T, Refusal>;

/// Pages of address space, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    pages: Vec<Page>,
}

/// The bytes that the pages of an object are filled with.
pub type Object = Vec<u8>;

impl Space {
    /// So many held pages.
    #[must_use]
    pub fn held(pages: usize) -> Self {
        Self { pages: vec![HELD; pages] }
    }

    /// So many pages of zeros, for reading and writing.
    #[must_use]
    pub fn anonymous(pages: usize) -> Self {
        let mut space = Self::held(pages);
        let zeros = Content::Committed { byte: 0, given_up: false };
        let protection = Protection::READ | Protection::WRITE;
        space.pages.fill(Page { content: zeros, protection });
        space
    }

    /// How many pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// A page.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub fn page(&self, number: usize) -> Page {
        self.pages[number]
    }

    fn part(&mut self, range: &Range<usize>) -> Answer<&mut [Page]> {
        self.pages.get_mut(range.clone()).ok_or(Refusal::Range)
    }

    /// Makes pages usable; what is committed or placed keeps its bytes.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`], [`Refusal::NotMapped`].
    pub fn commit(&mut self, range: Range<usize>) -> Answer {
        self.protect(range, Protection::READ | Protection::WRITE)
    }

    /// Sets the protection; held pages become committed by any but none.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`]; [`Refusal::NotMapped`], where what comes before is done.
    pub fn protect(&mut self, range: Range<usize>, protection: Protection) -> Answer {
        let first = range.start;
        for (at, page) in self.part(&range)?.iter_mut().enumerate() {
            match page.content {
                Content::Unmapped => return Err(Refusal::NotMapped(first + at)),
                Content::Held if protection != Protection::NONE => {
                    page.content = Content::Committed { byte: 0, given_up: false };
                }
                _ => {}
            }
            page.protection = protection;
        }
        Ok(())
    }

    /// Holds pages again, whatever they were.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`].
    pub fn decommit(&mut self, range: Range<usize>) -> Answer {
        self.part(&range)?.fill(HELD);
        Ok(())
    }

    /// Puts pages of the object, from page `first` of it on, over pages.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`].
    pub fn place(
        &mut self,
        range: Range<usize>,
        first: usize,
        sharing: Sharing,
        protection: Protection,
    ) -> Answer {
        for (page, slot) in (first..).zip(self.part(&range)?) {
            let content = match sharing {
                Sharing::Shared => Content::Shared { page },
                Sharing::Private => Content::Private { page, copy: None },
            };
            *slot = Page { content, protection };
        }
        Ok(())
    }

    /// Moves pages of another space over pages of this one, from page `at` on.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`]; the other space comes back.
    pub fn move_in(&mut self, at: usize, other: Self) -> Result<(), (Refusal, Self)> {
        let end = at.saturating_add(other.len());
        match self.part(&(at..end)) {
            Ok(part) => {
                part.copy_from_slice(&other.pages);
                Ok(())
            }
            Err(refusal) => Err((refusal, other)),
        }
    }

    /// Fills pages with a byte, as far as they can be written to.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`]; [`Refusal::Denied`] or [`Refusal::NotMapped`], where what comes before is done.
    pub fn write(&mut self, range: Range<usize>, byte: u8, object: &mut Object) -> Answer {
        let first = range.start;
        for (at, page) in self.part(&range)?.iter_mut().enumerate() {
            let number = first + at;
            if page.content == Content::Unmapped {
                return Err(Refusal::NotMapped(number));
            }
            if !page.protection.contains(Protection::WRITE) {
                return Err(Refusal::Denied(number));
            }
            match &mut page.content {
                Content::Unmapped | Content::Held => return Err(Refusal::Denied(number)),
                Content::Shared { page } => object[*page] = byte,
                Content::Private { copy, .. } => *copy = Some(byte),
                Content::Committed { byte: old, given_up } => (*old, *given_up) = (byte, false),
            }
        }
        Ok(())
    }

    /// The bytes that a page may show; where the second is there, either.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`], [`Refusal::Denied`], [`Refusal::NotMapped`].
    pub fn read(&self, number: usize, object: &Object) -> Answer<(u8, Option<u8>)> {
        let page = self.pages.get(number).ok_or(Refusal::Range)?;
        if page.content == Content::Unmapped {
            return Err(Refusal::NotMapped(number));
        }
        if !page.protection.contains(Protection::READ) {
            return Err(Refusal::Denied(number));
        }
        Ok(match page.content {
            Content::Unmapped | Content::Held => return Err(Refusal::Denied(number)),
            Content::Shared { page } => (object[page], None),
            Content::Private { page, copy } => (copy.unwrap_or(object[page]), None),
            Content::Committed { byte, given_up } => (byte, given_up.then_some(0)),
        })
    }

    /// Drops bytes of pages, as far as they are of a kind for it. Of the object, where every mapping of it is shared
    /// and writable by right.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`]; [`Refusal::Kind`] or [`Refusal::NotMapped`], where what comes before is done.
    pub fn discard(&mut self, range: Range<usize>, how: Drop, object: &mut Object) -> Answer {
        let first = range.start;
        for (at, page) in self.part(&range)?.iter_mut().enumerate() {
            let number = first + at;
            match (how, &mut page.content) {
                (_, Content::Unmapped) => return Err(Refusal::NotMapped(number)),
                (Drop::Now, Content::Committed { byte, given_up }) => {
                    (*byte, *given_up) = (0, false)
                }
                (Drop::Now, Content::Private { copy, .. }) => *copy = None,
                (Drop::WhenNeeded, Content::Committed { byte, given_up }) => {
                    *given_up |= *byte != 0
                }
                (Drop::FromObject, Content::Shared { page }) => object[*page] = 0,
                (Drop::Now, Content::Shared { .. })
                | (Drop::Now | Drop::WhenNeeded, Content::Held) => {}
                _ => return Err(Refusal::Kind(number)),
            }
        }
        Ok(())
    }

    /// Unmaps pages.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`].
    pub fn unmap(&mut self, range: Range<usize>) -> Answer {
        self.part(&range)?.fill(UNMAPPED);
        Ok(())
    }

    /// Cuts the space in two before a page.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`]; the space comes back.
    pub fn split_at(mut self, page: usize) -> Result<(Self, Self), (Refusal, Self)> {
        if page > self.len() {
            return Err((Refusal::Range, self));
        }
        let high = Self { pages: self.pages.split_off(page) };
        Ok((self, high))
    }

    /// Makes one space of two.
    #[must_use]
    pub fn merge(mut self, next: Self) -> Self {
        self.pages.extend(next.pages);
        self
    }

    /// Makes the space longer or shorter. `room`: how many pages are free behind it; `may_move`: and if they are too
    /// few, it goes elsewhere. Anonymous memory gains zeros, an object its next pages.
    ///
    /// # Errors
    ///
    /// [`Refusal::Range`] for no page at all; [`Refusal::SeveralParts`], [`Refusal::NoRoom`].
    pub fn resize(&mut self, pages: usize, room: usize, may_move: bool) -> Answer {
        let Some(last) = self.pages.last().copied().filter(|_| pages > 0) else {
            return Err(Refusal::Range);
        };
        if pages > self.len() {
            if !self.is_one_part() {
                return Err(Refusal::SeveralParts);
            }
            if !may_move && pages - self.len() > room {
                return Err(Refusal::NoRoom);
            }
        }
        let added = (1..).map(|more| Page { content: following(last.content, more), ..last });
        let missing = pages.saturating_sub(self.len());
        self.pages.extend(added.take(missing));
        self.pages.truncate(pages);
        Ok(())
    }

    /// Whether the kernel has one mapping for all pages: one protection, and one object from page to page.
    #[must_use]
    pub fn is_one_part(&self) -> bool {
        self.pages.windows(2).all(|pair| {
            let goes_on = match (pair[0].content, pair[1].content) {
                (Content::Shared { page }, Content::Shared { page: next })
                | (Content::Private { page, .. }, Content::Private { page: next, .. }) => {
                    next == page + 1
                }
                (Content::Committed { .. }, Content::Committed { .. }) => true,
                (one, other) => one == other,
            };
            goes_on && pair[0].protection == pair[1].protection
        })
    }

    /// The access that `/proc/self/maps` must show for a page; `None` where nothing is mapped.
    ///
    /// # Panics
    ///
    /// Where there is no such page.
    #[must_use]
    pub fn access(&self, number: usize) -> Option<String> {
        let Page { content, protection } = self.pages[number];
        let letter = |right, letter| if protection.contains(right) { letter } else { '-' };
        let sharing = match content {
            Content::Unmapped => return None,
            Content::Shared { .. } => 's',
            _ => 'p',
        };
        let rights = [(Protection::READ, 'r'), (Protection::WRITE, 'w'), (Protection::EXEC, 'x')];
        let letters = rights.map(|(right, name)| letter(right, name));
        Some(letters.into_iter().chain([sharing]).collect())
    }

    /// The page of the object that `/proc/self/maps` must show for a page.
    #[must_use]
    pub fn object_page(&self, number: usize) -> Option<usize> {
        match self.pages.get(number)?.content {
            Content::Shared { page } | Content::Private { page, .. } => Some(page),
            _ => None,
        }
    }
}

/// What a page that is `more` pages behind another is made of, where a mapping grows.
const fn following(content: Content, more: usize) -> Content {
    match content {
        Content::Shared { page } => Content::Shared { page: page + more },
        Content::Private { page, .. } => Content::Private { page: page + more, copy: None },
        Content::Committed { .. } => Content::Committed { byte: 0, given_up: false },
        Content::Held => Content::Held,
        Content::Unmapped => Content::Unmapped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: Protection = Protection::READ.union(Protection::WRITE);

    #[test]
    fn committed_pages_keep_their_bytes_and_decommitted_ones_lose_them() {
        let mut object = Object::new();
        let mut space = Space::held(4);
        assert_eq!(space.read(1, &object), Err(Refusal::Denied(1)));
        space.commit(1..3).unwrap();
        space.write(1..3, 7, &mut object).unwrap();
        space.commit(0..4).unwrap();
        assert_eq!(space.read(1, &object), Ok((7, None)));
        assert_eq!(space.read(0, &object), Ok((0, None)));
        space.decommit(1..2).unwrap();
        assert_eq!((space.page(1), space.access(1).unwrap().as_str()), (HELD, "---p"));
        space.commit(1..2).unwrap();
        assert_eq!(space.read(1, &object), Ok((0, None)));
        assert_eq!(space.commit(3..5), Err(Refusal::Range));
    }

    #[test]
    fn a_write_goes_up_to_the_page_that_refuses_it() {
        let mut object = vec![1, 2, 3];
        let mut space = Space::anonymous(3);
        space.protect(1..2, Protection::READ).unwrap();
        assert_eq!(space.write(0..3, 9, &mut object), Err(Refusal::Denied(1)));
        let bytes: Vec<u8> = (0..3).map(|page| space.read(page, &object).unwrap().0).collect();
        assert_eq!(bytes, [9, 0, 0]);
    }

    #[test]
    fn shared_pages_write_to_the_object_and_private_ones_to_a_copy() {
        let mut object = vec![1, 2, 3];
        let mut space = Space::held(3);
        space.place(0..2, 1, Sharing::Shared, RW).unwrap();
        space.place(2..3, 1, Sharing::Private, RW).unwrap();
        assert_eq!((space.access(0).unwrap(), space.object_page(1)), ("rw-s".into(), Some(2)));
        space.write(0..1, 8, &mut object).unwrap();
        assert_eq!(space.read(2, &object), Ok((8, None)), "an untouched page follows the object");
        space.write(2..3, 9, &mut object).unwrap();
        assert_eq!((&object, space.read(2, &object)), (&vec![1, 8, 3], Ok((9, None))));
        space.discard(2..3, Drop::Now, &mut object).unwrap();
        assert_eq!(space.read(2, &object), Ok((8, None)));
        space.discard(0..1, Drop::FromObject, &mut object).unwrap();
        assert_eq!(object, [1, 0, 3]);
        assert_eq!(space.discard(2..3, Drop::FromObject, &mut object), Err(Refusal::Kind(2)));
        assert_eq!(space.discard(0..3, Drop::WhenNeeded, &mut object), Err(Refusal::Kind(0)));
    }

    #[test]
    fn what_is_given_up_may_be_there_or_not_until_it_is_written() {
        let mut object = Object::new();
        let mut space = Space::anonymous(1);
        space.write(0..1, 5, &mut object).unwrap();
        space.discard(0..1, Drop::WhenNeeded, &mut object).unwrap();
        assert_eq!(space.read(0, &object), Ok((5, Some(0))));
        space.write(0..1, 6, &mut object).unwrap();
        assert_eq!(space.read(0, &object), Ok((6, None)));
    }

    #[test]
    fn splitting_merging_and_moving_lose_no_page() {
        let mut space = Space::anonymous(4);
        space.protect(2..4, Protection::READ).unwrap();
        let whole = space.clone();
        let (low, high) = space.split_at(1).unwrap();
        assert_eq!((low.len(), high.len()), (1, 3));
        assert_eq!(low.clone().merge(high), whole);
        let mut target = Space::held(3);
        target.move_in(2, low.clone()).unwrap();
        assert_eq!(target.page(2), low.page(0));
        assert_eq!(target.move_in(3, low.clone()), Err((Refusal::Range, low)));
        assert_eq!(whole.clone().split_at(5), Err((Refusal::Range, whole)));
    }

    #[test]
    fn resizing_needs_room_and_one_part() {
        let object = vec![1, 2, 3, 4];
        let mut space = Space::held(1);
        space.place(0..1, 1, Sharing::Shared, RW).unwrap();
        assert_eq!(space.resize(3, 1, false), Err(Refusal::NoRoom));
        space.resize(3, 2, false).unwrap();
        assert_eq!(space.read(2, &object), Ok((4, None)));
        space.resize(2, 0, false).unwrap();
        space.protect(0..1, Protection::READ).unwrap();
        assert_eq!(space.resize(3, 9, true), Err(Refusal::SeveralParts));
        space.resize(1, 0, false).unwrap();
        assert_eq!(space.resize(0, 0, true), Err(Refusal::Range));
        let mut zeros = Space::anonymous(1);
        zeros.resize(2, 0, true).unwrap();
        assert_eq!(zeros, Space::anonymous(2));
    }

    #[test]
    fn a_hole_refuses_what_needs_a_mapping() {
        let mut object = Object::new();
        let mut space = Space::anonymous(3);
        space.unmap(1..2).unwrap();
        assert_eq!(space.access(1), None);
        assert_eq!(space.protect(0..3, Protection::READ), Err(Refusal::NotMapped(1)));
        assert_eq!(space.page(0).protection, Protection::READ);
        assert_eq!(space.page(2).protection, RW);
        assert_eq!(space.read(1, &object), Err(Refusal::NotMapped(1)));
        assert_eq!(space.write(1..2, 1, &mut object), Err(Refusal::NotMapped(1)));
        assert!(!space.is_one_part());
    }
}
