//! Nodes: policies are said before a page comes, answered as they were said, and refused with the reason. One node is
//! enough for that.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at what it does not expect"
)]

use mman::kernel::Feature;
use mman::{
    Anonymous, Cause, FileObject, MapOptions, Move, NodeSet, NumaPolicy, Protection, Reservation,
};
use mman_testkit::files::Folder;
use mman_testkit::{line_of, page, pattern, require, smaps};

fn first_node() -> usize {
    NodeSet::online().iter().next().unwrap()
}

#[test]
fn every_policy_is_answered_as_it_was_said() {
    if !require::feature(Feature::NumaPolicy) {
        return;
    }
    let nodes = NodeSet::online();
    let policies = [
        NumaPolicy::Preferred(first_node()),
        NumaPolicy::Bind(nodes),
        NumaPolicy::Interleave(nodes),
        NumaPolicy::Local,
        NumaPolicy::PreferredMany(nodes),
        NumaPolicy::WeightedInterleave(nodes),
        NumaPolicy::Default,
    ];
    let memory = Anonymous::new(3 * page()).map().unwrap();
    memory.write_at(page(), &pattern::bytes(0, page())).unwrap();
    for policy in policies {
        for pages_there in [Move::Nothing, Move::Ours] {
            match memory.pages().bind(page()..2 * page(), policy, pages_there) {
                Ok(()) => assert_eq!(memory.pages().numa_policy(page()).unwrap(), policy),
                Err(error) => {
                    assert_eq!(error.cause(), Cause::NotSupported, "{policy:?}: {error}");
                }
            }
            assert_eq!(memory.pages().numa_policy(0).unwrap(), NumaPolicy::Default);
            assert_eq!(memory.pages().numa_policy(2 * page()).unwrap(), NumaPolicy::Default);
        }
    }
    let mut bytes = vec![0; page()];
    memory.read_at(page(), &mut bytes).unwrap();
    pattern::assert_is(&bytes, 0);
}

#[test]
fn a_page_is_on_its_node_and_the_question_brings_it() {
    if !require::feature(Feature::NumaPolicy) {
        return;
    }
    let memory = Anonymous::new(2 * page()).map().unwrap();
    let node = memory.pages().node_of(page() + 5).unwrap();
    assert!(NodeSet::online().contains(node));
    assert_eq!(memory.pages().resident(..).unwrap(), page());
    memory.pages().bind(.., NumaPolicy::Bind(NodeSet::online()), Move::Ours).unwrap();
    memory.write_at(0, &[1; 10]).unwrap();
    let line = smaps::numa_line(memory.as_ptr().addr()).unwrap();
    assert!(line.contains("bind:") && line.contains(&format!("N{node}=")), "{line}");
}

#[test]
fn where_no_page_is_the_question_is_an_error_and_no_signal() {
    if !require::feature(Feature::NumaPolicy) {
        return;
    }
    let mut memory = Anonymous::new(page()).map().unwrap();
    memory.protect(.., Protection::NONE).unwrap();
    assert_eq!(memory.pages().node_of(0).unwrap_err().cause(), Cause::Denied);
    let folder = Folder::new();
    let file = FileObject::open_read_write(folder.patterned("file", 3 * page())).unwrap();
    let mapping = file.map().unwrap();
    file.file().set_len(10).unwrap();
    let error = mapping.pages().node_of(page()).unwrap_err();
    assert_eq!(error.cause(), Cause::Truncated { at: page() as u64 });
    for past in [3 * page(), usize::MAX] {
        assert!(matches!(mapping.pages().node_of(past).unwrap_err().cause(), Cause::Range(_)));
        assert!(matches!(mapping.pages().numa_policy(past).unwrap_err().cause(), Cause::Range(_)));
    }
}

#[test]
fn nodes_that_are_not_there_are_named_as_that() {
    if !require::feature(Feature::NumaPolicy) {
        return;
    }
    let memory = Anonymous::new(page()).map().unwrap();
    let far = NodeSet::new().with(1023).unwrap();
    let wrong = [
        NumaPolicy::Bind(NodeSet::new()),
        NumaPolicy::Bind(far),
        NumaPolicy::Interleave(far),
        NumaPolicy::Preferred(1023),
        NumaPolicy::Preferred(1024),
        NumaPolicy::Preferred(usize::MAX),
    ];
    for policy in wrong {
        let error = memory.pages().bind(.., policy, Move::Nothing).unwrap_err();
        assert_eq!(error.cause(), Cause::NoSuchNode, "{policy:?}: {error}");
        assert!(line_of(&error).contains("nodes"), "{error}");
        // Said before a page is touched, so refused before one is: these cannot be populated.
        let options = MapOptions::private().protection(Protection::NONE).populate_checked();
        let options = options.numa(policy);
        assert_eq!(options.map(&Anonymous::new(page())).unwrap_err().cause(), Cause::NoSuchNode);
    }
    assert_eq!(memory.pages().numa_policy(0).unwrap(), NumaPolicy::Default);
}

/// The policy comes before the pages, also where they are asked for at once; they come nevertheless.
#[test]
fn a_new_mapping_has_the_policy_before_its_pages() {
    if !require::feature(Feature::NumaPolicy) {
        return;
    }
    let policy = NumaPolicy::Bind(NodeSet::online());
    let options = MapOptions::private().read_write().numa(policy);
    let lazy = options.map(&Anonymous::new(8 * page())).unwrap();
    assert_eq!(lazy.pages().numa_policy(7 * page()).unwrap(), policy);
    assert_eq!(lazy.pages().resident(..).unwrap(), 0);
    for options in [options.populate(), options.populate_checked(), options.locked()] {
        let memory = options.map(&Anonymous::new(8 * page())).unwrap();
        assert_eq!(memory.pages().numa_policy(0).unwrap(), policy);
        assert_eq!(memory.pages().resident(..).unwrap(), 8 * page());
    }
    let mut space = Reservation::new(16 * page()).unwrap();
    space.place(2 * page(), &options.populate(), &Anonymous::new(4 * page())).unwrap();
    assert_eq!(space.pages().numa_policy(3 * page()).unwrap(), policy);
    assert_eq!(space.pages().numa_policy(0).unwrap(), NumaPolicy::Default);
    assert_eq!(space.pages().resident(..).unwrap(), 4 * page());
}
