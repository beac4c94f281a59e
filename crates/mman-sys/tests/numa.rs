//! Memory policies, as far as a machine with one node can show them.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

mod common;

use common::process::{policy, policy_of};
use common::{Map, page, ptr, skip};
use mman_sys::{Errno, MbindFlags, MemPolicy, MempolicyFlags, mbind};

/// The number of bits that hold the nodes given here, and one more: the kernel counts one less.
const BITS: usize = 65;

/// Sets the policy of the first page of a map.
fn bind(map: &Map, mode: MemPolicy, nodes: Option<u64>) -> Result<(), Errno> {
    let pointer = nodes.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let bits = if nodes.is_some() { BITS } else { 0 };
    mbind(ptr(map.start()), page(), mode, pointer, bits, MbindFlags::default())
}

/// Whether the kernel knows nodes at all.
fn has_nodes() -> bool {
    let built = bind(&Map::private(1), MemPolicy::DEFAULT, None) != Err(Errno::ENOSYS);
    if !built {
        skip("memory policies in the kernel (CONFIG_NUMA)");
    }
    built
}

/// The default policy can be set anywhere, and is what a thread has.
#[test]
fn the_default_policy_is_accepted_and_answered() {
    if !has_nodes() {
        return;
    }
    let map = Map::private(1);
    assert_eq!(bind(&map, MemPolicy::DEFAULT, None), Ok(()));
    assert_eq!(policy_of(&map), Ok((MemPolicy::DEFAULT, 0)));
    assert_eq!(policy(MempolicyFlags::default(), 0), Ok((MemPolicy::DEFAULT, 0)));
}

/// What was set for a range is answered for its addresses, and for no others.
#[test]
fn a_policy_is_that_of_its_range() {
    if !has_nodes() {
        return;
    }
    let map = Map::private(2);
    assert_eq!(bind(&map, MemPolicy::BIND, Some(1)), Ok(()));
    assert_eq!(policy_of(&map), Ok((MemPolicy::BIND, 1)));
    let second = policy(MempolicyFlags::ADDR, map.at(1));
    assert_eq!(second, Ok((MemPolicy::DEFAULT, 0)));
    map.set(0, 7);
    assert_eq!(bind(&map, MemPolicy::DEFAULT, None), Ok(()));
    assert_eq!(map.get(0), 7);
}

/// A node that does not exist, a policy that does not, and a node where none is due, are refused.
#[test]
fn a_bad_node_or_policy_is_einval() {
    if !has_nodes() {
        return;
    }
    let map = Map::private(1);
    assert_eq!(bind(&map, MemPolicy::BIND, Some(1 << 63)), Err(Errno::EINVAL));
    assert_eq!(bind(&map, MemPolicy::BIND, Some(0)), Err(Errno::EINVAL), "no node");
    assert_eq!(bind(&map, MemPolicy::DEFAULT, Some(1)), Err(Errno::EINVAL));
    assert_eq!(bind(&map, MemPolicy::from_raw(99), None), Err(Errno::EINVAL));
}

/// The thread may use some nodes, the first at least.
#[test]
fn some_node_is_allowed() {
    if !has_nodes() {
        return;
    }
    let (_, nodes) = policy(MempolicyFlags::MEMS_ALLOWED, 0).unwrap();
    assert_ne!(nodes, 0);
}

/// The node of a page that is there is one of them.
#[test]
fn a_page_is_on_a_node() {
    if !has_nodes() {
        return;
    }
    let map = Map::private(1);
    map.set(0, 1);
    let flags = MempolicyFlags::NODE | MempolicyFlags::ADDR;
    let (node, _) = policy(flags, map.start()).unwrap();
    let (_, allowed) = policy(MempolicyFlags::MEMS_ALLOWED, 0).unwrap();
    assert_ne!(allowed & 1 << node.raw(), 0, "{node:?} of {allowed:#x}");
}
