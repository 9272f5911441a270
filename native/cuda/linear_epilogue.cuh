#pragma once
// What a linear does with its sums before they are stored.
#include "activations.cuh"
#include "affine_layout.cuh"
#include "linear_affine.cuh"
#include "numbers.cuh"

namespace affine {

// A lane's two outputs of a tile, rows g and g + 8: with a gate they are the gate and what it gates.
struct LaneOutputs {
  int outputs[2];  // of the weight, perhaps beyond the last
  float bias[2];

  __device__ LaneOutputs(const AffineLinearParams &p, int tile, int g) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      outputs[i] = output_of(tile, g + 8 * i, p.outputs, p.glu != kNone);
      bias[i] = p.bias && outputs[i] < p.outputs ? p.bias[outputs[i]] : 0.0f;
    }
  }

  // value[i] = scale * (sum[i] + bias[i]); with a gate value[0] is both in one.
  __device__ void finish(const AffineLinearParams &p, const float (&sum)[2], float (&value)[2]) const {
    value[0] = p.scale * (sum[0] + bias[0]);
    value[1] = p.scale * (sum[1] + bias[1]);
    if (p.glu != kNone) value[0] = gated(p.glu, p.glu_limit, value[0], value[1]);
  }
};

__device__ inline void store_outputs(const AffineLinearParams &p, int tile, int g, int row, const float (&sum)[2]) {
  const LaneOutputs lane(p, tile, g);
  float value[2];
  lane.finish(p, sum, value);
  const bool has_gate = p.glu != kNone;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int column = lane.outputs[i];
    if (has_gate ? i == 1 || column >= p.outputs / 2 : column >= p.outputs) continue;
    store(p.out, row, column, value[i] + (p.residual.base ? load(p.residual, row, column) : 0.0f));
  }
}

}  // namespace affine
