// What an instruction set provides: the inner loops, each on one thread. loops_*.h write them once, in the vector words of v16_*.h.
#pragma once
#include "fewbit_cpu.h"

// Rows of int8 activations: each row in spans of `span` inputs (a multiple of FB_BLOCK, or half of one) that share a scale.
typedef struct {
  int8_t *codes;    // [row][blocks * FB_BLOCK], zero past `in`
  float *scales;    // [row][spans]
  int32_t *sums;    // [row][spans] minus the sum of the span's codes: a zero point times it starts the accumulator
  float *totals;    // [row][spans] scale times the sum of the span's codes: what a minimum is multiplied by
  int32_t stride;   // blocks * FB_BLOCK
  int32_t span, spans;
} fb_activations;

// Rows for which blocks_int8 unpacks a tile once: a multiple of what every instruction set takes at once.
#define FB_BLOCK_ROWS 96

// One cache: keys [page][kv head][head_dim][FB_PAGE], so that a vector holds one element of many keys, values [page][kv head][FB_PAGE][value_stride].
typedef struct {
  uint8_t *keys, *values;
  int32_t type;  // FB_F32 or FB_F16
  int32_t kv_heads, head_dim;
  int32_t value_stride;  // head_dim rounded up to 16
} fb_cache;

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
  const float *sinks;      // of all query heads, or NULL
  const float *q;          // head kv_head * group of the first token
  int32_t q_stride;
  float *out;              // likewise
  int32_t out_stride;
} fb_attention;

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
  void (*rms_norm)(const float *x, const float *weight, float eps, float *out, int32_t n);
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float eps, float *out, int32_t n);
  // scratch: fb_attention_scratch() floats.
  void (*attention)(const fb_attention *work, float *scratch);
  // log(sum(exp(x))) and the largest, over a row of logits.
  void (*log_sum_exp)(const float *x, int32_t n, float *largest, double *sum);
  // Groups first … last - 1 of a search.
  void (*search_measure)(const fb_search *search, int64_t first, int64_t last);
  void (*search_refit)(const fb_search *search, int64_t first, int64_t last);
  void (*search_encode)(const fb_search *search, int64_t first, int64_t last);
  uint64_t (*read)(const uint8_t *bytes, size_t length);      // touches every byte
  int64_t (*dot_peak)(int64_t rounds);                        // multiply-adds done
} fb_kernels;

// Tokens of one attention work item, so that its rows fill the registers and its scratch stays in the cache.
static inline int32_t fb_attention_tokens(int32_t group) { return group >= 48 ? 1 : 48 / group; }
static inline size_t fb_attention_scratch(int32_t group, int32_t head_dim) {
  size_t rows = (size_t)fb_attention_tokens(group) * (size_t)group, wide = (size_t)(head_dim + 15) / 16 * 16;
  return 2 * FB_PAGE * wide + rows * (FB_PAGE + 2 * wide + 3) + 64;
}

extern const fb_kernels fb_kernels_portable;
#if defined(__x86_64__)
extern const fb_kernels fb_kernels_avx2, fb_kernels_avx512;
#elif defined(__aarch64__)
extern const fb_kernels fb_kernels_neon;
#endif
