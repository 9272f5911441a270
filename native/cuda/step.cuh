#pragma once
// Reads the arrays of a step.
#include "kernel.cuh"
#include "params.h"

__device__ inline const int32_t *step_ints(const int32_t *step, StepField at) { return step + step[at]; }
__device__ inline const float *step_floats(const int32_t *step, StepField at) { return (const float *)(step + step[at]); }

// The sequence of a token: the last whose first token is not behind it.
__device__ inline int sequence_of(const int32_t *step, int token) {
  const int32_t *starts = step_ints(step, kStartsAt);
  int low = 0, high = step[kSequences];
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (starts[middle] <= token) low = middle;
    else high = middle;
  }
  return low;
}

// The pages of a sequence in the table of a page kind.
__device__ inline const int32_t *pages_of(const int32_t *step, int page_kind, int sequence) {
  const int32_t *table = step + step[kPageTablesAt] + 2 * page_kind;
  return step + table[0] + (int64_t)sequence * table[1];
}

// Index of the first element of a head's keys (plane 0) or values (plane 1) in a page.
__device__ inline int64_t page_plane(int page, int plane, int head, int kv_heads, int head_dim) {
  return ((((int64_t)page * 2 + plane) * kv_heads + head) * kPagePositions) * head_dim;
}
