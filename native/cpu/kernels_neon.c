#include "v16_neon.h"

#include "kernels_body.h"
