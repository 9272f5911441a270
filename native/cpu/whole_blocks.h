// What packs a block of an affine weight whose inputs all are in the file, in its order.
#pragma once
#include <stdatomic.h>

#include "quads.h"

// A part of a weight on its way into tiles.
typedef struct {
  fb_weight *weight;
  const fb_affine_part *part;
  atomic_int next;
  atomic_uint refused;  // bit i: positions hold the nibble i, which names no two inputs in order
} fb_packing;

// Packs a block of `count` columns of the part, `column` and those behind it.
typedef void (*fb_block_packer)(fb_packing *work, int32_t block, int32_t column, int32_t count, block_rows to);
// The packer of an order. A 2:4 weight can be packed by it alone.
fb_block_packer fb_whole_block_packer(int32_t code_order);
