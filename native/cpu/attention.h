// The ops that write and read caches.
#pragma once
#include "executable.h"

// By all threads of a run.
void fb_run_rope_write(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads);
void fb_run_attention(fb_executable *e, const fb_op *op, int32_t index, int32_t thread, int32_t threads);

// Floats that a thread needs for an attention op over this cache.
size_t fb_attention_scratch(int32_t group, const fb_cache *cache);
// Units of attention that threads may share: their sums lie in e->attended, their turns in e->turns.
size_t fb_attention_shared_units(int32_t threads);
// Floats of each of them.
size_t fb_attention_shared_size(int32_t group, const fb_cache *cache);
