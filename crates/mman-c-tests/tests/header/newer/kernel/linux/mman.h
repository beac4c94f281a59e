/*
 * <linux/mman.h> as from Linux 6.5 on, over an older one: it has the structs of cachestat, and a second
 * definition of them is an error.
 */
#include_next <linux/mman.h>
#ifndef MMAN_TESTS_NEWER_LINUX_MMAN_H
#define MMAN_TESTS_NEWER_LINUX_MMAN_H
#include <linux/types.h>
struct cachestat_range {
	__u64 off;
	__u64 len;
};
struct cachestat {
	__u64 nr_cache;
	__u64 nr_dirty;
	__u64 nr_writeback;
	__u64 nr_evicted;
	__u64 nr_recently_evicted;
};
#endif
