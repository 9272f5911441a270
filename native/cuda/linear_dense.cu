// Linears of few rows over dense f16 or bf16 weights, activations of the same type: a head, above all.
//
// Split    a warp has two outputs and up to 8 rows; its lanes take 8 inputs at a time, four loads of 16 bytes in flight for each output.
// Needs    inputs a multiple of 8; rows of the input that begin at multiples of 16 bytes.
// Why      each weight is read once and never again, so that its loads skip the first cache, which the input stays in.
// Grid: (outputs / 16, rows / kRows).
#include "activations.cuh"
#include "kernel.cuh"
#include "step.cuh"
#include "weights.cuh"

constexpr int kThreads = 256;
constexpr int kWarpOutputs = 2;
constexpr int kAhead = 4;

template <int kRows>
__device__ inline void linear_dense(const LinearParams &p) {
  const int first = ((int)blockIdx.x * (kThreads / kWarp) + warp_id()) * kWarpOutputs, first_row = (int)blockIdx.y * kRows;
  const int count = min(p.step[p.rows_at] - first_row, kRows);
  if (first >= p.outputs || count <= 0) return;
  const int type = p.weight->part[0].order;
  const uint16_t *weights[kWarpOutputs];
#pragma unroll
  for (int n = 0; n < kWarpOutputs; n++) {
    int own;
    const Part &part = part_of(*p.weight, min(first + n, p.outputs - 1), &own);
    weights[n] = (const uint16_t *)part.codes + (int64_t)own * p.inputs;
  }
  float sums[kWarpOutputs][kRows] = {};
  for (int start = lane_id() * 8; start < p.inputs; start += kWarp * 8 * kAhead) {
    uint4 w[kAhead][kWarpOutputs];
#pragma unroll
    for (int a = 0; a < kAhead; a++)
#pragma unroll
      for (int n = 0; n < kWarpOutputs; n++) {
        const int k = start + a * kWarp * 8;
        w[a][n] = k < p.inputs ? __ldcs((const uint4 *)(weights[n] + k)) : uint4{0, 0, 0, 0};
      }
#pragma unroll
    for (int a = 0; a < kAhead; a++) {
      const int k = start + a * kWarp * 8;
      if (k >= p.inputs) break;
      float wide[kWarpOutputs][8];
#pragma unroll
      for (int n = 0; n < kWarpOutputs; n++) widen8(w[a][n], type, wide[n]);
#pragma unroll
      for (int r = 0; r < kRows; r++) {
        if (r >= count) break;
        float x[8];
        widen8(*(const uint4 *)((const uint16_t *)p.input.base + (int64_t)(first_row + r) * p.input.stride + k), p.input.type, x);
#pragma unroll
        for (int n = 0; n < kWarpOutputs; n++)
#pragma unroll
          for (int j = 0; j < 8; j++) sums[n][r] = fmaf(wide[n][j], x[j], sums[n][r]);
      }
    }
  }
#pragma unroll
  for (int n = 0; n < kWarpOutputs; n++)
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      const float sum = warp_sum(sums[n][r]);
      const int output = first + n, row = first_row + r;
      if (lane_id() != r || r >= count || output >= p.outputs) continue;
      float y = (sum + (p.bias ? p.bias[output] : 0.0f)) * p.scale;
      if (p.residual.base) y += load(p.residual, row, output);
      store(p.out, row, output, y);
    }
}

FB_KERNEL(kThreads, linear_dense_1, LinearParams) { linear_dense<1>(p); }
FB_KERNEL(kThreads, linear_dense_8, LinearParams) { linear_dense<8>(p); }
