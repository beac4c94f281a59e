/* <asm/unistd.h> as from Linux 6.5 on, over an older one. */
#include_next <asm/unistd.h>
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
