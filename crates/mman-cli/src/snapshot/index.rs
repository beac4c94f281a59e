//! Where each file of a snapshot is in it: found by a look through the whole snapshot, which also makes sure of all of it.

use super::read::{Item, Malformed, Reader};
use super::{FileHead, Header, Totals};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// What a snapshot holds, without its pages: 16 bytes for each file.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) header: Header,
    /// Places that were looked through whole.
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) totals: Totals,
    /// Where what follows the header begins.
    pub(crate) first: u64,
    hasher: RandomState,
    /// The hash of each path and where its file begins, in order.
    places: Vec<(u64, u64)>,
}

impl Index {
    /// Reads all of it. Each file is shown on the way.
    pub(crate) fn read<R: Read>(
        reader: &mut Reader<R>,
        mut each: impl FnMut(&FileHead),
    ) -> Result<Self, Malformed> {
        let mut index = Self {
            header: reader.header().clone(),
            roots: Vec::new(),
            totals: Totals::default(),
            first: reader.position(),
            hasher: RandomState::new(),
            places: Vec::new(),
        };
        while let Some(item) = reader.next()? {
            match item {
                Item::Root(path) => index.roots.push(path),
                Item::File(head) => {
                    let hash = index.hasher.hash_one(head.path.as_os_str());
                    index.places.push((hash, reader.file_at()));
                    each(&head);
                }
                Item::Runs(_) => {}
            }
        }
        index.places.sort_unstable();
        index.totals = reader.totals();
        Ok(index)
    }

    /// Finds a file, and goes to its runs. It is known by a number below the count of files.
    pub(crate) fn find<R: Read + Seek>(
        &self,
        reader: &mut Reader<R>,
        path: &Path,
    ) -> Result<Option<(usize, FileHead)>, Malformed> {
        let hash = self.hasher.hash_one(path.as_os_str());
        let first = self.places.partition_point(|(other, _)| *other < hash);
        let same = self.places.iter().enumerate().skip(first);
        for (number, (_, at)) in same.take_while(|(_, (other, _))| *other == hash) {
            reader.seek(*at)?;
            match reader.next_file()? {
                Some(head) if head.path == path => return Ok(Some((number, head))),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The file of a number.
    pub(crate) fn file<R: Read + Seek>(
        &self,
        reader: &mut Reader<R>,
        number: usize,
    ) -> Result<Option<FileHead>, Malformed> {
        let Some((_, at)) = self.places.get(number) else { return Ok(None) };
        reader.seek(*at)?;
        reader.next_file()
    }
}
