/* Compiles a module in several threads, shows its functions and calls one; then what goes wrong. */
#include "dashkv-c/DashKV.h"
#include "dashkv-c/Launcher.h" /* both fit into one program */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char attention[] =
    "func.func @attend(%q: tensor<1x4x1x64xf32>, %k: tensor<1x2x?x64xf32>, %o: "
    "tensor<1x4x1x64xf32>)"
    "    -> tensor<1x4x1x64xf32> {"
    "  %r = dashkv.attention ins(%q, %k, %k : tensor<1x4x1x64xf32>, tensor<1x2x?x64xf32>, "
    "tensor<1x2x?x64xf32>) outs(%o : tensor<1x4x1x64xf32>)"
    "  return %r : tensor<1x4x1x64xf32>"
    "}";

static char text[1 << 16];
static size_t size;

static void print_parameter(const char *what, int index, const dashkvParameter *p) {
  printf("%s %d: kind %d, %s of %s, role '%s', alias %d, written %d, shape", what, index, p->kind,
         p->type, p->dtype, p->role, p->alias, p->written);
  for (int i = 0; i < p->rank; ++i)
    printf(" %d", (int)p->shape[i]);
  if (p->strides)
    for (int i = 0; i < p->rank; ++i)
      printf(i ? " %s" : ", strides %s", p->strides[i] == DASHKV_FREE_STRIDE ? "free" : "fixed");
  printf("\n");
}

static void print_function(dashkvFunction function) {
  printf("%s\n", dashkvFunctionGetName(function));
  for (int i = 0; i < dashkvFunctionGetNumArguments(function); ++i)
    print_parameter("argument", i, dashkvFunctionGetArgument(function, i));
  for (int i = 0; i < dashkvFunctionGetNumResults(function); ++i)
    print_parameter("result", i, dashkvFunctionGetResult(function, i));
}

/* A cache of 4 values, every second of 6 numbers, and a factor; the sum. */
static int call(dashkvFunction function) {
  float cache[4] = {1, 2, 3, 4}, row[6] = {10, 0, 20, 0, 30, 0}, factor = 0.5f;
  int64_t first[] = {(int64_t)cache, (int64_t)cache, 0, 4, 1};
  int64_t second[] = {(int64_t)row, (int64_t)row, 0, 3, 2};
  int64_t sum[5], *results = sum;
  void *arguments[] = {first, second, &factor};
  if (dashkvFunctionCall(function, arguments, 3, results))
    return 1;
  const float *values = (const float *)sum[1];
  int wrong = sum[3] != 3 || values[0] != 6 || values[1] != 11 || values[2] != 16 || cache[3] != 10;
  dashkvFree((void *)sum[0]);
  return wrong;
}

static void *work(void *unused) {
  (void)unused;
  const char *options[] = {"workers=1", "cache=", NULL};
  dashkvModule module;
  if (dashkvCompile(text, size, "module.mlir", options, &module))
    return "does not compile";
  void *wrong = NULL;
  for (int i = 0; i < 100; ++i)
    if (call(dashkvModuleFind(module, "main")))
      wrong = "wrong result";
  dashkvModuleDestroy(module);
  return wrong;
}

static void fail(const char *source, const char *option) {
  const char *options[] = {option, NULL};
  dashkvModule module;
  if (!dashkvCompile(source, strlen(source), "bad.mlir", options, &module))
    exit(1);
  printf("%s\n", dashkvGetMessages());
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (!file)
    return 2;
  size = fread(text, 1, sizeof(text), file);
  fclose(file);

  pthread_t threads[4];
  for (int i = 0; i < 4; ++i)
    pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 4; ++i) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    printf("thread: %s\n", wrong ? (char *)wrong : "right");
  }

  dashkvModule module;
  if (dashkvCompile(text, size, "module.mlir", NULL, &module))
    return puts(dashkvGetMessages()), 1;
  printf("functions: %d\n", dashkvModuleGetNumFunctions(module));
  print_function(dashkvModuleGetFunction(module, 0));
  dashkvFunction function = dashkvModuleFind(module, "main");
  printf("none: %d %d %d\n", !dashkvModuleGetFunction(module, 1),
         !dashkvModuleFind(module, "other"), !dashkvFunctionGetArgument(function, 3));
  printf("call: %s\n", call(function) ? "wrong" : "right");

  /* A fourth size, an odd address, a missing argument. */
  float values[5] = {0}, factor = 1;
  int64_t four[] = {(int64_t)values, (int64_t)values, 0, 4, 1};
  int64_t three[] = {(int64_t)values, (int64_t)values, 0, 3, 1};
  int64_t odd[] = {(int64_t)values + 2, (int64_t)values + 2, 0, 4, 1}, results[5];
  void *short_cache[] = {three, three, &factor}, *odd_cache[] = {odd, three, &factor};
  void *right[] = {four, three, &factor};
  if (!dashkvFunctionCall(function, short_cache, 3, results))
    return 1;
  printf("%s\n", dashkvGetMessages());
  if (!dashkvFunctionCall(function, odd_cache, 3, results))
    return 1;
  printf("%s\n", dashkvGetMessages());
  if (!dashkvFunctionCall(function, right, 2, results))
    return 1;
  printf("%s\n", dashkvGetMessages());
  dashkvModuleDestroy(module);

  fail("func.func @f() { oops }", NULL);
  fail("", "speed=9");
  fail("", "workers=0");
  fail("", "target=sm_90a");
  fail("", "target=z80");
  fail("", "tiering=full=200%");

  const char *options[] = {"emit=header", NULL};
  char *product;
  size_t product_size;
  if (!dashkvEmit(text, size, "module.mlir", options, &product, &product_size))
    return 1;
  printf("%s\n", dashkvGetMessages());
  if (dashkvEmit(attention, strlen(attention), "attention.mlir", options, &product, &product_size))
    return puts(dashkvGetMessages()), 1;
  printf("product: %.*s\n", (int)product_size, product);
  dashkvFree(product);
  return 0;
}
