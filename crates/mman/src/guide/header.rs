//! Every function and flag of `<sys/mman.h>`, POSIX's and Linux's, and its name here.
#![doc = include_str!("header.md")]
