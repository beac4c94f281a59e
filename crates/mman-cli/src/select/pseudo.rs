//! File systems that are views of the kernel: their files have no pages, and opening one can do something.

use std::os::fd::AsFd;

/// How they are called.
pub(super) const KIND: &str = "a file system of the kernel";

/// Their types (`linux/magic.h`, statfs(2)).
const TYPES: [u64; 19] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7363_6673, // securityfs
    0x6165_676c, // pstorefs
    0xde5e_81e4, // efivarfs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x4249_4e4d, // binfmt_misc
    0x1980_0202, // mqueue
    0x0000_1cd1, // devpts
    0x6573_5543, // fusectl
    0x6759_6969, // rpc_pipefs
    0x5a3c_69f0, // apparmorfs
];

/// Whether a directory is of one of them.
pub(super) fn is(directory: impl AsFd) -> bool {
    let told = rustix::fs::fstatfs(directory).ok();
    told.is_some_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| TYPES.contains(&kind)))
}
