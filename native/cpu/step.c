// Runs a program: every thread walks the op list, and they meet at a barrier after each op. Nothing is allocated while a step runs.
#include <math.h>
#include <string.h>

#include "attention.h"
#include "blocks.h"
#include "running_step.h"

static void dequantize(const fb_kernels *kernels, const fb_weight *w, int32_t tile, float *to) {
  if (w->kind == FB_AFFINE) kernels->affine_dequantize(w, tile, to);
  else if (w->kind == FB_MIXED) kernels->mixed_dequantize(w, tile, to);
  else if (w->kind == FB_CODED) kernels->coded_dequantize(w, tile, to);
  else kernels->blocks_dequantize(w, tile, to);
}

// A row of a dense table is widened; of a quantized one its tile is dequantized, so that a table that serves as head too is in memory once.
static void look_up(fb_executable *e, const fb_weight *w, int32_t id, float *tile, float *out) {
  if (w->kind == FB_DENSE) {
    e->device->kernels->widen(w->values + (size_t)id * (size_t)w->in * fb_type_bytes(w->type), w->type, out, w->in);
    return;
  }
  dequantize(e->device->kernels, w, id / FB_TILE, tile);
  for (int32_t r = 0; r < w->in; r++) out[w->row_order ? w->row_order[r] : (uint32_t)r] = tile[(size_t)r * FB_TILE + (size_t)(id % FB_TILE)];
}

static void run_embed(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  const int32_t *tokens = e->block + step_of(e)->tokens_at;
  EACH_ROW(step_of(e)->tokens, t) {
    const int32_t id = tokens[t] < 0 ? e->last_samples[~tokens[t]] : tokens[t];
    float *out = row_of(e, op->out, t);
    look_up(e, e->weights[op->weight], id, e->scratch[thread], out);
    if (op->factor != 1) for (int32_t i = 0; i < op->out.width; i++) out[i] *= op->factor;
  }
}

static void run_rms_norm(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  EACH_ROW(step_rows(e, op->a.buffer), row) {
    const float *x = row_of(e, op->a, row);
    float *out = row_of(e, op->out, row);
    for (int32_t i = 0; i < op->a.width; i += op->number) e->device->kernels->rms_norm(x + i, e->vectors[op->vector], op->value, out + i, op->number);
  }
}

static void run_glu(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  EACH_ROW(step_rows(e, op->a.buffer), row) {
    const float *residual = op->c.buffer >= 0 ? row_of(e, op->c, row) : NULL;
    e->device->kernels->glu(op->number, op->value, row_of(e, op->a, row), row_of(e, op->b, row), residual, row_of(e, op->out, row), op->out.width);
  }
}

// What works on one row by itself, without weights.
static void run_row(fb_executable *e, const fb_op *op, int32_t row) {
  const fb_kernels *kernels = e->device->kernels;
  const float *x = row_of(e, op->a, row);
  float *out = row_of(e, op->out, row);
  const int32_t width = op->out.width;
  switch (op->kind) {
    case FB_OP_LAYER_NORM: kernels->layer_norm(x, e->vectors[op->vector], e->vectors[op->list], op->value, out, width); break;
    case FB_OP_ACTIVATE: kernels->activate(op->number, x, out, width); break;
    case FB_OP_SOFT_CAP: kernels->soft_cap(op->value, x, out, width); break;
    case FB_OP_ADD: {
      const float *residual = row_of(e, op->c, row);
      const float share_of = op->b.buffer < 0 ? 1 : 1 / (1 + expf(-*row_of(e, op->b, row)));
      for (int32_t i = 0; i < width; i++) out[i] = residual[i] + share_of * x[i];
      break;
    }
    case FB_OP_REGROUP: {
      const int32_t group_width = op->count, parts = op->number, groups = width / parts / group_width;
      for (int32_t group = 0; group < groups; group++)
        for (int32_t part = 0; part < parts; part++)
          memcpy(out + (size_t)(part * groups + group) * (size_t)group_width, x + (size_t)(group * parts + part) * (size_t)group_width, (size_t)group_width * sizeof *x);
      break;
    }
    case FB_OP_ROUTE: {
      const int32_t choices = width / 2, experts = op->a.width;
      for (int32_t j = 0; j < choices; j++) {
        int32_t best = -1;
        for (int32_t i = 0; i < experts; i++) {
          int taken = 0;
          for (int32_t k = 0; k < j; k++) taken |= (int32_t)out[k] == i;
          if (!taken && (best < 0 || x[i] > x[best])) best = i;
        }
        out[j] = (float)best;
      }
      const float largest = x[(int32_t)out[0]];
      float total = 0;
      for (int32_t i = 0; i < (op->number ? choices : experts); i++) total += expf((op->number ? x[(int32_t)out[i]] : x[i]) - largest);
      for (int32_t j = 0; j < choices; j++) out[choices + j] = expf(x[(int32_t)out[j]] - largest) / total;
      break;
    }
    default: {  // FB_OP_EXPERT_SUM
      const int32_t choices = op->b.width / 2;
      const float *weights = row_of(e, op->b, row) + choices, *residual = op->c.buffer < 0 ? NULL : row_of(e, op->c, row);
      for (int32_t i = 0; i < width; i++) {
        float sum = residual ? residual[i] : 0;
        for (int32_t j = 0; j < choices; j++) sum += weights[j] * x[(size_t)j * (size_t)width + (size_t)i];
        out[i] = sum;
      }
    }
  }
}
static void run_rows(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  EACH_ROW(step_rows(e, op->a.buffer), row) run_row(e, op, row);
}

static void run_gather(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  const int32_t *outputs = e->block + step_of(e)->outputs_at;
  EACH_ROW(step_of(e)->outputs, row) memcpy(row_of(e, op->out, row), row_of(e, op->a, outputs[row]), (size_t)op->a.width * sizeof(float));
}

// Rows of input in the form that a weight's kernel takes: 8-bit codes, or f32 in the weight's row order.
typedef struct {
  fb_activations int8;
  float *gathered;
} fb_prepared;

// Where they lie, from row `first` on.
static fb_prepared prepared_from(const fb_executable *e, const fb_weight *w, int32_t first) {
  fb_prepared rows = {.int8 = e->activations, .gathered = e->gathered + (size_t)first * (size_t)w->in};
  if (w->span == 0) return rows;
  fb_activations *x = &rows.int8;
  x->stride = w->blocks * FB_BLOCK;
  x->span = w->span;
  x->spans = (x->stride + w->span - 1) / w->span;
  x->zero = w->kind == FB_BLOCKS ? fb_block_forms[w->type].zero : w->kind == FB_AFFINE && !w->zeros ? 1 << (w->bits - 1) : 1;
  const size_t spans = (size_t)first * (size_t)x->spans;
  x->codes += (size_t)first * (size_t)x->stride;
  x->scales += spans;
  x->sums += spans;
  x->totals += spans;
  return rows;
}

static void prepare_input(const fb_executable *e, const fb_weight *w, const float *x, fb_prepared *rows, int32_t row) {
  if (w->span > 0) {
    e->device->kernels->quantize(x, w->row_order, w->in, &rows->int8, row);
    return;
  }
  float *to = rows->gathered + (size_t)row * (size_t)w->in;
  if (!w->row_order) memcpy(to, x, (size_t)w->in * sizeof *x);
  else for (int32_t k = 0; k < w->in; k++) to[k] = x[w->row_order[k]];
}

// Adds the bias in place.
static void add_bias(float *y, int32_t rows, const float *bias, int32_t count) {
  for (int32_t r = 0; r < rows; r++)
    for (int32_t n = 0; n < count; n++) y[r * FB_TILE + n] += bias[n];
}

// A weight with the rows that it multiplies. Rows of f32 lie at x, int8 ones in the activations from first_row on.
typedef struct {
  const fb_weight *weight;
  const float *bias;  // or NULL
  const fb_activations *activations;
  const float *x;
  int32_t stride, first_row, rows;
  int32_t width;      // outputs of a row, after the gate
} fb_product;

// Where a row of a product goes, and what is added there; residual may be NULL.
typedef struct { float *out; const float *residual; } fb_target;
static fb_target target_of(const fb_executable *e, const fb_op *op, int32_t row) {
  if (op->kind == FB_OP_LINEAR) return (fb_target){row_of(e, op->out, row), op->b.buffer >= 0 ? row_of(e, op->b, row) : NULL};
  const int32_t choices = op->b.width / 2, pair = e->pairs[row];
  return (fb_target){row_of(e, op->out, pair / choices) + (size_t)(pair % choices) * (size_t)(op->out.width / choices), NULL};
}

// Units of work of a product: tiles of 16 outputs; a gated pair of tiles is one unit, so that gate and up meet before they leave the cache.
static int32_t units_of(const fb_op *op, const fb_weight *w) { return op->number ? w->tiles / 2 : w->tiles; }

static void run_unit(fb_executable *e, const fb_op *op, const fb_product *p, int32_t unit, float *scratch) {
  const fb_kernels *kernels = e->device->kernels;
  const fb_weight *w = p->weight;
  // Coded weights that few rows take go through registers; more rows share a tile of f32.
  const int gated = op->number != 0, dequantized = w->span == 0 && w->kind != FB_DENSE && !(w->kind == FB_CODED && p->rows <= kernels->rows_f32);
  const int32_t block = dequantized || w->kind == FB_CODED ? kernels->rows_f32 : w->kind == FB_DENSE ? kernels->rows_dense : w->kind == FB_BLOCKS ? FB_BLOCK_ROWS : kernels->rows_int8;
  const int32_t column = unit * FB_TILE, count = p->width - column < FB_TILE ? p->width - column : FB_TILE;
  float *y = scratch, *up = y + FB_BLOCK_ROWS * FB_TILE, *tile_weights = up + FB_BLOCK_ROWS * FB_TILE;
  if (dequantized)
    for (int32_t half = 0; half <= gated; half++) dequantize(kernels, w, unit + half * (w->tiles / 2), tile_weights + (size_t)half * (size_t)w->in * FB_TILE);
  for (int32_t row = 0; row < p->rows; row += block) {
    const int32_t taken = p->rows - row < block ? p->rows - row : block;
    const float *x = p->x + (size_t)row * (size_t)p->stride;
    for (int32_t half = 0; half <= gated; half++) {
      const int32_t tile = unit + half * (w->tiles / 2);
      float *to = half ? up : y;
      if (dequantized) kernels->tile_f32(tile_weights + (size_t)half * (size_t)w->in * FB_TILE, w->in, x, p->stride, taken, to);
      else if (w->kind == FB_CODED) kernels->coded_f32(w, tile, x, p->stride, taken, to);
      else if (w->kind == FB_DENSE) kernels->dense(w, tile, x, p->stride, taken, to);
      else if (w->kind == FB_AFFINE) kernels->affine_int8(w, tile, p->activations, p->first_row + row, taken, to);
      else if (w->kind == FB_MIXED) kernels->mixed_int8(w, tile, p->activations, p->first_row + row, taken, to);
      else kernels->blocks_int8(w, tile, p->activations, p->first_row + row, taken, to);
      if (p->bias) add_bias(to, taken, p->bias + (size_t)tile * FB_TILE, count);
      if (op->factor != 1)
        for (int32_t r = 0; r < taken; r++)
          for (int32_t n = 0; n < count; n++) to[r * FB_TILE + n] *= op->factor;
    }
    for (int32_t r = 0; r < taken; r++) {
      const fb_target target = target_of(e, op, p->first_row + row + r);
      float *out = target.out + column;
      const float *residual = target.residual ? target.residual + column : NULL;
      if (gated) kernels->glu(op->number, op->value, y + r * FB_TILE, up + r * FB_TILE, residual, out, count);
      else if (residual) for (int32_t n = 0; n < count; n++) out[n] = residual[n] + y[r * FB_TILE + n];
      else memcpy(out, y + r * FB_TILE, (size_t)count * sizeof(float));
    }
  }
}

// Units that one thread takes at once. Long stretches come first, since weights that are read as one stream are read fastest, then ever shorter ones, so
// that threads of unequal speed end together.
typedef struct { int32_t first, end; } fb_stretch;
static int take_stretch(atomic_int *next, int32_t units, int32_t threads, fb_stretch *stretch) {
  int32_t first = atomic_load_explicit(next, memory_order_relaxed), length;
  do {
    if (first >= units) return 0;
    length = 2 * (units - first) / (3 * threads);
    length = length < 1 ? 1 : length;
  } while (!atomic_compare_exchange_weak_explicit(next, &first, first + length, memory_order_relaxed, memory_order_relaxed));
  *stretch = (fb_stretch){first, first + length};
  return 1;
}

static void run_linear(fb_executable *e, const fb_op *op, int32_t index, int32_t thread, int32_t threads) {
  const fb_weight *w = e->weights[op->weight];
  const int32_t rows = step_rows(e, op->a.buffer);
  const int int8 = w->span > 0, prepared = int8 || w->row_order;
  if (rows == 0) return;

  // A single row every thread prepares for itself: that takes less than waiting, and than fetching what another has written.
  fb_prepared input = prepared_from(e, w, rows == 1 ? thread : 0);
  if (prepared && rows == 1) prepare_input(e, w, row_of(e, op->a, 0), &input, 0);
  if (prepared && rows > 1) {
    EACH_ROW(rows, row) prepare_input(e, w, row_of(e, op->a, row), &input, row);
    fb_pool_barrier(e->device->pool);
  }
  const fb_product product = {
      .weight = w,
      .bias = op->vector >= 0 ? e->vectors[op->vector] : NULL,
      .activations = &input.int8,
      .x = prepared ? input.gathered : row_of(e, op->a, 0),
      .stride = int8 ? 0 : prepared ? w->in : width_of(e, op->a),
      .rows = rows,
      .width = op->out.width,
  };
  for (fb_stretch stretch; take_stretch(&e->next[index], units_of(op, w), threads, &stretch);)
    for (int32_t unit = stretch.first; unit < stretch.end; unit++) run_unit(e, op, &product, unit, e->scratch[thread]);
}

static int32_t expert_of(const fb_executable *e, const fb_op *op, int32_t pair) {
  const int32_t choices = op->b.width / 2, expert = (int32_t)row_of(e, op->b, pair / choices)[pair % choices];
  return expert < 0 || expert >= op->count ? 0 : expert;
}

// Sorts the choices of all rows by expert, so that each expert's weight is read once for all who chose it.
static void sort_choices(fb_executable *e, const fb_op *op, int32_t pairs) {
  int32_t *starts = e->starts;
  memset(starts, 0, (size_t)(op->count + 1) * sizeof *starts);
  for (int32_t pair = 0; pair < pairs; pair++) starts[expert_of(e, op, pair) + 1]++;
  for (int32_t x = 0; x < op->count; x++) starts[x + 1] += starts[x];
  for (int32_t pair = 0; pair < pairs; pair++) e->pairs[starts[expert_of(e, op, pair)]++] = pair;
  for (int32_t x = op->count; x > 0; x--) starts[x] = starts[x - 1];  // each had moved on to the next one's start
  starts[0] = 0;
}

// expert linear: all experts have a weight of the same kind and shape (cpu-device.node.ts). The units of all experts that anybody chose are one list.
static void run_expert_linear(fb_executable *e, const fb_op *op, int32_t index, int32_t thread, int32_t threads) {
  const int32_t *weights = e->ids + op->list, *biases = weights + op->count;
  const fb_weight *alike = e->weights[weights[0]];
  const int32_t choices = op->b.width / 2, pairs = step_rows(e, op->a.buffer) * choices;
  if (pairs == 0) return;
  if (thread == 0) sort_choices(e, op, pairs);
  fb_pool_barrier(e->device->pool);
  fb_prepared input = prepared_from(e, alike, 0);
  const int per_choice = op->a.width != alike->in;
  for (int32_t x = 0; x < op->count; x++) {
    const int32_t first = share(pairs, thread, threads), last = share(pairs, thread + 1, threads);
    const int32_t from = e->starts[x] > first ? e->starts[x] : first, to = e->starts[x + 1] < last ? e->starts[x + 1] : last;
    for (int32_t slot = from; slot < to; slot++) {
      const int32_t pair = e->pairs[slot];
      prepare_input(e, e->weights[weights[x]], row_of(e, op->a, pair / choices) + (per_choice ? (size_t)(pair % choices) * (size_t)alike->in : 0), &input, slot);
    }
  }
  fb_pool_barrier(e->device->pool);

  int32_t chosen = 0;
  for (int32_t x = 0; x < op->count; x++) chosen += e->starts[x + 1] > e->starts[x];
  const int32_t units = units_of(op, alike);
  for (fb_stretch stretch; take_stretch(&e->next[index], chosen * units, threads, &stretch);) {
    int32_t passed = 0;
    for (int32_t x = 0; x < op->count && passed < stretch.end; x++) {
      const int32_t rows = e->starts[x + 1] - e->starts[x];
      if (rows == 0) continue;
      const fb_product product = {
          .weight = e->weights[weights[x]],
          .bias = biases[x] >= 0 ? e->vectors[biases[x]] : NULL,
          .activations = &input.int8,
          .x = input.gathered + (alike->span > 0 ? 0 : (size_t)e->starts[x] * (size_t)alike->in),
          .stride = alike->span > 0 ? 0 : alike->in,
          .first_row = e->starts[x],
          .rows = rows,
          .width = op->out.width / choices,
      };
      for (int32_t unit = stretch.first > passed ? stretch.first - passed : 0; unit < units && passed + unit < stretch.end; unit++) run_unit(e, op, &product, unit, e->scratch[thread]);
      passed += units;
    }
  }
}

// Cosine and sine of every token for every rope: computed once a step, used by every layer.
static void prepare_angles(fb_executable *e, int32_t thread, int32_t threads) {
  const fb_step_header *h = step_of(e);
  const int32_t *positions = e->block + h->positions_at, *variants = e->block + h->variants_at;
  for (int32_t i = 0; i < e->header.ropes; i++) {
    const fb_rope *r = &e->ropes[i];
    const int32_t half = r->rotary_dim / 2;
    EACH_ROW(h->tokens, t) {
      const float *table = r->tables + (size_t)(r->variants > 1 ? variants[e->token_sequence[t]] : 0) * (size_t)(half + 1);
      float *cosines = r->angles + (size_t)t * (size_t)r->rotary_dim, *sines = cosines + half;
      for (int32_t j = 0; j < half; j++) {
        const float angle = (float)positions[t] * table[1 + j];
        cosines[j] = cosf(angle) * table[0];
        sines[j] = sinf(angle) * table[0];
      }
    }
  }
}

static void run_sample(fb_executable *e, const fb_op *op, int32_t thread, int32_t threads) {
  const fb_step_header *h = step_of(e);
  const int32_t *outputs = e->block + h->outputs_at, *positions = e->block + h->positions_at, *slots = e->block + h->slots_at;
  EACH_ROW(h->outputs, r) {
    const float *logits = row_of(e, op->a, r);
    if (e->logits) memcpy(e->logits + (size_t)r * (size_t)e->header.vocab, logits, (size_t)e->header.vocab * sizeof *logits);
    if (!h->sampling) continue;
    const int32_t token = outputs[r], sample = fb_sample_row(e->device->kernels, logits, e->header.vocab, positions[token] + 1, r, e->block, &e->sampling[thread]);
    // Other threads sample other rows: the last output of a sequence is the one that its slot remembers.
    const int32_t sequence = e->token_sequence[token], is_last = r + 1 == h->outputs || e->token_sequence[outputs[r + 1]] != sequence;
    if (is_last) e->last_samples[slots[sequence]] = sample < 0 ? 0 : sample;
  }
}

static void run_ops(void *context, int32_t thread, int32_t threads) {
  fb_executable *e = context;
  prepare_angles(e, thread, threads);
  for (int32_t i = 0; i < e->ops_wanted; i++) {
    const fb_op *op = &e->ops[i];
    switch (op->kind) {
      case FB_OP_EMBED: run_embed(e, op, thread, threads); break;
      case FB_OP_RMS_NORM: run_rms_norm(e, op, thread, threads); break;
      case FB_OP_LINEAR: run_linear(e, op, i, thread, threads); break;
      case FB_OP_GLU: run_glu(e, op, thread, threads); break;
      case FB_OP_ROPE_WRITE: fb_run_rope_write(e, op, thread, threads); break;
      case FB_OP_ATTENTION: fb_run_attention(e, op, i, thread, threads); break;
      case FB_OP_GATHER: run_gather(e, op, thread, threads); break;
      case FB_OP_SAMPLE: run_sample(e, op, thread, threads); break;
      case FB_OP_EXPERT_LINEAR: run_expert_linear(e, op, i, thread, threads); break;
      default: run_rows(e, op, thread, threads); break;
    }
    fb_pool_barrier(e->device->pool);
  }
}

static void await_turn(fb_executable *e, int32_t turn) {
  pthread_mutex_lock(&e->turn_lock);
  while (e->turn != turn) pthread_cond_wait(&e->turn_came, &e->turn_lock);
  pthread_mutex_unlock(&e->turn_lock);
}
static void end_turn(fb_executable *e) {
  pthread_mutex_lock(&e->turn_lock);
  e->turn = (int32_t)(((uint32_t)e->turn + 1) & INT32_MAX);
  pthread_cond_broadcast(&e->turn_came);
  pthread_mutex_unlock(&e->turn_lock);
}

void fb_step(fb_executable *e, int32_t *block, float *logits, float *hidden, int32_t turn) {
  await_turn(e, turn);
  e->block = block;
  e->logits = logits;
  const fb_step_header *h = step_of(e);
  const int32_t *starts = block + h->starts_at;
  for (int32_t s = 0; s < h->sequences; s++)
    for (int32_t t = starts[s]; t < starts[s + 1]; t++) e->token_sequence[t] = s;
  memset((void *)e->next, 0, (size_t)e->header.ops * sizeof *e->next);
  e->ops_wanted = hidden && !logits && !h->sampling ? e->header.hidden_ops : e->header.ops;
  fb_pool_run(e->device->pool, run_ops, e);
  if (hidden) {
    const fb_buffer *made = &e->buffers[e->header.hidden];
    memcpy(hidden, made->data, (size_t)h->outputs * (size_t)made->width * sizeof *hidden);
  }
  end_turn(e);
}
