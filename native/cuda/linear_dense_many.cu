// Linears of up to 64 rows at once over dense f16 or bf16 weights, activations of the same type, by tensor cores: heads of many users, and
// models that are not quantized.
//
// Split    a block has 256 outputs, a warp 32 of them, and all rows; inputs come in stages of 64, weights and activations alike, four of
//          them under way at a time. Outputs are the 16 rows of a product, the activations its 8 columns.
// Why      a weight is read once for all rows. Weights fill a product's 16 rows however few activations there are.
// Needs    inputs a multiple of 8; rows of the input that begin at multiples of 16 bytes; weights of the activations' type.
// Order    of sums depends on sizes alone: a row has the same bits whatever stands beside it.
// Shared   [4 stages][256 outputs, then kRows][64], swizzled.
// Grid: (outputs / 256, rows / kRows).
#include "kernel.cuh"
#include "mma.cuh"
#include "step.cuh"
#include "weights.cuh"

constexpr int kThreads = 256;
constexpr int kBlockOutputs = 256;
constexpr int kWarpOutputs = kBlockOutputs / (kThreads / kWarp);
constexpr int kInputs = 64;
constexpr int kChunks = kInputs / 8;
constexpr int kStages = 4;
constexpr int kStep = kThreads / kChunks;  // rows that all threads copy at once, a chunk each

template <int kRows, int kType>
__device__ inline void linear_dense_many(const LinearParams &p) {
  FB_DYNAMIC_SHARED(uint16_t, shared);
  constexpr int kStage = (kBlockOutputs + kRows) * kInputs;
  const int first = (int)blockIdx.x * kBlockOutputs, first_row = (int)blockIdx.y * kRows;
  const int count = min(p.step[p.rows_at] - first_row, kRows);
  if (count <= 0) return;

  const int chunk = (int)threadIdx.x % kChunks, own = (int)threadIdx.x / kChunks;
  const uint16_t *weights[kBlockOutputs / kStep];
#pragma unroll
  for (int i = 0; i < kBlockOutputs / kStep; i++) {
    int output;
    const Part &part = part_of(*p.weight, min(first + own + i * kStep, p.outputs - 1), &output);
    weights[i] = (const uint16_t *)part.codes + (int64_t)output * p.inputs;
  }
  const uint16_t *const activations = (const uint16_t *)p.input.base + (int64_t)first_row * p.input.stride;
  const int stages = (p.inputs + kInputs - 1) / kInputs;
  const auto fetch = [&](int stage) {
    if (stage < stages) {
      uint16_t *const to = shared + stage % kStages * kStage;
      const int k = stage * kInputs + chunk * 8;
      const bool is_input = k < p.inputs;
#pragma unroll
      for (int i = 0; i < kBlockOutputs / kStep; i++) {
        const int row = own + i * kStep;
        begin_copy16(to + swizzled<kChunks>(row, chunk), weights[i] + (is_input ? k : 0), is_input && first + row < p.outputs);
      }
#pragma unroll
      for (int row = own; row < kRows; row += kStep) {
        const bool exists = is_input && row < count;
        const uint16_t *from = activations + (exists ? (int64_t)row * p.input.stride + k : 0);
        begin_copy16(to + kBlockOutputs * kInputs + swizzled<kChunks>(row, chunk), from, exists);
      }
    }
    end_copies();
  };
#pragma unroll
  for (int stage = 0; stage < kStages - 1; stage++) fetch(stage);

  float sums[kWarpOutputs / 16][kRows / 8][4] = {};
  for (int stage = 0; stage < stages; stage++) {
    await_copies<kStages - 2>();
    __syncthreads();  // this stage is there for all, and the one before is read
    fetch(stage + kStages - 1);
    const uint16_t *const tile = shared + stage % kStages * kStage, *const rows = tile + kBlockOutputs * kInputs;
#pragma unroll
    for (int s = 0; s < kInputs / 16; s++) {
      uint32_t a[kWarpOutputs / 16][4], b[kRows / 8][2];
#pragma unroll
      for (int m = 0; m < kWarpOutputs / 16; m++)
        load_matrices(a[m], tile + swizzled<kChunks>(warp_id() * kWarpOutputs + 16 * m + lane_id() % 16, 2 * s + lane_id() / 16));
#pragma unroll
      for (int n = 0; n < kRows / 8; n += 2) {
        // With 8 rows the upper half of the lanes name the same once more.
        uint32_t both[4];
        load_matrices(both, rows + swizzled<kChunks>((8 * n + lane_id() / 16 * 8) % kRows + lane_id() % 8, 2 * s + lane_id() / 8 % 2));
        b[n][0] = both[0];
        b[n][1] = both[1];
        if (n + 1 < kRows / 8) {
          b[n + 1][0] = both[2];
          b[n + 1][1] = both[3];
        }
      }
#pragma unroll
      for (int m = 0; m < kWarpOutputs / 16; m++)
#pragma unroll
        for (int n = 0; n < kRows / 8; n++) multiply_add<kType>(sums[m][n], a[m], b[n][0], b[n][1]);
    }
  }

#pragma unroll
  for (int m = 0; m < kWarpOutputs / 16; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int output = first + warp_id() * kWarpOutputs + 16 * m + 8 * half + lane_id() / 4;
      if (output >= p.outputs) continue;
      const float bias = p.bias ? p.bias[output] : 0.0f;
#pragma unroll
      for (int n = 0; n < kRows / 8; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int own_row = 8 * n + lane_id() % 4 * 2 + i, row = first_row + own_row;
          if (own_row >= count) continue;
          float y = (sums[m][n][2 * half + i] + bias) * p.scale;
          if (p.residual.base) y += load(p.residual, row, output);
          store(p.out, row, output, y);
        }
    }
}

#define FB_DENSE(rows)                                                                                        \
  FB_KERNEL(kThreads, linear_dense_many##rows##_f16, LinearParams) { linear_dense_many<rows, kF16>(p); }      \
  FB_KERNEL(kThreads, linear_dense_many##rows##_bf16, LinearParams) { linear_dense_many<rows, kBF16>(p); }

FB_DENSE(8)
FB_DENSE(16)
FB_DENSE(32)
FB_DENSE(64)
