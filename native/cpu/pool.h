// A persistent pool of threads. Between runs workers spin for a short while, then sleep: an idle pool costs nothing.
#pragma once
#include <stdint.h>

typedef struct fb_pool fb_pool;
typedef void (*fb_task)(void *context, int32_t thread, int32_t threads);

// shares: whoever else shares as many threads gets the same pool. Two pools would spin against each other on the same processors; runs of
// one queue.
fb_pool *fb_pool_open(int32_t threads, int32_t shares);
// Once for every open; the last one ends the threads.
void fb_pool_close(fb_pool *pool);
int32_t fb_pool_threads(const fb_pool *pool);
// Runs task on all threads, the caller's being thread 0, and returns when the last has ended. Callers queue.
void fb_pool_run(fb_pool *pool, fb_task task, void *context);
// Waits a little, as whoever looks again and again for what another thread is about to do should; spins starts at 0.
void fb_pool_spin(uint32_t *spins);
// Called by every thread of a run: returns when all have called it, and makes their writes visible to all.
void fb_pool_barrier(fb_pool *pool);
