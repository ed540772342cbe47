// Products of matrices in single and double precision, four columns or two at a time, by the processor's vectors: each
// step multiplies a vector by one number and adds, with one rounding (FMLA by element). On x86-64 it takes FMA.

#include <string.h>

#include "programs.h"

enum { order = 192, products = 40 };

typedef float floats __attribute__((vector_size(16)));
typedef double doubles __attribute__((vector_size(16)));

#ifdef __aarch64__
#include <arm_neon.h>
#define add_product_of_lane(sum, a, b, lane) (floats)vfmaq_laneq_f32((float32x4_t)(sum), a, b, lane)
#define add_product_of_lane_double(sum, a, b, lane) (doubles)vfmaq_laneq_f64((float64x2_t)(sum), a, b, lane)
#else
#pragma GCC target("fma")
#include <immintrin.h>
#define add_product_of_lane(sum, a, b, lane) \
    (floats)_mm_fmadd_ps((__m128)(a), _mm_permute_ps((__m128)(b), (lane) * 0x55), (__m128)(sum))
#define add_product_of_lane_double(sum, a, b, lane) \
    (doubles)_mm_fmadd_pd((__m128d)(a), _mm_permute_pd((__m128d)(b), (lane) * 3), (__m128d)(sum))
#endif

static float left[order][order], right[order][order], product[order][order];
static double left_double[order][order], right_double[order][order], product_double[order][order];

static inline floats load(const float *place) { return *(const floats *)place; }
static inline doubles load_double(const double *place) { return *(const doubles *)place; }

// Four rows by four columns at a time.
static void multiply(void) {
    for (int row = 0; row < order; row += 4) {
        for (int column = 0; column < order; column += 4) {
            floats sum[4] = {{0}};
            for (int index = 0; index < order; index += 4) {
                floats b0 = load(&right[index][column]), b1 = load(&right[index + 1][column]);
                floats b2 = load(&right[index + 2][column]), b3 = load(&right[index + 3][column]);
                for (int part = 0; part < 4; part++) {
                    floats a = load(&left[row + part][index]);
                    sum[part] = add_product_of_lane(sum[part], b0, a, 0);
                    sum[part] = add_product_of_lane(sum[part], b1, a, 1);
                    sum[part] = add_product_of_lane(sum[part], b2, a, 2);
                    sum[part] = add_product_of_lane(sum[part], b3, a, 3);
                }
            }
            for (int part = 0; part < 4; part++) *(floats *)&product[row + part][column] = sum[part];
        }
    }
}

// Four rows by two columns at a time.
static void multiply_double(void) {
    for (int row = 0; row < order; row += 4) {
        for (int column = 0; column < order; column += 2) {
            doubles sum[4] = {{0}};
            for (int index = 0; index < order; index += 2) {
                doubles b0 = load_double(&right_double[index][column]);
                doubles b1 = load_double(&right_double[index + 1][column]);
                for (int part = 0; part < 4; part++) {
                    doubles a = load_double(&left_double[row + part][index]);
                    sum[part] = add_product_of_lane_double(sum[part], b0, a, 0);
                    sum[part] = add_product_of_lane_double(sum[part], b1, a, 1);
                }
            }
            for (int part = 0; part < 4; part++) *(doubles *)&product_double[row + part][column] = sum[part];
        }
    }
}

uint64_t run_matrix(void) {
    uint64_t random = 1, checksum = 0;
    for (int row = 0; row < order; row++) {
        for (int column = 0; column < order; column++) {
            left[row][column] = (float)(int)(next_random(&random) >> 44) / 4096;
            right[row][column] = (float)(int)(next_random(&random) >> 44) / 65536 - 8;
            left_double[row][column] = left[row][column] / 3;
            right_double[row][column] = right[row][column] / 7;
        }
    }
    for (int count = 0; count < products; count++) {
        multiply();
        multiply_double();
        for (int row = 0; row < order; row++) {
            for (int column = 0; column < order; column++) {
                uint32_t bits;
                uint64_t bits_double;
                memcpy(&bits, &product[row][column], sizeof bits);
                memcpy(&bits_double, &product_double[row][column], sizeof bits_double);
                checksum = mix(mix(checksum, bits), bits_double);
            }
            // The next product is another one.
            left[row][count] += 1;
            left_double[row][count] += 1;
        }
    }
    return checksum;
}
