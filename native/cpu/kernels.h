// What an instruction set provides: the inner loops, each on one thread. loops_*.h write them once, in the vector words of v16_*.h.
#pragma once
#include "fewbit_cpu.h"

// Rows of int8 activations: each row in spans of `span` inputs (a multiple of FB_BLOCK, or half of one) that share a scale.
typedef struct {
  int8_t *codes;    // [row][blocks * FB_BLOCK], zero past `in`
  float *scales;    // [row][spans]
  int32_t *sums;    // [row][spans] minus the sum of the span's codes, times `zero`: starts the accumulator
  float *totals;    // [row][spans] scale times the sum of the span's codes: what a minimum is multiplied by
  int32_t stride;   // blocks * FB_BLOCK
  int32_t span, spans;
  int32_t zero;     // the one zero point of the weight's codes; 1 where it has several
} fb_activations;

// Rows for which blocks_int8 unpacks a tile once: a multiple of what every instruction set takes at once.
#define FB_BLOCK_ROWS 96

// What one layer keeps of tokens, a piece of every page: keys [kv head][head_dim][FB_PAGE], so that a vector holds one element of many keys, and
// values [kv head][FB_PAGE][value_stride]. Of int8, every FB_KEPT_GROUP elements of a key or a value share a scale.
typedef struct {
  uint8_t *keys, *values;       // of page 0
  uint8_t *key_scales;          // FB_INT8: f32 [kv head][groups][FB_PAGE]
  uint8_t *value_scales;        // FB_INT8: f32 [kv head][FB_PAGE][groups]
  size_t page_stride;           // bytes from a page to the next: other layers' pieces lie between
  size_t key_bytes, value_bytes, scale_floats;  // of one head in a page
  int32_t type;                 // FB_F32, FB_F16 or FB_INT8
  int32_t kv_heads, head_dim;
  int32_t value_stride;         // head_dim rounded up to 16
  int32_t groups;               // of a key or a value
} fb_cache;
#define FB_KEPT_GROUP 32
static inline size_t fb_kept_bytes(int32_t type) { return type == FB_F32 ? 4 : type == FB_F16 ? 2 : 1; }
// A cache without memory.
static inline fb_cache fb_cache_of(int32_t type, int32_t kv_heads, int32_t head_dim) {
  fb_cache cache = {.type = type, .kv_heads = kv_heads, .head_dim = head_dim, .value_stride = (head_dim + 15) / 16 * 16, .groups = (head_dim + FB_KEPT_GROUP - 1) / FB_KEPT_GROUP};
  cache.key_bytes = (size_t)(FB_PAGE * head_dim) * fb_kept_bytes(type);
  cache.value_bytes = (size_t)(FB_PAGE * cache.value_stride) * fb_kept_bytes(type);
  cache.scale_floats = type == FB_INT8 ? (size_t)(FB_PAGE * cache.groups) : 0;
  return cache;
}
// Bytes of its piece of a page: a multiple of 64.
static inline size_t fb_cache_piece(const fb_cache *cache) {
  const size_t bytes = (size_t)cache->kv_heads * (cache->key_bytes + cache->value_bytes + 2 * cache->scale_floats * sizeof(float));
  return (bytes + 63) / 64 * 64;
}
// base: 64-byte aligned, of the piece of page 0.
static inline void fb_cache_place(fb_cache *cache, uint8_t *base, size_t page_stride) {
  const size_t heads = (size_t)cache->kv_heads;
  cache->page_stride = page_stride;
  cache->keys = base;
  cache->values = cache->keys + heads * cache->key_bytes;
  cache->key_scales = cache->values + heads * cache->value_bytes;
  cache->value_scales = cache->key_scales + heads * cache->scale_floats * sizeof(float);
}
static inline uint8_t *fb_cache_keys(const fb_cache *c, int32_t page, int32_t head) { return c->keys + (size_t)page * c->page_stride + (size_t)head * c->key_bytes; }
static inline uint8_t *fb_cache_values(const fb_cache *c, int32_t page, int32_t head) { return c->values + (size_t)page * c->page_stride + (size_t)head * c->value_bytes; }
static inline float *fb_cache_key_scales(const fb_cache *c, int32_t page, int32_t head) {
  return (float *)(void *)(c->key_scales + (size_t)page * c->page_stride) + (size_t)head * c->scale_floats;
}
static inline float *fb_cache_value_scales(const fb_cache *c, int32_t page, int32_t head) {
  return (float *)(void *)(c->value_scales + (size_t)page * c->page_stride) + (size_t)head * c->scale_floats;
}

// Positions that attention takes at once, pages side by side at fixed places: so the order of its sums does not depend on how a prompt was cut
// into steps, nor on which thread takes what.
#define FB_SEGMENT 128

// Queries of consecutive positions of one sequence against one key head.
typedef struct {
  const fb_cache *cache;
  const int32_t *pages;
  int32_t kv_head, group;  // `group` query heads share the key head
  int32_t position;        // of the first token
  int32_t tokens;
  int32_t window;          // 0: all earlier positions
  float scale;
  float soft_cap;          // 0: none
  const float *q;          // head kv_head * group of the first token
  int32_t q_stride;
} fb_attention;

// What rows of queries, `group` for each token, have of the positions that they were shown. A row that has seen nothing has sum 0, largest
// -FLT_MAX, below any score, and out 0: merge_attended multiplies it by 0, which makes no zero of what is infinite or no number.
typedef struct {
  float *out;      // [rows][value_stride]: the sum of exp(score - largest) * value
  float *largest;  // [rows]
  float *sum;      // [rows]: of exp(score - largest); 0: a row has seen nothing
} fb_attended;

typedef struct fb_kernels {
  const char *isa;
  int32_t rows_int8, rows_f32, rows_dense;  // rows that a tile kernel takes at once

  void (*quantize)(const float *x, const uint32_t *row_order, int32_t in, fb_activations *to, int32_t row);
  // y[r][16] of one tile, for rows row … row + rows - 1.
  void (*affine_int8)(const fb_weight *weight, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y);
  // A tile as f32, [in][16], in the order of the tile's rows.
  void (*affine_dequantize)(const fb_weight *weight, int32_t tile, float *to);
  void (*tile_f32)(const float *tile, int32_t in, const float *x, int32_t stride, int32_t rows, float *y);
  // As affine_int8 and affine_dequantize, of weights whose width changes.
  void (*mixed_int8)(const fb_weight *weight, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y);
  void (*mixed_dequantize)(const fb_weight *weight, int32_t tile, float *to);
  // y[r][16] of one tile, as affine_int8, for up to FB_BLOCK_ROWS rows.
  void (*blocks_int8)(const fb_weight *weight, int32_t tile, const fb_activations *x, int32_t row, int32_t rows, float *y);
  // As affine_dequantize.
  void (*blocks_dequantize)(const fb_weight *weight, int32_t tile, float *to);
  // y[r][16] of one tile, weights rounded as coded_dequantize does, summed as tile_f32 does.
  void (*coded_f32)(const fb_weight *weight, int32_t tile, const float *x, int32_t stride, int32_t rows, float *y);
  // As affine_dequantize.
  void (*coded_dequantize)(const fb_weight *weight, int32_t tile, float *to);
  // y[r][16] for outputs 16 * tile …; columns past `out` are left alone.
  void (*dense)(const fb_weight *weight, int32_t tile, const float *x, int32_t stride, int32_t rows, float *y);
  // out = glu(gate, up) + residual, for FB_ACTIVATION_*, over n values that may be fewer than 16 at the end; residual may be NULL and may be out.
  void (*glu)(int32_t activation, float limit, const float *gate, const float *up, const float *residual, float *out, int32_t n);
  void (*activate)(int32_t activation, const float *x, float *out, int32_t n);
  void (*soft_cap)(float cap, const float *x, float *out, int32_t n);
  void (*widen)(const uint8_t *from, int32_t type, float *to, int32_t n);
  // To fp16, each value `stride` places after the one before.
  void (*narrow)(const float *from, uint16_t *to, int32_t stride, int32_t n);
  // To int8 codes of groups of FB_KEPT_GROUP, each code `stride` places and each scale `scale_stride` places after the one before. A value that is no
  // finite number makes its group's scale NaN.
  void (*keep_int8)(const float *from, int8_t *to, int32_t stride, float *scales, int32_t scale_stride, int32_t n);
  void (*rms_norm)(const float *x, const float *weight, float eps, float *out, int32_t n);
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float eps, float *out, int32_t n);
  // Of one segment, from nothing. scratch: fb_attend_scratch() floats.
  void (*attend)(const fb_attention *work, int32_t segment, float *scratch, const fb_attended *to);
  // Adds what rows have of one segment to what they have of those before.
  void (*merge_attended)(const fb_attended *part, int32_t rows, int32_t wide, const fb_attended *to);
  // log(sum(exp(x))) and the largest, over a row of logits.
  void (*log_sum_exp)(const float *x, int32_t n, float *largest, double *sum);
  // Groups first … last - 1 of a search.
  void (*search_measure)(const fb_search *search, int64_t first, int64_t last);
  void (*search_refit)(const fb_search *search, int64_t first, int64_t last);
  void (*search_encode)(const fb_search *search, int64_t first, int64_t last);
  uint64_t (*read)(const uint8_t *bytes, size_t length);      // touches every byte
  int64_t (*dot_peak)(int64_t rounds);                        // multiply-adds done
} fb_kernels;

static inline size_t fb_attend_scratch(int32_t rows, int32_t head_dim) { return (size_t)rows * (size_t)(head_dim + FB_SEGMENT); }
// Floats of an fb_attended.
static inline size_t fb_attended_size(int32_t rows, int32_t wide) { return (size_t)rows * (size_t)(wide + 2); }
static inline fb_attended fb_attended_at(float *memory, int32_t rows, int32_t wide) {
  float *largest = memory + (size_t)rows * (size_t)wide;
  return (fb_attended){memory, largest, largest + rows};
}

extern const fb_kernels fb_kernels_portable;
#if defined(__x86_64__)
extern const fb_kernels fb_kernels_avx2, fb_kernels_avx512;
#elif defined(__aarch64__)
extern const fb_kernels fb_kernels_neon;
#endif
