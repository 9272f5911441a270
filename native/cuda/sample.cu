// Draws a token for every output, with the semantics of src/device/sampling.ts: bias, allowed tokens, penalties (each one rounded operation
// in f32), temperature, top-k, top-p, min-p, typical-p, and the inverse of what is left of the distribution.
//
// Split    a block a row at a time; passes over the vocabulary instead of a sort. A filter is a bound on an order of the tokens: by
//          logit, or by how far a surprise is from the expected one, and by id among equals.
// Bounds   are found digit by digit (radix selection). Weights are summed there as whole numbers of 2^-44, which add to the same
//          whatever the order; how many of the tokens equal to the bound are still needed is settled in f64, one after the other, as the
//          reference does: where all are equal that decides.
// Grid: any number of blocks, each with a row of `adjusted`.
#include <math.h>

#include "kernel.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / kWarp;
constexpr double kUnit = 17592186044416.0;  // 2^44: 2^18 weights of at most 1 stay below 2^63

// Ascending as unsigned numbers in the order of the floats; both zeros are one.
__device__ inline uint32_t key_of(float logit) {
  const uint32_t bits = __float_as_uint(logit + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

struct Shared {
  unsigned long long bins[256];
  double sums[kWarps];
  long long counts[kWarps];
  unsigned long long best[kWarps];
  int found;
  int last_equal;  // the largest id that still passes among those equal to a bound
  double number;
  uint32_t digits_low, digits_high;
};

// What is left of the tokens after some filters.
struct Candidates {
  const float *logits;  // adjusted; -infinity: impossible
  int vocab;
  double largest, temperature;
  // Order by logit: above the key, or equal to it and of an id up to the last.
  uint32_t least_key;
  int last_id;
  double min_p;  // 0: off
  // Order by surprise: nearer than the bound, or equal to it and of an id up to the last.
  bool is_typical;
  double log_total, expected;
  uint64_t farthest;
  int last_typical;

  __device__ double score(int id) const { return ((double)logits[id] - largest) / temperature; }
  __device__ double weight(int id) const { return exp(score(id)); }
  // Of doubles that are not negative the bits ascend as they do.
  __device__ uint64_t surprise_key(int id) const { return (uint64_t)__double_as_longlong(fabs(log_total - score(id) - expected)); }

  __device__ bool has(int id) const {
    const uint32_t key = key_of(logits[id]);
    if (key < least_key || (key == least_key && id > last_id) || logits[id] == -INFINITY) return false;
    if (min_p > 0 && !(weight(id) >= min_p)) return false;
    if (!is_typical) return true;
    const uint64_t far = surprise_key(id);
    return far < farthest || (far == farthest && id <= last_typical);
  }
};

__device__ inline double block_sum_of(double value, Shared *s) { return block_sum(value, s->sums); }
__device__ inline long long block_count(long long value, Shared *s) { return block_sum(value, s->counts); }

// The largest of 64-bit keys over the block.
__device__ inline unsigned long long block_best(unsigned long long value, Shared *s) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    const unsigned long long other = __shfl_xor_sync(kAllLanes, value, offset);
    value = other > value ? other : value;
  }
  __syncthreads();
  if (lane_id() == 0) s->best[warp_id()] = value;
  __syncthreads();
  value = 0;
  for (int w = 0; w < kWarps; w++) value = s->best[w] > value ? s->best[w] : value;
  return value;
}

// A warp's share of the ids, whole runs of 32.
__device__ inline int warp_begin(int vocab, int warp) { return min(vocab, (vocab + kThreads - 1) / kThreads * kWarp * warp); }

// The id of the `wanted`-th (from 1) token, ids ascending, for which `test` holds; there are as many.
template <typename Test>
__device__ inline int nth_id(int vocab, long long wanted, Shared *s, const Test &test) {
  const int begin = warp_begin(vocab, warp_id()), end = warp_begin(vocab, warp_id() + 1);
  long long count = 0;
  for (int i = begin; i < end; i += kWarp) count += __popc(__ballot_sync(kAllLanes, i + lane_id() < end && test(i + lane_id())));
  __syncthreads();
  if (lane_id() == 0) s->counts[warp_id()] = count;
  __syncthreads();
  long long before = 0;
  for (int w = 0; w < warp_id(); w++) before += s->counts[w];
  if (before < wanted && wanted <= before + count) {
    for (int i = begin; i < end; i += kWarp) {
      const unsigned ballot = __ballot_sync(kAllLanes, i + lane_id() < end && test(i + lane_id()));
      if (before + __popc(ballot) < wanted) {
        before += __popc(ballot);
        continue;
      }
      if ((ballot >> lane_id() & 1) && before + __popc(ballot & (0xffffffffu >> (31 - lane_id()))) == wanted) s->found = i + lane_id();
      break;
    }
  }
  __syncthreads();
  return s->found;
}

// Digit by digit from the top: the key where the masses of all smaller keys (in the order given) first stay below `wanted` and with its own
// reach it. `mass` is 0 for what does not count. Keys of `digits` bytes.
template <typename Key, typename Mass>
__device__ inline uint64_t select_key(int vocab, int digits, unsigned long long wanted, Shared *s, const Key &key, const Mass &mass) {
  uint64_t prefix = 0;
  for (int digit = digits - 1; digit >= 0; digit--) {
    __syncthreads();
    for (int i = (int)threadIdx.x; i < 256; i += kThreads) s->bins[i] = 0;
    __syncthreads();
    for (int id = (int)threadIdx.x; id < vocab; id += kThreads) {
      const unsigned long long m = mass(id);
      if (m == 0) continue;
      const uint64_t k = key(id);
      if (digit < 7 && (k >> 8 * (digit + 1)) != prefix) continue;
      atomicAdd(&s->bins[k >> 8 * digit & 255], m);
    }
    __syncthreads();
    // `wanted` is what is still missing once all smaller keys have been taken. Rounding may leave the last bins empty: stay in a full one.
    int bin = 0, full = 0;
    unsigned long long before = 0, at_full = 0;
    for (; bin < 256; bin++) {
      const unsigned long long m = s->bins[bin];
      if (m == 0) continue;
      full = bin;
      at_full = before;
      if (before + m >= wanted) break;
      before += m;
    }
    wanted = wanted > at_full ? wanted - at_full : 0;
    prefix = prefix << 8 | (uint64_t)full;
  }
  return prefix;
}

__device__ inline unsigned long long units(double weight) { return (unsigned long long)(weight * kUnit + 0.5) | 1; }

// How many tokens of one weight are needed after `before` until the shares reach `wanted`; from 1 to `most`.
__device__ inline long long count_to_reach(double before, double share, double wanted, long long most, Shared *s) {
  __syncthreads();
  if (threadIdx.x == 0) {
    long long count = 1;
    double sum = before + share;
    while (sum < wanted && count < most) {
      sum += share;
      count++;
    }
    s->counts[0] = count;
  }
  __syncthreads();
  const long long count = s->counts[0];
  __syncthreads();
  return count;
}

// Philox4x32-10 with the counter (position, 0, 0, 0) and the seed as key: upper 24 bits of the first word (src/device/random.ts).
__device__ inline double uniform_at(uint32_t seed_low, uint32_t seed_high, uint32_t position) {
  uint32_t c0 = position, c1 = 0, c2 = 0, c3 = 0, k0 = seed_low, k1 = seed_high;
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xd2511f53u * c0, b = (uint64_t)0xcd9e8d57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return (double)(c0 >> 8) * (1.0 / 16777216.0);
}

// The row after bias, mask and penalties; the logits themselves where there are none.
__device__ inline const float *adjust(const SampleParams &p, const float *logits, int r, float *to) {
  const int32_t *step = p.step;
  const int32_t *bias_starts = step_ints(step, kBiasStartsAt) + r, *count_starts = step_ints(step, kCountStartsAt) + r;
  const bool has_mask = step[kAllowedAt] >= 0;
  if (bias_starts[0] == bias_starts[1] && count_starts[0] == count_starts[1] && !has_mask) return logits;
  for (int id = (int)threadIdx.x; id < p.vocab; id += kThreads) to[id] = logits[id];
  __syncthreads();
  const int32_t *bias_ids = step_ints(step, kBiasIdsAt);
  const float *bias_values = step_floats(step, kBiasValuesAt);
  for (int i = bias_starts[0] + (int)threadIdx.x; i < bias_starts[1]; i += kThreads) {
    // An id may come twice: whoever has it first adds all of them, in their order.
    bool is_first = true;
    for (int j = bias_starts[0]; j < i; j++) is_first = is_first && bias_ids[j] != bias_ids[i];
    if (!is_first) continue;
    float sum = to[bias_ids[i]];
    for (int j = i; j < bias_starts[1]; j++)
      if (bias_ids[j] == bias_ids[i]) sum += bias_values[j];
    to[bias_ids[i]] = sum;
  }
  __syncthreads();
  if (has_mask) {
    const uint32_t *allowed = (const uint32_t *)step_ints(step, kAllowedAt) + (int64_t)r * ((p.vocab + 31) / 32);
    for (int id = (int)threadIdx.x; id < p.vocab; id += kThreads)
      if (!(allowed[id >> 5] >> (id & 31) & 1)) to[id] = -INFINITY;
    __syncthreads();
  }
  const int32_t *count_ids = step_ints(step, kCountIdsAt), *output_counts = step_ints(step, kOutputCountsAt);
  const float repetition = step_floats(step, kRepetitionAt)[r], presence = step_floats(step, kPresenceAt)[r], frequency = step_floats(step, kFrequencyAt)[r];
  for (int i = count_starts[0] + (int)threadIdx.x; i < count_starts[1]; i += kThreads) {
    float logit = to[count_ids[i]];
    logit = logit > 0 ? logit / repetition : logit * repetition;
    if (output_counts[i] > 0) logit -= presence + frequency * (float)output_counts[i];
    to[count_ids[i]] = logit;
  }
  __syncthreads();
  return to;
}

// The likeliest id, the lowest of equals; -1 where there is a NaN or no finite logit.
__device__ inline int likeliest(const float *logits, int vocab, Shared *s) {
  unsigned long long best = 0;
  long long unsound = 0;
  for (int id = (int)threadIdx.x; id < vocab; id += kThreads) {
    const float logit = logits[id];
    unsound += logit != logit;
    const unsigned long long candidate = (unsigned long long)key_of(logit) << 32 | (uint32_t)~id;
    best = candidate > best ? candidate : best;
  }
  unsound = block_count(unsound, s);
  best = block_best(best, s);
  const int id = (int)~(uint32_t)best;
  return unsound == 0 && logits[id] > -INFINITY && logits[id] < INFINITY ? id : -1;
}

__device__ inline double weight_of_all(const Candidates &c, Shared *s) {
  double total = 0;
  for (int id = (int)threadIdx.x; id < c.vocab; id += kThreads)
    if (c.has(id)) total += c.weight(id);
  return block_sum_of(total, s);
}

__device__ inline void filter_top_k(Candidates *c, int top_k, Shared *s) {
  const auto from_the_top = [&](int id) { return (uint64_t)~key_of(c->logits[id]); };
  const auto one = [&](int id) { return c->has(id) ? 1ull : 0ull; };
  long long count = 0;
  for (int id = (int)threadIdx.x; id < c->vocab; id += kThreads) count += c->has(id);
  if (top_k >= block_count(count, s)) return;
  c->least_key = ~(uint32_t)select_key(c->vocab, 4, (unsigned long long)top_k, s, from_the_top, one);
}

__device__ inline void filter_top_p(Candidates *c, double top_p, Shared *s) {
  const auto from_the_top = [&](int id) { return (uint64_t)(uint32_t)~key_of(c->logits[id]); };
  const auto mass = [&](int id) { return c->has(id) ? units(c->weight(id)) : 0ull; };
  const double total = weight_of_all(*c, s);
  const uint32_t bound = ~(uint32_t)select_key(c->vocab, 4, (unsigned long long)(top_p * total * kUnit), s, from_the_top, mass);
  double before = 0, share = 0;
  long long equals = 0;
  for (int id = (int)threadIdx.x; id < c->vocab; id += kThreads) {
    if (!c->has(id)) continue;
    const uint32_t key = key_of(c->logits[id]);
    if (key > bound) before += c->weight(id) / total;
    if (key != bound) continue;
    equals++;
    share = c->weight(id) / total;
  }
  before = block_sum_of(before, s);
  const long long most = block_count(equals, s);
  // All shares are one number; the largest over the block is that of whoever has seen it.
  share = __longlong_as_double((long long)block_best((unsigned long long)__double_as_longlong(share), s));
  const long long needed = count_to_reach(before, share, top_p, most, s);
  c->last_id = nth_id(c->vocab, needed, s, [&](int id) { return c->has(id) && key_of(c->logits[id]) == bound; });
  c->least_key = bound;
}

__device__ inline void filter_typical(Candidates *c, double typical_p, Shared *s) {
  const double total = weight_of_all(*c, s), log_total = log(total);
  double expected = 0;
  for (int id = (int)threadIdx.x; id < c->vocab; id += kThreads)
    if (c->has(id)) expected += c->weight(id) / total * (log_total - c->score(id));
  c->expected = block_sum_of(expected, s);
  c->log_total = log_total;
  const auto nearest = [&](int id) { return c->surprise_key(id); };
  const auto mass = [&](int id) { return c->has(id) ? units(c->weight(id)) : 0ull; };
  const uint64_t bound = select_key(c->vocab, 8, (unsigned long long)(typical_p * total * kUnit), s, nearest, mass);
  double before = 0, share = 0;
  long long equals = 0;
  for (int id = (int)threadIdx.x; id < c->vocab; id += kThreads) {
    if (!c->has(id)) continue;
    const uint64_t key = c->surprise_key(id);
    if (key < bound) before += c->weight(id) / total;
    if (key != bound) continue;
    equals++;
    share = c->weight(id) / total;
  }
  before = block_sum_of(before, s);
  const long long most = block_count(equals, s);
  share = __longlong_as_double((long long)block_best((unsigned long long)__double_as_longlong(share), s));
  const long long needed = count_to_reach(before, share, typical_p, most, s);
  const int last = nth_id(c->vocab, needed, s, [&](int id) { return c->has(id) && c->surprise_key(id) == bound; });
  c->is_typical = true;
  c->farthest = bound;
  c->last_typical = last;
}

// The first id whose cumulative weight exceeds u times that of all.
__device__ inline int draw(const Candidates &c, double u, Shared *s) {
  const int begin = warp_begin(c.vocab, warp_id()), end = warp_begin(c.vocab, warp_id() + 1);
  double sum = 0;
  int last = -1;
  for (int i = begin + lane_id(); i < end; i += kWarp)
    if (c.has(i)) {
      sum += c.weight(i);
      last = i;
    }
  sum = warp_sum(sum);
  __syncthreads();
  if (lane_id() == 0) s->sums[warp_id()] = sum;
  if (threadIdx.x == 0) s->found = -1;
  __syncthreads();
  double total = 0, before = 0;
  for (int w = 0; w < kWarps; w++) total += s->sums[w];
  for (int w = 0; w < warp_id(); w++) before += s->sums[w];
  const double wanted = u * total;
  if (before <= wanted && wanted < before + sum) {
    for (int i = begin; i < end; i += kWarp) {
      const int id = i + lane_id();
      double upto = id < end && c.has(id) ? c.weight(id) : 0;
      for (int offset = 1; offset < kWarp; offset *= 2) {
        const double other = __shfl_up_sync(kAllLanes, upto, offset);
        if (lane_id() >= offset) upto += other;
      }
      const unsigned passed = __ballot_sync(kAllLanes, before + upto > wanted && id < end && c.has(id));
      if (passed != 0) {
        if (lane_id() == __ffs((int)passed) - 1) s->found = id;
        break;
      }
      before += __shfl_sync(kAllLanes, upto, kWarp - 1);
    }
  }
  __syncthreads();
  if (s->found >= 0) return s->found;
  // Rounding at the very end: the last that is left.
  return (int)block_best((unsigned long long)(last + 1), s) - 1;
}

__device__ inline void report_likeliest(const float *logits, int vocab, int top, double log_total, int32_t *ids, float *logprobs, Shared *s) {
  unsigned long long before = ~0ull;
  for (int i = 0; i < top; i++) {
    unsigned long long best = 0;
    for (int id = (int)threadIdx.x; id < vocab; id += kThreads) {
      const unsigned long long candidate = (unsigned long long)key_of(logits[id]) << 32 | (uint32_t)~id;
      if (candidate < before && candidate > best) best = candidate;
    }
    before = block_best(best, s);
    const int id = (int)~(uint32_t)before;
    if (threadIdx.x == 0) {
      ids[i] = id;
      logprobs[i] = (float)((double)logits[id] - log_total);
    }
  }
}

FB_KERNEL(kThreads, sample, SampleParams) {
  __shared__ Shared shared;
  Shared *const s = &shared;
  int32_t *const step = p.step;
  if (step[kSampling] == 0) return;
  for (int r = (int)blockIdx.x; r < step[kOutputs]; r += (int)gridDim.x) {
    const float *logits = p.logits + (int64_t)r * p.stride;
    const int top = step[kTop], token = step_ints(step, kOutputsAt)[r];
    int32_t *top_ids = step + step[kTopIdsAt] + (int64_t)r * top;
    float *top_logprobs = (float *)(step + step[kTopLogprobsAt]) + (int64_t)r * top;
    const float *adjusted = adjust(p, logits, r, p.adjusted + (int64_t)blockIdx.x * p.vocab);
    const int raw = likeliest(logits, p.vocab, s), first = adjusted == logits ? raw : likeliest(adjusted, p.vocab, s);
    int id = -1;
    float logprob = NAN;
    if (raw >= 0 && first >= 0) {
      double sum = 0;
      for (int i = (int)threadIdx.x; i < p.vocab; i += kThreads) sum += exp((double)logits[i] - (double)logits[raw]);
      const double log_total = (double)logits[raw] + log(block_sum_of(sum, s));
      report_likeliest(logits, p.vocab, top, log_total, top_ids, top_logprobs, s);
      id = first;
      const float temperature = step_floats(step, kTemperatureAt)[r];
      if (temperature != 0) {
        Candidates c = {adjusted, p.vocab, (double)adjusted[first], (double)temperature, 0, p.vocab, 0, false, 0, 0, 0, 0};
        const int top_k = step_ints(step, kTopKAt)[r];
        const float top_p = step_floats(step, kTopPAt)[r], min_p = step_floats(step, kMinPAt)[r], typical_p = step_floats(step, kTypicalPAt)[r];
        if (top_k > 0) filter_top_k(&c, top_k, s);
        if (top_p < 1) filter_top_p(&c, top_p, s);
        c.min_p = min_p;
        if (typical_p < 1) filter_typical(&c, typical_p, s);
        const uint32_t position = (uint32_t)step_ints(step, kPositionsAt)[token] + 1;
        id = draw(c, uniform_at((uint32_t)step_ints(step, kSeedLowAt)[r], (uint32_t)step_ints(step, kSeedHighAt)[r], position), s);
      }
      logprob = (float)((double)logits[id] - log_total);
    } else {
      for (int i = (int)threadIdx.x; i < top; i += kThreads) {
        top_ids[i] = -1;
        top_logprobs[i] = NAN;
      }
    }
    if (threadIdx.x == 0) {
      step[step[kSamplesAt] + r] = id;
      ((float *)(step + step[kLogprobsAt]))[r] = logprob;
      // Of a sequence's outputs the last is remembered, and another block has each. A step that runs ahead may look it up before the host
      // has seen a -1.
      const int sequence = sequence_of(step, token);
      const bool is_last = r + 1 == step[kOutputs] || step_ints(step, kOutputsAt)[r + 1] >= step_ints(step, kStartsAt)[sequence + 1];
      if (is_last) p.last_samples[step_ints(step, kSlotsAt)[sequence]] = max(id, 0);
    }
    __syncthreads();
  }
}
