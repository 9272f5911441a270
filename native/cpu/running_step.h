// What ops see of the step that runs: rows of buffers, and the part of the rows that a thread takes.
#pragma once
#include "executable.h"

static inline const fb_step_header *step_of(const fb_executable *e) { return (const fb_step_header *)(const void *)e->block; }
static inline int32_t step_rows(const fb_executable *e, int32_t buffer_id) { return e->buffers[buffer_id].rows ? step_of(e)->outputs : step_of(e)->tokens; }
static inline float *row_of(const fb_executable *e, fb_view view, int32_t row) {
  const fb_buffer *b = &e->buffers[view.buffer];
  return b->data + (size_t)row * (size_t)b->width + (size_t)view.offset;
}
static inline int32_t width_of(const fb_executable *e, fb_view view) { return e->buffers[view.buffer].width; }

// The rows that a thread takes of an op whose rows cost the same.
static inline int32_t share(int32_t rows, int32_t thread, int32_t threads) { return (int32_t)((int64_t)rows * thread / threads); }

#define EACH_ROW(rows, row) for (int32_t row = share(rows, thread, threads), end_ = share(rows, thread + 1, threads); row < end_; row++)
