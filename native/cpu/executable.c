// Opens a program: copies what TypeScript encoded, and allocates everything once.
#include "executable.h"

#include "attention.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

static void *allot(fb_executable *e, size_t count, size_t size) {
  if (size && count > (SIZE_MAX - 256) / size) return NULL;
  const size_t bytes = (count * size + 63) / 64 * 64 + 64;
  void *memory = NULL;
  // Zeroed by the system page by page as it is first touched: a large cache costs what is used of it.
  uint8_t *raw = calloc(1, bytes + 64 + sizeof(void *));
  if (!raw) return NULL;
  memory = (void *)(((uintptr_t)raw + sizeof(void *) + 63) / 64 * 64);
  ((void **)memory)[-1] = raw;
  e->byte_length += bytes;
  return memory;
}
static void release(void *memory) {
  if (memory) free(((void **)memory)[-1]);
}

static int32_t rows_limit(const fb_executable *e, int32_t buffer_id) { return e->buffers[buffer_id].rows ? e->header.max_outputs : e->header.max_tokens; }

static int open_scratch(fb_executable *e) {
  size_t thread_floats = 0, codes = 0, spans = 0, gathered = 0, pairs = 0, experts = 0;
  const size_t y = 2 * FB_BLOCK_ROWS * FB_TILE, threads = (size_t)fb_pool_threads(e->device->pool);
  for (int32_t i = 0; i < e->header.ops; i++) {
    const fb_op *op = &e->ops[i];
    size_t need = 0;
    if (op->kind == FB_OP_LINEAR || op->kind == FB_OP_EXPERT_LINEAR) {
      const int expert = op->kind == FB_OP_EXPERT_LINEAR;
      const fb_weight *w = e->weights[expert ? e->ids[op->list] : op->weight];
      size_t rows = (size_t)rows_limit(e, op->a.buffer) * (size_t)(expert ? op->b.width / 2 : 1);
      if (rows < threads) rows = threads;  // of a single row every thread has its own
      if (expert) {
        pairs = rows > pairs ? rows : pairs;
        experts = (size_t)op->count > experts ? (size_t)op->count : experts;
      }
      if (w->span > 0) {
        const size_t row_codes = rows * (size_t)w->blocks * FB_BLOCK, row_spans = rows * (size_t)((w->blocks * FB_BLOCK + w->span - 1) / w->span);
        codes = row_codes > codes ? row_codes : codes;
        spans = row_spans > spans ? row_spans : spans;
      } else if (w->kind != FB_DENSE) {
        need = (size_t)w->in * FB_TILE * 2;
      }
      // Experts' inputs are gathered in any case.
      if (w->span == 0 && (w->row_order || expert) && rows * (size_t)w->in > gathered) gathered = rows * (size_t)w->in;
    } else if (op->kind == FB_OP_EMBED) {
      need = (size_t)e->weights[op->weight]->in * FB_TILE;
    } else if (op->kind == FB_OP_ATTENTION) {
      const fb_cache *cache = &e->caches[op->cache];
      const int32_t group = op->a.width / cache->head_dim / cache->kv_heads;
      need = fb_attention_scratch(group, cache);
      const size_t size = fb_attention_shared_size(group, cache);
      e->attended_size = size > e->attended_size ? size : e->attended_size;
    }
    thread_floats = need > thread_floats ? need : thread_floats;
  }
  e->scratch = allot(e, threads, sizeof *e->scratch);
  e->sampling = allot(e, threads, sizeof *e->sampling);
  e->attended = allot(e, fb_attention_shared_units((int32_t)threads) * e->attended_size, sizeof *e->attended);
  e->turns = allot(e, fb_attention_shared_units((int32_t)threads), sizeof *e->turns);
  e->activations.codes = allot(e, codes, 1);
  e->activations.scales = allot(e, spans, sizeof(float));
  e->activations.sums = allot(e, spans, sizeof(int32_t));
  e->activations.totals = allot(e, spans, sizeof(float));
  e->gathered = allot(e, gathered, sizeof(float));
  e->pairs = allot(e, pairs, sizeof *e->pairs);
  e->starts = allot(e, experts + 1, sizeof *e->starts);
  if (!e->scratch || !e->sampling || !e->attended || !e->turns || !e->activations.codes || !e->activations.scales || !e->activations.sums || !e->activations.totals || !e->gathered || !e->pairs || !e->starts) return 0;
  for (size_t t = 0; t < threads; t++) {
    e->scratch[t] = allot(e, thread_floats + y, sizeof(float));
    e->sampling[t].adjusted = allot(e, (size_t)e->header.vocab, sizeof(float));
    e->sampling[t].candidates = allot(e, (size_t)e->header.vocab, sizeof(fb_candidate));
    if (!e->scratch[t] || !e->sampling[t].adjusted || !e->sampling[t].candidates) return 0;
  }
  return 1;
}

// The pages of one kind. All layers' pieces of a page lie side by side, so that large pages of the system fill up however short the contexts are.
static int open_pages(fb_executable *e, int32_t kind, int32_t pages) {
  size_t stride = 0;
  for (int32_t i = 0; i < e->header.caches; i++)
    if (e->cache_kinds[i] == kind) stride += fb_cache_piece(&e->caches[i]);
  if (pages && stride > (SIZE_MAX - (1 << 22)) / (size_t)pages) return 0;
  uint8_t *at = e->pages[kind] = fb_memory_take((size_t)pages * stride);
  if (!at) return 0;
  e->byte_length += (size_t)pages * stride;
  for (int32_t i = 0; i < e->header.caches; i++) {
    fb_cache *cache = &e->caches[i];
    if (e->cache_kinds[i] != kind) continue;
    fb_cache_place(cache, at, stride);
    at += fb_cache_piece(cache);
  }
  return 1;
}

static int open_parts(fb_executable *e, const int32_t *words, const float *floats, fb_weight *const *weights) {
  const fb_program_header *h = &e->header;
  e->ops = allot(e, (size_t)h->ops, sizeof *e->ops);
  e->next = allot(e, (size_t)h->ops, sizeof *e->next);
  e->buffers = allot(e, (size_t)h->buffers, sizeof *e->buffers);
  e->weights = allot(e, (size_t)h->weights, sizeof *e->weights);
  e->vectors = allot(e, (size_t)h->vectors, sizeof *e->vectors);
  e->ropes = allot(e, (size_t)h->ropes, sizeof *e->ropes);
  e->caches = allot(e, (size_t)h->caches, sizeof *e->caches);
  e->pages = allot(e, (size_t)h->page_kinds, sizeof *e->pages);
  e->cache_kinds = allot(e, (size_t)h->caches, sizeof *e->cache_kinds);
  e->last_samples = allot(e, (size_t)h->max_sequences, sizeof *e->last_samples);
  e->token_sequence = allot(e, (size_t)h->max_tokens, sizeof *e->token_sequence);
  e->ids = allot(e, (size_t)h->ids, sizeof *e->ids);
  e->floats = allot(e, (size_t)h->floats, sizeof *e->floats);
  if (!e->ops || !e->next || !e->buffers || !e->weights || !e->vectors || !e->ropes || !e->caches || !e->pages || !e->cache_kinds || !e->last_samples || !e->token_sequence || !e->ids || !e->floats) return 0;
  memcpy(e->floats, floats, (size_t)h->floats * sizeof *floats);
  if (h->weights) memcpy(e->weights, weights, (size_t)h->weights * sizeof *weights);

  const int32_t *at = words + sizeof *h / sizeof *words;
  for (int32_t i = 0; i < h->buffers; i++, at += 2) {
    e->buffers[i] = (fb_buffer){at[0], at[1], NULL};
    e->buffers[i].data = allot(e, (size_t)(at[0] ? h->max_outputs : h->max_tokens) * (size_t)at[1], sizeof(float));
    if (!e->buffers[i].data) return 0;
  }
  for (int32_t i = 0; i < h->vectors; i++, at++) e->vectors[i] = e->floats + at[0];
  for (int32_t i = 0; i < h->ropes; i++, at += 3) {
    e->ropes[i] = (fb_rope){at[0], at[1], e->floats + at[2], allot(e, (size_t)h->max_tokens * (size_t)at[0], sizeof(float))};
    if (!e->ropes[i].angles) return 0;
  }
  const int32_t *page_counts = at;
  at += h->page_kinds;
  for (int32_t i = 0; i < h->caches; i++) {
    e->cache_kinds[i] = at[3 * i];
    e->caches[i] = fb_cache_of(h->cache_type, at[3 * i + 1], at[3 * i + 2]);
  }
  at += 3 * h->caches;
  for (int32_t kind = 0; kind < h->page_kinds; kind++)
    if (!open_pages(e, kind, page_counts[kind])) return 0;
  if (h->ids) memcpy(e->ids, at, (size_t)h->ids * sizeof *e->ids);
  at += h->ids;
  memcpy(e->ops, at, (size_t)h->ops * sizeof *e->ops);
  return open_scratch(e);
}

fb_executable *fb_executable_open(fb_device *device, const int32_t *words, const float *floats, fb_weight *const *weights) {
  fb_executable *e = calloc(1, sizeof *e);
  if (!e) return NULL;
  e->device = device;
  pthread_mutex_init(&e->turn_lock, NULL);
  pthread_cond_init(&e->turn_came, NULL);
  memcpy(&e->header, words, sizeof e->header);
  if (open_parts(e, words, floats, weights)) return e;
  fb_executable_close(e);
  return NULL;
}

void fb_executable_close(fb_executable *e) {
  const int32_t threads = fb_pool_threads(e->device->pool);
  for (int32_t i = 0; e->buffers && i < e->header.buffers; i++) release(e->buffers[i].data);
  for (int32_t i = 0; e->ropes && i < e->header.ropes; i++) release(e->ropes[i].angles);
  for (int32_t i = 0; e->pages && i < e->header.page_kinds; i++) fb_memory_give(e->pages[i]);
  for (int32_t t = 0; e->scratch && e->sampling && t < threads; t++) {
    release(e->scratch[t]);
    release(e->sampling[t].adjusted);
    release(e->sampling[t].candidates);
  }
  void *parts[] = {e->ops, e->next, e->buffers, e->weights, e->vectors, e->ropes, e->caches, e->pages, e->cache_kinds, e->last_samples, e->token_sequence, e->ids, e->floats, e->pairs, e->starts,
                   e->scratch, e->sampling, e->attended, e->turns, e->activations.codes, e->activations.scales, e->activations.sums, e->activations.totals, e->gathered};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) release(parts[i]);
  pthread_mutex_destroy(&e->turn_lock);
  pthread_cond_destroy(&e->turn_came);
  free(e);
}

double fb_executable_bytes(const fb_executable *e) { return (double)e->byte_length; }
