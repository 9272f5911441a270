// The CPU library: what TypeScript calls (src/backends/cpu), and the structures that its translation units share.
// Whoever calls has checked every count, length and index (device/check-program.ts, device/check-step.ts, weights/check-weight.ts).
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define FB_EXPORT __declspec(dllexport)
#else
#define FB_EXPORT __attribute__((visibility("default")))
#endif

// Grows when a signature or an encoding below changes; TypeScript refuses a library of another version.
#define FB_ABI 13

enum { FB_F32 = 0, FB_F16 = 1, FB_BF16 = 2, FB_INT8 = 3 };   // FloatType, in the order of encode-program.ts; of caches alone: int8
// CodeOrder and ZeroOrder: docs/layouts.md draws them.
enum {
  FB_CODES_LSB_K = 0,
  FB_CODES_PLANAR_K = 1,
  FB_CODES_LSB_ROWS = 2,
  FB_CODES_WORD_ROWS = 3,
  FB_CODES_BYTE_ROWS = 4,
  FB_CODES_AWQ_GEMM = 5,
  FB_CODES_AWQ_GEMV_FAST = 6,
  FB_CODES_MARLIN = 7,
  FB_CODES_SPARSE_24 = 8,  // of Sparse24Weight
};
enum { FB_ZEROS_LSB = 0, FB_ZEROS_MINUS_ONE = 1, FB_ZEROS_MINUS_LEGACY = 2, FB_ZEROS_BYTES = 3 };
enum { FB_DENSE = 0, FB_AFFINE = 1, FB_BLOCKS = 2, FB_MIXED = 3, FB_CODED = 4 };
// What a code is: 8-bit floats that instructions widen, others that a table of 256 has, or nibbles of a codebook.
enum { FB_CODED_E4M3, FB_CODED_E5M2, FB_CODED_BYTES, FB_CODED_NIBBLES };
// BlockType of weights/blocks/block-type.ts, in its order.
enum {
  FB_Q1_0, FB_Q2_0, FB_Q4_0, FB_Q4_1, FB_Q5_0, FB_Q5_1, FB_Q8_0, FB_TQ1_0, FB_TQ2_0,
  FB_Q2_K, FB_Q3_K, FB_Q4_K, FB_Q5_K, FB_Q6_K,
  FB_IQ4_NL, FB_IQ4_XS, FB_MXFP4, FB_NVFP4,
  FB_IQ1_S, FB_IQ1_M, FB_IQ2_XXS, FB_IQ2_XS, FB_IQ2_S, FB_IQ3_XXS, FB_IQ3_S,
  FB_Q4_0_V1, FB_Q4_1_V1, FB_Q5_0_V1, FB_Q5_1_V1, FB_Q4_0_V2, FB_Q4_1_V2, FB_Q8_0_V2,
  FB_BLOCK_TYPES
};

// Columns of a tile, inputs of a block: the unit in which weights are packed (docs/layouts.md, "k4n16").
#define FB_TILE 16
#define FB_BLOCK 32
// Positions in a page of keys and values.
#define FB_PAGE 32
#define FB_MAX_THREADS 256

// A prepared weight. Codes: [tile][block][plane bytes], each tile's blocks in the order of k.
typedef struct fb_weight {
  int32_t kind, in, out;
  int32_t type;         // of dense values, or of scales; blocks: FB_Q4_0, …
  int32_t bits;         // affine: 2 to 8
  int32_t group_size;   // affine; may be any size up to `in`
  int32_t groups;       // blocks: the file's blocks of a row
  int32_t tiles, blocks;
  int32_t span;         // all but dense: inputs whose 8-bit activations share a scale; 0: activations stay f32
  int32_t sparse;       // affine: of every four inputs two are kept
  uint8_t *values;      // dense: [out][in]; borrowed unless `owned` holds it
  uint8_t *codes;       // affine: tiles * blocks * fb_affine_block_bytes(), 64-byte aligned
  uint8_t *scales;      // affine: [tile][group][16] of `type`; mixed: of bytes whose squares are multiplied by the group's maximum
  uint8_t *zeros;       // affine: [tile][group][16] bytes; NULL: symmetric
  int32_t *group_ends;  // mixed: the row behind each group, in memory of its own with the widths
  uint8_t *group_widths, *widths;  // mixed: bits of each group, and of each block
  size_t tile_bytes;    // mixed: of a tile's codes
  float *maxima;        // mixed: [tile][group], the 256th part
  uint32_t *row_order;  // affine, mixed: [in]; row r of the tiles is input feature row_order[r]; NULL: r
  uint8_t *grid;        // blocks: a grid's rows of 8 or 4 codes, as the dot product takes them; ternary ones: see blocks.c
  float *table;         // coded: what the codes stand for, 256 values, or 16 of nibbles
  float *scale_table;   // coded: what bytes of scales stand for; NULL: scales are f32
  int32_t divides;      // coded: values are divided by the scales
  float divisor;        // affine: what every product is divided by; 1: nothing
  float *factors;       // blocks: of each tile, for weights that have one; NULL: 1
  void *owned;
  size_t byte_length;   // of what the library allocated
} fb_weight;

// Bytes of a number of a FloatType.
static inline size_t fb_type_bytes(int32_t type) { return type == FB_F32 ? 4 : 2; }

// Bytes of an affine block: 64 a bit of a code, or of half the codes beside a word of what is kept for every column.
static inline size_t fb_affine_block_bytes(int32_t bits, int32_t sparse) { return (size_t)(sparse ? 64 + 32 * bits : 64 * bits); }

typedef struct fb_device fb_device;
typedef struct fb_executable fb_executable;

FB_EXPORT int32_t fb_abi(void);
// The best instruction set here: "avx512", "avx2", "neon" or "portable".
FB_EXPORT const char *fb_best_isa(void);
// 1 when the processor can run the named instruction set and this library holds it.
FB_EXPORT int32_t fb_has_isa(const char *isa);

// Threads include the caller's. shares: they are those of all other devices that share as many; what these run takes turns. NULL when
// memory or threads cannot be had.
FB_EXPORT fb_device *fb_device_open(int32_t threads, const char *isa, int32_t shares);
FB_EXPORT void fb_device_close(fb_device *device);

// What an affine weight is. `span` is a multiple of FB_BLOCK, at most 128, that divides the group size unless there is one group; 0: the
// weight is multiplied in f32.
typedef struct {
  const uint32_t *row_order;  // copied; NULL: none
  int32_t in, out, bits, group_size, scale_type, has_zeros, span;
  int32_t sparse;  // 1: its parts are in FB_CODES_SPARSE_24, 4 or 8 bit, symmetric and without a row order
  float divisor;
} fb_affine_shape;
_Static_assert(offsetof(fb_affine_shape, divisor) == sizeof(void *) + 8 * sizeof(int32_t), "fb_affine_shape is what native-library.node.ts declares");

// The columns `column` to `column + out` of an affine weight as a file has them: codes and zeros as their orders say, scales [group][out].
typedef struct {
  const uint8_t *codes, *scales, *zeros;  // zeros: NULL where the weight is symmetric
  const uint8_t *positions;               // of FB_CODES_SPARSE_24, else NULL: which two of four inputs the codes are for
  int32_t code_order, zero_order;
  int32_t column, out;  // column: a multiple of FB_TILE
} fb_affine_part;
_Static_assert(sizeof(fb_affine_part) == 4 * sizeof(void *) + 4 * sizeof(int32_t), "fb_affine_part is what native-library.node.ts declares");

// An affine weight without data; its parts are put in one by one. NULL when memory cannot be had.
FB_EXPORT fb_weight *fb_weight_affine(const fb_affine_shape *shape);
// Transcodes a part into the weight's tiles, on all threads. -1, or of FB_CODES_SPARSE_24 the least nibble that names no two positions in order: then
// the weight is not to be used.
FB_EXPORT int32_t fb_weight_put_affine(fb_device *device, fb_weight *weight, const fb_affine_part *part);
// Rounds dense values [out][in] of `type` into columns `column` on of an affine weight of 8 bits with f32 scales and without zeros or a row order, whose
// span is its group, on all threads. column is a multiple of FB_TILE. 0: memory cannot be had, and the weight is not whole.
FB_EXPORT int32_t fb_weight_put_rounded(fb_device *device, fb_weight *weight, int32_t column, int32_t out, int32_t type, const uint8_t *values);
// What a weight of blocks is. `in` is a multiple of the type's values; `span` is 32, 16 where 16 inputs share a scale, or 0 for f32.
typedef struct {
  const int8_t *grid;  // of a type that has one, [rows][8 or 4]; copied
  int32_t in, out, type, grid_bytes, has_factor, span;
} fb_block_shape;
_Static_assert(offsetof(fb_block_shape, span) == sizeof(void *) + 5 * sizeof(int32_t), "fb_block_shape is what native-library.node.ts declares");

// As fb_weight_affine.
FB_EXPORT fb_weight *fb_weight_blocks(const fb_block_shape *shape);
// Transcodes the outputs `column` to `column + out`, rows of blocks as a file has them, into the weight's tiles, on all threads. column is a
// multiple of FB_TILE.
FB_EXPORT void fb_weight_put_blocks(fb_device *device, fb_weight *weight, int32_t column, int32_t out, const uint8_t *blocks, float factor);
// What an affine weight is whose width changes along k. Groups follow one another, `sizes` of them make up `in`; all have at most 8 bits.
// `span`: as for affine weights; then every group but the last has whole spans.
typedef struct {
  const uint32_t *row_order;  // copied; NULL: none
  const uint8_t *widths;      // bits of each group
  const int32_t *sizes;       // inputs of each group
  int32_t in, out, groups, span;
} fb_mixed_shape;
_Static_assert(offsetof(fb_mixed_shape, span) == 3 * sizeof(void *) + 3 * sizeof(int32_t), "fb_mixed_shape is what native-library.node.ts declares");

// The columns `column` to `column + out` as a file has them (MixedAffineWeight). It stores `columns` of them, padding behind `out`.
typedef struct {
  const uint8_t *codes;         // of each group, words [ceil(size * bits / 32)][columns]
  const uint8_t *scale_codes;   // words [group][columns / 8]
  const uint8_t *scale_maxima;  // fp16 [group]
  int32_t columns, column, out;
} fb_mixed_part;
_Static_assert(offsetof(fb_mixed_part, out) == 3 * sizeof(void *) + 2 * sizeof(int32_t), "fb_mixed_part is what native-library.node.ts declares");

// As fb_weight_affine.
FB_EXPORT fb_weight *fb_weight_mixed(const fb_mixed_shape *shape);
FB_EXPORT void fb_weight_put_mixed(fb_device *device, fb_weight *weight, const fb_mixed_part *part);
// What a weight of codes and scales is. Groups of nibbles are even, and so is `in`.
typedef struct {
  const float *table;        // copied: 256 values, or 16 of nibbles
  const float *scale_table;  // copied: 256 values; NULL: scales are f32
  int32_t in, out, form, group_size, divides;
} fb_coded_shape;
_Static_assert(offsetof(fb_coded_shape, divides) == 2 * sizeof(void *) + 4 * sizeof(int32_t), "fb_coded_shape is what native-library.node.ts declares");

// The outputs `column` to `column + out`: codes [out][in] or [out][in / 2], scales [out][groups].
typedef struct {
  const uint8_t *codes, *scales;
  int32_t swaps;        // 1: the even input of a byte is the high nibble
  int32_t column, out;  // column: a multiple of FB_TILE
} fb_coded_part;
_Static_assert(offsetof(fb_coded_part, out) == 2 * sizeof(void *) + 2 * sizeof(int32_t), "fb_coded_part is what native-library.node.ts declares");

// As fb_weight_affine.
FB_EXPORT fb_weight *fb_weight_coded(const fb_coded_shape *shape);
FB_EXPORT void fb_weight_put_coded(fb_device *device, fb_weight *weight, const fb_coded_part *part);
// A dense weight: with `values` it borrows them (the caller keeps them alive), else it allocates and parts are put in.
FB_EXPORT fb_weight *fb_weight_dense(int32_t in, int32_t out, int32_t type, uint8_t *values);
// Asks the system to bring memory into large pages, copying it; 1: done. Only speed depends on it.
FB_EXPORT int32_t fb_enlarge_pages(uint8_t *bytes, double length);
FB_EXPORT void fb_weight_put_dense(fb_weight *weight, int32_t column, int32_t out, const uint8_t *values);
FB_EXPORT double fb_weight_bytes(const fb_weight *weight);
FB_EXPORT void fb_weight_free(fb_weight *weight);

// Groups of values and what is tried for them: see src/weights/blocks/candidate-search.ts. With `codes` there is one scale (and minimum) a
// group, else FB_SEARCH_CANDIDATES, which are measured where there are `errors`, and refitted in place where there are none.
#define FB_SEARCH_CANDIDATES 16
// Levels of a table, at most.
#define FB_SEARCH_LEVELS 16
typedef struct {
  const float *values;
  double *scales, *minima;  // minima: NULL for 0
  double *errors;
  uint8_t *codes;
  const double *table;  // NULL: levels are integers
  int32_t groups, size, lowest, count, minima_at_most_zero;
} fb_search;
_Static_assert(offsetof(fb_search, minima_at_most_zero) == 6 * sizeof(void *) + 4 * sizeof(int32_t), "fb_search is what native-library.node.ts declares");

FB_EXPORT void fb_search_blocks(fb_device *device, const fb_search *search);

// Op records: FB_OP_WORDS int32 each. Views are (buffer, offset, width); -1 stands for "none".
#define FB_OP_WORDS 24
enum { FB_OP_EMBED, FB_OP_RMS_NORM, FB_OP_LINEAR, FB_OP_GLU, FB_OP_ROPE_WRITE, FB_OP_ATTENTION, FB_OP_GATHER, FB_OP_SAMPLE,
       FB_OP_LAYER_NORM, FB_OP_ACTIVATE, FB_OP_SOFT_CAP, FB_OP_ADD, FB_OP_REGROUP, FB_OP_ROUTE, FB_OP_EXPERT_LINEAR, FB_OP_EXPERT_SUM };
enum { FB_ACTIVATION_SILU = 1, FB_ACTIVATION_GELU = 2, FB_ACTIVATION_GELU_TANH = 3, FB_ACTIVATION_CLAMPED_SWIGLU = 4 };
typedef struct { int32_t buffer, offset, width; } fb_view;
typedef struct {
  int32_t kind;
  // embed: out | linear: a (input), b (residual) → out | glu: a, b, c (residual) → out | rope: a, b, c = q, k, v | sample: a | add: a, b (gate), c (residual) → out
  // expert linear: a, b (routes) → out | expert sum: a, b (routes), c (residual) → out | all others: a → out
  fb_view a, b, c, out;
  int32_t weight, vector, cache, rope;  // vector of attention: sinks; rope of rope: -1 for none
  int32_t number;        // rms norm: columns of a group | linears, glu, activate: FB_ACTIVATION_*, 0 in a linear without a gate | attention: window, 0 for none
                         // regroup: parts | route: 1 for weights of the chosen alone
  float value;           // norms: eps | attention: scale | linears, glu: the limit of clamped swiglu | soft-cap: cap
  float factor;          // embed, linear: what results are multiplied by | attention: soft-cap, 0 for none
  int32_t list;          // layer norm: the bias's vector | expert linear: where in the ids the weights of its experts start, and after them the biases, -1 for none
  int32_t count;         // expert linear: experts | regroup: columns of a group
  int32_t reserved[2];
} fb_op;
_Static_assert(sizeof(fb_op) == FB_OP_WORDS * sizeof(int32_t), "fb_op is what encode-program.ts writes");

// Program: header of int32, then arrays one after another; see encode-program.ts.
typedef struct {
  int32_t ops, buffers, weights, vectors, ropes, page_kinds, caches;
  int32_t vocab, max_tokens, max_sequences, max_outputs, cache_type, floats, ids;
  int32_t hidden, hidden_ops;  // the buffer that holds the hidden states of the outputs, or -1, and how many ops have made them
} fb_program_header;
_Static_assert(sizeof(fb_program_header) == 16 * sizeof(int32_t), "fb_program_header is what encode-program.ts writes");

// words: fb_program_header, then per buffer (rows: 0 tokens, 1 outputs; width), per vector (offset into floats), per rope (rotary_dim, variants, offset of
// the first variant's [scale, rotary_dim / 2 frequencies] in floats), per page kind (pages), per cache (page_kind, kv_heads, head_dim), then the ids and the ops.
// Copies everything but the weights. NULL when memory cannot be had.
FB_EXPORT fb_executable *fb_executable_open(fb_device *device, const int32_t *words, const float *floats, fb_weight *const *weights);
FB_EXPORT void fb_executable_close(fb_executable *executable);
FB_EXPORT double fb_executable_bytes(const fb_executable *executable);

// One step. Offsets are in int32 units from the start of the block; -1: absent.
typedef struct {
  int32_t tokens, sequences, outputs;  // T, S, R
  int32_t tokens_at, positions_at, starts_at, slots_at, variants_at, outputs_at;
  int32_t sampling;  // 1: draw
  int32_t top;       // how many of the likeliest to report
  int32_t temperature_at, top_k_at, top_p_at, min_p_at, typical_p_at, repetition_at, presence_at, frequency_at, seed_low_at, seed_high_at;
  int32_t bias_starts_at, bias_ids_at, bias_values_at, count_starts_at, count_ids_at, output_counts_at, allowed_at;
  int32_t samples_at, logprobs_at, top_ids_at, top_logprobs_at;  // written by the step
  int32_t page_tables_at;  // per page kind: offset, stride
} fb_step_header;
_Static_assert(sizeof(fb_step_header) == 33 * sizeof(int32_t), "fb_step_header is what step-block.ts writes");

// Runs every op of the program on all threads and returns when the last has ended. logits: [outputs][vocab] or NULL. hidden: [outputs][its width] or NULL; a
// step that wants it, and neither logits nor samples, ends where it is made. An output whose logits are not numbers gets the sample -1 and a logprob of NaN.
// turn: how many steps were handed over before, modulo 2^31. A step that comes early sleeps until it is its turn, and starts as the one before it ends.
FB_EXPORT void fb_step(fb_executable *executable, int32_t *block, float *logits, float *hidden, int32_t turn);

// What the machine can do, for `doctor` and for shares of the limit.
FB_EXPORT double fb_measure_read(fb_device *device, double bytes, int32_t repeats);  // bytes per second, all threads; the best of the repeats
FB_EXPORT double fb_measure_dot(fb_device *device, int32_t milliseconds);            // int8 multiply-adds * 2 per second, all threads
FB_EXPORT double fb_measure_barrier(fb_device *device, int32_t repeats);             // seconds for one barrier of all threads
