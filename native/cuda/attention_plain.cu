// Attention of one token and one head after the other: the exact path.
//
// Split    a block has one query head of one token; its warps take pages in turn, a lane every 32nd element of a head.
// Order    pages are numbered from the sequence's beginning, so that sums run in the same order however a prompt was cut into steps;
//          a running maximum in each warp (online softmax), and the warps' shares added in their order.
// Shared   f32 [1 + warps][head_dim]: the query, and each warp's weighted values.
// Grid: (heads, tokens).
#include "kernel.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;

FB_KERNEL(kThreads, attention_plain, AttentionParams) {
  FB_DYNAMIC_SHARED(float, shared);
  __shared__ float largest_of[kWarps], total_of[kWarps];
  const int head = (int)blockIdx.x, token = (int)blockIdx.y, dim = p.head_dim;
  if (token >= p.step[kTokens]) return;
  const int last = step_ints(p.step, kPositionsAt)[token];
  const int first = p.window > 0 ? max(0, last - p.window + 1) : 0;
  const int *pages = pages_of(p.step, p.page_kind, sequence_of(p.step, token));
  const int kv_head = head / (p.heads / p.kv_heads);

  float *const q = shared, *const sums = shared + (1 + warp_id()) * dim;
  for (int i = (int)threadIdx.x; i < dim; i += kThreads) q[i] = load(p.q, token, head * dim + i);
  for (int i = lane_id(); i < dim; i += kWarp) sums[i] = 0;
  __syncthreads();

  float largest = -INFINITY, total = 0;
  for (int page = first / kPagePositions; page <= last / kPagePositions; page++) {
    if (page % kWarps != warp_id()) continue;
    const int64_t keys = page_plane(pages[page], 0, kv_head, p.kv_heads, dim), values = page_plane(pages[page], 1, kv_head, p.kv_heads, dim);
    const int begin = max(first - page * kPagePositions, 0), end = min(last - page * kPagePositions + 1, kPagePositions);
    // Lane j keeps the score of position j.
    float score = -INFINITY;
    for (int j = begin; j < end; j++) {
      float dot = 0;
      for (int i = lane_id(); i < dim; i += kWarp) dot = fmaf(q[i], read_float(p.cache, p.cache_type, keys + j * dim + i), dot);
      dot = warp_sum(dot) * p.scale;
      if (p.soft_cap > 0) dot = p.soft_cap * tanhf(dot / p.soft_cap);
      if (lane_id() == j) score = dot;
    }
    float page_largest = score;
    for (int offset = kWarp / 2; offset > 0; offset /= 2) page_largest = fmaxf(page_largest, __shfl_xor_sync(kAllLanes, page_largest, offset));
    const float now = fmaxf(largest, page_largest);
    // fmaxf drops what is not a number; the weights, and with them all sums, do not.
    const float keep = largest == -INFINITY ? 0.0f : expf(largest - now), weight = lane_id() >= begin && lane_id() < end ? expf(score - now) : 0.0f;
    total = total * keep + warp_sum(weight);
    largest = now;
    for (int i = lane_id(); i < dim; i += kWarp) sums[i] *= keep;
    for (int j = begin; j < end; j++) {
      const float w = __shfl_sync(kAllLanes, weight, j);
      for (int i = lane_id(); i < dim; i += kWarp) sums[i] = fmaf(w, read_float(p.cache, p.cache_type, values + j * dim + i), sums[i]);
    }
  }
  if (lane_id() == 0) {
    largest_of[warp_id()] = largest;
    total_of[warp_id()] = total;
  }
  __syncthreads();

  float most = p.sinks ? p.sinks[head] : -INFINITY;
  for (int w = 0; w < kWarps; w++) most = fmaxf(most, largest_of[w]);
  float whole = p.sinks ? expf(p.sinks[head] - most) : 0.0f, shares[kWarps];
#pragma unroll
  for (int w = 0; w < kWarps; w++) {
    shares[w] = largest_of[w] == -INFINITY && total_of[w] == 0.0f ? 0.0f : expf(largest_of[w] - most);
    whole = fmaf(shares[w], total_of[w], whole);
  }
  for (int i = (int)threadIdx.x; i < dim; i += kThreads) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < kWarps; w++) sum = fmaf(shares[w], shared[(1 + w) * dim + i], sum);
    store(p.out, token, head * dim + i, sum / whole);
  }
}
