// Ops that compute each element by itself, and those that only move. Grid: (columns / 256, rows); a row that the step lacks does nothing.
#include "activations.cuh"
#include "kernel.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 256;

#define FOR_ELEMENT                                                                 \
  const int row = (int)blockIdx.y, i = (int)(blockIdx.x * kThreads + threadIdx.x); \
  if (row < p.step[p.rows_at] && i < p.width)

FB_KERNEL(kThreads, glu, ElementParams) {
  FOR_ELEMENT store(p.out, row, i, gated(p.kind, p.number, load(p.a, row, i), load(p.b, row, i)));
}

FB_KERNEL(kThreads, activate, ElementParams) {
  FOR_ELEMENT store(p.out, row, i, activated(p.kind, load(p.a, row, i)));
}

FB_KERNEL(kThreads, soft_cap, ElementParams) {
  FOR_ELEMENT store(p.out, row, i, p.number * tanhf(load(p.a, row, i) / p.number));
}

FB_KERNEL(kThreads, add, ElementParams) {
  FOR_ELEMENT {
    const float share = p.b.base ? sigmoid(load(p.b, row, 0)) : 1.0f;
    store(p.out, row, i, load(p.c, row, i) + share * load(p.a, row, i));
  }
}

// out[part][group][i] = a[group][part][i]
FB_KERNEL(kThreads, regroup, ElementParams) {
  FOR_ELEMENT {
    const int groups = p.width / p.kind / p.group_width;
    const int part = i / (groups * p.group_width), group = i / p.group_width % groups;
    store(p.out, row, i, load(p.a, row, (group * p.kind + part) * p.group_width + i % p.group_width));
  }
}

FB_KERNEL(kThreads, gather, ElementParams) {
  FOR_ELEMENT store(p.out, row, i, load(p.a, step_ints(p.step, kOutputsAt)[row], i));
}

// out = c + sum over choices of weight * input
FB_KERNEL(kThreads, expert_sum, ElementParams) {
  FOR_ELEMENT {
    float sum = p.c.base ? load(p.c, row, i) : 0.0f;
    for (int j = 0; j < p.kind; j++) sum = fmaf(load(p.b, row, p.kind + j), load(p.a, row, j * p.width + i), sum);
    store(p.out, row, i, sum);
  }
}
