#pragma once
// Linears over affine weights of 2, 3, 4 and 8 bits on tensor cores (compute capability 9.0), activations in f16 or bf16.
//
//   y[row][output] = scale * (sum over k of x[row][k] * w[output][k], + bias), then the gate, then + residual
//
// Weights are records (affine_layout.cuh) made by `affine_prepare`: outputs that have a gate are interleaved with it there. Two kernels
// read the same records:
//   linear_affine_few{8,16,32}_TYPE_BITS_SPAN    up to so many rows; bound by memory.
//   linear_affine_many{128x32,128x64,128x128,256x128}_TYPE_BITS    tiles of OUTPUTSxROWS; bound by tensor cores.
// TYPE is f16 or bf16, BITS 2, 3, 4 or 8, SPAN 32, 64 or 128.
//
// Both take: inputs a multiple of 8; outputs (of `out`) a multiple of 8; all views of the kernel's type, their bases and strides multiples
// of 16 bytes. With act-order the input is first brought into the weight's order (affine_gather). They call griddepcontrol: launch them
// with programmatic stream serialization. Set every kernel's preferred shared-memory carveout to the most there is: otherwise two blocks
// do not fit on a multiprocessor.
//
// Launches. Grid: one block for every multiprocessor, of few-row kernels not more than there are tiles of 16 outputs. Threads: few 288
// (of 16 rows 544), many 384. Dynamic shared memory: few as FewShared adds it up, with as many slots as fit into 113 KiB for up to 8
// rows, so that two blocks fit; many 2048 + slots * ManyShared::stage + 8 * kScratchBytes. bench/cuda/linear_affine.py has it in Python.
#include "params.h"

struct AffineLinearParams {
  const int32_t *step;
  const uint8_t *weight;  // records [tile][record], tiles * records of them
  const float *bias;      // by output of the weight, or none
  View input, residual, out;  // the residual's base may be none
  int32_t rows_at;
  int32_t inputs;
  int32_t outputs;     // of the weight: twice those of `out` with a gate
  int32_t span;        // inputs that share a scale within a record
  int32_t has_zeros;   // 0: symmetric
  int32_t scale_type;  // kF16 or kBF16
  int32_t glu;         // Activation
  float glu_limit;
  float scale;
  int32_t max_rows;    // of a launch: what shared memory was sized for
  int32_t slots;         // of the ring of weights
  int32_t input_stages;  // few: copies' worth of input a warp keeps: all of its share, or 2
  int32_t unused;
};
FB_SIZE(AffineLinearParams, 128);

// What the decoding kernel takes besides.
struct AffineDecodeParams {
  AffineLinearParams linear;
  const int32_t *order;   // input of each place along k, or none
  const float *norm;      // weights of an RMS norm of the whole row, by input, or none
  float norm_eps;
  int32_t meeting_tiles;  // whose sums there is room for
};
FB_SIZE(AffineDecodeParams, 152);

// What the many-rows kernel takes besides. The map is of the input: {inputs, rows of its buffer} elements, boxes of {64, rows of a tile}
// with the 128-byte swizzle; columns beyond `inputs` are read as 0.
struct AffineLinearManyParams {
  alignas(64) uint8_t input_map[128];
  AffineLinearParams linear;
  // One slot for every block, of rows of a tile * outputs of a tile floats, for sums of tiles that blocks share; and a flag for each,
  // 0 before the first launch. Launches that follow one another in a stream can share both.
  float *sums;
  uint32_t *flags;
  int64_t unused;
};
FB_SIZE(AffineLinearManyParams, 320);

struct AffineGatherParams {
  const int32_t *step;
  const int32_t *order;  // input of each place along k
  View input, out;       // of 16-bit numbers; `out` is at multiples of 16 bytes
  int32_t rows_at;
  int32_t inputs;        // a multiple of 8
};
FB_SIZE(AffineGatherParams, 56);

struct AffinePrepareParams {
  const Weight *weight;
  const int32_t *order;  // input of each place along k, or none
  uint8_t *records;
  int32_t inputs;
  int32_t outputs;
  int32_t bits;
  int32_t span;
  int32_t has_zeros;
  int32_t scale_type;
  int32_t gated;
  int32_t unused;
};
FB_SIZE(AffinePrepareParams, 56);
