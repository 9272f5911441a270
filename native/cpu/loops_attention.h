// Attention of some queries over one segment of keys and values after another.
#pragma once
#include "loops_common.h"
#include "loops_rows.h"

// Into the second cache: the first has no room for four pages that are read and four that come. With 4096 positions from memory a pass took a quarter
// less time so.
INLINE void ask_ahead(const uint8_t *p) { __builtin_prefetch(p, 0, 2); }

// 16 stored numbers, without their scale.
INLINE v16f load_kept(const uint8_t *p, const int type) {
  return type == FB_F32 ? v16f_load((const float *)(const void *)p) : type == FB_F16 ? v16f_load_f16(p) : v16f_load_i8(p);
}

// scores[r][32] = q[r] · key[j], for one page of keys [head_dim][FB_PAGE]. Asks for as many bytes at `ahead`.
INLINE void scores_rows(const float *q, const uint8_t *keys, const float *scales, int32_t head_dim, const uint8_t *ahead, const int rows, const int type, float *scores) {
  const size_t line = FB_PAGE * fb_kept_bytes(type);
  v16f low[V16_ROWS_ATTENTION], high[V16_ROWS_ATTENTION];
  UNROLL for (int r = 0; r < rows; r++) low[r] = high[r] = v16f_set1(0);
  for (int32_t start = 0; start < head_dim; start += FB_KEPT_GROUP, scales += type == FB_INT8 ? FB_PAGE : 0) {
    const int32_t end = head_dim - start < FB_KEPT_GROUP ? head_dim : start + FB_KEPT_GROUP;
    const v16f scale0 = type == FB_INT8 ? v16f_load(scales) : v16f_set1(1), scale1 = type == FB_INT8 ? v16f_load(scales + 16) : v16f_set1(1);
    for (int32_t d = start; d < end; d++) {
      const uint8_t *at = keys + (size_t)d * line;
      for (size_t i = 0; i < line; i += 64) ask_ahead(ahead + (size_t)d * line + i);
      v16f k0 = load_kept(at, type), k1 = load_kept(at + line / 2, type);
      if (type == FB_INT8) {
        k0 = v16f_mul(k0, scale0);
        k1 = v16f_mul(k1, scale1);
      }
      UNROLL for (int r = 0; r < rows; r++) {
        const v16f element = v16f_set1(q[r * head_dim + d]);
        low[r] = v16f_fma(element, k0, low[r]);
        high[r] = v16f_fma(element, k1, high[r]);
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    v16f_store(scores + r * FB_SEGMENT, low[r]);
    v16f_store(scores + r * FB_SEGMENT + 16, high[r]);
  }
}

// The pages of a segment whose positions somebody sees, and of each the page that is needed next.
typedef struct {
  const fb_cache *cache;
  int32_t head;
  int32_t pages[FB_SEGMENT / FB_PAGE], next[FB_SEGMENT / FB_PAGE];
} fb_segment;

// out[r][d] += sum over from <= j < to of p[r][j] * value[j][d], for 32 elements, or 16.
INLINE void values_rows(const fb_segment *segment, int32_t d, int32_t from, int32_t to, const float *p, const int rows, const int vectors, const int type, float *out) {
  const fb_cache *cache = segment->cache;
  const int32_t stride = cache->value_stride, groups = cache->groups;
  const size_t width = fb_kept_bytes(type);
  v16f sum[V16_ROWS_ATTENTION][2];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v16f_load(out + r * stride + 16 * v);
  for (int32_t j = from; j < to;) {
    const int32_t page = j / FB_PAGE, end = (page + 1) * FB_PAGE < to ? (page + 1) * FB_PAGE : to;
    const size_t first = (size_t)((j % FB_PAGE) * stride + d) * width;
    const uint8_t *at = fb_cache_values(cache, segment->pages[page], segment->head) + first, *ahead = fb_cache_keys(cache, segment->next[page], segment->head) + first;
    const float *scale = fb_cache_value_scales(cache, segment->pages[page], segment->head) + (j % FB_PAGE) * groups + d / FB_KEPT_GROUP;
    for (; j < end; j++, at += (size_t)stride * width, ahead += (size_t)stride * width, scale += groups) {
      ask_ahead(ahead);
      if (type == FB_F32) ask_ahead(ahead + 64);
      v16f value[2];
      UNROLL for (int v = 0; v < vectors; v++) {
        value[v] = load_kept(at + (size_t)(16 * v) * width, type);
        if (type == FB_INT8) value[v] = v16f_mul(value[v], v16f_set1(*scale));
      }
      UNROLL for (int r = 0; r < rows; r++) {
        const v16f weight = v16f_set1(p[r * FB_SEGMENT + j]);
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v16f_fma(weight, value[v], sum[r][v]);
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vectors; v++) v16f_store(out + r * stride + 16 * v, sum[r][v]);
}

// Calls body(n) with a constant for as many rows as registers hold, then for what is left: 12 at once, or 1 to 8.
#define ROWS_FITTING(left) ((left) >= 12 && V16_ROWS_ATTENTION >= 12 ? 12 : (left) < 8 && (left) < V16_ROWS_ATTENTION ? (left) : V16_ROWS_ATTENTION < 8 ? V16_ROWS_ATTENTION : 8)
#define ROWS_CASE(n, body) case n: if ((n) <= V16_ROWS_ATTENTION) { body(((n) <= V16_ROWS_ATTENTION ? (n) : 1)) } break;
#define IN_ATTENTION_ROWS(rows, body)                                                             \
  for (int32_t done = 0, taken; done < (rows); done += taken) {                                   \
    taken = ROWS_FITTING((rows) - done);                                                          \
    switch (taken) {                                                                              \
      ROWS_CASE(12, body) ROWS_CASE(8, body) ROWS_CASE(7, body) ROWS_CASE(6, body)                \
      ROWS_CASE(5, body) ROWS_CASE(4, body) ROWS_CASE(3, body) ROWS_CASE(2, body)                 \
      default: { body(1) } break;                                                                 \
    }                                                                                             \
  }

INLINE void page_scores_as(const fb_segment *segment, int32_t page, const float *q, int32_t rows, const int type, float *scores) {
  const fb_cache *cache = segment->cache;
  const int32_t head_dim = cache->head_dim;
  const uint8_t *keys = fb_cache_keys(cache, segment->pages[page], segment->head), *ahead = fb_cache_values(cache, segment->pages[page], segment->head);
  const float *scales = fb_cache_key_scales(cache, segment->pages[page], segment->head);
#define SCORES_CALL(n) scores_rows(q + done * head_dim, keys, scales, head_dim, ahead, n, type, scores + done * FB_SEGMENT + page * FB_PAGE);
  IN_ATTENTION_ROWS(rows, SCORES_CALL)
}

INLINE void segment_values_as(const fb_segment *segment, int32_t from, int32_t to, const float *p, int32_t rows, const int type, float *out) {
  const int32_t wide = segment->cache->value_stride;
  int32_t d = 0;
#define VALUES_CALL_2(n) values_rows(segment, d, from, to, p + done * FB_SEGMENT, n, 2, type, out + done * wide + d);
#define VALUES_CALL_1(n) values_rows(segment, d, from, to, p + done * FB_SEGMENT, n, 1, type, out + done * wide + d);
  for (; d + 32 <= wide; d += 32) { IN_ATTENTION_ROWS(rows, VALUES_CALL_2) }
  for (; d < wide; d += 16) { IN_ATTENTION_ROWS(rows, VALUES_CALL_1) }
}

// Once for every type, out of line: what is unrolled above is large.
#define FOR_TYPE(T)                                                                                                                        \
  static __attribute__((noinline)) void page_scores_##T(const fb_segment *segment, int32_t page, const float *q, int32_t rows, float *to) { \
    page_scores_as(segment, page, q, rows, T, to);                                                                                         \
  }                                                                                                                                        \
  static __attribute__((noinline)) void segment_values_##T(const fb_segment *segment, int32_t from, int32_t to, const float *p, int32_t rows, float *out) { \
    segment_values_as(segment, from, to, p, rows, T, out);                                                                                 \
  }
FOR_TYPE(FB_F32)
FOR_TYPE(FB_F16)
FOR_TYPE(FB_INT8)

static void page_scores(const fb_segment *segment, int32_t page, const float *q, int32_t rows, float *scores) {
  switch (segment->cache->type) {
    case FB_F32: page_scores_FB_F32(segment, page, q, rows, scores); break;
    case FB_F16: page_scores_FB_F16(segment, page, q, rows, scores); break;
    default: page_scores_FB_INT8(segment, page, q, rows, scores); break;
  }
}
static void segment_values(const fb_segment *segment, int32_t from, int32_t to, const float *p, int32_t rows, float *out) {
  if (from >= to) return;
  switch (segment->cache->type) {
    case FB_F32: segment_values_FB_F32(segment, from, to, p, rows, out); break;
    case FB_F16: segment_values_FB_F16(segment, from, to, p, rows, out); break;
    default: segment_values_FB_INT8(segment, from, to, p, rows, out); break;
  }
}

// Turns the scores [from, to) of a row into exp(score - largest), and what a vector has beside them into 0. Returns the sum.
INLINE float row_softmax(float *row, int32_t from, int32_t to, float *largest) {
  const int32_t first = from / 16 * 16, last = (to + 15) / 16 * 16;
  for (int32_t j = first; j < from; j++) row[j] = -FLT_MAX;
  for (int32_t j = to; j < last; j++) row[j] = -FLT_MAX;
  v16f mosts = v16f_set1(-FLT_MAX);
  for (int32_t j = first; j < last; j += 16) mosts = v16f_max(v16f_load(row + j), mosts);
  *largest = v16f_largest(mosts);
  const v16f shift = v16f_set1(*largest);
  v16f sums = v16f_set1(0);
  for (int32_t j = first; j < last; j += 16) {
    v16f_store(row + j, exp_v16(v16f_sub(v16f_load(row + j), shift)));
    for (int32_t i = j; i < from; i++) row[i] = 0;
    for (int32_t i = to > j ? to : j; i < j + 16; i++) row[i] = 0;
    sums = v16f_add(sums, v16f_load(row + j));
  }
  return v16f_sum(sums);
}

// The positions of a segment that a token sees, counted from its start; from == to: none.
typedef struct { int32_t from, to; } seen;
static seen seen_by(const fb_attention *work, int32_t segment, int32_t token) {
  const int32_t start = segment * FB_SEGMENT, position = work->position + token;
  int32_t to = position + 1 - start, from = work->window ? position + 1 - work->window - start : 0;
  to = to > FB_SEGMENT ? FB_SEGMENT : to < 0 ? 0 : to;
  from = from < 0 ? 0 : from > to ? to : from;
  return (seen){from, to};
}

static void attend(const fb_attention *work, int32_t segment, float *scratch, const fb_attended *to) {
  const fb_cache *cache = work->cache;
  const int32_t head_dim = cache->head_dim, group = work->group, tokens = work->tokens, rows = tokens * group;
  float *q = scratch, *scores = q + rows * head_dim;
  const int32_t first_page = seen_by(work, segment, 0).from / FB_PAGE, end_page = (seen_by(work, segment, tokens - 1).to + FB_PAGE - 1) / FB_PAGE;
  const int32_t pages_before = segment * (FB_SEGMENT / FB_PAGE), last_page = (work->position + tokens - 1) / FB_PAGE;
  fb_segment pages = {.cache = cache, .head = work->kv_head};
  for (int32_t page = first_page; page < end_page; page++) {
    const int32_t next = page + pages_before + FB_SEGMENT / FB_PAGE;
    pages.pages[page] = work->pages[page + pages_before];
    pages.next[page] = work->pages[next > last_page ? page + pages_before : next];
  }

  for (int32_t i = 0; i < rows; i++) {
    const float *from = work->q + (size_t)(i / group) * (size_t)work->q_stride + (size_t)(i % group) * (size_t)head_dim;
    for (int32_t d = 0; d < head_dim; d++) q[i * head_dim + d] = from[d] * work->scale;
  }
  for (int32_t page = first_page; page < end_page; page++) page_scores(&pages, page, q, rows, scores);
  for (int32_t i = 0; i < rows; i++) {
    const seen positions = seen_by(work, segment, i / group);
    float *row = scores + i * FB_SEGMENT;
    to->largest[i] = -FLT_MAX;
    to->sum[i] = 0;
    if (positions.from == positions.to) continue;
    if (work->soft_cap > 0) soft_cap(work->soft_cap, row + first_page * FB_PAGE, row + first_page * FB_PAGE, (end_page - first_page) * FB_PAGE);
    to->sum[i] = row_softmax(row, positions.from, positions.to, &to->largest[i]);
  }

  // What all rows see is summed for all at once; what comes before and after is none of some rows' business: it may be another sequence's, or infinite.
  const int32_t wide = cache->value_stride, shared_from = seen_by(work, segment, tokens - 1).from, shared_to = seen_by(work, segment, 0).to;
  const int is_shared = shared_from < shared_to;
  memset(to->out, 0, (size_t)rows * (size_t)wide * sizeof(float));
  for (int32_t t = 0; t < tokens; t++) {
    const seen positions = seen_by(work, segment, t);
    segment_values(&pages, positions.from, is_shared ? shared_from : positions.to, scores + t * group * FB_SEGMENT, group, to->out + t * group * wide);
  }
  if (!is_shared) return;
  segment_values(&pages, shared_from, shared_to, scores, rows, to->out);
  for (int32_t t = 0; t < tokens; t++)
    segment_values(&pages, shared_to, seen_by(work, segment, t).to, scores + t * group * FB_SEGMENT, group, to->out + t * group * wide);
}

// The usual step of an online softmax: both sides are brought to the larger of their maxima.
static void merge_attended(const fb_attended *part, int32_t rows, int32_t wide, const fb_attended *to) {
  for (int32_t i = 0; i < rows; i++) {
    if (part->sum[i] == 0) continue;  // it saw nothing there
    const float most = part->largest[i] > to->largest[i] ? part->largest[i] : to->largest[i];
    const float ours = to->sum[i] == 0 ? 0 : expf(to->largest[i] - most), theirs = expf(part->largest[i] - most);
    to->largest[i] = most;
    to->sum[i] = to->sum[i] * ours + part->sum[i] * theirs;
    const v16f a = v16f_set1(ours), b = v16f_set1(theirs);
    float *out = to->out + (size_t)i * (size_t)wide, *from = part->out + (size_t)i * (size_t)wide;
    for (int32_t d = 0; d < wide; d += 16) v16f_store(out + d, v16f_fma(v16f_load(out + d), a, v16f_mul(v16f_load(from + d), b)));
  }
}
