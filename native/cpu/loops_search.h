// The search of encoders of blocks: src/weights/blocks/candidate-search.ts says what it computes, in f64, in the same order. The candidates of
// a group are the lanes; every loop over them has a constant count, which compilers turn into vectors of any width.
#pragma once
#include "kernels.h"

#define LANES FB_SEARCH_CANDIDATES
// Adding and subtracting it rounds to the nearest integer, ties to even.
#define ROUNDING_BIAS 0x1.8p52
#define EACH_LANE for (int32_t c = 0; c < LANES; c++)

// What level is nearest to (x - minimum) * inverse, in every lane. `middles` lie between the levels of a table.
static inline void nearest_levels(const fb_search *s, const double *middles, double x, const double *inverse, const double *minimum, double *level) {
  double t[LANES];
  if (minimum) EACH_LANE t[c] = (x - minimum[c]) * inverse[c];
  else EACH_LANE t[c] = x * inverse[c];
  if (s->table) {
    EACH_LANE level[c] = s->table[0];
    for (int32_t j = 1; j < s->count; j++) EACH_LANE level[c] = t[c] > middles[j] ? s->table[j] : level[c];
    return;
  }
  const double low = s->lowest, high = s->lowest + s->count - 1;
  EACH_LANE {
    double clamped = t[c] < low ? low : t[c];
    clamped = clamped > high ? high : clamped;
    level[c] = clamped + ROUNDING_BIAS - ROUNDING_BIAS;
  }
}

static void find_middles(const fb_search *s, double middles[FB_SEARCH_LEVELS]) {
  if (!s->table) return;
  for (int32_t j = 1; j < s->count; j++) middles[j] = (s->table[j - 1] + s->table[j]) / 2;
}

static void invert(const double *scales, double *inverse) {
  EACH_LANE inverse[c] = scales[c] == 0 ? 0 : 1 / scales[c];
}

static void search_measure(const fb_search *s, int64_t first, int64_t last) {
  double middles[FB_SEARCH_LEVELS], inverse[LANES], level[LANES];
  find_middles(s, middles);
  for (int64_t g = first; g < last; g++) {
    const double *scale = s->scales + g * LANES, *minimum = s->minima ? s->minima + g * LANES : NULL;
    const float *values = s->values + g * s->size;
    double sum[LANES] = {0};
    invert(scale, inverse);
    for (int32_t i = 0; i < s->size; i++) {
      const double x = values[i];
      nearest_levels(s, middles, x, inverse, minimum, level);
      if (minimum) {
        EACH_LANE {
          const double difference = scale[c] * level[c] + minimum[c] - x;
          sum[c] += difference * difference;
        }
      } else {
        EACH_LANE {
          const double difference = scale[c] * level[c] - x;
          sum[c] += difference * difference;
        }
      }
    }
    memcpy(s->errors + g * LANES, sum, sizeof sum);
  }
}

static void search_refit(const fb_search *s, int64_t first, int64_t last) {
  double middles[FB_SEARCH_LEVELS], inverse[LANES], level[LANES];
  find_middles(s, middles);
  const double size = s->size;
  for (int64_t g = first; g < last; g++) {
    double *scale = s->scales + g * LANES, *minimum = s->minima ? s->minima + g * LANES : NULL;
    const float *values = s->values + g * s->size;
    double x = 0, l[LANES] = {0}, ll[LANES] = {0}, lx[LANES] = {0};
    invert(scale, inverse);
    for (int32_t i = 0; i < s->size; i++) {
      const double value = values[i];
      nearest_levels(s, middles, value, inverse, minimum, level);
      x += value;
      EACH_LANE {
        l[c] += level[c];
        ll[c] += level[c] * level[c];
        lx[c] += level[c] * value;
      }
    }
    EACH_LANE {
      if (minimum) {
        const double determinant = size * ll[c] - l[c] * l[c], fitted = (ll[c] * x - l[c] * lx[c]) / determinant;
        if (!(determinant > 0)) continue;
        if (!(s->minima_at_most_zero && fitted > 0)) {
          scale[c] = (size * lx[c] - l[c] * x) / determinant;
          minimum[c] = fitted;
          continue;
        }
        minimum[c] = 0;
      }
      if (ll[c] > 0) scale[c] = lx[c] / ll[c];
    }
  }
}

static void search_encode(const fb_search *s, int64_t first, int64_t last) {
  double middles[FB_SEARCH_LEVELS];
  find_middles(s, middles);
  const double low = s->lowest, high = s->lowest + s->count - 1;
  for (int64_t g = first; g < last; g++) {
    const double inverse = s->scales[g] == 0 ? 0 : 1 / s->scales[g], minimum = s->minima ? s->minima[g] : 0;
    const float *values = s->values + g * s->size;
    uint8_t *codes = s->codes + g * s->size;
    for (int32_t i = 0; i < s->size; i++) {
      const double t = (values[i] - minimum) * inverse;
      if (s->table) {
        int32_t code = 0;
        for (int32_t j = 1; j < s->count; j++) code += t > middles[j];
        codes[i] = (uint8_t)code;
      } else {
        double clamped = t < low ? low : t;
        clamped = clamped > high ? high : clamped;
        codes[i] = (uint8_t)(int32_t)(clamped + ROUNDING_BIAS - ROUNDING_BIAS - low);
      }
    }
  }
}

#undef LANES
#undef EACH_LANE
#undef ROUNDING_BIAS
