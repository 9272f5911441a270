#pragma once
// What crosses from src/backends/cuda to the kernels. Every structure has its twin there (encode-ops.ts, cuda-weight.node.ts), which
// writes the members in this order at their natural alignment; sizes are asserted on both sides. All pointers are of the device.
#include <stdint.h>

#define FB_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " has another size than its twin in TypeScript")

enum FloatType : int32_t { kF32, kF16, kBF16 };

// Columns of a buffer: the first column's address in row 0, and elements from one row to the next.
struct View {
  void *base;
  int32_t stride;
  int32_t type;
};
FB_SIZE(View, 16);

// -- The step ------------------------------------------------------------------------------------------------------------------------
// Words [header][arrays], written by src/device/step-block.ts; what ends in _at is the index of an array's first word.
enum StepField : int32_t {
  kTokens,
  kSequences,
  kOutputs,
  kTokensAt,
  kPositionsAt,
  kStartsAt,
  kSlotsAt,
  kVariantsAt,
  kOutputsAt,
  kSampling,
  kTop,
  kTemperatureAt,
  kTopKAt,
  kTopPAt,
  kMinPAt,
  kTypicalPAt,
  kRepetitionAt,
  kPresenceAt,
  kFrequencyAt,
  kSeedLowAt,
  kSeedHighAt,
  kBiasStartsAt,
  kBiasIdsAt,
  kBiasValuesAt,
  kCountStartsAt,
  kCountIdsAt,
  kOutputCountsAt,
  kAllowedAt,  // -1: all tokens are
  kSamplesAt,
  kLogprobsAt,
  kTopIdsAt,
  kTopLogprobsAt,
  kPageTablesAt,  // per page kind: first word, stride
};

// -- Weights -------------------------------------------------------------------------------------------------------------------------
// One checkpoint tensor's worth of a prepared weight, in the file's own bytes; which members count depends on the scheme.
struct Part {
  const uint8_t *codes;        // codes, values or blocks
  const uint8_t *scales;
  const uint8_t *zeros;        // affine: zero points; 2:4: positions; mixed: 4-bit codes of the scales
  const int32_t *places;       // affine: group of every input, where inputs are permuted; mixed: Place of every input
  const float *table;          // float8, codebook: value of a code; blocks: the type's grid
  const float *scale_table;    // codebook: value of a scale's byte
  int32_t column;              // its first output in the weight
  int32_t outputs;
  int32_t inputs;
  int32_t order;               // affine: CodeOrder; blocks: BlockType; dense: FloatType; codebook: 1 if the even input is the high nibble
  int32_t zero_order;
  int32_t bits;
  int32_t scale_type;
  int32_t group_size;          // inputs; of blocks: values of one
  int32_t stored;              // mixed: outputs as stored; float8: outputs that share a scale; blocks: bytes of one
  float factor;                // affine: divisor; blocks: factor of the whole weight
  int32_t has_factor;          // float8: whether values are divided by the scales
  int32_t groups;
};
FB_SIZE(Part, 96);

// Where an input of a mixed weight lies.
struct Place {
  int32_t row;         // within its group
  int32_t bits;
  int32_t first_word;
  int32_t group;
};

struct Weight {
  int32_t parts;
  int32_t inputs;
  int32_t outputs;
  int32_t unused;
  Part part[1];
};

// As in weights/packed-weight.ts, in the order of its lists.
enum CodeOrder : int32_t { kLsbK, kPlanarK, kLsbRows, kWordRows, kByteRows, kAwqGemm, kAwqGemvFast, kMarlin };
enum ZeroOrder : int32_t { kLsbN, kLsbNMinusOne, kLsbNMinusLegacy, kBytes, kSymmetric };

// As in weights/blocks/block-type.ts.
enum BlockType : int32_t {
  kQ1_0, kQ2_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kTQ1_0, kTQ2_0, kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K,
  kIQ4_NL, kIQ4_XS, kMXFP4, kNVFP4, kIQ1_S, kIQ1_M, kIQ2_XXS, kIQ2_XS, kIQ2_S, kIQ3_XXS, kIQ3_S,
  kQ4_0_V1, kQ4_1_V1, kQ5_0_V1, kQ5_1_V1, kQ4_0_V2, kQ4_1_V2, kQ8_0_V2,
};

// -- Ops -----------------------------------------------------------------------------------------------------------------------------
// `rows_at`: the word of the step that has the number of rows, kTokens or kOutputs. Widths are in elements.
enum Activation : int32_t { kNone, kSilu, kGelu, kGeluTanh, kClampedSwiglu };

struct EmbedParams {
  const int32_t *step;
  const Weight *table;
  const int32_t *last_samples;
  View out;
  int32_t width;
  float scale;
};
FB_SIZE(EmbedParams, 48);

struct NormParams {
  const int32_t *step;
  const float *weight;
  const float *bias;  // of a layer norm
  View input, out;
  int32_t rows_at;
  int32_t width;
  int32_t group_width;
  float eps;
};
FB_SIZE(NormParams, 72);

struct LinearParams {
  const int32_t *step;
  const Weight *weight;
  const float *bias;  // or none
  View input, residual, out;  // the residual's base may be none
  int32_t rows_at;
  int32_t inputs;
  int32_t outputs;  // of `out`: half the weight's with a gate
  int32_t glu;
  float glu_limit;
  float scale;
};
FB_SIZE(LinearParams, 96);

struct ExpertLinearParams {
  const int32_t *step;
  const Weight *const *weights;  // [experts]
  const float *const *biases;    // [experts], each or all may be none
  View input, routes, out;
  int32_t rows_at;
  int32_t inputs;
  int32_t outputs;  // of one choice
  int32_t choices;
  int32_t experts;
  int32_t input_per_choice;
  int32_t glu;
  float glu_limit;
};
FB_SIZE(ExpertLinearParams, 104);

// glu (a, b), activate (a), soft-cap (a), add (a, b the gate if any, c), gather (a), regroup (a), expert-sum (a, b the routes, c if any).
struct ElementParams {
  const int32_t *step;
  View a, b, c, out;
  int32_t rows_at;
  int32_t width;        // of out
  int32_t kind;         // Activation; of regroup: parts; of expert-sum: choices
  int32_t group_width;  // of regroup
  float number;         // a limit, a cap
  int32_t unused;
};
FB_SIZE(ElementParams, 96);

struct RouteParams {
  const int32_t *step;
  View logits, out;
  int32_t rows_at;
  int32_t experts;
  int32_t choices;
  int32_t normalizes;
};
FB_SIZE(RouteParams, 56);

// Pages of a cache: [page][keys, values][kv_heads][kPagePositions][head_dim] of its type.
constexpr int kPagePositions = 32;

struct RopeWriteParams {
  const int32_t *step;
  const float *frequencies;  // per variant: scale, [rotary_dim / 2] inverse frequencies
  void *cache;
  View q, k, v;
  int32_t heads, kv_heads, head_dim;
  int32_t rotary_dim;  // 0: nothing is rotated
  int32_t variants;
  int32_t page_kind;
  int32_t cache_type;
  int32_t unused;
};
FB_SIZE(RopeWriteParams, 104);

struct AttentionParams {
  const int32_t *step;
  const float *sinks;  // or none
  const void *cache;
  View q, out;
  int32_t heads, kv_heads, head_dim;
  int32_t window;  // 0: none
  int32_t page_kind;
  int32_t cache_type;
  float scale;
  float soft_cap;  // 0: none
};
FB_SIZE(AttentionParams, 88);

// What blocks that share a token's keys leave for the last of them.
struct AttentionSplitParams {
  AttentionParams op;
  float *shares;       // [token][head][split][head_dim + 2]: weighted values, largest score, sum of weights
  uint32_t *arrivals;  // [token][kv_head], 0 between launches
};
FB_SIZE(AttentionSplitParams, 104);

struct SampleParams {
  int32_t *step;
  const float *logits;
  float *adjusted;  // [blocks of the launch][vocab]
  int32_t *last_samples;
  int32_t stride;
  int32_t vocab;
};
FB_SIZE(SampleParams, 40);
