/* Threads that allocate and free: for allocators that map by the names of this header. */
#include "check.h"
#include <pthread.h>

#define THREADS 4
#define TURNS 3000
#define PIECES 64

static unsigned char byte_of(size_t piece, size_t turn) { return (unsigned char)(piece * 31 + turn * 7 + 1); }

static void *allocates(void *argument)
{
	unsigned char *piece[PIECES] = {0}, held[PIECES] = {0};
	size_t length[PIECES] = {0}, seed = (size_t)argument * 2654435761u + 1, wrong = 0;
	for (size_t turn = 0; turn < TURNS; turn++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		size_t at = seed >> 33 & (PIECES - 1);
		/* Mostly small, at times so large that an allocator asks the kernel. */
		size_t size = (seed >> 40 & 63) == 0 ? (size_t)3 << 20 : (seed >> 45 & 4095) + 1;
		if (piece[at] && (piece[at][0] != held[at] || piece[at][length[at] - 1] != held[at]))
			wrong++;
		piece[at] = (seed >> 60 & 1) ? realloc(piece[at], size) : (free(piece[at]), malloc(size));
		if (!piece[at])
			return (void *)-1;
		length[at] = size;
		held[at] = byte_of(at, turn);
		piece[at][0] = piece[at][size - 1] = held[at];
	}
	for (size_t at = 0; at < PIECES; at++)
		free(piece[at]);
	return (void *)wrong;
}

static void test(void)
{
	pthread_t threads[THREADS];
	long wrong = 0;
	for (size_t index = 0; index < THREADS; index++)
		NEED(pthread_create(&threads[index], NULL, allocates, (void *)index) == 0);
	for (size_t index = 0; index < THREADS; index++) {
		void *answer;
		NEED(pthread_join(threads[index], &answer) == 0);
		wrong += (long)answer;
	}
	fact("allocate-wrong-bytes", wrong, 0);
	/* Aligned pieces, and a large one that grows in place or moves. */
	void *aligned = NULL;
	NEED(posix_memalign(&aligned, 1 << 20, 12345) == 0);
	fact("allocate-aligned", (uintptr_t)aligned % (1 << 20), 0);
	free(aligned);
	char *grows = malloc((size_t)1 << 20);
	NEED(grows != NULL);
	grows[(1 << 20) - 1] = 9;
	grows = realloc(grows, (size_t)64 << 20);
	NEED(grows != NULL);
	fact("allocate-grown-keeps-bytes", grows[(1 << 20) - 1], 9);
	free(grows);
}
