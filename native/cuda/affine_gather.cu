// Input columns in a weight's own order (act-order), for kernels that read 16 bytes of them at once.
#include "hopper.cuh"
#include "linear_affine.cuh"

// Threads take eights of columns of a row in turn; the grid's y is rows in turn. The order is a constant, and so read before the wait.
extern "C" __global__ void __launch_bounds__(256) affine_gather(const __grid_constant__ AffineGatherParams p) {
  hopper::let_next_start();
  const int rows = p.step[p.rows_at], column = 8 * (int)(blockIdx.x * 256 + threadIdx.x);
  if (column >= p.inputs) return;
  int from[8];
  for (int i = 0; i < 8; i++) from[i] = p.order[column + i];
  hopper::wait_for_previous();
  for (int row = blockIdx.y; row < rows; row += gridDim.y) {
    const uint16_t *x = (const uint16_t *)p.input.base + (int64_t)row * p.input.stride;
    uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; i++) pairs[i] = x[from[2 * i]] | (uint32_t)x[from[2 * i + 1]] << 16;
    *(uint4 *)((uint16_t *)p.out.base + (int64_t)row * p.out.stride + column) = {pairs[0], pairs[1], pairs[2], pairs[3]};
  }
}
