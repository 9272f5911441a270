// Holds every function of an instruction set's kernel table against the portable one, on seeded random data of edge shapes.
//   check_kernels ISA
// Prints a line for each failed case and a summary; ends with 1 when anything failed, with 2 for an ISA that does not run here.
// Whatever a kernel reads or writes lies in a piece of memory of exactly its size, so that a sanitizer sees one step too far.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "device.h"
#include "half.h"

// Largest difference from what is expected, over the root mean square of what is expected. 0: every bit is the same.
enum { PACK, QUANTIZE, AFFINE_INT8, DEQUANTIZE, TILE_F32, MIXED_INT8, MIXED_DEQUANTIZE, BLOCKS_INT8, BLOCKS_DEQUANTIZE, DENSE, GLU, CONVERT, RMS_NORM, ATTENTION, LOG_SUM_EXP, MEASURE, ROWS };
static const struct {
  const char *name;
  double tolerance;
  const char *why;
} checks[] = {
    [PACK] = {"fb_weight_put_affine", 0, "bits are moved"},
    [QUANTIZE] = {"quantize", 0, "one multiplication and one rounding"},
    [AFFINE_INT8] = {"affine_int8", 2e-6, "integers are exact; one sum in f32 a span, fused or not"},
    [DEQUANTIZE] = {"affine_dequantize", 0, "a difference of whole numbers and one multiplication"},
    [TILE_F32] = {"tile_f32", 3e-6, "f32 sums in the same order, fused or not"},
    [MIXED_INT8] = {"mixed_int8", 2e-6, "as affine_int8"},
    [MIXED_DEQUANTIZE] = {"mixed_dequantize", 0, "exact scales, a difference of whole numbers and one multiplication"},
    [BLOCKS_INT8] = {"blocks_int8", 2e-6, "as affine_int8"},
    [BLOCKS_DEQUANTIZE] = {"blocks_dequantize", 0, "exact products, one addition of a minimum, one multiplication by a factor"},
    [DENSE] = {"dense", 2e-6, "f32 sums in the same order but for the last 16 lanes, fused or not"},
    [GLU] = {"glu", 5e-7, "exp within 2 ulp, near 0 nearly always the same"},
    [CONVERT] = {"widen, narrow, keep_int8", 0, "conversions are exact, or rounded to nearest even"},
    [RMS_NORM] = {"rms_norm", 2e-6, "f32 sum of squares"},
    [ATTENTION] = {"attention", 6e-6, "scores up to 10: an error of f32 there is one of 10 times as much in exp"},
    [LOG_SUM_EXP] = {"log_sum_exp", 5e-7, "exp within 2 ulp, summed in f64"},
    [MEASURE] = {"read, dot_peak", 0, "bits and counts"},
    [ROWS] = {"rows", 0, "a row's result does not depend on how many rows it is computed with"},
};

static const fb_kernels *tested, *portable;
static fb_device *device;
static int cases[sizeof checks / sizeof *checks], failures;

// ---- Data ----

static uint64_t state = 0x9e3779b97f4a7c15u;
static uint32_t random_word(void) {  // xorshift64*
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return (uint32_t)(state * 0x2545f4914f6cdd1du >> 32);
}
static int32_t random_below(int32_t limit) { return (int32_t)(random_word() % (uint32_t)limit); }
static float random_value(void) {  // about normal: the sum of four uniforms, with deviation 1
  float sum = -2;
  for (int i = 0; i < 4; i++) sum += (float)(random_word() >> 8) * 0x1p-24f;
  return sum * 1.7320508f;
}

static void *memory(size_t bytes) {
  void *p = malloc(bytes ? bytes : 1);
  if (!p) exit(3);
  return p;
}
static float *zeroed_floats(size_t n) { return memset(memory(n * sizeof(float)), 0, n * sizeof(float)); }
static float *random_floats(size_t n) {
  float *x = memory(n * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = random_value();
  return x;
}
static uint8_t *random_bytes(size_t n) {
  uint8_t *bytes = memory(n);
  for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)random_word();
  return bytes;
}
static size_t type_size(int32_t type) { return type == FB_F32 ? 4 : 2; }
static void put_float(uint8_t *p, int32_t type, float x) {
  if (type == FB_F32) memcpy(p, &x, 4);
  else {
    const uint16_t h = type == FB_F16 ? fb_float_to_half(x) : (uint16_t)(fb_float_to_bits(x) >> 16);
    memcpy(p, &h, 2);
  }
}
static float get_float(const uint8_t *p, int32_t type) {
  float x;
  if (type == FB_F32) return memcpy(&x, p, 4), x;
  return type == FB_F16 ? fb_half_to_float(fb_load_u16(p)) : fb_bfloat16_to_float(fb_load_u16(p));
}
static uint8_t *random_stored(size_t n, int32_t type, float factor) {
  uint8_t *values = memory(n * type_size(type));
  for (size_t i = 0; i < n; i++) put_float(values + i * type_size(type), type, random_value() * factor);
  return values;
}
static uint32_t *shuffled(int32_t n) {
  uint32_t *order = memory((size_t)n * sizeof *order);
  for (int32_t i = 0; i < n; i++) order[i] = (uint32_t)i;
  for (int32_t i = n - 1; i > 0; i--) {
    const int32_t j = random_below(i + 1);
    const uint32_t other = order[i];
    order[i] = order[j], order[j] = other;
  }
  return order;
}

// ---- Verdicts ----

static void fail(int check, const char *label, const char *what) {
  if (++failures <= 50) printf("%s %s (%s): %s\n", tested->isa, checks[check].name, label, what);
}
static void expect_close(int check, const char *label, const float *found, const float *expected, size_t n) {
  cases[check]++;
  double squares = 0, most = 0;
  size_t where = 0;
  for (size_t i = 0; i < n; i++) squares += (double)expected[i] * (double)expected[i];
  for (size_t i = 0; i < n; i++) {
    const double difference = fabs((double)found[i] - (double)expected[i]);
    if (difference > most || difference != difference) most = difference, where = i;
    if (difference != difference) break;
  }
  const double error = most == 0 ? 0 : most / sqrt(squares / (double)n);
  if (error <= checks[check].tolerance) return;
  char what[200];
  snprintf(what, sizeof what, "[%zu] is %.9g, expected %.9g; error %.2g, at most %.2g: %s", where, (double)found[where], (double)expected[where], error,
           checks[check].tolerance, checks[check].why);
  fail(check, label, what);
}
static void expect_same(int check, const char *label, const void *found, const void *expected, size_t bytes) {
  cases[check]++;
  const uint8_t *a = found, *b = expected;
  for (size_t i = 0; i < bytes; i++) {
    if (a[i] == b[i]) continue;
    char what[100];
    snprintf(what, sizeof what, "byte %zu of %zu is %d, expected %d: %s", i, bytes, a[i], b[i], checks[check].why);
    return fail(check, label, what);
  }
}

// ---- Affine weights ----

enum { ROW_COUNT = 13 };
typedef void (*rows_call)(const fb_kernels *kernels, const void *context, int32_t row, int32_t rows, float *y);

// y[ROW_COUNT][16] in calls of at most `block` rows, which is `limit` or less: each result in memory of its own.
static void in_blocks(const fb_kernels *kernels, rows_call call, const void *context, int32_t block, int32_t limit, float *y) {
  for (int32_t row = 0; row < ROW_COUNT;) {
    int32_t rows = ROW_COUNT - row < block ? ROW_COUNT - row : block;
    if (rows > limit) rows = limit;
    float *part = zeroed_floats((size_t)rows * FB_TILE);
    call(kernels, context, row, rows, part);
    memcpy(y + row * FB_TILE, part, (size_t)rows * FB_TILE * sizeof *y);
    free(part);
    row += rows;
  }
}
// Against the portable rows one by one; and every way of cutting the rows into calls gives the same bits.
static void check_rows(int check, const char *label, rows_call call, const void *context, int32_t limit) {
  float expected[ROW_COUNT * FB_TILE], single[ROW_COUNT * FB_TILE], found[ROW_COUNT * FB_TILE];
  in_blocks(portable, call, context, 1, 1, expected);
  in_blocks(tested, call, context, 1, limit, single);
  expect_close(check, label, single, expected, ROW_COUNT * FB_TILE);
  for (int32_t block = 2; block <= ROW_COUNT && block <= limit; block++) {
    in_blocks(tested, call, context, block, limit, found);
    expect_same(ROWS, label, found, single, sizeof found);
  }
}

typedef struct {
  int32_t in, out, bits, group_size, type, zeros, ordered;  // zeros: 0: none, 1 + FB_ZEROS_*
} affine_case;
typedef struct {
  const fb_weight *weight;
  const fb_activations *codes;
  const float *floats;
  int32_t tile, stride;
} linear_context;

static void call_affine_int8(const fb_kernels *kernels, const void *context, int32_t row, int32_t rows, float *y) {
  const linear_context *c = context;
  kernels->affine_int8(c->weight, c->tile, c->codes, row, rows, y);
}
static void call_mixed_int8(const fb_kernels *kernels, const void *context, int32_t row, int32_t rows, float *y) {
  const linear_context *c = context;
  kernels->mixed_int8(c->weight, c->tile, c->codes, row, rows, y);
}
static void call_tile_f32(const fb_kernels *kernels, const void *context, int32_t row, int32_t rows, float *y) {
  const linear_context *c = context;
  float *tile = zeroed_floats((size_t)c->weight->in * FB_TILE);
  kernels->affine_dequantize(c->weight, c->tile, tile);
  kernels->tile_f32(tile, c->weight->in, c->floats + (size_t)row * (size_t)c->stride, c->stride, rows, y);
  free(tile);
}
static void call_dense(const fb_kernels *kernels, const void *context, int32_t row, int32_t rows, float *y) {
  const linear_context *c = context;
  kernels->dense(c->weight, c->tile, c->floats + (size_t)row * (size_t)c->stride, c->stride, rows, y);
}

static uint32_t field(const uint8_t *words, size_t stride, size_t column, size_t index, int32_t bits) {
  uint32_t value = 0;  // bit by bit: `index` counts fields along a column of words that are `stride` words apart
  for (int32_t b = 0; b < bits; b++) {
    const size_t bit = index * (size_t)bits + (size_t)b;
    uint32_t word;
    memcpy(&word, words + 4 * (bit / 32 * stride + column), 4);
    value |= (word >> bit % 32 & 1) << b;
  }
  return value;
}

static fb_activations activations_of(const fb_weight *w, int32_t span) {
  fb_activations to = {.stride = w->blocks * FB_BLOCK, .span = span, .spans = (w->in + span - 1) / span};
  to.codes = memory((size_t)ROW_COUNT * (size_t)to.stride);
  to.scales = zeroed_floats((size_t)ROW_COUNT * (size_t)to.spans);
  to.sums = memory((size_t)ROW_COUNT * (size_t)to.spans * sizeof *to.sums);
  to.totals = zeroed_floats((size_t)ROW_COUNT * (size_t)to.spans);
  return to;
}
static void quantize_rows(const fb_kernels *kernels, const fb_weight *w, const float *x, fb_activations *to) {
  for (int32_t row = 0; row < ROW_COUNT; row++) {
    float *input = memory((size_t)w->in * sizeof *input);
    memcpy(input, x + (size_t)row * (size_t)w->in, (size_t)w->in * sizeof *input);
    kernels->quantize(input, w->row_order, w->in, to, row);
    free(input);
  }
}
static void free_activations(fb_activations *x) {
  free(x->codes);
  free(x->scales);
  free(x->sums);
  free(x->totals);
}

// The span of a group as linear-kernels.ts chooses it; 0 where activations stay f32.
static int32_t span_of(const affine_case *c) {
  if (c->group_size >= c->in) return 128;
  if (c->group_size % FB_BLOCK) return 0;
  if (c->group_size <= 128) return c->group_size;
  for (int32_t span = 128; span > FB_BLOCK; span -= FB_BLOCK)
    if (c->group_size % span == 0) return span;
  return FB_BLOCK;
}

// The file's bytes → tiles → f32, held against the formula: (code - zero) * scale, code by code.
static void check_dequantize(const affine_case *c, const char *label, const fb_weight *w, const uint8_t *codes, const uint8_t *scales, const uint8_t *zeros) {
  const uint32_t mask = (1u << c->bits) - 1;
  for (int32_t tile = 0; tile < w->tiles; tile++) {
    float *found = zeroed_floats((size_t)c->in * FB_TILE), *expected = zeroed_floats((size_t)c->in * FB_TILE);
    tested->affine_dequantize(w, tile, found);
    for (int32_t k = 0; k < c->in; k++) {
      for (int32_t column = 0; column < FB_TILE; column++) {
        const size_t n = (size_t)(tile * FB_TILE + column), group = (size_t)(k / c->group_size);
        if (n >= (size_t)c->out) {
          expected[k * FB_TILE + column] = found[k * FB_TILE + column];  // of no consequence
          continue;
        }
        const uint32_t code = field(codes, (size_t)c->out, n, w->row_order ? w->row_order[k] : (size_t)k, c->bits);
        uint32_t zero = 1u << (c->bits - 1);
        if (zeros) zero = (field(zeros + group * (size_t)c->out * (size_t)c->bits / 8, 1, 0, n, c->bits) + (c->zeros == 1 + FB_ZEROS_MINUS_ONE && c->bits == 3)) & mask;
        const float scale = get_float(scales + (group * (size_t)c->out + n) * type_size(c->type), c->type);
        expected[k * FB_TILE + column] = ((float)code - (float)zero) * scale;
      }
    }
    expect_close(DEQUANTIZE, label, found, expected, (size_t)c->in * FB_TILE);
    free(found);
    free(expected);
  }
}

static fb_weight *packed(fb_affine_shape shape, const fb_affine_part *part) {
  fb_weight *w = fb_weight_affine(&shape);
  if (!w) exit(3);
  fb_weight_put_affine(device, w, part);
  return w;
}

// Products of rows with an affine weight, in 8 bits where it has a span, and in f32.
static void check_products(const char *label, const fb_weight *w) {
  float *x = random_floats((size_t)ROW_COUNT * (size_t)w->in);
  for (int32_t k = 0; k < w->in; k++) x[k] = 0;  // a row without any signal: its scales are 0
  linear_context context = {.weight = w, .floats = x, .stride = w->in};
  if (w->span) {
    fb_activations found = activations_of(w, w->span), expected = activations_of(w, w->span);
    // First what lies between two codes: halves, in spans whose largest is 127.
    float *ties = memory((size_t)ROW_COUNT * (size_t)w->in * sizeof *ties);
    for (int32_t i = 0; i < ROW_COUNT * w->in; i++) ties[i] = i % w->in % FB_BLOCK ? (float)random_below(250) - 124.5f : 127;
    quantize_rows(tested, w, ties, &found);
    quantize_rows(portable, w, ties, &expected);
    expect_same(QUANTIZE, label, found.codes, expected.codes, (size_t)ROW_COUNT * (size_t)found.stride);
    free(ties);
    quantize_rows(tested, w, x, &found);
    quantize_rows(portable, w, x, &expected);
    expect_same(QUANTIZE, label, found.codes, expected.codes, (size_t)ROW_COUNT * (size_t)found.stride);
    expect_same(QUANTIZE, label, found.scales, expected.scales, (size_t)ROW_COUNT * (size_t)found.spans * sizeof(float));
    expect_same(QUANTIZE, label, found.sums, expected.sums, (size_t)ROW_COUNT * (size_t)found.spans * sizeof(int32_t));
    expect_same(QUANTIZE, label, found.totals, expected.totals, (size_t)ROW_COUNT * (size_t)found.spans * sizeof(float));
    context.codes = &expected;
    for (context.tile = 0; context.tile < w->tiles; context.tile++) check_rows(AFFINE_INT8, label, call_affine_int8, &context, tested->rows_int8);
    free_activations(&found);
    free_activations(&expected);
  }
  for (context.tile = 0; context.tile < w->tiles; context.tile++) check_rows(TILE_F32, label, call_tile_f32, &context, tested->rows_f32);
  free(x);
}

static void check_affine(affine_case c) {
  char label[120];
  snprintf(label, sizeof label, "%d -> %d, %d bit, groups of %d, scales %d, zeros %d%s", c.in, c.out, c.bits, c.group_size, c.type, c.zeros, c.ordered ? ", reordered" : "");
  const size_t groups = (size_t)((c.in + c.group_size - 1) / c.group_size), out = (size_t)c.out;
  const int32_t span = span_of(&c);
  uint8_t *codes = random_bytes((size_t)(c.in * c.bits / 8) * out), *scales = random_stored(groups * out, c.type, 0.01f);
  uint8_t *zeros = c.zeros ? random_bytes(groups * out * (size_t)c.bits / 8) : NULL;
  uint32_t *order = c.ordered ? shuffled(c.in) : NULL;
  const fb_affine_part part = {.out = c.out, .code_order = FB_CODES_LSB_K, .zero_order = c.zeros ? c.zeros - 1 : 0, .codes = codes, .scales = scales, .zeros = zeros};
  fb_weight *w = packed((fb_affine_shape){order, c.in, c.out, c.bits, c.group_size, c.type, c.zeros != 0, span, 0, 1}, &part);
  check_dequantize(&c, label, w, codes, scales, zeros);

  check_products(label, w);
  fb_weight_free(w);
  free(codes), free(scales), free(zeros), free(order);
}

// Blocks that are packed whole, from random bytes of exactly the file's length, against the same input by input: that a row order forces,
// also one that changes nothing.
static void check_order(int32_t order, int32_t bits, int32_t in, int32_t out, size_t code_bytes) {
  char label[80];
  snprintf(label, sizeof label, "order %d, %d -> %d, %d bit", order, in, out, bits);
  uint8_t *codes = random_bytes(code_bytes), *scales = random_stored((size_t)out, FB_F16, 0.01f), *zeros = random_bytes((size_t)out);
  uint32_t *identity = memory((size_t)in * sizeof *identity);
  for (int32_t k = 0; k < in; k++) identity[k] = (uint32_t)k;
  const fb_affine_part part = {.out = out, .code_order = order, .zero_order = FB_ZEROS_BYTES, .codes = codes, .scales = scales, .zeros = zeros};
  fb_weight *found = packed((fb_affine_shape){NULL, in, out, bits, in, FB_F16, 1, 0, 0, 1}, &part);
  fb_weight *expected = packed((fb_affine_shape){identity, in, out, bits, in, FB_F16, 1, 0, 0, 1}, &part);
  expect_same(PACK, label, found->codes, expected->codes, (size_t)(found->tiles * found->blocks * bits) * 64);
  for (int32_t n = 0; n < out; n++)
    expect_same(PACK, label, found->zeros + n, zeros + n, 1);  // of one group
  fb_weight_free(found), fb_weight_free(expected);
  free(codes), free(scales), free(zeros), free(identity);
}

// A 2:4 weight from bytes of exactly the file's length. What it drops is the code of 0; every other code comes from the file.
static void check_sparse_24(int32_t bits, int32_t in, int32_t out) {
  static const uint8_t pairs[6] = {4, 8, 9, 12, 13, 14};
  char label[80];
  snprintf(label, sizeof label, "2:4, %d -> %d, %d bit", in, out, bits);
  const size_t size = (size_t)in * (size_t)out;
  uint8_t *codes = memory(size * (size_t)bits / 16), *positions = memory(size / 8), *scales = random_stored((size_t)out, FB_F32, 0.01f);
  memset(codes, bits == 4 ? 0x99 : 0x81, size * (size_t)bits / 16);  // every code kept is one more than that of 0
  for (size_t i = 0; i < size / 8; i++) positions[i] = (uint8_t)(pairs[random_below(6)] | pairs[random_below(6)] << 4);
  const fb_affine_part part = {.out = out, .code_order = FB_CODES_SPARSE_24, .codes = codes, .positions = positions, .scales = scales};
  fb_weight *w = packed((fb_affine_shape){NULL, in, out, bits, in, FB_F32, 0, FB_BLOCK, 1, 1}, &part);
  float *tile = zeroed_floats((size_t)in * FB_TILE);
  for (int32_t t = 0; t < w->tiles; t++) {
    tested->affine_dequantize(w, t, tile);
    for (int32_t c = 0; c < FB_TILE; c++)
      for (int32_t quad = 0; quad < in / 4; quad++) {
        int32_t kept = 0;
        for (int32_t i = 0; i < 4; i++) kept += tile[(4 * quad + i) * FB_TILE + c] != 0;
        const int32_t two = 2;
        expect_same(PACK, label, &kept, &two, sizeof kept);
      }
  }
  check_products(label, w);
  fb_weight_free(w);
  free(codes), free(positions), free(scales), free(tile);
}

// Groups of mixed widths: from exactly the file's bytes to f32, held against the formula, and their 8-bit rows.
static void check_mixed(const char *label, const uint8_t *widths, const int32_t *sizes, int32_t groups, int32_t out, int32_t columns, int32_t span) {
  size_t words = 0;
  int32_t in = 0;
  for (int32_t g = 0; g < groups; g++) in += sizes[g], words += (size_t)((sizes[g] * widths[g] + 31) / 32);
  uint8_t *codes = random_bytes(4 * words * (size_t)columns), *scale_codes = random_bytes((size_t)(groups * columns / 2)), *maxima = random_stored((size_t)groups, FB_F16, 1);
  uint32_t *order = shuffled(in);
  fb_weight *w = fb_weight_mixed(&(fb_mixed_shape){order, widths, sizes, in, out, groups, span});
  if (!w) exit(3);
  fb_weight_put_mixed(device, w, &(fb_mixed_part){codes, scale_codes, maxima, columns, 0, out});
  expect_same(PACK, label, w->row_order, order, (size_t)in * sizeof *order);
  linear_context context = {.weight = w};
  fb_activations x = {0};
  if (span) {
    float *floats = random_floats((size_t)ROW_COUNT * (size_t)in);
    x = activations_of(w, span);
    quantize_rows(portable, w, floats, &x);
    context.codes = &x;
    free(floats);
  }
  for (int32_t tile = 0; tile < w->tiles; tile++) {
    float *found = zeroed_floats((size_t)in * FB_TILE), *expected = zeroed_floats((size_t)in * FB_TILE);
    tested->mixed_dequantize(w, tile, found);
    const uint8_t *group_codes = codes;
    for (int32_t g = 0, k = 0; g < groups; g++) {
      for (int32_t i = 0; i < sizes[g]; i++, k++)
        for (int32_t c = 0; c < FB_TILE; c++) {
          const size_t n = (size_t)(tile * FB_TILE + c), at = (size_t)k * FB_TILE + (size_t)c;
          expected[at] = found[at];  // of no consequence past the last output
          if (n >= (size_t)out) continue;
          const float root = (float)(field(scale_codes + (size_t)(g * columns / 2), 1, 0, n, 4) + 1), maximum = get_float(maxima + 2 * g, FB_F16);
          expected[at] = ((float)field(group_codes, (size_t)columns, n, (size_t)i, widths[g]) - (float)(1 << (widths[g] - 1))) * (root * root * (maximum / 256));
        }
      group_codes += 4 * (size_t)((sizes[g] * widths[g] + 31) / 32) * (size_t)columns;
    }
    expect_close(MIXED_DEQUANTIZE, label, found, expected, (size_t)in * FB_TILE);
    free(found), free(expected);
    context.tile = tile;
    if (span) check_rows(MIXED_INT8, label, call_mixed_int8, &context, tested->rows_int8);
  }
  if (span) free_activations(&x);
  fb_weight_free(w);
  free(codes), free(scale_codes), free(maxima), free(order);
}

static void check_all_mixed(void) {
  static const uint8_t widths[] = {8, 6, 5, 4, 3, 2, 2};
  static const int32_t blocks[] = {32, 64, 32, 96, 32, 32, 9}, spans[] = {128, 128, 256, 128, 128, 128, 100}, anywhere[] = {1, 39, 5, 40, 33, 2, 13};
  check_mixed("mixed, groups of blocks", widths, blocks, 7, 40, 64, FB_BLOCK);
  check_mixed("mixed, groups of spans", widths, spans, 7, 17, 24, 128);
  check_mixed("mixed, groups anywhere", widths, anywhere, 7, 33, 40, 0);
  for (int32_t g = 0; g < 6; g++) check_mixed("mixed, one short group", widths + g, (const int32_t[]){7}, 1, 8, 8, 128);
}

static void check_orders(void) {
  for (int32_t bits = 4; bits <= 8; bits += 4) {
    check_sparse_24(bits, 32, 64);
    check_sparse_24(bits, 96, 192);
  }
  for (int32_t bits = 2; bits <= 8; bits++) {
    static const int32_t inputs[] = {32, 96, 100, 7}, outputs[] = {16, 40, 1};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
      for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++) {
        const int32_t in = inputs[i], out = outputs[o], in_word = 32 / bits;
        const size_t columns = (size_t)out;
        if (in * bits % 32 == 0) check_order(FB_CODES_LSB_K, bits, in, out, (size_t)(in * bits / 8) * columns);
        if (in % 32 == 0 && bits != 8) check_order(FB_CODES_PLANAR_K, bits, in, out, (size_t)(in * bits / 8) * columns);
        check_order(FB_CODES_LSB_ROWS, bits, in, out, (size_t)((in * bits + 31) / 32) * 4 * columns);
        check_order(FB_CODES_WORD_ROWS, bits, in, out, (size_t)((in + in_word - 1) / in_word) * 4 * columns);
        if (bits == 8) check_order(FB_CODES_BYTE_ROWS, bits, in, out, (size_t)in * columns);
      }
  }
  static const int32_t shapes[][2] = {{64, 64}, {192, 128}, {320, 192}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const int32_t in = shapes[i][0], out = shapes[i][1];
    check_order(FB_CODES_AWQ_GEMV_FAST, 4, in, out, (size_t)(in * out / 2));
    check_order(FB_CODES_MARLIN, 4, in, out, (size_t)(in * out / 2));
    check_order(FB_CODES_MARLIN, 8, in, out, (size_t)(in * out));
    check_order(FB_CODES_MARLIN, 4, in + 16, out, (size_t)((in + 16) * out / 2));  // half a block at the end
    check_order(FB_CODES_AWQ_GEMM, 4, in + 3, out + 8, (size_t)((in + 3) * (out + 8) / 2));
    check_order(FB_CODES_AWQ_GEMM, 4, in, 8, (size_t)(in * 4));
    check_order(FB_CODES_AWQ_GEMV_FAST, 4, in, 4, (size_t)(in * 2));
  }
}

// ---- Blocks ----

static void call_blocks_int8(const fb_kernels *kernels, const void *context, int32_t row, int32_t rows, float *y) {
  const linear_context *c = context;
  kernels->blocks_int8(c->weight, c->tile, c->codes, row, rows, y);
}

// Random bytes may be factors that are no numbers: those of the packed weight are replaced.
static void put_factors(const fb_weight *w) {
  const fb_block_form *form = &fb_block_forms[w->type];
  const size_t bytes = fb_block_scale_bytes(form), factors = fb_block_factor_bytes(form), width = type_size(form->factor_type);
  for (int32_t i = 0; i < w->tiles * w->groups; i++) {
    uint8_t *record = w->scales + (size_t)i * bytes;
    for (size_t at = 0; at < factors; at += width) put_float(record + at, form->factor_type, random_value() * 0.01f);
    if (form->scales == FB_SCALES_EXPONENT)
      for (size_t c = 0; c < FB_TILE; c++) record[c] = (uint8_t)(120 + random_below(8));
  }
}

static void check_blocks(int32_t type, int32_t in, int32_t out, int has_factor) {
  const fb_block_form *form = &fb_block_forms[type];
  char label[80];
  snprintf(label, sizeof label, "block type %d, %d -> %d%s", type, in, out, has_factor ? ", factor" : "");
  const int32_t span = FB_BLOCK / form->halves, runs = form->form == FB_FORM_FOURS ? 8 : 4, lanes = FB_BLOCK / runs;
  const int32_t rows = form->form == FB_FORM_TERNARY ? 2048 : 256 << form->bits / runs, grid_bytes = fb_has_grid(form) ? rows * lanes : 0;
  int8_t *grid = memory((size_t)grid_bytes);
  for (int32_t i = 0; i < grid_bytes; i++) grid[i] = (int8_t)(form->form == FB_FORM_TERNARY ? random_below(3) - 1 : random_below(63));
  uint8_t *blocks = random_bytes((size_t)(out * (in / form->values) * form->bytes));
  const fb_block_shape shape = {grid_bytes ? grid : NULL, in, out, type, grid_bytes, has_factor, span};
  fb_weight *w = fb_weight_blocks(&shape);
  if (!w) exit(3);
  fb_weight_put_blocks(device, w, 0, out, blocks, 0.75f);
  put_factors(w);
  float *x = random_floats((size_t)ROW_COUNT * (size_t)in);
  fb_activations codes = activations_of(w, span);
  quantize_rows(portable, w, x, &codes);
  linear_context context = {.weight = w, .codes = &codes};
  const size_t tile_floats = (size_t)in * FB_TILE;
  float *found = zeroed_floats(tile_floats), *expected = zeroed_floats(tile_floats);
  for (context.tile = 0; context.tile < w->tiles; context.tile++) {
    check_rows(BLOCKS_INT8, label, call_blocks_int8, &context, FB_BLOCK_ROWS);
    tested->blocks_dequantize(w, context.tile, found);
    portable->blocks_dequantize(w, context.tile, expected);
    expect_same(BLOCKS_DEQUANTIZE, label, found, expected, tile_floats * sizeof *found);
  }
  fb_weight_free(w);
  free_activations(&codes);
  free(grid), free(blocks), free(x), free(found), free(expected);
}

static void check_dense(int32_t in, int32_t out, int32_t type) {
  char label[80];
  snprintf(label, sizeof label, "%d -> %d, type %d", in, out, type);
  uint8_t *values = random_stored((size_t)in * (size_t)out, type, 0.1f);
  const int32_t stride = in + 3;
  float *x = random_floats((size_t)(ROW_COUNT - 1) * (size_t)stride + (size_t)in);
  fb_weight *w = fb_weight_dense(in, out, type, values);
  if (!w) exit(3);
  linear_context context = {.weight = w, .floats = x, .stride = stride};
  // What in_blocks has zeroed stays so past the last column: the portable kernel leaves those alone, and so must the other.
  for (context.tile = 0; context.tile < w->tiles; context.tile++) check_rows(DENSE, label, call_dense, &context, tested->rows_dense);
  fb_weight_free(w);
  free(values), free(x);
}

// ---- Row by row ----

static void check_vectors(int32_t n) {
  char label[40];
  snprintf(label, sizeof label, "%d values", n);
  const size_t length = (size_t)n, bytes = length * sizeof(float);
  float *gate = random_floats(length), *up = random_floats(length), *found = zeroed_floats(length), *expected = zeroed_floats(length);
  for (int32_t activation = FB_ACTIVATION_SILU; activation <= FB_ACTIVATION_CLAMPED_SWIGLU; activation++)
    for (int32_t reach = 3; reach <= 60; reach += 57) {  // near 0, then also where the sigmoid is 0 or 1
      for (size_t i = 0; i < length; i++) gate[i] = random_value() * (float)reach;
      tested->glu(activation, 7, gate, up, NULL, found, n);
      portable->glu(activation, 7, gate, up, NULL, expected, n);
      expect_close(GLU, label, found, expected, length);
      memcpy(found, up, bytes);
      memcpy(expected, up, bytes);
      tested->glu(activation, 7, gate, up, found, found, n);  // the residual is where the result goes
      portable->glu(activation, 7, gate, up, expected, expected, n);
      expect_close(GLU, label, found, expected, length);
    }

  tested->rms_norm(gate, up, 1e-5f, found, n);
  portable->rms_norm(gate, up, 1e-5f, expected, n);
  expect_close(RMS_NORM, label, found, expected, length);

  for (int32_t type = FB_F32; type <= FB_BF16; type++) {
    uint8_t *stored = random_stored(length, type, type == FB_F16 ? 3e-5f : 1);  // f16: half of them subnormal
    tested->widen(stored, type, found, n);
    portable->widen(stored, type, expected, n);
    expect_same(CONVERT, label, found, expected, bytes);
    free(stored);
  }
  for (int32_t stride = 1; stride <= FB_PAGE; stride += FB_PAGE - 1) {
    const size_t room = ((length - 1) * (size_t)stride + 1) * sizeof(uint16_t);
    uint16_t *a = memset(memory(room), 0x5a, room), *b = memset(memory(room), 0x5a, room);
    for (size_t i = 0; i < length; i++) gate[i] = fb_bits_to_float((random_word() & 0x80000000u) | (0x33000000u + random_word() % 0x15000000u));  // 2^-25 … 2^17
    tested->narrow(gate, a, stride, n);
    portable->narrow(gate, b, stride, n);
    expect_same(CONVERT, label, a, b, room);
    free(a), free(b);
  }

  for (int32_t reach = 1; reach <= 100; reach += 33) {
    for (size_t i = 0; i < length; i++) gate[i] = i % 7 == 3 ? -INFINITY : random_value() * (float)reach;
    float most[2];
    double sum[2];
    tested->log_sum_exp(gate, n, &most[0], &sum[0]);
    portable->log_sum_exp(gate, n, &most[1], &sum[1]);
    expect_same(LOG_SUM_EXP, label, &most[0], &most[1], sizeof *most);
    const float sums[2] = {(float)sum[0], (float)sum[1]};
    expect_close(LOG_SUM_EXP, label, &sums[0], &sums[1], 1);
  }

  uint8_t *bytes_read = random_bytes(length);
  const uint64_t read[2] = {tested->read(bytes_read, length), portable->read(bytes_read, length)};
  expect_same(MEASURE, label, &read[0], &read[1], sizeof *read);
  const int64_t counts[2] = {tested->dot_peak(n), portable->dot_peak(n)};
  expect_same(MEASURE, label, &counts[0], &counts[1], sizeof *counts);
  free(gate), free(up), free(found), free(expected), free(bytes_read);
}

// ---- Attention ----

enum { KV_HEADS = 2, KV_HEAD = 1 };

// A cache of random keys and values in pages that lie anywhere. What is past the last position is NaN: it may belong to nobody, and must not be seen.
static fb_cache random_cache(int32_t pages, const int32_t *table, int32_t head_dim, int32_t type, int32_t positions) {
  fb_cache cache = fb_cache_of(type, KV_HEADS, head_dim);
  const size_t stride = fb_cache_piece(&cache) + 64;
  fb_cache_place(&cache, memory((size_t)pages * stride), stride);
  for (int32_t p = 0; p < pages * FB_PAGE; p++) {
    const int32_t page = table[p / FB_PAGE], at = p % FB_PAGE;
    const size_t width = fb_kept_bytes(type);
    uint8_t *key = fb_cache_keys(&cache, page, KV_HEAD) + (size_t)at * width, *value = fb_cache_values(&cache, page, KV_HEAD) + (size_t)(at * cache.value_stride) * width;
    if (type == FB_INT8) {
      for (int32_t d = 0; d < head_dim; d++) key[d * FB_PAGE] = (uint8_t)random_word();
      for (int32_t d = 0; d < cache.value_stride; d++) value[d] = (uint8_t)random_word();
      for (int32_t g = 0; g < cache.groups; g++) {
        fb_cache_key_scales(&cache, page, KV_HEAD)[g * FB_PAGE + at] = p < positions ? 0.01f : NAN;
        fb_cache_value_scales(&cache, page, KV_HEAD)[at * cache.groups + g] = p < positions ? 0.01f : NAN;
      }
      continue;
    }
    for (int32_t d = 0; d < head_dim; d++) put_float(key + (size_t)(d * FB_PAGE) * width, type, p < positions ? random_value() : NAN);
    for (int32_t d = 0; d < cache.value_stride; d++) put_float(value + (size_t)d * width, type, p < positions ? random_value() : NAN);
  }
  return cache;
}

// All segments of the work, one after another; out as [tokens][width].
static void attend(const fb_kernels *kernels, const fb_attention *work, int32_t width, float *out) {
  const int32_t group = work->group, rows = work->tokens * group, head_dim = work->cache->head_dim, wide = work->cache->value_stride;
  const size_t room = fb_attend_scratch(rows, head_dim) * sizeof(float), each = fb_attended_size(rows, wide);
  float *scratch = memset(memory(room), 0xff, room), *memories = zeroed_floats(2 * each);  // NaN: nothing may be read before it is written
  const fb_attended all = fb_attended_at(memories, rows, wide), part = fb_attended_at(memories + each, rows, wide);
  const int32_t first = work->window && work->position >= work->window ? (work->position - work->window + 1) / FB_SEGMENT : 0;
  for (int32_t segment = first; segment <= (work->position + work->tokens - 1) / FB_SEGMENT; segment++) {
    memset(memories + each, 0xff, each * sizeof(float));
    kernels->attend(work, segment, scratch, &part);
    kernels->merge_attended(&part, rows, wide, &all);
  }
  for (int32_t i = 0; i < rows; i++)
    for (int32_t d = 0; d < head_dim; d++) out[(size_t)(i / group) * (size_t)width + (size_t)(i % group * head_dim + d)] = all.out[(size_t)i * (size_t)wide + (size_t)d] / all.sum[i];
  free(scratch), free(memories);
}

static void check_attention(int32_t head_dim, int32_t group, int32_t position, int32_t tokens, int32_t window, int32_t type) {
  char label[120];
  snprintf(label, sizeof label, "head dim %d, group %d, %d tokens from %d, window %d, type %d", head_dim, group, tokens, position, window, type);
  const int32_t positions = position + tokens, pages = (positions + FB_PAGE - 1) / FB_PAGE, width = KV_HEADS * group * head_dim;
  uint32_t *table = shuffled(pages);
  fb_cache cache = random_cache(pages, (const int32_t *)table, head_dim, type, positions);
  const size_t length = (size_t)((tokens - 1) * width + group * head_dim);
  float *q = random_floats(length), *found = zeroed_floats(length), *expected = zeroed_floats(length), *single = zeroed_floats(length);
  fb_attention work = {.cache = &cache, .pages = (const int32_t *)table, .kv_head = KV_HEAD, .group = group, .position = position, .tokens = tokens, .window = window,
                       .scale = 1 / sqrtf((float)head_dim), .q = q, .q_stride = width};
  attend(tested, &work, width, found);
  attend(portable, &work, width, expected);
  expect_close(ATTENTION, label, found, expected, length);
  for (int32_t t = 0; t < tokens; t++) {
    work.position = position + t, work.tokens = 1, work.q = q + (size_t)t * (size_t)width;
    attend(tested, &work, width, single + (size_t)t * (size_t)width);
  }
  expect_same(ROWS, label, found, single, length * sizeof *found);
  free(table), free(cache.keys), free(q), free(found), free(expected), free(single);
}

static void check_keep_int8(int32_t n) {
  char label[40];
  snprintf(label, sizeof label, "%d values", n);
  float *x = random_floats((size_t)n), found_scales[8] = {0}, expected_scales[8] = {0};
  int8_t found[256] = {0}, expected[256] = {0};
  for (int32_t damage = 0; damage < 3; damage++) {
    if (damage) x[n / 2] = damage == 1 ? NAN : -INFINITY;
    tested->keep_int8(x, found, 1, found_scales, 1, n);
    portable->keep_int8(x, expected, 1, expected_scales, 1, n);
    expect_same(CONVERT, label, found, expected, sizeof found);
    for (int32_t g = 0; g < (n + FB_KEPT_GROUP - 1) / FB_KEPT_GROUP; g++) {
      const int is_damaged = damage && g == n / 2 / FB_KEPT_GROUP, is_nan = isnan(found_scales[g]) != 0;
      expect_same(CONVERT, label, &is_nan, &is_damaged, sizeof is_nan);
      if (!is_damaged) expect_same(CONVERT, label, &found_scales[g], &expected_scales[g], sizeof *found_scales);
      for (int32_t i = g * FB_KEPT_GROUP; i < n && i < (g + 1) * FB_KEPT_GROUP && !is_damaged; i++) {
        const int is_near = fabsf((float)found[i] * found_scales[g] - x[i]) <= 0.501f * found_scales[g], yes = 1;
        expect_same(CONVERT, label, &is_near, &yes, sizeof yes);
      }
    }
  }
  free(x);
}

// ---- All of it ----

static void check_all(void) {
  for (int32_t bits = 2; bits <= 8; bits++) {
    check_affine((affine_case){32, 32, bits, 32, FB_F16, 1 + FB_ZEROS_LSB, 0});     // the smallest: one block, one group
    check_affine((affine_case){288, 64, bits, 32, FB_F16, 0, 0});
    check_affine((affine_case){192, 32, bits, 64, FB_BF16, 1 + FB_ZEROS_LSB, 1});
    check_affine((affine_case){288, 32, bits, 128, FB_F32, 1 + FB_ZEROS_LSB, 0});   // the last group is ragged
    check_affine((affine_case){224, 32, bits, 224, FB_F16, 1 + FB_ZEROS_LSB, 0});   // one group, of spans of its own
    check_affine((affine_case){576, 32, bits, 192, FB_F16, 0, 1});                  // a group of two spans of 96
    check_affine((affine_case){160, 32, bits, 40, FB_F16, 1 + FB_ZEROS_LSB, 0});    // f32 activations only
    check_affine((affine_case){bits % 2 ? 64 : 80, 40, bits, 32, FB_F16, 0, 0});   // ragged both ways
    check_affine((affine_case){64, 7, bits, 64, FB_F16, 0, 0});                     // less than a tile
  }
  check_affine((affine_case){96, 32, 3, 32, FB_F16, 1 + FB_ZEROS_MINUS_ONE, 0});
  check_orders();
  check_all_mixed();
  for (int32_t type = 0; type < FB_BLOCK_TYPES; type++) {
    const int32_t values = fb_block_forms[type].values;
    check_blocks(type, values, 1, 0);
    check_blocks(type, 256 + values, 17, type % 2);
  }
  static const int32_t inputs[] = {1, 15, 16, 17, 64, 99};
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
    for (int32_t type = FB_F32; type <= FB_BF16; type++) check_dense(inputs[i], 16 + 5 * (int32_t)i, type);
  check_dense(48, 3, FB_F16);

  static const int32_t lengths[] = {1, 15, 16, 17, 31, 64, 100, 1000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) check_vectors(lengths[i]);

  static const int32_t shapes[][2] = {{64, 3}, {64, 7}, {128, 1}, {128, 4}, {80, 1}, {24, 2}, {96, 8}, {16, 50}, {40, 13}};  // head dim, group
  static const int32_t spots[][2] = {{0, 1}, {0, 16}, {31, 1}, {30, 4}, {32, 1}, {77, 3}, {126, 5}, {300, 2}};              // position, tokens
  static const int32_t windows[] = {0, 1, 5, 40, 200};
  int32_t turn = 0;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (size_t j = 0; j < sizeof spots / sizeof *spots; j++) {
      const int32_t group = shapes[i][1], most = group >= 48 ? 1 : 48 / group, tokens = spots[j][1] < most ? spots[j][1] : most;
      static const int32_t types[] = {FB_F32, FB_F16, FB_INT8};
      for (size_t k = 0; k < 3; k++) check_attention(shapes[i][0], group, spots[j][0], tokens, windows[turn++ % 5], types[k]);
      check_attention(shapes[i][0], group, spots[j][0], tokens, 0, FB_F16);
    }
  for (int32_t n = 2; n <= 256; n += n < 40 ? 6 : 36) check_keep_int8(n);
}

int main(int count, char **arguments) {
  device = count == 2 ? fb_device_open(2, arguments[1], 0) : NULL;
  if (!device) {
    fprintf(stderr, "check_kernels ISA: it must be one that runs here; the best is %s\n", fb_best_isa());
    return 2;
  }
  fb_device *plain = fb_device_open(1, "portable", 0);
  if (!plain) return 3;
  tested = device->kernels;
  portable = plain->kernels;
  check_all();
  fb_device_close(plain);
  fb_device_close(device);
  int total = 0;
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    total += cases[i];
    if (cases[i] > 0) continue;
    printf("%s %s: nothing was checked\n", tested->isa, checks[i].name);
    failures++;
  }
  printf("%s: %d checks, %d failures\n", tested->isa, total, failures);
  return failures > 0;
}
