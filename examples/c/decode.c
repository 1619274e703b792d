/* Runs a compiled decode step and compares it with exact attention.
 *
 * The step reads 2 % of the keys: those whose codes are nearest to the code of
 * the query. Codes are signs of random projections here. The data is random with
 * 24 keys for each KV head that its queries look for, as attention has them.
 * README.md has the commands.
 */
#include "decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { Hq = 8, Hkv = 2, G = Hq / Hkv, D = 64, L = 64, N = 16384, Wanted = 24 };

static float q[Hq][D], k[Hkv][N][D], v[Hkv][N][D];
static int8_t codes[Hkv][N][L / 8];
static float weight[Hkv][G * D][L], bias[Hkv][L];
static float exact[Hq][D];

/* Normally distributed, nearly: the sum of uniform numbers. */
static float random_normal(void) {
  static uint64_t state = 42;
  float sum = 0;
  for (int i = 0; i < 12; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    sum += (float)(state >> 40) / (1 << 24);
  }
  return sum - 6;
}

static void make_data(void) {
  for (int h = 0; h < Hkv; ++h) {
    /* The queries of a group are alike. */
    float topic[D];
    for (int d = 0; d < D; ++d)
      topic[d] = random_normal();
    for (int g = 0; g < G; ++g)
      for (int d = 0; d < D; ++d)
        q[h * G + g][d] = 1.5f * topic[d] + 0.5f * random_normal();
    for (int n = 0; n < N; ++n) {
      int wanted = n % (N / Wanted) == 100;
      for (int d = 0; d < D; ++d) {
        k[h][n][d] = random_normal() + (wanted ? 2 * topic[d] : 0);
        v[h][n][d] = random_normal() + (wanted ? 1 : 0);
      }
    }
    /* Signs of the same projections for keys and for the sum of a group's queries. */
    for (int l = 0; l < L; ++l)
      for (int d = 0; d < D; ++d) {
        float w = random_normal();
        for (int g = 0; g < G; ++g)
          weight[h][g * D + d][l] = w;
      }
    for (int n = 0; n < N; ++n)
      for (int l = 0; l < L; ++l) {
        float z = 0;
        for (int d = 0; d < D; ++d)
          z += k[h][n][d] * weight[h][d][l];
        if (z > 0)
          codes[h][n][l / 8] |= 1 << l % 8;
      }
  }
}

static void attend_exactly(void) {
  static double p[N];
  for (int h = 0; h < Hq; ++h) {
    double largest = -INFINITY, sum = 0, out[D] = {0};
    for (int n = 0; n < N; ++n) {
      double score = 0;
      for (int d = 0; d < D; ++d)
        score += (double)q[h][d] * k[h / G][n][d];
      p[n] = score * 0.125;
      largest = fmax(largest, p[n]);
    }
    for (int n = 0; n < N; ++n) {
      p[n] = exp(p[n] - largest);
      sum += p[n];
      for (int d = 0; d < D; ++d)
        out[d] += p[n] * v[h / G][n][d];
    }
    for (int d = 0; d < D; ++d)
      exact[h][d] = (float)(out[d] / sum);
  }
}

int main(void) {
  make_data();
  attend_exactly();

  dashkv_memref4 out,
      mq = dashkv_make_memref4(q, 1, Hq, 1, D), mk = dashkv_make_memref4(k, 1, Hkv, N, D),
      mv = dashkv_make_memref4(v, 1, Hkv, N, D), mc = dashkv_make_memref4(codes, 1, Hkv, N, L / 8);
  dashkv_memref3 mw = dashkv_make_memref3(weight, Hkv, G * D, L);
  dashkv_memref2 mb = dashkv_make_memref2(bias, Hkv, L);
  _mlir_ciface_decode(&out, &mq, &mk, &mv, &mc, &mw, &mb);

  const float *result = (const float *)out.aligned + out.offset;
  double error = 0, size = 0;
  for (int h = 0; h < Hq; ++h)
    for (int d = 0; d < D; ++d) {
      error = fmax(error, fabs(result[h * D + d] - exact[h][d]));
      size = fmax(size, fabs(exact[h][d]));
    }
  free(out.allocated);
  printf("decode: %d keys, largest error %.2f %% of the largest output\n", N, 100 * error / size);
  return error <= 0.02 * size ? 0 : 1;
}
