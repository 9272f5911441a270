// Norms: a block a row (layer-norm, and an RMS norm of the whole row) or a warp a group of columns (RMS norms of heads). The order of a
// sum depends on the width alone.
#include "kernel.cuh"
#include "numbers.cuh"

constexpr int kThreads = 256;

// Grid: (1, rows).
FB_KERNEL(kThreads, rms_norm_rows, NormParams) {
  __shared__ float scratch[kWarp];
  const int row = (int)blockIdx.y;
  if (row >= p.step[p.rows_at]) return;
  float squares = 0;
  for (int i = (int)threadIdx.x; i < p.width; i += kThreads) {
    const float x = load(p.input, row, i);
    squares = fmaf(x, x, squares);
  }
  const float scale = 1.0f / sqrtf(block_sum(squares, scratch) / (float)p.width + p.eps);
  for (int i = (int)threadIdx.x; i < p.width; i += kThreads) store(p.out, row, i, load(p.input, row, i) * scale * p.weight[i]);
}

// The same of 16-bit rows of at most 8192 columns, in eights: each element is read once, all of a thread's at the same time.
// Grid: (1, rows).
constexpr int kWideThreads = 512;
constexpr int kPieces = 2;

FB_KERNEL(kWideThreads, rms_norm_wide, NormParams) {
  __shared__ float scratch[kWarp];
  const int row = (int)blockIdx.y;
  if (row >= p.step[p.rows_at]) return;
  const uint16_t *from = (const uint16_t *)p.input.base + (int64_t)row * p.input.stride;
  uint16_t *to = (uint16_t *)p.out.base + (int64_t)row * p.out.stride;
  float x[kPieces][8], squares = 0;
#pragma unroll
  for (int piece = 0; piece < kPieces; piece++) {
    const int i = (piece * kWideThreads + (int)threadIdx.x) * 8;
    widen8(i < p.width ? *(const uint4 *)(from + i) : uint4{0, 0, 0, 0}, p.input.type, x[piece]);
#pragma unroll
    for (int j = 0; j < 8; j++) squares = fmaf(x[piece][j], x[piece][j], squares);
  }
  const float scale = 1.0f / sqrtf(block_sum(squares, scratch) / (float)p.width + p.eps);
#pragma unroll
  for (int piece = 0; piece < kPieces; piece++) {
    const int i = (piece * kWideThreads + (int)threadIdx.x) * 8;
    if (i >= p.width) continue;
    const float4 low = *(const float4 *)(p.weight + i), high = *(const float4 *)(p.weight + i + 4);
    const float weights[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int j = 0; j < 8; j++) x[piece][j] *= scale * weights[j];
    *(uint4 *)(to + i) = narrow8(x[piece], p.out.type);
  }
}

// Grid: (groups / 8, rows).
FB_KERNEL(kThreads, rms_norm_groups, NormParams) {
  const int row = (int)blockIdx.y, first = ((int)blockIdx.x * (kThreads / kWarp) + warp_id()) * p.group_width;
  if (row >= p.step[p.rows_at] || first >= p.width) return;
  float squares = 0;
  for (int i = lane_id(); i < p.group_width; i += kWarp) {
    const float x = load(p.input, row, first + i);
    squares = fmaf(x, x, squares);
  }
  const float scale = 1.0f / sqrtf(warp_sum(squares) / (float)p.group_width + p.eps);
  for (int i = lane_id(); i < p.group_width; i += kWarp) store(p.out, row, first + i, load(p.input, row, first + i) * scale * p.weight[i]);
}

// Grid: (1, rows).
FB_KERNEL(kThreads, layer_norm, NormParams) {
  __shared__ float scratch[kWarp];
  const int row = (int)blockIdx.y;
  if (row >= p.step[p.rows_at]) return;
  float sum = 0, squares = 0;
  for (int i = (int)threadIdx.x; i < p.width; i += kThreads) sum += load(p.input, row, i);
  const float mean = block_sum(sum, scratch) / (float)p.width;
  for (int i = (int)threadIdx.x; i < p.width; i += kThreads) {
    const float x = load(p.input, row, i) - mean;
    squares = fmaf(x, x, squares);
  }
  const float scale = 1.0f / sqrtf(block_sum(squares, scratch) / (float)p.width + p.eps);
  for (int i = (int)threadIdx.x; i < p.width; i += kThreads)
    store(p.out, row, i, (load(p.input, row, i) - mean) * scale * p.weight[i] + p.bias[i]);
}
