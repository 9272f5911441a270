#include "memory.h"

#include <pthread.h>
#include <stdint.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "aligned.h"
#include "fewbit_cpu.h"

// Weights are some hundred kilobytes each and a large page has 2 MiB, so they share chunks: taken in order, and freed when the last of a chunk is given back.
enum { LARGE_PAGE = 2 << 20, CHUNK = 32 << 20, HEADER = 64 };

typedef struct {
  size_t size, used, live;
} chunk;

static chunk *current;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static chunk *open_chunk(size_t bytes) {
  size_t size = bytes + HEADER > CHUNK ? bytes + HEADER : CHUNK;
  size = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
  chunk *opened = fb_aligned_take(LARGE_PAGE, size);
  if (!opened) return NULL;
#if defined(__linux__)
  madvise(opened, size, MADV_HUGEPAGE);  // a wish: without it everything works, slower
#endif
  *opened = (chunk){.size = size, .used = HEADER};
  return opened;
}

// In front of every piece: the chunk that it belongs to.
typedef struct {
  chunk *owner;
} piece;

void *fb_memory_take(size_t bytes) {
  const size_t needed = (bytes + HEADER + 63) / 64 * 64;
  pthread_mutex_lock(&lock);
  if (!current || current->size - current->used < needed) {
    chunk *opened = open_chunk(needed);
    if (!opened) {
      pthread_mutex_unlock(&lock);
      return NULL;
    }
    current = opened;
  }
  chunk *from = current;
  uint8_t *start = (uint8_t *)from + from->used;
  from->used += needed;
  from->live++;
  pthread_mutex_unlock(&lock);
  ((piece *)(void *)start)->owner = from;
  return start + HEADER;
}

void fb_memory_give(void *memory) {
  if (!memory) return;
  chunk *from = ((piece *)(void *)((uint8_t *)memory - HEADER))->owner;
  pthread_mutex_lock(&lock);
  const int is_last = --from->live == 0;
  if (is_last && current == from) current = NULL;
  pthread_mutex_unlock(&lock);
  if (is_last) fb_aligned_give(from);
}

int32_t fb_enlarge_pages(uint8_t *bytes, double length) {
#if defined(__linux__)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
  const uintptr_t first = ((uintptr_t)bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE, last = ((uintptr_t)bytes + (uintptr_t)length) / LARGE_PAGE * LARGE_PAGE;
  if (last > first) return madvise((void *)first, last - first, MADV_COLLAPSE) == 0;
#else
  (void)bytes;
  (void)length;
#endif
  return 0;
}
