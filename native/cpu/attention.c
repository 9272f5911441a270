#include "attention.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "running_step.h"

// Segments that a thread takes of a unit at once, at most.
enum { RUN = 4 };
// With at least so many units a thread, whole ones keep all threads busy.
enum { UNITS_OF_THREAD = 4 };

// Tokens of a unit, so that its rows fill the registers and its scratch stays in the cache.
static int32_t tokens_of_unit(int32_t group) { return group >= 48 ? 1 : 48 / group; }
static int32_t rows_of_unit(int32_t group) { return tokens_of_unit(group) * group; }

size_t fb_attention_scratch(int32_t group, const fb_cache *cache) {
  const int32_t rows = rows_of_unit(group);
  return fb_attend_scratch(rows, cache->head_dim) + RUN * fb_attended_size(rows, cache->value_stride);
}
size_t fb_attention_shared_units(int32_t threads) { return threads > 1 ? (size_t)(UNITS_OF_THREAD * threads) : 0; }
size_t fb_attention_shared_size(int32_t group, const fb_cache *cache) { return fb_attended_size(rows_of_unit(group), cache->value_stride); }

static void rotate(float *head, const float *cosines, const float *sines, int32_t half) {
  for (int32_t i = 0; i < half; i++) {
    const float a = head[i], b = head[i + half];
    head[i] = a * cosines[i] - b * sines[i];
    head[i + half] = b * cosines[i] + a * sines[i];
  }
}

// Writes one head's key and value at position `at` of a page.
static void keep(const fb_kernels *kernels, const fb_cache *cache, int32_t page, int32_t head, int32_t at, const float *k, const float *v) {
  const int32_t head_dim = cache->head_dim;
  uint8_t *key = fb_cache_keys(cache, page, head) + (size_t)at * fb_kept_bytes(cache->type);
  uint8_t *value = fb_cache_values(cache, page, head) + (size_t)(at * cache->value_stride) * fb_kept_bytes(cache->type);
  switch (cache->type) {
    case FB_F32: {
      float *elements = (float *)(void *)key;
      for (int32_t d = 0; d < head_dim; d++) elements[d * FB_PAGE] = k[d];
      memcpy(value, v, (size_t)head_dim * sizeof *v);
      break;
    }
    case FB_F16:
      kernels->narrow(k, (uint16_t *)(void *)key, FB_PAGE, head_dim);
      kernels->narrow(v, (uint16_t *)(void *)value, 1, head_dim);
      break;
    default:
      kernels->keep_int8(k, (int8_t *)key, FB_PAGE, fb_cache_key_scales(cache, page, head) + at, FB_PAGE, head_dim);
      kernels->keep_int8(v, (int8_t *)value, 1, fb_cache_value_scales(cache, page, head) + at * cache->groups, 1, head_dim);
  }
}

void fb_run_rope_write(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  const fb_step_header *h = step_of(e);
  const fb_rope *r = op->rope < 0 ? NULL : &e->ropes[op->rope];
  const fb_cache *cache = &e->caches[op->cache];
  const int32_t *table = e->block + h->page_tables_at + 2 * e->cache_kinds[op->cache], *positions = e->block + h->positions_at;
  const int32_t head_dim = cache->head_dim, half = r ? r->rotary_dim / 2 : 0;
  const int32_t of_query = op->a.width / cache->kv_heads;
  // Heads of keys are shared too: a single token has work for several threads.
  EACH_ROW(h->tokens * cache->kv_heads, i) {
    const int32_t t = i / cache->kv_heads, head = i % cache->kv_heads;
    const float *cosines = r ? r->angles + (size_t)t * (size_t)r->rotary_dim : NULL, *sines = r ? cosines + half : NULL;
    float *q = row_of(e, op->a, t) + head * of_query, *k = row_of(e, op->b, t) + head * head_dim;
    for (int32_t at = 0; at < of_query; at += head_dim) rotate(q + at, cosines, sines, half);
    rotate(k, cosines, sines, half);
    const int32_t page = e->block[table[0] + e->token_sequence[t] * table[1] + positions[t] / FB_PAGE];
    keep(e->device->kernels, cache, page, head, positions[t] % FB_PAGE, k, row_of(e, op->c, t) + head * head_dim);
  }
}

// One key head with some consecutive tokens of one sequence, and the segments of the context that these see.
typedef struct {
  fb_attention work;
  int32_t token, head;
  int32_t first_segment, segments;
} attention_unit;

// Number `unit` of a sequence: the last tokens see the most keys, and the longest work comes first.
static attention_unit unit_of(const fb_executable *e, const fb_op *op, int32_t sequence, int32_t unit) {
  const fb_step_header *h = step_of(e);
  const fb_cache *cache = &e->caches[op->cache];
  const int32_t *table = e->block + h->page_tables_at + 2 * e->cache_kinds[op->cache], *starts = e->block + h->starts_at + sequence;
  const int32_t group = op->a.width / cache->head_dim / cache->kv_heads, most = tokens_of_unit(group), blocks = (starts[1] - starts[0] + most - 1) / most;
  const int32_t token = starts[0] + (blocks - 1 - unit / cache->kv_heads) * most, head = unit % cache->kv_heads;
  const int32_t position = (e->block + h->positions_at)[token], tokens = starts[1] - token < most ? starts[1] - token : most, window = op->number;
  const int32_t first = window && position - window + 1 > 0 ? (position - window + 1) / FB_SEGMENT : 0;
  return (attention_unit){
      .work = {.cache = cache, .pages = e->block + table[0] + sequence * table[1], .kv_head = head, .group = group, .position = position, .tokens = tokens, .window = window,
               .scale = op->value, .soft_cap = op->factor, .q = row_of(e, op->a, token) + head * group * cache->head_dim, .q_stride = width_of(e, op->a)},
      .token = token,
      .head = head,
      .first_segment = first,
      .segments = (position + tokens - 1) / FB_SEGMENT - first + 1,
  };
}

static int32_t units_of_sequence(const fb_executable *e, const fb_op *op, int32_t sequence) {
  const fb_cache *cache = &e->caches[op->cache];
  const int32_t *starts = e->block + step_of(e)->starts_at + sequence, most = tokens_of_unit(op->a.width / cache->head_dim / cache->kv_heads);
  return (starts[1] - starts[0] + most - 1) / most * cache->kv_heads;
}

// Rows that have seen nothing: any score is larger than theirs.
static void clear(fb_attended *to, int32_t rows, int32_t wide) {
  memset(to->out, 0, (size_t)rows * (size_t)wide * sizeof(float));
  for (int32_t i = 0; i < rows; i++) to->largest[i] = -FLT_MAX;
  memset(to->sum, 0, (size_t)rows * sizeof(float));
}

// Divides by the sums, and brings the rows to where they belong.
static void finish(const fb_executable *e, const fb_op *op, const attention_unit *unit, const fb_attended *from) {
  const int32_t group = unit->work.group, head_dim = unit->work.cache->head_dim, wide = unit->work.cache->value_stride;
  for (int32_t i = 0; i < unit->work.tokens * group; i++) {
    const int32_t head = unit->head * group + i % group;
    float *to = row_of(e, op->out, unit->token + i / group) + (size_t)head * (size_t)head_dim;
    // A sink takes its share as one more position would. Should it overflow, it takes all.
    const float sink = op->vector >= 0 ? expf(e->vectors[op->vector][head] - from->largest[i]) : 0;
    const float inverse = 1.0f / (from->sum[i] + sink);
    for (int32_t d = 0; d < head_dim; d++) to[d] = from->out[(size_t)i * (size_t)wide + (size_t)d] * inverse;
  }
}

static void attend_whole(const fb_executable *e, const fb_op *op, const attention_unit *unit, float *scratch) {
  const fb_kernels *kernels = e->device->kernels;
  const int32_t rows = unit->work.tokens * unit->work.group, wide = unit->work.cache->value_stride;
  const size_t size = fb_attended_size(rows, wide);
  fb_attended all = fb_attended_at(scratch, rows, wide), part = fb_attended_at(scratch + size, rows, wide);
  clear(&all, rows, wide);
  for (int32_t i = 0; i < unit->segments; i++) {
    kernels->attend(&unit->work, unit->first_segment + i, scratch + 2 * size, &part);
    kernels->merge_attended(&part, rows, wide, &all);
  }
  finish(e, op, unit, &all);
}

// Run number `run` of a unit that threads share: computed at any time, merged in its turn. Whoever has an earlier run took it earlier, and waits for nobody
// later, so turns always come.
static void attend_run(fb_executable *e, const fb_op *op, const attention_unit *unit, size_t shared, int32_t run, int32_t length, float *scratch) {
  const fb_kernels *kernels = e->device->kernels;
  const int32_t rows = unit->work.tokens * unit->work.group, wide = unit->work.cache->value_stride;
  const int32_t first = run * length, end = first + length < unit->segments ? first + length : unit->segments;
  const size_t size = fb_attended_size(rows, wide);
  for (int32_t i = first; i < end; i++) {
    const fb_attended part = fb_attended_at(scratch + (size_t)(i - first) * size, rows, wide);
    kernels->attend(&unit->work, unit->first_segment + i, scratch + RUN * size, &part);
  }
  atomic_int *turn = &e->turns[shared];
  for (uint32_t spins = 0; atomic_load_explicit(turn, memory_order_acquire) != run;) fb_pool_spin(&spins);
  fb_attended all = fb_attended_at(e->attended + shared * e->attended_size, rows, wide);
  if (run == 0) clear(&all, rows, wide);
  for (int32_t i = first; i < end; i++) {
    const fb_attended part = fb_attended_at(scratch + (size_t)(i - first) * size, rows, wide);
    kernels->merge_attended(&part, rows, wide, &all);
  }
  const int is_last = end == unit->segments;
  if (is_last) finish(e, op, unit, &all);
  atomic_store_explicit(turn, is_last ? 0 : run + 1, memory_order_release);
}

// How many segments a run has, so that each thread gets some runs; 0: units are not shared.
static int32_t run_length(const fb_executable *e, const fb_op *op, int32_t threads) {
  int32_t units = 0, segments = 0;
  for (int32_t s = 0; s < step_of(e)->sequences; s++) {
    const int32_t of_sequence = units_of_sequence(e, op, s);
    units += of_sequence;
    if ((size_t)units > fb_attention_shared_units(threads)) return 0;
    for (int32_t unit = 0; unit < of_sequence; unit++) segments += unit_of(e, op, s, unit).segments;
  }
  const int32_t length = segments / (8 * threads);
  return segments == units ? 0 : length < 1 ? 1 : length > RUN ? RUN : length;
}

void fb_run_attention(fb_executable *e, const fb_op *op, int32_t index, int32_t thread, int32_t threads) {
  const int32_t length = run_length(e, op, threads);
  int32_t wanted = atomic_fetch_add_explicit(&e->next[index], 1, memory_order_relaxed), passed = 0;
  size_t shared = 0;
  for (int32_t s = 0; s < step_of(e)->sequences; s++) {
    const int32_t units = units_of_sequence(e, op, s);
    for (int32_t i = 0; i < units; i++, shared++) {
      if (!length && wanted > passed) {
        passed++;
        continue;
      }
      const attention_unit unit = unit_of(e, op, s, i);
      const int32_t runs = length ? (unit.segments + length - 1) / length : 1;
      for (; wanted < passed + runs; wanted = atomic_fetch_add_explicit(&e->next[index], 1, memory_order_relaxed)) {
        if (length) attend_run(e, op, &unit, shared, wanted - passed, length, e->scratch[thread]);
        else attend_whole(e, op, &unit, e->scratch[thread]);
      }
      passed += runs;
    }
  }
}
