/* Calls what dashkv-compile made of @attend: memrefs are passed as pointers to their descriptors.
 */
#include <stdint.h>
#include <stdio.h>

struct memref4 {
  float *allocated, *aligned;
  int64_t offset, sizes[4], strides[4];
};

void _mlir_ciface_attend(struct memref4 *q, struct memref4 *k, struct memref4 *v,
                         struct memref4 *out);

int main(void) {
  float q[] = {0, 0}, k[] = {1, 2, 3, 4}, v[] = {1, 10, 3, 30}, out[] = {-1, -1};
  struct memref4 mq = {q, q, 0, {1, 1, 1, 2}, {2, 2, 2, 1}},
                 mk = {k, k, 0, {1, 1, 2, 2}, {4, 4, 2, 1}},
                 mv = {v, v, 0, {1, 1, 2, 2}, {4, 4, 2, 1}},
                 mo = {out, out, 0, {1, 1, 1, 2}, {2, 2, 2, 1}};
  _mlir_ciface_attend(&mq, &mk, &mv, &mo);
  printf("out = %g %g\n", out[0], out[1]);
  return 0;
}
