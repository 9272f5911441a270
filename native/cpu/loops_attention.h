// Attention over one page of keys and values after another.
#pragma once
#include "loops_common.h"
#include "loops_rows.h"

// scores[r][32] = q[r] · key[j], for one page of keys [head_dim][FB_PAGE].
INLINE void scores_rows(const float *q, int32_t q_stride, const float *keys, int32_t head_dim, const int rows, float *scores) {
  v16f low[V16_ROWS_ATTENTION], high[V16_ROWS_ATTENTION];
  UNROLL for (int r = 0; r < rows; r++) low[r] = high[r] = v16f_set1(0);
  for (int32_t d = 0; d < head_dim; d++) {
    const v16f k0 = v16f_load(keys + d * FB_PAGE), k1 = v16f_load(keys + d * FB_PAGE + 16);
    UNROLL for (int r = 0; r < rows; r++) {
      const v16f element = v16f_set1(q[r * q_stride + d]);
      low[r] = v16f_fma(element, k0, low[r]);
      high[r] = v16f_fma(element, k1, high[r]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    v16f_store(scores + r * FB_PAGE, low[r]);
    v16f_store(scores + r * FB_PAGE + 16, high[r]);
  }
}

// out[r][d] = out[r][d] * correction[r] + sum over j < count of p[r][j] * value[j][d].
INLINE void values_rows(const float *p, const float *correction, const float *values, int32_t stride, int32_t count, const int rows, const int vectors, float *out) {
  v16f sum[V16_ROWS_ATTENTION][4];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v16f_mul(v16f_load(out + r * stride + 16 * v), v16f_set1(correction[r]));
  for (int32_t j = 0; j < count; j++) {
    v16f value[4];
    UNROLL for (int v = 0; v < vectors; v++) value[v] = v16f_load(values + j * stride + 16 * v);
    UNROLL for (int r = 0; r < rows; r++) {
      const v16f weight = v16f_set1(p[r * FB_PAGE + j]);
      UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v16f_fma(weight, value[v], sum[r][v]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vectors; v++) v16f_store(out + r * stride + 16 * v, sum[r][v]);
}

// attention: one page after another with a running maximum and sum per row (the usual online softmax). Pages lie at fixed positions, so the
// order of the sums does not depend on how a prompt was cut into steps.
static void attention(const fb_attention *work, float *scratch) {
  const fb_cache *cache = work->cache;
  const int32_t head_dim = cache->head_dim, wide = cache->value_stride, rows = work->tokens * work->group;
  float *keys = scratch, *values = keys + FB_PAGE * head_dim, *scores = values + FB_PAGE * wide, *q = scores + rows * FB_PAGE;
  float *out = q + rows * head_dim, *largest = out + rows * wide, *sum = largest + rows, *correction = sum + rows;
  const int32_t last_position = work->position + work->tokens - 1;
  const int32_t first_position = work->window && work->position - work->window + 1 > 0 ? work->position - work->window + 1 : 0;

  for (int32_t i = 0; i < rows; i++) {
    const float *from = work->q + (size_t)(i / work->group) * (size_t)work->q_stride + (size_t)(i % work->group) * (size_t)head_dim;
    for (int32_t d = 0; d < head_dim; d++) q[i * head_dim + d] = from[d] * work->scale;
    largest[i] = -FLT_MAX;
    sum[i] = 0;
  }
  memset(out, 0, (size_t)rows * (size_t)wide * sizeof(float));

  const size_t width = type_bytes(cache->type);
  for (int32_t page = first_position / FB_PAGE; page <= last_position / FB_PAGE; page++) {
    const size_t slot = (size_t)work->pages[page] * (size_t)cache->kv_heads + (size_t)work->kv_head;
    const uint8_t *page_keys = cache->keys + slot * (size_t)(FB_PAGE * head_dim) * width;
    const uint8_t *page_values = cache->values + slot * (size_t)(FB_PAGE * wide) * width;
    const float *k = (const float *)page_keys, *v = (const float *)page_values;
    if (cache->type != FB_F32) {
      widen(page_keys, cache->type, keys, FB_PAGE * head_dim);
      widen(page_values, cache->type, values, FB_PAGE * wide);
      k = keys;
      v = values;
    }
#define SCORES_CALL(n) scores_rows(q + done * head_dim, head_dim, k, head_dim, n, scores + done * FB_PAGE)
    IN_ROWS(V16_ROWS_ATTENTION, rows, SCORES_CALL)
    if (work->soft_cap > 0) soft_cap(work->soft_cap, scores, scores, rows * FB_PAGE);

    int32_t count = 0;  // keys of this page that any row sees, counted from its start
    for (int32_t i = 0; i < rows; i++) {
      const int32_t position = work->position + i / work->group;
      int32_t end = position + 1 - page * FB_PAGE, start = work->window ? position - work->window + 1 - page * FB_PAGE : 0;
      end = end > FB_PAGE ? FB_PAGE : end < 0 ? 0 : end;
      start = start < 0 ? 0 : start > end ? end : start;
      float *row = scores + i * FB_PAGE;
      if (start == end) {
        memset(row, 0, FB_PAGE * sizeof(float));
        correction[i] = 1;
        continue;
      }
      count = end > count ? end : count;
      for (int32_t j = 0; j < start; j++) row[j] = -FLT_MAX;
      for (int32_t j = end; j < FB_PAGE; j++) row[j] = -FLT_MAX;
      float most = v16f_largest(v16f_max(v16f_load(row), v16f_load(row + 16)));
      most = most > largest[i] ? most : largest[i];
      const v16f shift = v16f_set1(most);
      v16f_store(row, exp_v16(v16f_sub(v16f_load(row), shift)));
      v16f_store(row + 16, exp_v16(v16f_sub(v16f_load(row + 16), shift)));
      for (int32_t j = 0; j < start; j++) row[j] = 0;
      for (int32_t j = end; j < FB_PAGE; j++) row[j] = 0;
      correction[i] = largest[i] == -FLT_MAX ? 0 : expf(largest[i] - most);
      sum[i] = sum[i] * correction[i] + v16f_sum(v16f_add(v16f_load(row), v16f_load(row + 16)));
      largest[i] = most;
    }
    int32_t d = 0;
#define VALUES_CALL_4(n) values_rows(scores + done * FB_PAGE, correction + done, v + d, wide, count, n, 4, out + done * wide + d)
#define VALUES_CALL_1(n) values_rows(scores + done * FB_PAGE, correction + done, v + d, wide, count, n, 1, out + done * wide + d)
    for (; d + 64 <= wide; d += 64) { IN_ROWS(V16_ROWS_ATTENTION, rows, VALUES_CALL_4) }
    for (; d < wide; d += 16) { IN_ROWS(V16_ROWS_ATTENTION, rows, VALUES_CALL_1) }
  }
  for (int32_t i = 0; i < rows; i++) {
    float *to = work->out + (size_t)(i / work->group) * (size_t)work->out_stride + (size_t)(i % work->group) * (size_t)head_dim;
    // A sink takes its share as one more position would. Should it overflow, it takes all.
    const float sink = work->sinks ? expf(work->sinks[work->kv_head * work->group + i % work->group] - largest[i]) : 0;
    const float inverse = 1.0f / (sum[i] + sink);
    for (int32_t d = 0; d < head_dim; d++) to[d] = out[i * wide + d] * inverse;
  }
}
