//! On which nodes memory is, as the kernel counts it: pages times their size, and lines that are none.
//!
//! Counting the pages of a line without looking at their size told of a huge page as 4 KiB.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it does not expect")]

use mman::inspect::{NumaMaps, Placement, numa_maps};
use mman::process::Process;
use mman::{Anonymous, Cause, Hint};
use mman_testkit::page;

fn read(text: &str) -> mman::Result<Vec<Placement>> {
    NumaMaps::of_text(text.as_bytes()).collect()
}

#[test]
fn pages_are_told_in_bytes() {
    let text = "\
7f00 default file=/a\\040b mapped=3 mapmax=2 active=0 N0=1 N2=2 kernelpagesize_kB=4
8000 prefer (many):0-1 anon=1 dirty=1 N1=1 kernelpagesize_kB=2048
9000 bind:0 heap
";
    let all = read(text).unwrap();
    assert_eq!((all[0].address(), all[0].policy().to_str()), (0x7f00, Some("default")));
    assert_eq!(all[0].nodes(), [(0, 4096), (2, 8192)]);
    assert_eq!(all[1].policy(), "prefer (many):0-1");
    assert_eq!(all[1].nodes(), [(1, 2 << 20)]);
    assert_eq!((all[2].policy().to_str(), all[2].nodes()), (Some("bind:0"), &[][..]));
}

#[test]
fn what_no_kernel_prints_is_an_error_with_its_line() {
    for bad in ["x\n", "7f00\n", "7f00 default N0=1 kernelpagesize_kB=x\n", "7f00 default"] {
        let error = read(&format!("1000 default\n{bad}")).unwrap_err();
        assert_eq!(error.cause(), Cause::NotUnderstood { line: 2 }, "{bad}");
    }
    let large = "1000 default N0=18446744073709551615 kernelpagesize_kB=4\n";
    assert_eq!(read(large).unwrap_err().cause(), Cause::NotUnderstood { line: 1 });
}

#[test]
fn our_own_memory_is_on_some_node() {
    let memory = Anonymous::new(8 * page()).map().unwrap();
    memory.advise(.., Hint::PopulateWrite).unwrap();
    let all = match numa_maps(&Process::myself()) {
        Err(error) if error.cause() == Cause::Kernel => {
            return mman_testkit::require::skip("a kernel that knows nodes");
        }
        all => all.unwrap(),
    };
    let start = memory.as_ptr().addr();
    // Neighbours of the same kind are one mapping with it.
    let ours = all.map(Result::unwrap).take_while(|one| one.address() <= start).last().unwrap();
    let bytes: u64 = ours.nodes().iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes >= 8 * page() as u64, "{ours:?}");
}
