/* Prints what the kernel's own headers say. The rows are written by headers.rs. */
#include <stddef.h>
#include <stdio.h>

#include <asm/mman.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/shm.h>
#include <linux/time_types.h>
#include <linux/uio.h>
#include <linux/userfaultfd.h>
#include <linux/version.h>

int main(void)
{
#include "rows.inc"
	return 0;
}
