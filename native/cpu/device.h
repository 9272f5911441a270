#pragma once
#include "kernels.h"
#include "pool.h"

struct fb_device {
  fb_pool *pool;
  const fb_kernels *kernels;
};
