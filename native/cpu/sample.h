// Draws one token from a row of logits; the twin of src/backends/reference/sample.ts, whose order of operations it follows.
#pragma once
#include "kernels.h"

typedef struct {
  double key;
  int32_t id;
} fb_candidate;

// What one thread needs to sample rows of `vocab` logits.
typedef struct {
  float *adjusted;           // [vocab]
  fb_candidate *candidates;  // [vocab]
} fb_sample_scratch;

// Row r of the step: writes its sample, logprob and top tokens into the block, and returns the sample (-1: the logits are not numbers).
int32_t fb_sample_row(const fb_kernels *kernels, const float *logits, int32_t vocab, int32_t position, int32_t r, int32_t *block, const fb_sample_scratch *scratch);
