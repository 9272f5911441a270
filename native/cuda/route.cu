// Chooses experts: the largest logits, of equals the first, and their shares. Grid: (1, rows), a warp a row.
#include "kernel.cuh"
#include "numbers.cuh"

FB_KERNEL(kWarp, route, RouteParams) {
  const int row = (int)blockIdx.y;
  if (row >= p.step[p.rows_at]) return;
  float largest = -INFINITY;
  bool sound = true;
  for (int e = lane_id(); e < p.experts; e += kWarp) {
    const float logit = load(p.logits, row, e);
    sound = sound && logit == logit;
    largest = fmaxf(largest, logit);
  }
  for (int offset = kWarp / 2; offset > 0; offset /= 2) largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, offset));
  if (!__all_sync(kAllLanes, sound)) largest = NAN;  // all shares are none then

  float total = 0;
  if (!p.normalizes) {
    for (int e = lane_id(); e < p.experts; e += kWarp) total += expf(load(p.logits, row, e) - largest);
    total = warp_sum(total);
  }
  // Of what comes after the last choice the first; what is not a number comes last.
  float before = INFINITY;
  int taken = -1;
  for (int j = 0; j < p.choices; j++) {
    float best = -INFINITY;
    int expert = p.experts;
    for (int e = lane_id(); e < p.experts; e += kWarp) {
      const float read = load(p.logits, row, e), logit = read == read ? read : -INFINITY;
      if ((logit < before || (logit == before && e > taken)) && (expert == p.experts || logit > best)) {
        best = logit;
        expert = e;
      }
    }
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      const float other = __shfl_xor_sync(kAllLanes, best, offset);
      const int other_expert = __shfl_xor_sync(kAllLanes, expert, offset);
      if (other_expert < p.experts && (expert == p.experts || other > best || (other == best && other_expert < expert))) {
        best = other;
        expert = other_expert;
      }
    }
    before = best;
    taken = expert;
    if (p.normalizes) total += expf(load(p.logits, row, expert) - largest);
    if (lane_id() == 0) {
      store(p.out, row, j, (float)expert);
      store(p.out, row, p.choices + j, load(p.logits, row, expert));
    }
  }
  __syncwarp();
  for (int j = lane_id(); j < p.choices; j += kWarp) store(p.out, row, p.choices + j, expf(load(p.out, row, p.choices + j) - largest) / total);
}
