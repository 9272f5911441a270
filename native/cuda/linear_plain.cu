// Linears and lookups of every scheme, weight by weight: the exact path, and what there is where no faster kernel takes a weight.
//
// Layout   the file's own bytes (weights.cuh).
// Split    a warp has one output (with a gate two) and up to 8 rows; its lanes take every 32nd input.
// Order    of a row's sum it depends on the number of inputs alone: a row has the same bits whatever stands beside it.
#include "activations.cuh"
#include "kernel.cuh"
#include "step.cuh"
#include "weights.cuh"

constexpr int kThreads = 256;
constexpr int kRows = 8;

// sums[r] = sum over k of w[output][k] * x[first_row + r][k], in every lane.
template <typename Reader, int rows>
__device__ inline void multiply(const Weight &weight, int output, const View &x, int first_row, int count, float (&sums)[rows]) {
  int own;
  const Part &part = part_of(weight, output, &own);
  const Reader reader(part, own);
#pragma unroll
  for (int r = 0; r < rows; r++) sums[r] = 0;
  for (int k = lane_id(); k < weight.inputs; k += kWarp) {
    const float w = reader.at(k);
#pragma unroll
    for (int r = 0; r < rows; r++)
      if (r < count) sums[r] = fmaf(w, load(x, first_row + r, k), sums[r]);
  }
#pragma unroll
  for (int r = 0; r < rows; r++) sums[r] = warp_sum(sums[r]);
}

// Grid: (outputs / 8, rows / 8).
template <typename Reader>
__device__ inline void linear_rows(const LinearParams &p) {
  const int output = (int)blockIdx.x * (kThreads / kWarp) + warp_id(), first_row = (int)blockIdx.y * kRows;
  const int count = min(p.step[p.rows_at] - first_row, kRows);
  if (output >= p.outputs || count <= 0) return;
  float sums[kRows], ups[kRows];
  multiply<Reader>(*p.weight, output, p.input, first_row, count, sums);
  if (p.glu) multiply<Reader>(*p.weight, output + p.outputs, p.input, first_row, count, ups);
#pragma unroll
  for (int r = 0; r < kRows; r++) {
    if (lane_id() != r || r >= count) continue;
    float y = (sums[r] + (p.bias ? p.bias[output] : 0.0f)) * p.scale;
    if (p.glu) y = gated(p.glu, p.glu_limit, y, (ups[r] + (p.bias ? p.bias[output + p.outputs] : 0.0f)) * p.scale);
    if (p.residual.base) y += load(p.residual, first_row + r, output);
    store(p.out, first_row + r, output, y);
  }
}

// Grid: (rows * choices, outputs / 8).
template <typename Reader>
__device__ inline void expert_rows(const ExpertLinearParams &p) {
  const int output = (int)blockIdx.y * (kThreads / kWarp) + warp_id();
  const int row = (int)blockIdx.x / p.choices, choice = (int)blockIdx.x % p.choices;
  if (output >= p.outputs || row >= p.step[p.rows_at]) return;
  const int expert = min(max((int)load(p.routes, row, choice), 0), p.experts - 1);
  const Weight &weight = *p.weights[expert];
  const float *bias = p.biases ? p.biases[expert] : nullptr;
  const int width = p.input.type == kF32 ? 4 : 2;
  const View x = {(uint8_t *)p.input.base + (p.input_per_choice ? (int64_t)choice * p.inputs * width : 0), p.input.stride, p.input.type};
  float sum[1], up[1] = {0};
  multiply<Reader>(weight, output, x, row, 1, sum);
  if (p.glu) multiply<Reader>(weight, output + p.outputs, x, row, 1, up);
  if (lane_id() != 0) return;
  float y = sum[0] + (bias ? bias[output] : 0.0f);
  if (p.glu) y = gated(p.glu, p.glu_limit, y, up[0] + (bias ? bias[output + p.outputs] : 0.0f));
  store(p.out, row, choice * p.outputs + output, y);
}

// Grid: (columns / 256, rows).
template <typename Reader>
__device__ inline void embed_rows(const EmbedParams &p) {
  const int row = (int)blockIdx.y;
  if (row >= p.step[kTokens]) return;
  const int token = step_ints(p.step, kTokensAt)[row], id = token < 0 ? p.last_samples[~token] : token;
  int own;
  const Part &part = part_of(*p.table, id, &own);
  const Reader reader(part, own);
  const int k = (int)(blockIdx.x * kThreads + threadIdx.x);
  if (k < p.width) store(p.out, row, k, p.scale * reader.at(k));
}

#define FB_SCHEME(name, Reader)                                                                       \
  FB_KERNEL(kThreads, linear_plain_##name, LinearParams) { linear_rows<Reader>(p); }                  \
  FB_KERNEL(kThreads, expert_linear_plain_##name, ExpertLinearParams) { expert_rows<Reader>(p); }     \
  FB_KERNEL(kThreads, embed_##name, EmbedParams) { embed_rows<Reader>(p); }

FB_SCHEME(dense, DenseReader)
FB_SCHEME(affine, AffineReader)
FB_SCHEME(mixed, MixedReader)
FB_SCHEME(block, BlockReader)
FB_SCHEME(sparse24, Sparse24Reader)
FB_SCHEME(float8, Float8Reader)
FB_SCHEME(codebook, CodebookReader)
