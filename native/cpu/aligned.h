// Memory at a multiple of `alignment`, a power of two that divides `size`; NULL when there is none. Windows has aligned_alloc of C11 under
// another name, and memory from it must not go to free().
#pragma once
#include <stddef.h>
#include <stdlib.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

static inline void *fb_aligned_take(size_t alignment, size_t size) {
#if defined(_WIN32)
  return _aligned_malloc(size, alignment);
#else
  return aligned_alloc(alignment, size);
#endif
}

static inline void fb_aligned_give(void *memory) {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  free(memory);
#endif
}
