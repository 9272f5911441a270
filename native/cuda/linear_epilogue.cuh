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

// Two outputs of a row, whose bias and residual are asked for long before there are sums.
struct OutputPair {
  LaneOutputs lane;
  int row;
  bool stores[2];
  float residual[2] = {0, 0};

  // Without `exists` nothing is stored.
  __device__ OutputPair(const AffineLinearParams &p, int tile, int g, int own_row, bool exists) : lane(p, tile, g), row(own_row) {
    const bool has_gate = p.glu != kNone;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      stores[i] = exists && (has_gate ? i == 0 && lane.outputs[0] < p.outputs / 2 : lane.outputs[i] < p.outputs);
      if (stores[i] && p.residual.base) residual[i] = load(p.residual, row, lane.outputs[i]);
    }
  }

  __device__ void finish(const AffineLinearParams &p, const float (&sum)[2]) const {
    float value[2];
    lane.finish(p, sum, value);
#pragma unroll
    for (int i = 0; i < 2; i++)
      if (stores[i]) store(p.out, row, lane.outputs[i], value[i] + residual[i]);
  }
};

__device__ inline void store_outputs(const AffineLinearParams &p, int tile, int g, int row, const float (&sum)[2]) {
  OutputPair(p, tile, g, row, true).finish(p, sum);
}

}  // namespace affine
