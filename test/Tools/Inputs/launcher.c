/* Runs `main` of a bundle as a C program does: launcher BUNDLE. */
#include "dashkv-c/Launcher.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void check(dashkvStatus status) {
  if (status == DASHKV_OK)
    return;
  printf("status %d: %s\n", (int)status, dashkvLauncherError());
  exit(1);
}

static void *find(const char *name) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  void *function = library ? dlsym(library, name) : NULL;
  if (!function) {
    printf("no %s\n", name);
    exit(1);
  }
  return function;
}

int main(int argc, char **argv) {
  static const int64_t rows[] = {2, 4, 1, 64};
  const int64_t *shapes[] = {rows, rows, rows, rows};
  uint64_t memory[4];
  float data[512];
  int32_t arguments, results, i;
  dashkvBundle bundle;
  dashkvLauncher launcher;
  dashkvPlan plan;
  dashkvTensor tensor;
  if (argc != 2)
    return 1;
  check(dashkvBundleOpen(argv[1], &bundle));
  check(dashkvBundleGetSignature(bundle, "main", &arguments, &results));
  printf("%s: %d arguments, %d results\n", dashkvBundleGetFunction(bundle, 0), (int)arguments,
         (int)results);
  check(dashkvBundleGetArgument(bundle, "main", 0, &tensor));
  printf("argument 0: %s, rank %d, role %s\n", tensor.dtype, (int)tensor.rank, tensor.role);
  check(dashkvLauncherOpen(bundle, 0, &launcher));
  printf("kernels for %s\n", dashkvLauncherGetChip(launcher));
  check(dashkvPlanCreate(launcher, "main", shapes, DASHKV_PLAN_EXCLUSIVE, &plan));

  int (*allocate)(uint64_t *, size_t) = (int (*)(uint64_t *, size_t))find("cuMemAlloc_v2");
  int (*upload)(uint64_t, const void *, size_t) =
      (int (*)(uint64_t, const void *, size_t))find("cuMemcpyHtoD_v2");
  int (*download)(void *, uint64_t, size_t) =
      (int (*)(void *, uint64_t, size_t))find("cuMemcpyDtoH_v2");
  for (i = 0; i < 512; ++i)
    data[i] = 2.0f;
  for (i = 0; i < 4; ++i) {
    if (allocate(&memory[i], sizeof(data)) || upload(memory[i], data, sizeof(data)))
      return 1;
    check(dashkvPlanBindArgument(plan, i, memory[i]));
  }
  for (i = 0; i < 2; ++i)
    check(dashkvPlanReplay(plan, NULL));
  check(dashkvPlanGetResult(plan, 0, &tensor, NULL));
  if (download(data, memory[tensor.alias], sizeof(data)))
    return 1;
  printf("result 0 is argument %d: %g ... %g\n", (int)tensor.alias, data[0], data[511]);
  /* One size that the function does not have. */
  printf("status %d: %s\n", (int)dashkvPlanBindArgument(plan, 4, memory[0]), dashkvLauncherError());
  dashkvPlanDestroy(plan);
  dashkvLauncherClose(launcher);
  dashkvBundleClose(bundle);
  return 0;
}
