/*===- Launcher.h - Run GPU kernels of dashkv from C --------------*- C -*-===*
 *
 * libdashkv_launcher.so runs what `dashkv-compile --emit=bundle` writes. It needs
 * the NVIDIA driver, which it loads when a launcher is opened, and nothing else.
 *
 *   dashkvBundle bundle;
 *   dashkvLauncher launcher;
 *   dashkvPlan plan;
 *   dashkvBundleOpen("layer.dashkv", &bundle);
 *   dashkvLauncherOpen(bundle, 0, &launcher);
 *   dashkvPlanCreate(launcher, "main", shapes, 0, &plan);
 *   dashkvPlanBindArgument(plan, 0, query); ...
 *   for each step: dashkvPlanReplay(plan, stream);
 *
 * Shapes are those of the whole cache. What changes from step to step, such as
 * lengths, is in device memory.
 *
 * Functions return a status; on one that is not 0 dashkvLauncherError() says what
 * was expected and what was found. Different plans may be used by different
 * threads. Handles may be closed in any order, before the process ends.
 *
 *===----------------------------------------------------------------------===*/
#ifndef DASHKV_C_LAUNCHER_H
#define DASHKV_C_LAUNCHER_H

#include <stdint.h>

#if defined(__GNUC__)
#define DASHKV_EXPORT __attribute__((visibility("default")))
#else
#define DASHKV_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  DASHKV_OK = 0,
  DASHKV_ERROR_DRIVER = 1,   /* no driver, or one that is too old */
  DASHKV_ERROR_BUNDLE = 2,   /* no bundle, a damaged one, or one of another version */
  DASHKV_ERROR_CHIP = 3,     /* no kernels for this GPU */
  DASHKV_ERROR_ARGUMENT = 4, /* shapes, names, pointers */
  DASHKV_ERROR_MEMORY = 5,   /* device memory is exhausted */
  DASHKV_ERROR_CHECK = 6,    /* a check that the module holds failed */
  DASHKV_ERROR_LAUNCH = 7    /* the driver reports anything else */
} dashkvStatus;

/* The last error of this thread, valid until its next call. */
DASHKV_EXPORT const char *dashkvLauncherError(void);

typedef struct dashkvBundleType *dashkvBundle;
typedef struct dashkvLauncherType *dashkvLauncher;
typedef struct dashkvPlanType *dashkvPlan;

/* An argument or a result: a dense row-major array in device memory. */
typedef struct {
  const char *dtype; /* f32, f16, bf16, f8E4M3FN, i1 (a byte), i8, i32, ... */
  const char *role;  /* dashkv.role of an argument, or "" */
  int32_t rank;
  int32_t alias;        /* of a result: the argument that it is, or -1 */
  const int64_t *shape; /* -1 where any size will do; null of a result before there is a plan */
} dashkvTensor;

/*===--- Bundles: no GPU is needed ----------------------------------------===*/

DASHKV_EXPORT dashkvStatus dashkvBundleOpen(const char *path, dashkvBundle *bundle);
DASHKV_EXPORT dashkvStatus dashkvBundleRead(const void *data, uint64_t bytes, dashkvBundle *bundle);
DASHKV_EXPORT void dashkvBundleClose(dashkvBundle bundle);

DASHKV_EXPORT int32_t dashkvBundleGetNumFunctions(dashkvBundle bundle);
/* The name of a function, or null. */
DASHKV_EXPORT const char *dashkvBundleGetFunction(dashkvBundle bundle, int32_t index);
DASHKV_EXPORT dashkvStatus dashkvBundleGetSignature(dashkvBundle bundle, const char *function,
                                                    int32_t *arguments, int32_t *results);
DASHKV_EXPORT dashkvStatus dashkvBundleGetArgument(dashkvBundle bundle, const char *function,
                                                   int32_t index, dashkvTensor *argument);
DASHKV_EXPORT dashkvStatus dashkvBundleGetResult(dashkvBundle bundle, const char *function,
                                                 int32_t index, dashkvTensor *result);

/*===--- A bundle on a GPU ------------------------------------------------===*/

/* Loads the kernels on a device, in its primary context. */
DASHKV_EXPORT dashkvStatus dashkvLauncherOpen(dashkvBundle bundle, int32_t device,
                                              dashkvLauncher *launcher);
DASHKV_EXPORT void dashkvLauncherClose(dashkvLauncher launcher);
/* The chip that the kernels in use were compiled for, and the name of the GPU. */
DASHKV_EXPORT const char *dashkvLauncherGetChip(dashkvLauncher launcher);
DASHKV_EXPORT const char *dashkvLauncherGetDevice(dashkvLauncher launcher);

/*===--- A function for given shapes --------------------------------------===*/

/* Nothing else runs on the device while a step does. Kernels whose blocks wait for
 * each other may then overlap with the kernel before. */
#define DASHKV_PLAN_EXCLUSIVE 1u
/* No kernel starts before the one before it has ended: slower, for comparison. */
#define DASHKV_PLAN_IN_TURN 2u

/* `shapes[i]` are the sizes of argument i. Allocates and fills workspaces. */
DASHKV_EXPORT dashkvStatus dashkvPlanCreate(dashkvLauncher launcher, const char *function,
                                            const int64_t *const *shapes, uint32_t flags,
                                            dashkvPlan *plan);
/* Waits for nothing: the plan must not run any more. */
DASHKV_EXPORT void dashkvPlanDestroy(dashkvPlan plan);

/* Device pointers. The caller owns the memory; new pointers may be bound between
 * runs. A result that is not bound gets memory of the plan. */
DASHKV_EXPORT dashkvStatus dashkvPlanBindArgument(dashkvPlan plan, int32_t index, uint64_t pointer);
DASHKV_EXPORT dashkvStatus dashkvPlanBindResult(dashkvPlan plan, int32_t index, uint64_t pointer);
/* The shape and the memory of a result; either may be null. */
DASHKV_EXPORT dashkvStatus dashkvPlanGetResult(dashkvPlan plan, int32_t index, dashkvTensor *result,
                                               uint64_t *pointer);
/* Bytes of device memory that the plan holds. */
DASHKV_EXPORT uint64_t dashkvPlanGetMemory(dashkvPlan plan);

/* One step on a CUstream (null for the default one), which the caller waits for.
 * May be captured into a CUDA graph of the caller's, after a first run. */
DASHKV_EXPORT dashkvStatus dashkvPlanRun(dashkvPlan plan, void *stream);
/* The same by a CUDA graph of the plan, which is captured when it is missing. */
DASHKV_EXPORT dashkvStatus dashkvPlanReplay(dashkvPlan plan, void *stream);
DASHKV_EXPORT dashkvStatus dashkvPlanCapture(dashkvPlan plan);
/* Seconds of a step on the device, the mean of `repetitions` after one to warm up;
 * by the graph if `graph`. */
DASHKV_EXPORT dashkvStatus dashkvPlanTime(dashkvPlan plan, void *stream, int32_t repetitions,
                                          int32_t graph, double *seconds);

#ifdef __cplusplus
}
#endif

#endif /* DASHKV_C_LAUNCHER_H */
