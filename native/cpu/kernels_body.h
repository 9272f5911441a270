// The kernel table of one instruction set, written once: every kernels_<isa>.c includes its vector words (v16_*.h) and then this file.
// No kernel lets the result of a row depend on how many rows it is given: sums run in the same order for one row as for twelve.
#include "loops_affine.h"
#include "loops_attention.h"
#include "loops_blocks.h"
#include "loops_coded.h"
#include "loops_dense.h"
#include "loops_measure.h"
#include "loops_mixed.h"
#include "loops_rows.h"
#include "loops_search.h"

#define JOIN(a, b) a##b
#define NAMED(a, b) JOIN(a, b)
#define TEXT(a) #a
#define TEXT_OF(a) TEXT(a)
const fb_kernels NAMED(fb_kernels_, V16_NAME) = {
    .isa = TEXT_OF(V16_NAME),
    .rows_int8 = V16_ROWS_INT8,
    .rows_f32 = V16_ROWS_F32,
    .rows_dense = V16_ROWS_DENSE,
    .quantize = quantize,
    .affine_int8 = affine_int8,
    .affine_dequantize = affine_dequantize,
    .tile_f32 = tile_f32,
    .mixed_int8 = mixed_int8,
    .mixed_dequantize = mixed_dequantize,
    .blocks_int8 = blocks_int8,
    .blocks_dequantize = blocks_dequantize,
    .coded_f32 = coded_f32,
    .coded_dequantize = coded_dequantize,
    .dense = dense,
    .glu = glu,
    .activate = activate,
    .soft_cap = soft_cap,
    .widen = widen,
    .narrow = narrow,
    .keep_int8 = keep_int8,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .attend = attend,
    .merge_attended = merge_attended,
    .log_sum_exp = log_sum_exp,
    .search_measure = search_measure,
    .search_refit = search_refit,
    .search_encode = search_encode,
    .read = read_all,
    .dot_peak = dot_peak,
};
