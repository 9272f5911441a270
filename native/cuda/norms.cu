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
