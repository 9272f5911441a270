// A program bound to its weights, with all the memory that its steps need.
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "device.h"
#include "sample.h"

typedef struct { int32_t rows, width; float *data; } fb_buffer;
typedef struct { int32_t rotary_dim, variants; const float *tables; float *angles; } fb_rope;

struct fb_executable {
  fb_device *device;
  fb_program_header header;
  fb_op *ops;
  fb_buffer *buffers;
  fb_weight **weights;
  float **vectors;
  fb_rope *ropes;
  fb_cache *caches;
  int32_t *cache_kinds;
  uint8_t **pages;          // by kind
  int32_t *ids;             // lists of weights and vectors that ops refer to
  float *floats;            // vectors and rope tables
  fb_activations activations;
  float *gathered;          // f32 inputs in the row order of a weight
  float **scratch;          // one for every thread
  fb_sample_scratch *sampling;
  int32_t *last_samples;    // by slot
  float *attended;          // what units of attention have that threads share, attended_size floats each
  size_t attended_size;
  atomic_int *turns;        // of these units: the run that is to be merged next
  atomic_int *next;         // one work counter for every op
  // Choices of the expert linear that runs, sorted by expert: slot s is choice pairs[s], counted through all rows; expert x has slots starts[x] to starts[x + 1].
  int32_t *pairs, *starts;
  // Whose turn it is to run a step.
  pthread_mutex_t turn_lock;
  pthread_cond_t turn_came;
  int32_t turn;
  // The step that runs.
  int32_t *block;
  float *logits;
  int32_t ops_wanted;
  int32_t *token_sequence;  // [max_tokens]
  size_t byte_length;
};
