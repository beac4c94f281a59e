/* A log of docs/log-format.md, written and read without the library.
 *
 *   cc -O2 -o log log.c
 *   ./log append FILE TEXT     adds a record to a log that is there
 *   ./log cat FILE             writes the content of each record, a line each
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EMPTY, CLAIMED, COMMITTED, DEAD, END };
enum { HEADER = 4096, FRAME = 24, TAIL = 64, ALLOCATED = 128, BOOT = 136, COMMIT = 192 };
#define LOCKS ((off_t)1 << 62)
#define STEP ((uint64_t)1 << 20)

static int fd;
static unsigned char *map;
static uint64_t capacity, segment;

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void damaged(uint64_t at)
{
	fprintf(stderr, "damaged at byte %llu\n", (unsigned long long)at);
	exit(2);
}

static _Atomic uint64_t *word(uint64_t at)
{
	return (_Atomic uint64_t *)(map + at);
}

static void raise_to(uint64_t at, uint64_t value)
{
	uint64_t old = atomic_load(word(at));
	while (old < value && !atomic_compare_exchange_weak(word(at), &old, value))
		;
}

static uint32_t crc(uint32_t sum, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	while (len--) {
		sum ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			sum = sum & 1 ? sum >> 1 ^ 0x82f63b78 : sum >> 1;
	}
	return sum;
}

static uint32_t checksum(uint64_t at, uint64_t head, uint64_t when, uint32_t process,
			 const void *content, size_t len)
{
	size_t half = len / 16 * 8;
	uint64_t words[4] = { segment, at, head & ~(uint64_t)0xff, when };
	uint32_t sums[2] = { ~crc(0xffffffff, content, half),
			     ~crc(0xffffffff, (const char *)content + half, len - half) };
	uint32_t sum = crc(0xffffffff, words, sizeof words);
	sum = crc(sum, &process, sizeof process);
	return ~crc(sum, sums, sizeof sums);
}

static int lock(int command, short type, uint64_t byte, int *is_taken)
{
	struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_start = LOCKS + (off_t)byte, .l_len = 1 };
	int answer = fcntl(fd, command, &range);
	if (is_taken)
		*is_taken = answer == 0 && range.l_type != F_UNLCK;
	return answer;
}

static int is_alive(unsigned slot)
{
	int is_taken;
	return lock(F_OFD_GETLK, F_WRLCK, 1 + slot, &is_taken) != 0 || is_taken;
}

static uint64_t allocated(void)
{
	uint64_t now = atomic_load(word(ALLOCATED));
	return now < capacity ? now : capacity;
}

static uint64_t size_of(uint64_t len)
{
	return (FRAME + len + 7) / 8 * 8;
}

/* Where the record behind this one is. */
static uint64_t behind(uint64_t at, uint64_t head)
{
	uint64_t next = at + size_of(head >> 32);
	if ((head & 0xff) > DEAD || head >> 32 > 64 << 20 || next > allocated())
		damaged(at);
	return next;
}

static void open_log(const char *path, int writes)
{
	struct stat about;
	fd = open(path, writes ? O_RDWR : O_RDONLY);
	if (fd < 0)
		fail(path);
	if (writes && lock(F_OFD_SETLKW, F_WRLCK, 0, NULL) != 0)
		fail("lock");
	if (fstat(fd, &about) != 0 || about.st_size < HEADER)
		damaged(0);
	map = mmap(NULL, HEADER, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fail("mmap");
	uint32_t version, sum;
	memcpy(&version, map + 8, 4);
	memcpy(&sum, map + 60, 4);
	if (memcmp(map, "mman-log", 8) != 0 || version != 1 || sum != ~crc(0xffffffff, map, 60))
		damaged(0);
	memcpy(&capacity, map + 16, 8);
	memcpy(&segment, map + 24, 8);
	munmap(map, HEADER);
	map = mmap(NULL, capacity, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fail("mmap");
	if ((uint64_t)about.st_size < allocated())
		damaged(about.st_size);
}

/* Recovery after a death. After a power loss, a program of the library has to open the log first. */
static void settle(unsigned own)
{
	unsigned char boot[16];
	char text[64] = "";
	int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
	if (file < 0 || read(file, text, sizeof text - 1) < 36)
		fail("boot_id");
	close(file);
	for (int i = 0, at = 0; i < 16; i++, at += 2) {
		if (text[at] == '-')
			at++;
		unsigned byte;
		sscanf(text + at, "%2x", &byte);
		boot[i] = byte;
	}
	if (memcmp(boot, map + BOOT, 16) != 0) {
		fprintf(stderr, "the log was last written before the system was started\n");
		exit(2);
	}
	uint64_t at = atomic_load(word(COMMIT));
	while (at + 8 <= allocated()) {
		uint64_t head = atomic_load(word(at));
		unsigned slot = head >> 16 & 0xffff;
		if (head == EMPTY || head == END)
			break;
		if ((head & 0xff) == CLAIMED && (slot == own || !is_alive(slot)))
			atomic_compare_exchange_strong(word(at), &head, (head & ~(uint64_t)0xff) | DEAD);
		at = behind(at, head);
	}
}

static void append(const char *content)
{
	uint64_t len = strlen(content), size = size_of(len);
	unsigned slot = 0;
	while (lock(F_OFD_SETLK, F_WRLCK, 1 + slot, NULL) != 0)
		if (++slot == 4096)
			fail("slots");
	settle(slot);
	lock(F_OFD_SETLK, F_UNLCK, 0, NULL);
	uint64_t claim = CLAIMED | (uint64_t)slot << 16 | len << 32;
	uint64_t at = atomic_load(word(TAIL)), head;
	for (;;) {
		if (at + size > capacity) {
			fprintf(stderr, "full\n");
			exit(2);
		}
		uint64_t old = allocated();
		if (at + size > old) {
			uint64_t to = old + STEP > at + size ? old + STEP : at + size;
			to = to < capacity ? to : capacity;
			if (fallocate(fd, 0, old, to - old) != 0)
				fail("fallocate");
			raise_to(ALLOCATED, to);
		}
		head = 0;
		if (atomic_compare_exchange_strong(word(at), &head, claim))
			break;
		if (head == END) {
			fprintf(stderr, "ended\n");
			exit(2);
		}
		at = behind(at, head);
	}
	raise_to(TAIL, at + size);
	struct timespec clock;
	clock_gettime(CLOCK_REALTIME, &clock);
	uint64_t when = (uint64_t)clock.tv_sec * 1000000000 + clock.tv_nsec;
	uint32_t process = getpid();
	uint32_t sum = checksum(at, claim, when, process, content, len);
	memcpy(map + at + 8, &when, 8);
	memcpy(map + at + 16, &sum, 4);
	memcpy(map + at + 20, &process, 4);
	memcpy(map + at + FRAME, content, len);
	atomic_store(word(at), claim - CLAIMED + COMMITTED);
}

static void cat(void)
{
	for (uint64_t at = HEADER; at + 8 <= allocated();) {
		uint64_t head = atomic_load(word(at)), next;
		if (head == EMPTY || head == END)
			return;
		next = behind(at, head);
		if ((head & 0xff) == CLAIMED) {
			if (is_alive(head >> 16 & 0xffff))
				return;
			head = atomic_load(word(at));
		}
		if ((head & 0xff) == COMMITTED) {
			uint64_t when, len = head >> 32;
			uint32_t sum, process;
			memcpy(&when, map + at + 8, 8);
			memcpy(&sum, map + at + 16, 4);
			memcpy(&process, map + at + 20, 4);
			if (sum != checksum(at, head, when, process, map + at + FRAME, len))
				damaged(at);
			fwrite(map + at + FRAME, 1, len, stdout);
			putchar('\n');
		}
		at = next;
	}
}

int main(int count, char **words)
{
	if (count == 4 && strcmp(words[1], "append") == 0) {
		open_log(words[2], 1);
		append(words[3]);
	} else if (count == 3 && strcmp(words[1], "cat") == 0) {
		open_log(words[2], 0);
		cat();
	} else {
		fprintf(stderr, "usage: log append FILE TEXT | log cat FILE\n");
		return 2;
	}
	return 0;
}
