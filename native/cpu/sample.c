#include "sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Philox4x32-10 with the counter (position, 0, 0, 0) and the seed as key: upper 24 bits of the first word (src/device/random.ts).
static double uniform_at(uint32_t seed_low, uint32_t seed_high, uint32_t position) {
  uint32_t c[4] = {position, 0, 0, 0}, k0 = seed_low, k1 = seed_high;
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xd2511f53u * c[0], b = (uint64_t)0xcd9e8d57u * c[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k1, (uint32_t)a};
    memcpy(c, next, sizeof c);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return (double)(c[0] >> 8) * 0x1p-24;
}

// Smaller keys first, then smaller ids: a total order, so that every sort of the same candidates is the same.
static int before(const fb_candidate *a, const fb_candidate *b) { return a->key < b->key || (a->key == b->key && a->id < b->id); }
static int compare_keys(const void *a, const void *b) { return before(a, b) ? -1 : before(b, a); }
static int compare_ids(const void *a, const void *b) {
  const int32_t x = ((const fb_candidate *)a)->id, y = ((const fb_candidate *)b)->id;
  return (x > y) - (x < y);
}

// Brings the `first` least candidates to the front, in no order (Hoare's quickselect).
static void select_first(fb_candidate *c, int32_t count, int32_t first) {
  const int32_t last = first - 1;
  for (int32_t low = 0, high = count - 1; low < high;) {
    const fb_candidate pivot = c[low + (high - low) / 2];
    int32_t i = low, j = high;
    while (i <= j) {
      while (before(&c[i], &pivot)) i++;
      while (before(&pivot, &c[j])) j--;
      if (i > j) break;
      const fb_candidate swap = c[i];
      c[i++] = c[j];
      c[j--] = swap;
    }
    if (last <= j) high = j;
    else if (last >= i) low = i;
    else return;
  }
}

// Sorts at least as many candidates as it takes until their weights reach `wanted` of `total`; returns that count, one at least.
static int32_t count_to_reach(fb_candidate *c, int32_t count, double wanted, double total, double (*weight)(const fb_candidate *, const void *), const void *context) {
  double sum = 0;
  int32_t sorted = 0;
  for (int32_t chunk = 256; sorted < count; chunk *= 8) {
    const int32_t size = count - sorted < chunk ? count - sorted : chunk;
    select_first(c + sorted, count - sorted, size);
    qsort(c + sorted, (size_t)size, sizeof *c, compare_keys);
    for (int32_t i = sorted; i < sorted + size; i++) {
      sum += weight(&c[i], context) / total;
      if (sum >= wanted) return i + 1;
    }
    sorted += size;
  }
  return count;
}

typedef struct {
  const float *adjusted;
  float largest, temperature;
} scoring;

// Log-probability but for a constant: 0 for the likeliest token, so that no temperature overflows.
static double score(const scoring *s, int32_t id) { return ((double)s->adjusted[id] - (double)s->largest) / (double)s->temperature; }
static double probability_weight(const fb_candidate *c, const void *context) { return exp(score(context, c->id)); }

static double weight_of(const fb_candidate *c, int32_t count, const scoring *scores) {
  double total = 0;
  for (int32_t i = 0; i < count; i++) total += exp(score(scores, c[i].id));
  return total;
}

// Up to this size all tokens are candidates. Of a larger vocabulary only those are looked at that filters may leave: a sum in double
// precision over 150,000 tokens takes longer than many a layer.
enum { SMALL_VOCABULARY = 4096, PART = 1024 };

// The sum of exp(score) over `count` tokens, at most PART, in f32.
static double weight_of_part(const fb_kernels *kernels, const scoring *s, int32_t first, int32_t count) {
  float scaled[PART], largest;
  double sum;
  for (int32_t i = 0; i < count; i++) scaled[i] = (s->adjusted[first + i] - s->largest) / s->temperature;
  kernels->log_sum_exp(scaled, count, &largest, &sum);
  return isfinite(largest) ? exp((double)largest) * sum : 0;  // else none of them is allowed
}
static double weight_of_all(const fb_kernels *kernels, const scoring *s, int32_t vocab) {
  double total = 0;
  for (int32_t first = 0; first < vocab; first += PART) total += weight_of_part(kernels, s, first, vocab - first < PART ? vocab - first : PART);
  return total;
}

// Tokens whose logits are at least `least`, ids ascending.
static int32_t collect(fb_candidate *c, const float *logits, int32_t vocab, float least) {
  int32_t count = 0;
  for (int32_t id = 0; id < vocab; id++) {
    c[count].id = id;
    count += logits[id] >= least && logits[id] > -INFINITY;
  }
  return count;
}

// A logit that at least `wanted` tokens reach, and not many more as a rule: of the largest of every 64 the one in that place.
static float reached_by(fb_candidate *c, const float *logits, int32_t vocab, int32_t wanted) {
  const int32_t parts = (vocab + 63) / 64;
  if (parts < wanted) return -INFINITY;
  for (int32_t part = 0; part < parts; part++) {
    const int32_t end = part == parts - 1 ? vocab : 64 * (part + 1);
    float most = -INFINITY;
    for (int32_t id = 64 * part; id < end; id++) most = logits[id] > most ? logits[id] : most;
    c[part] = (fb_candidate){-(double)most, part};
  }
  select_first(c, parts, wanted);
  double key = -INFINITY;
  for (int32_t i = 0; i < wanted; i++) key = c[i].key > key ? c[i].key : key;
  return (float)-key;
}

static void key_by_logit(fb_candidate *c, int32_t count, const float *logits) {
  for (int32_t i = 0; i < count; i++) c[i].key = -(double)logits[c[i].id];
}

// All tokens that the first of the filters may leave, and perhaps others; `total` is what their weights are to be held against.
static int32_t candidates_of(const fb_kernels *kernels, fb_candidate *c, int32_t vocab, const scoring *scores, int32_t top_k, float top_p, float min_p, double *total) {
  const float *logits = scores->adjusted;
  int32_t count;
  *total = -1;
  if (vocab <= SMALL_VOCABULARY) {
    count = collect(c, logits, vocab, -INFINITY);
  } else if (top_k > 0 && top_k < vocab) {
    count = collect(c, logits, vocab, reached_by(c, logits, vocab, top_k));
  } else if (top_p < 1) {
    *total = weight_of_all(kernels, scores, vocab);
    float depth = 4;  // powers of e below the likeliest
    do {
      count = collect(c, logits, vocab, scores->largest - depth * scores->temperature);
      depth *= 2;
    } while (depth < 1000 && weight_of(c, count, scores) < (double)top_p * *total * (1 + 1e-5));
  } else if (min_p > 0) {
    count = collect(c, logits, vocab, scores->largest + scores->temperature * (logf(min_p) - 1e-3f));
  } else {
    count = collect(c, logits, vocab, -INFINITY);
  }
  if (*total < 0 && top_p < 1 && !(top_k > 0 && top_k < vocab)) *total = weight_of(c, count, scores);
  return count;
}

// Top-k, top-p, min-p, typical-p; leaves the survivors in front, ids ascending, and returns how many. total: of all tokens, where top-p comes first.
static int32_t filter(fb_candidate *c, int32_t count, const scoring *scores, double total, int32_t top_k, float top_p, float min_p, float typical_p) {
  const int by_top_k = top_k > 0 && top_k < count;
  if (by_top_k) {
    key_by_logit(c, count, scores->adjusted);
    select_first(c, count, top_k);
    double least = -INFINITY;
    for (int32_t i = 0; i < top_k; i++) least = c[i].key > least ? c[i].key : least;
    int32_t kept = top_k;  // tokens equal to the k-th stay
    for (int32_t i = top_k; i < count; i++)
      if (c[i].key <= least) c[kept++] = c[i];
    count = kept;
  }
  if (top_p < 1) {
    key_by_logit(c, count, scores->adjusted);
    count = count_to_reach(c, count, (double)top_p, total < 0 ? weight_of(c, count, scores) : total, probability_weight, scores);
  }
  if (min_p > 0) {
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++)
      if (exp(score(scores, c[i].id)) >= (double)min_p) c[kept++] = c[i];
    count = kept;
  }
  if (typical_p < 1) {
    double expected = 0;
    const double all = weight_of(c, count, scores), log_total = log(all);
    for (int32_t i = 0; i < count; i++) {
      const double s = score(scores, c[i].id);
      expected += exp(s) / all * (log_total - s);
    }
    for (int32_t i = 0; i < count; i++) c[i].key = fabs(log_total - score(scores, c[i].id) - expected);
    count = count_to_reach(c, count, (double)typical_p, all, probability_weight, scores);
  }
  if (by_top_k || top_p < 1 || typical_p < 1) qsort(c, (size_t)count, sizeof *c, compare_ids);
  return count;
}

static void report_likeliest(const float *logits, int32_t vocab, int32_t top, double log_total, int32_t *ids, float *logprobs) {
  if (top == 0) return;
  int32_t count = 0;
  for (int32_t id = 0; id < vocab; id++) {
    if (count == top && logits[id] <= logits[ids[count - 1]]) continue;
    int32_t place = count < top ? count++ : top - 1;
    for (; place > 0 && logits[id] > logits[ids[place - 1]]; place--) ids[place] = ids[place - 1];
    ids[place] = id;
  }
  for (int32_t i = 0; i < count; i++) logprobs[i] = (float)((double)logits[ids[i]] - log_total);
}

// Bias, allowed tokens, penalties: each one rounded operation in f32, so that all backends agree which tokens tie.
static const float *adjust(const float *logits, int32_t vocab, int32_t r, const int32_t *block, const fb_step_header *h, float *adjusted) {
  const int32_t *bias_starts = block + h->bias_starts_at, *count_starts = block + h->count_starts_at;
  if (bias_starts[r] == bias_starts[r + 1] && count_starts[r] == count_starts[r + 1] && h->allowed_at < 0) return logits;
  memcpy(adjusted, logits, (size_t)vocab * sizeof *logits);
  const int32_t *bias_ids = block + h->bias_ids_at, *count_ids = block + h->count_ids_at, *output_counts = block + h->output_counts_at;
  const float *bias_values = (const float *)(block + h->bias_values_at);
  for (int32_t i = bias_starts[r]; i < bias_starts[r + 1]; i++) adjusted[bias_ids[i]] += bias_values[i];
  if (h->allowed_at >= 0) {
    const uint32_t *allowed = (const uint32_t *)(block + h->allowed_at) + (size_t)r * (size_t)((vocab + 31) / 32);
    for (int32_t first = 0; first < vocab; first += 32) {
      const uint32_t word = allowed[first >> 5];
      if (word == UINT32_MAX) continue;
      const int32_t end = vocab - first < 32 ? vocab : first + 32;
      for (int32_t id = first; id < end; id++) adjusted[id] = word >> (id & 31) & 1 ? adjusted[id] : -INFINITY;
    }
  }
  const float repetition = ((const float *)(block + h->repetition_at))[r], presence = ((const float *)(block + h->presence_at))[r], frequency = ((const float *)(block + h->frequency_at))[r];
  for (int32_t i = count_starts[r]; i < count_starts[r + 1]; i++) {
    float *logit = &adjusted[count_ids[i]];
    *logit = *logit > 0 ? *logit / repetition : *logit * repetition;
    if (output_counts[i] > 0) *logit -= presence + frequency * (float)output_counts[i];
  }
  return adjusted;
}

static int32_t draw(const fb_candidate *c, int32_t count, const scoring *scores, double u) {
  const double total = weight_of(c, count, scores);
  double sum = 0;
  for (int32_t i = 0; i < count; i++) {
    sum += exp(score(scores, c[i].id));
    if (sum > u * total) return c[i].id;
  }
  return c[count - 1].id;
}

// As draw, from a whole vocabulary: parts are passed over by their sums.
static int32_t draw_from_all(const fb_kernels *kernels, const scoring *scores, int32_t vocab, double u) {
  const double wanted = u * weight_of_all(kernels, scores, vocab);
  double sum = 0;
  int32_t first = 0, last = -1;
  for (; first + PART < vocab; first += PART) {
    const double part = weight_of_part(kernels, scores, first, PART);
    if (sum + part > wanted) break;
    sum += part;
  }
  for (int32_t id = first; id < vocab; id++) {
    if (!(scores->adjusted[id] > -INFINITY)) continue;
    last = id;
    sum += exp(score(scores, id));
    if (sum > wanted) return id;
  }
  // Sums that were rounded in another way: the last token that there is.
  for (int32_t id = vocab - 1; last < 0; id--)
    if (scores->adjusted[id] > -INFINITY) last = id;
  return last;
}

typedef struct {
  int32_t id;  // the lowest among equals; -1 where there is a NaN or no finite logit
  float largest;
  double sum;  // of exp(logit - largest)
} likeliest;
static likeliest find_likeliest(const fb_kernels *kernels, const float *logits, int32_t vocab) {
  likeliest found = {.id = -1};
  kernels->log_sum_exp(logits, vocab, &found.largest, &found.sum);
  if (!isfinite(found.sum) || !isfinite(found.largest)) return found;
  int32_t first = 0;
  for (int is_there = 0; first + PART <= vocab; first += PART) {
    for (int32_t i = 0; i < PART; i++) is_there |= logits[first + i] == found.largest;
    if (is_there) break;
  }
  while (first < vocab && logits[first] != found.largest) first++;
  found.id = first;
  return found;
}

int32_t fb_sample_row(const fb_kernels *kernels, const float *logits, int32_t vocab, int32_t position, int32_t r, int32_t *block, const fb_sample_scratch *scratch) {
  const fb_step_header *h = (const fb_step_header *)(const void *)block;
  int32_t *sample = block + h->samples_at + r, *top_ids = block + h->top_ids_at + (size_t)r * (size_t)h->top;
  float *logprob = (float *)(block + h->logprobs_at) + r, *top_logprobs = (float *)(block + h->top_logprobs_at) + (size_t)r * (size_t)h->top;
  const float *adjusted = adjust(logits, vocab, r, block, h, scratch->adjusted);
  const likeliest plain = find_likeliest(kernels, logits, vocab), first = adjusted == logits ? plain : find_likeliest(kernels, adjusted, vocab);
  if (first.id < 0 || plain.id < 0) {
    *sample = -1;
    *logprob = NAN;
    for (int32_t i = 0; i < h->top; i++) {
      top_ids[i] = -1;
      top_logprobs[i] = NAN;
    }
    return -1;
  }
  const double log_total = (double)plain.largest + log(plain.sum);
  report_likeliest(logits, vocab, h->top, log_total, top_ids, top_logprobs);

  const float temperature = ((const float *)(block + h->temperature_at))[r];
  int32_t id = first.id;
  if (temperature != 0) {
    const scoring scores = {adjusted, first.largest, temperature};
    const int32_t top_k = block[h->top_k_at + r];
    const float top_p = ((const float *)(block + h->top_p_at))[r], min_p = ((const float *)(block + h->min_p_at))[r], typical_p = ((const float *)(block + h->typical_p_at))[r];
    const double u = uniform_at((uint32_t)block[h->seed_low_at + r], (uint32_t)block[h->seed_high_at + r], (uint32_t)position);
    const int is_filtered = (top_k > 0 && top_k < vocab) || top_p < 1 || min_p > 0 || typical_p < 1;
    if (!is_filtered && vocab > SMALL_VOCABULARY) {
      id = draw_from_all(kernels, &scores, vocab, u);
    } else {
      fb_candidate *c = scratch->candidates;
      double total;
      int32_t count = candidates_of(kernels, c, vocab, &scores, top_k, top_p, min_p, &total);
      count = filter(c, count, &scores, total, top_k, top_p, min_p, typical_p);
      id = draw(c, count, &scores, u);
    }
  }
  *sample = id;
  *logprob = (float)((double)logits[id] - log_total);
  return id;
}
