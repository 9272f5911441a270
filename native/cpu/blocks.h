// What each of ggml's block types becomes in memory, for the code that packs (blocks.c) and the code that multiplies (loops_blocks.h).
// docs/layouts.md, "Blocks in tiles", draws it.
#pragma once
#include "fewbit_cpu.h"

// How the 32 × 16 codes of a block of a tile are stored.
enum {
  FB_FORM_PLANES,    // planes of bits; 1 bit counts twice: codes 0 and 2
  FB_FORM_TABLE,     // planes of 4 bits: places in a table
  FB_FORM_EIGHTS,    // runs of 8 inputs are rows of a grid; a plane of signs
  FB_FORM_FOURS,     // runs of 4 inputs, likewise
  FB_FORM_TERNARY,   // runs of 8 without signs, each shifted up or down by an eighth, as the uppermost of its 4 higher bits says; codes count eighths
};

// How the scales of a file's block (and minima) are stored, after its factors: rows of 16 bytes, one for every output.
enum {
  FB_SCALES_NONE,      // the factor is the scale
  FB_SCALES_EXPONENT,  // a power of two, exponent + 128; there is no factor
  FB_SCALES_E4M3,      // no factor either
  FB_SCALES_PAIR4,     // scale in the low nibble, minimum in the high one
  FB_SCALES_6_6,       // 6-bit scales and minima, the file's 12 bytes
  FB_SCALES_6,         // 16 of 6 bits, the file's 12 bytes
  FB_SCALES_6_OF_8,    // 8 of 6 bits: low nibbles of t and t + 4 in row t, high pairs of t in row 4 + t % 2
  FB_SCALES_8,         // signed bytes + 128
  FB_SCALES_ODD4,      // nibbles s of t and t + (half of them) in row t: 2 s + 1
};

// The tables of FB_FORM_TABLE.
enum { FB_TABLE_NON_LINEAR, FB_TABLE_E2M1 };

typedef struct {
  int16_t values, bytes;  // of a block in the file
  uint8_t form;           // FB_FORM_*
  uint8_t bits;           // planes: of a code; grids: bits of a row's number above its lowest 8, for all runs of a column in 32 inputs
  uint8_t table;          // FB_TABLE_*
  uint8_t scales;         // FB_SCALES_*
  uint8_t halves;         // scales for 32 inputs: 1 or 2
  uint8_t factor_type;    // FB_F16 or FB_F32
  uint8_t has_minimum;    // w = scale * code + minimum
  uint8_t zero;           // w = scale * (code - zero)
  uint8_t offset;         // of a scale's bytes
  float step;             // scale = factor * step * (byte - offset); a power of two
} fb_block_form;

#define FB_NON_LINEAR .form = FB_FORM_TABLE, .bits = 4, .table = FB_TABLE_NON_LINEAR, .zero = 127
#define FB_E2M1 .form = FB_FORM_TABLE, .bits = 4, .table = FB_TABLE_E2M1, .zero = 12, .step = 0.5f
static const fb_block_form fb_block_forms[FB_BLOCK_TYPES] = {
    [FB_Q1_0] = {.values = 128, .bytes = 18, .bits = 1, .halves = 1, .factor_type = FB_F16, .zero = 1, .step = 1},
    [FB_Q2_0] = {.values = 64, .bytes = 18, .bits = 2, .halves = 1, .factor_type = FB_F16, .zero = 1, .step = 1},
    [FB_Q4_0] = {.values = 32, .bytes = 18, .bits = 4, .halves = 1, .factor_type = FB_F16, .zero = 8, .step = 1},
    [FB_Q4_1] = {.values = 32, .bytes = 20, .bits = 4, .halves = 1, .factor_type = FB_F16, .has_minimum = 1, .step = 1},
    [FB_Q5_0] = {.values = 32, .bytes = 22, .bits = 5, .halves = 1, .factor_type = FB_F16, .zero = 16, .step = 1},
    [FB_Q5_1] = {.values = 32, .bytes = 24, .bits = 5, .halves = 1, .factor_type = FB_F16, .has_minimum = 1, .step = 1},
    [FB_Q8_0] = {.values = 32, .bytes = 34, .bits = 8, .halves = 1, .factor_type = FB_F16, .zero = 128, .step = 1},
    [FB_TQ1_0] = {.values = 256, .bytes = 54, .bits = 2, .halves = 1, .factor_type = FB_F16, .zero = 1, .step = 1},
    [FB_TQ2_0] = {.values = 256, .bytes = 66, .bits = 2, .halves = 1, .factor_type = FB_F16, .zero = 1, .step = 1},
    [FB_Q2_K] = {.values = 256, .bytes = 84, .bits = 2, .scales = FB_SCALES_PAIR4, .halves = 2, .factor_type = FB_F16, .has_minimum = 1, .step = 1},
    [FB_Q3_K] = {.values = 256, .bytes = 110, .bits = 3, .scales = FB_SCALES_6, .halves = 2, .factor_type = FB_F16, .zero = 4, .offset = 32, .step = 1},
    [FB_Q4_K] = {.values = 256, .bytes = 144, .bits = 4, .scales = FB_SCALES_6_6, .halves = 1, .factor_type = FB_F16, .has_minimum = 1, .step = 1},
    [FB_Q5_K] = {.values = 256, .bytes = 176, .bits = 5, .scales = FB_SCALES_6_6, .halves = 1, .factor_type = FB_F16, .has_minimum = 1, .step = 1},
    [FB_Q6_K] = {.values = 256, .bytes = 210, .bits = 6, .scales = FB_SCALES_8, .halves = 2, .factor_type = FB_F16, .zero = 32, .offset = 128, .step = 1},
    [FB_IQ4_NL] = {.values = 32, .bytes = 18, FB_NON_LINEAR, .halves = 1, .factor_type = FB_F16, .step = 1},
    [FB_IQ4_XS] = {.values = 256, .bytes = 136, FB_NON_LINEAR, .scales = FB_SCALES_6_OF_8, .halves = 1, .factor_type = FB_F16, .offset = 32, .step = 1},
    [FB_MXFP4] = {.values = 32, .bytes = 17, FB_E2M1, .scales = FB_SCALES_EXPONENT, .halves = 1},
    [FB_NVFP4] = {.values = 64, .bytes = 36, FB_E2M1, .scales = FB_SCALES_E4M3, .halves = 2},
    [FB_IQ1_S] = {.values = 256, .bytes = 50, .form = FB_FORM_TERNARY, .bits = 16, .scales = FB_SCALES_ODD4, .halves = 1, .factor_type = FB_F16, .zero = 9, .step = 0.125f},
    [FB_IQ1_M] = {.values = 256, .bytes = 56, .form = FB_FORM_TERNARY, .bits = 16, .scales = FB_SCALES_ODD4, .halves = 2, .factor_type = FB_F16, .zero = 9, .step = 0.125f},
    [FB_IQ2_XXS] = {.values = 256, .bytes = 66, .form = FB_FORM_EIGHTS, .bits = 0, .scales = FB_SCALES_ODD4, .halves = 1, .factor_type = FB_F16, .zero = 64, .step = 0.125f},
    [FB_IQ2_XS] = {.values = 256, .bytes = 74, .form = FB_FORM_EIGHTS, .bits = 4, .scales = FB_SCALES_ODD4, .halves = 2, .factor_type = FB_F16, .zero = 64, .step = 0.125f},
    [FB_IQ2_S] = {.values = 256, .bytes = 82, .form = FB_FORM_EIGHTS, .bits = 8, .scales = FB_SCALES_ODD4, .halves = 2, .factor_type = FB_F16, .zero = 64, .step = 0.125f},
    [FB_IQ3_XXS] = {.values = 256, .bytes = 98, .form = FB_FORM_FOURS, .bits = 0, .scales = FB_SCALES_ODD4, .halves = 1, .factor_type = FB_F16, .zero = 64, .step = 0.25f},
    [FB_IQ3_S] = {.values = 256, .bytes = 110, .form = FB_FORM_FOURS, .bits = 8, .scales = FB_SCALES_ODD4, .halves = 1, .factor_type = FB_F16, .zero = 64, .step = 1},
    [FB_Q4_0_V1] = {.values = 32, .bytes = 20, .bits = 4, .halves = 1, .factor_type = FB_F32, .zero = 8, .step = 1},
    [FB_Q4_1_V1] = {.values = 32, .bytes = 24, .bits = 4, .halves = 1, .factor_type = FB_F32, .has_minimum = 1, .step = 1},
    [FB_Q5_0_V1] = {.values = 32, .bytes = 22, .bits = 5, .halves = 1, .factor_type = FB_F16, .zero = 16, .step = 1},
    [FB_Q5_1_V1] = {.values = 32, .bytes = 24, .bits = 5, .halves = 1, .factor_type = FB_F16, .has_minimum = 1, .step = 1},
    [FB_Q4_0_V2] = {.values = 32, .bytes = 20, .bits = 4, .halves = 1, .factor_type = FB_F32, .zero = 8, .step = 1},
    [FB_Q4_1_V2] = {.values = 32, .bytes = 24, .bits = 4, .halves = 1, .factor_type = FB_F32, .has_minimum = 1, .step = 1},
    [FB_Q8_0_V2] = {.values = 32, .bytes = 36, .bits = 8, .halves = 1, .factor_type = FB_F32, .zero = 128, .step = 1},
};
#undef FB_NON_LINEAR
#undef FB_E2M1

static inline int fb_has_grid(const fb_block_form *form) { return form->form >= FB_FORM_EIGHTS; }

// Bytes of 32 inputs of a tile: planes, or the rows' numbers (lowest 8 bits), their higher bits, and signs.
static inline size_t fb_block_code_bytes(const fb_block_form *form) {
  switch (form->form) {
    case FB_FORM_EIGHTS: return 64 + 2 * (size_t)form->bits + 64;
    case FB_FORM_FOURS: return 128 + 2 * (size_t)form->bits + 64;
    case FB_FORM_TERNARY: return 64 + 2 * (size_t)form->bits;
    default: return 64 * (size_t)form->bits;
  }
}

// Bytes of the factors of a tile's file blocks that lie before the rows of scales.
static inline size_t fb_block_factor_bytes(const fb_block_form *form) {
  if (form->scales == FB_SCALES_EXPONENT || form->scales == FB_SCALES_E4M3) return 0;
  return FB_TILE * fb_type_bytes(form->factor_type) * (size_t)(1 + form->has_minimum);
}

// Rows of 16 bytes after the factors.
static inline int32_t fb_block_scale_rows(const fb_block_form *form) {
  const int32_t scales = form->values / FB_BLOCK * form->halves;
  switch (form->scales) {
    case FB_SCALES_NONE: return 0;
    case FB_SCALES_6_6:
    case FB_SCALES_6: return 12;
    case FB_SCALES_6_OF_8: return 6;
    case FB_SCALES_ODD4: return scales / 2;
    default: return scales;
  }
}

static inline size_t fb_block_scale_bytes(const fb_block_form *form) { return fb_block_factor_bytes(form) + FB_TILE * (size_t)fb_block_scale_rows(form); }
