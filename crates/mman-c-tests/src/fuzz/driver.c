/* One twin of the differential fuzzer.
 *
 * driver SEED CALLS FOLDER PREFIX host|ours: makes random calls of <sys/mman.h> and writes down each one with
 * its arguments, its result and errno. Run twice, once with the library preloaded, it must write the same: the
 * random numbers depend on the seed alone, and addresses are the same in both processes (no randomisation, and
 * a wall, see driver.h).
 *
 * Each batch of calls is made in a child that is forked from a clean state. It can harm nothing but itself: it
 * has no capabilities, a small limit for locked pages, and replaces memory in the arena only.
 */
#include "driver.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 256u
#define MAPS_EVERY 64u
/* RLIMIT_MEMLOCK: 64 pages can be locked. */
#define LOCK_LIMIT PAGES(64)

const char *shm_prefix;
int is_ours;

static char out[1 << 16];
static size_t out_length;
static char text[1 << 20];

static void flush(void)
{
    for (size_t done = 0; done < out_length;) {
        ssize_t written = write(1, out + done, out_length - done);
        if (written < 0)
            _exit(9);
        done += (size_t)written;
    }
    out_length = 0;
}

void say(const char *format, ...)
{
    va_list arguments;
    if (out_length > sizeof(out) - 2048)
        flush();
    va_start(arguments, format);
    out_length += (size_t)vsnprintf(out + out_length, 2048, format, arguments);
    va_end(arguments);
}

static void need(int true_, const char *what)
{
    if (!true_) {
        perror(what);
        exit(3);
    }
}

/* Reads a file of /proc as a whole. */
static char *read_text(const char *path)
{
    size_t length = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    while (length < sizeof(text) - 1 && (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = 0;
    return text;
}

/* What is mapped, without what differs between the twins: their folders and prefixes. */
static const char *name_of(const char *path)
{
    const char *found = strstr(path, shm_prefix);
    if (found)
        return found + strlen(shm_prefix);
    found = strstr(path, "/memfd:");
    if (found)
        return found;
    found = path[0] == '/' ? strrchr(path, '/') : NULL;
    return found ? found + 1 : path;
}

/* Writes down the mappings that calls can have made. What the loader mapped lies above the wall or around the
 * program's own place. With flags: also the flags of each. */
static void say_maps(const char *path, int flags)
{
    unsigned long start, end, offset;
    char perms[8];
    int name, shown = 0;
    char *rest, *line = read_text(path);
    if (!line) {
        say(" maps: unreadable\n");
        return;
    }
    for (line = strtok_r(line, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (flags && strncmp(line, "VmFlags:", 8) == 0) {
            if (shown)
                say("  %s\n", line);
            continue;
        }
        name = 0;
        if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %n", &start, &end, perms, &offset, &name) < 4)
            continue;
        shown = start < WALL + ARENA_SIZE && !(start >= PROGRAM_FROM && start < PROGRAM_TO);
        if (!shown)
            continue;
        /* The wall ends at the first library. */
        if (end > WALL + ARENA_SIZE)
            end = WALL + ARENA_SIZE;
        say(" %lx-%lx %s %lx %s\n", start, end, perms, offset, name ? name_of(line + name) : "");
    }
}

static void say_locked(void)
{
    char *line = read_text("/proc/self/status");
    line = line ? strstr(line, "VmLck:") : NULL;
    if (line)
        say(" %.*s\n", (int)strcspn(line, "\n"), line);
}

static void move_to(int fd, int number)
{
    need(fd >= 0, "a descriptor");
    if (fd != number) {
        need(dup2(fd, number) == number, "dup2");
        close(fd);
    }
}

static int sized_memfd(const char *name)
{
    int fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    need(fd >= 0 && ftruncate(fd, (off_t)DATA_SIZE) == 0, "memfd");
    return fd;
}

static void open_descriptors(const char *folder)
{
    int ends[2], fd;
    need(chdir(folder) == 0, folder);
    fd = open("data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    need(fd >= 0 && ftruncate(fd, (off_t)DATA_SIZE) == 0, "data");
    move_to(fd, FD_DATA);
    move_to(sized_memfd("fixed"), FD_MEMFD);
    fd = sized_memfd("sealed");
    need(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0, "seals");
    move_to(fd, FD_SEALED);
    move_to(open("data", O_RDONLY | O_CLOEXEC), FD_READ_ONLY);
    move_to(open("data", O_WRONLY | O_CLOEXEC), FD_WRITE_ONLY);
    move_to(open("data", O_PATH | O_CLOEXEC), FD_PATH);
    move_to(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), FD_DIRECTORY);
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    move_to(ends[0], FD_PIPE);
    close(ends[1]);
    close(FD_CLOSED);
}

static void *raw_map(uintptr_t start, size_t length)
{
    return (void *)syscall(SYS_mmap, start, length, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0L);
}

/* Fills every hole from the wall up to the highest place where the kernel puts a mapping. */
static void build_wall(void)
{
    uintptr_t holes[256][2], free_from = WALL;
    unsigned long start, end;
    unsigned count = 0;
    char *rest, *line = read_text("/proc/self/maps");
    need(line != NULL, "/proc/self/maps");
    for (line = strtok_r(line, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "%lx-%lx", &start, &end) != 2 || end <= WALL)
            continue;
        need(start >= WALL, "nothing lies across the wall");
        if (strstr(line, "[stack]") || start >= TOP)
            break;
        if (start > free_from && count < 256) {
            holes[count][0] = free_from;
            holes[count++][1] = start;
        }
        free_from = end;
    }
    for (unsigned at = 0; at < count; at++)
        need(raw_map(holes[at][0], holes[at][1] - holes[at][0]) == (void *)holes[at][0], "the wall");
    need(raw_map(ARENA, ARENA_SIZE) == (void *)ARENA, "the arena");
}

/* No capability (a lock limit binds, nothing below mmap_min_addr), little to lock, known file modes. */
static void give_up_rights(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
    struct rlimit limit = { LOCK_LIMIT, LOCK_LIMIT };
    need(syscall(SYS_capset, &header, none) == 0, "capset");
    need(setrlimit(RLIMIT_MEMLOCK, &limit) == 0, "RLIMIT_MEMLOCK");
    limit.rlim_cur = limit.rlim_max = 0;
    need(setrlimit(RLIMIT_CORE, &limit) == 0, "RLIMIT_CORE");
    umask(022);
}

static void remove_objects(void)
{
    struct dirent64 {
        uint64_t ino;
        int64_t off;
        uint16_t length;
        uint8_t type;
        char name[];
    } *entry;
    int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long got;
    need(fd >= 0, "/dev/shm");
    while ((got = syscall(SYS_getdents64, fd, text, sizeof(text))) > 0) {
        for (long at = 0; at < got; at += entry->length) {
            entry = (struct dirent64 *)(text + at);
            if (strncmp(entry->name, shm_prefix, strlen(shm_prefix)) == 0)
                unlinkat(fd, entry->name, 0);
        }
    }
    close(fd);
}

/* The stack may not be able to grow once MCL_FUTURE is set: it grows now. */
static void grow_stack(void)
{
    volatile char room[256 << 10];
    for (size_t at = 0; at < sizeof(room); at += PAGE)
        room[at] = 1;
}

static void batch(uint64_t seed, uint64_t number, unsigned calls, pid_t parent)
{
    need(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent, "the driver");
    alarm(60); /* a call that never ends */
    grow_stack();
    move_to((int)syscall(SYS_pidfd_open, getpid(), 0), FD_PIDFD);
    seed_random(seed, number);
    begin_batch();
    for (unsigned call = 0; call < calls; call++) {
        random_call(call);
        if ((call + 1) % MAPS_EVERY == 0)
            say_maps("/proc/self/maps", 0);
    }
    say_maps("/proc/self/smaps", 1);
    say_locked();
    flush();
    _exit(0);
}

int main(int count, char **arguments)
{
    uint64_t seed, calls;
    pid_t parent = getpid();
    need(count == 6, "usage: driver SEED CALLS FOLDER PREFIX host|ours");
    need(sysconf(_SC_PAGESIZE) == (long)PAGE, "pages of 4 KiB");
    if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
        need(personality(ADDR_NO_RANDOMIZE) >= 0, "personality");
        execv("/proc/self/exe", arguments);
        need(0, "exec");
    }
    seed = strtoull(arguments[1], NULL, 0);
    calls = strtoull(arguments[2], NULL, 0);
    shm_prefix = arguments[4];
    is_ours = strcmp(arguments[5], "ours") == 0;
    syscall(SYS_close_range, 3u, ~0u, 0u);
    open_descriptors(arguments[3]);
    find_calls();
    build_wall();
    give_up_rights();
    for (uint64_t number = 0, left = calls; left > 0; number++) {
        unsigned now = left < BATCH ? (unsigned)left : BATCH;
        int status;
        pid_t child;
        say("batch %lu\n", (unsigned long)number);
        flush();
        child = fork();
        need(child >= 0, "fork");
        if (child == 0)
            batch(seed, number, now, parent);
        need(waitpid(child, &status, 0) == child, "wait");
        if (status != 0)
            say("the batch ended with status %#x\n", status);
        remove_objects();
        left -= now;
    }
    say("end\n");
    flush();
    return 0;
}
