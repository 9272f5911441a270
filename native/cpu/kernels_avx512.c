#include "v16_avx512.h"

#include "kernels_body.h"
