/* mlock, mlock2, munlock, mlockall, munlockall: what they refuse, and what they promise. */
#include "check.h"

static void arguments(void)
{
	char *memory = pages(4, MAP_PRIVATE);
	if (has_capability(CAP_NUMBER_IPC_LOCK)) {
		/* Who has a limit is told first that it is over that. */
		STATUS("mlock-wraps", mlock(memory, SIZE_MAX - 2 * page), EINVAL);
		STATUS("mlock2-wraps", mlock2(memory, SIZE_MAX - 2 * page, MLOCK_ONFAULT), EINVAL);
		STATUS("mlock-garbage", mlock((void *)(1ul << 63), page), ENOMEM);
	} else {
		skip("mlock-wraps", "root, to lock memory without limit");
	}
	STATUS("munlock-wraps", munlock(memory, SIZE_MAX - 2 * page), EINVAL);
	STATUS("mlock2-unknown-flag", mlock2(memory, page, 2), EINVAL);
	STATUS("mlock2-all-flags", mlock2(memory, page, (unsigned)-1), EINVAL);
	STATUS("mlock-null", mlock(NULL, page), ENOMEM);
	STATUS("munlock-null", munlock(NULL, page), ENOMEM);
	STATUS("munlock-garbage", munlock((void *)(1ul << 63), page), ENOMEM);
	STATUS("mlock-length-0", mlock(memory, 0), OK);
	STATUS("mlock-null-length-0", mlock(NULL, 0), OK);
	STATUS("munlock-length-0", munlock(memory, 0), OK);
	STATUS("munlock-never-locked", munlock(memory, 4 * page), OK);
	STATUS("mlock-unaligned", mlock(memory + page + 5, page), OK);
	fact("mlock-unaligned-locks-both", locked_pages(), 2);
	STATUS("munlock-unaligned", munlock(memory + page + 5, 1), OK);
	fact("munlock-unaligned-unlocks-one", locked_pages(), 1);
	STATUS("mlock-all", mlock(memory, 4 * page), OK);
	STATUS("mlock-twice", mlock(memory, 4 * page), OK);
	fact("mlock-twice-is-once", locked_pages(), 4);
	STATUS("munlock-once", munlock(memory, 4 * page), OK);
	fact("munlock-undoes-all", locked_pages(), 0);
	drop(memory, 4);
}

static void on_fault(void)
{
	unsigned char there[4] = {9, 9, 9, 9};
	char *memory = pages(4, MAP_SHARED);
	STATUS("mlock2-onfault", mlock2(memory, 4 * page, MLOCK_ONFAULT), OK);
	NEED(mincore(memory, 4 * page, there) == 0);
	fact("mlock2-onfault-brings-nothing", there[0] + there[1] + there[2] + there[3], 0);
	fact("mlock2-onfault-charges-all", locked_pages(), 4);
	STATUS("mlock2-no-flag", mlock2(memory, 4 * page, 0), OK);
	NEED(mincore(memory, 4 * page, there) == 0);
	fact("mlock2-no-flag-brings-all", there[0] + there[1] + there[2] + there[3], 4);
	drop(memory, 4);
}

static void holes(void)
{
	char *memory = pages_with_hole();
	STATUS("mlock-hole", mlock(memory, 3 * page), ENOMEM);
	fact("mlock-hole-keeps-before", locked_pages(), 1);
	STATUS("munlock-hole", munlock(memory, 3 * page), ENOMEM);
	STATUS("munlock-unmapped", munlock(memory + page, page), ENOMEM);
	drop(memory, 3);
	memory = pages(3, MAP_PRIVATE);
	NEED(mprotect(memory + page, page, PROT_NONE) == 0);
	STATUS("mlock-no-access", mlock(memory, 3 * page), ENOMEM);
	fact("mlock-no-access-marks-all", locked_pages(), 3);
	drop(memory, 3);
	int fd = object(1);
	memory = mmap(NULL, 2 * page, RW, MAP_SHARED, fd, 0);
	NEED(memory != MAP_FAILED);
	STATUS("mlock-past-end", mlock(memory, 2 * page), ENOMEM);
	STATUS("mlock-in-file", mlock(memory, page), OK);
	drop(memory, 2);
	close(fd);
}

static void over_limit(void)
{
	char *memory = pages(3, MAP_PRIVATE);
	limit_locked(2 * page);
	STATUS("mlock-over-limit", mlock(memory, 3 * page), ENOMEM);
	STATUS("mlock2-over-limit", mlock2(memory, 3 * page, MLOCK_ONFAULT), ENOMEM);
	fact("mlock-over-limit-locks-nothing", locked_pages(), 0);
	STATUS("mlock-in-limit", mlock(memory, 2 * page), OK);
	STATUS("mlock-again-in-limit", mlock(memory, 2 * page), OK);
	STATUS("mlock-one-more", mlock(memory + 2 * page, page), ENOMEM);
	STATUS("mlock-wraps-with-limit", mlock(memory, SIZE_MAX - 2 * page), ENOMEM);
}

static void no_limit_at_all(void)
{
	char *memory = pages(2, MAP_PRIVATE);
	NEED(mlock(memory, 2 * page) == 0);
	limit_locked(0);
	STATUS("mlock-no-right", mlock(memory, page), EPERM);
	STATUS("mlock-no-right-length-0", mlock(memory, 0), EPERM);
	STATUS("mlock2-no-right", mlock2(memory, page, MLOCK_ONFAULT), EPERM);
	STATUS("mlockall-no-right-current", mlockall(MCL_CURRENT), EPERM);
	STATUS("mlockall-no-right-future", mlockall(MCL_FUTURE), EPERM);
	STATUS("munlock-no-right", munlock(memory, page), OK);
	fact("munlock-no-right-unlocks", locked_pages(), 1);
	STATUS("munlockall-no-right", munlockall(), OK);
	fact("munlockall-no-right-unlocks", locked_pages(), 0);
}

static void all_arguments(void)
{
	STATUS("mlockall-no-flag", mlockall(0), EINVAL);
	STATUS("mlockall-unknown-flag", mlockall(MCL_CURRENT | 8), EINVAL);
	STATUS("mlockall-all-flags", mlockall(-1), EINVAL);
	STATUS("mlockall-onfault-alone", mlockall(4), EINVAL);
	STATUS("munlockall", munlockall(), OK);
}

static void all_over_limit(void)
{
	limit_locked(4 * page);
	STATUS("mlockall-current-over-limit", mlockall(MCL_CURRENT), ENOMEM);
	fact("mlockall-over-limit-locks-nothing", locked_pages(), 0);
	STATUS("mlockall-future-over-limit", mlockall(MCL_FUTURE), OK);
	int error = mmap(NULL, 8 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
	STATUS("munlockall-future", munlockall(), OK);
	fact("mlockall-future-later-map-is-eagain", error == EAGAIN, 1);
}

static void all(void)
{
	if (!has_capability(CAP_NUMBER_IPC_LOCK)) {
		skip("mlockall", "root, to lock memory without limit");
		return;
	}
	STATUS("mlockall-current-onfault", mlockall(MCL_CURRENT | 4), OK);
	STATUS("mlockall-future", mlockall(MCL_FUTURE), OK);
	long before = locked_pages();
	char *memory = pages(4, MAP_PRIVATE);
	fact("mlockall-future-locks-later", locked_pages() - before, 4);
	STATUS("mlockall-current", mlockall(MCL_CURRENT), OK);
	before = locked_pages();
	drop(memory, 4);
	memory = pages(8, MAP_PRIVATE);
	fact("mlockall-current-clears-future", locked_pages() - before, -4);
	STATUS("munlockall-all", munlockall(), OK);
	fact("munlockall-undoes-all", locked_pages(), 0);
}

static void test(void)
{
	in_child("mlock-arguments", arguments);
	in_child("mlock2-on-fault", on_fault);
	in_child("mlock-holes", holes);
	in_child("mlock-over-limit-child", over_limit);
	in_child("mlock-no-limit", no_limit_at_all);
	in_child("mlockall-arguments", all_arguments);
	in_child("mlockall-over-limit", all_over_limit);
	in_child("mlockall-child", all);
}
