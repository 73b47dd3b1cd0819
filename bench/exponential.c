// Gradients of the sum of squares of an exponential, a·exp(−b·t) + c with 100 rows, for many runs. This loop is written
// for this function alone. All values stay in registers. `exp` is the function of crates/kernels/src/functions/exp.rs.
//
// bench/exponential.mjs compiles this file for each instruction set and number type. -DNUMBER and -DINTEGER are double
// and int64_t, or float and int32_t. -DBYTES is the length of a vector, and -DVECTORS is the count of vectors that are
// computed at once. -DMIN and -DMAX are intrinsics, because compilers make several instructions of a comparison and a
// selection.
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef NUMBER Vector __attribute__((vector_size(BYTES)));
typedef INTEGER Bits __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / sizeof(NUMBER), RUNS = 2048, ROWS = 100, REPEATS = 40, IS_SINGLE = sizeof(NUMBER) == 4 };
#define INLINE static inline __attribute__((always_inline))

INLINE Vector splat(double x) { return (Vector){0} + (NUMBER)x; }
static const double SINGLE[] = {0.4999999, 0.1666652, 0.04166908, 0.008368776, 0.0013780454};
static const double DOUBLE[] = {
    0.5000000000000008,    0.16666666666666308,   0.04166666666654697,   0.008333333333555076, 0.001388888893986165,
    0.0001984126938659095, 2.480149656356737e-5, 2.7557685990732053e-6, 2.7629122962773284e-7, 2.497037268520168e-8,
};

INLINE Vector exponential(Vector x) {
  const double unit = IS_SINGLE ? 8388608.0 : 4503599627370496.0, bias = IS_SINGLE ? 127 : 1023;
  const double *c = IS_SINGLE ? SINGLE : DOUBLE;
  const int count = IS_SINGLE ? 5 : 10, shift = IS_SINGLE ? 23 : 52;
  x = (Vector)MIN(splat(IS_SINGLE ? 89 : 710), MAX(splat(IS_SINGLE ? -104 : -746), x));
  Vector to_exponent = splat(1.5 * unit + 2 * bias);
  Vector exponent = x * splat(1.4426950408889634) + to_exponent;
  Vector k = exponent - to_exponent;
  Vector high = x - k * splat(IS_SINGLE ? 0.69314575 : 0.6931471805598903);
  Vector low = k * splat(IS_SINGLE ? 1.4286068e-6 : 5.497923018708371e-14);
  Vector r = high - low, square = r * r;
  int at = (count - 1) / 2 * 2;
  Vector sum = at + 1 == count ? splat(c[at]) : splat(c[at]) + r * splat(c[at + 1]);
#pragma GCC unroll 8
  for (at -= 2; at >= 0; at -= 2) sum = sum * square + (splat(c[at]) + r * splat(c[at + 1]));
  Vector y = splat(1) + (high + (r * r * sum - low));
  Bits bits = (Bits)exponent, half = bits >> 1;
  return y * (Vector)(half << shift) * (Vector)((bits - half) << shift);
}

static NUMBER parameters[3][RUNS] __attribute__((aligned(64))), gradient[3][RUNS] __attribute__((aligned(64)));
static NUMBER t[ROWS], measured[ROWS];

INLINE void gradients(int first) {
  Vector a[VECTORS], b[VECTORS], c[VECTORS], sums[3][VECTORS];
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    memcpy(&a[v], &parameters[0][first + v * LANES], BYTES);
    memcpy(&b[v], &parameters[1][first + v * LANES], BYTES);
    memcpy(&c[v], &parameters[2][first + v * LANES], BYTES);
    b[v] = splat(-1) * b[v];
    sums[0][v] = sums[1][v] = sums[2][v] = splat(0);
  }
  for (int row = 0; row < ROWS; row++) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      Vector power = exponential(b[v] * splat(t[row]));
      Vector twice = (a[v] * power + c[v] - splat(measured[row])) * splat(2);
      sums[0][v] = power * twice + sums[0][v];
      sums[1][v] = splat(t[row]) * (a[v] * twice * power) + sums[1][v];
      sums[2][v] = twice + sums[2][v];
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    sums[1][v] = splat(-1) * sums[1][v];
    for (int p = 0; p < 3; p++) memcpy(&gradient[p][first + v * LANES], &sums[p][v], BYTES);
  }
}

// Prints nanoseconds of processor time per run and row.
int main(void) {
  for (int row = 0; row < ROWS; row++) {
    t[row] = row / 20.0;
    measured[row] = 2.5 - row / 50.0;
  }
  for (int run = 0; run < RUNS; run++) {
    parameters[0][run] = 1 + run / (double)RUNS;
    parameters[1][run] = 0.5 + run / (double)RUNS;
    parameters[2][run] = 0.1;
  }
  struct timespec start, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    for (int first = 0; first < RUNS; first += VECTORS * LANES) gradients(first);
    __asm__ volatile("" ::: "memory");
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  double ns = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
  printf("%.6f\n", ns / REPEATS / RUNS / ROWS);
}
