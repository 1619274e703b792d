/*===- DashKV.h - Compile attention and call it from C ------------*- C -*-===*
 *
 * libdashkv.so compiles modules of dashkv or linalg ops for this CPU and calls
 * their functions on memory of the caller, or makes any product of dashkv-compile.
 * It needs libMLIR and libLLVM. GPU kernels run by dashkv-c/Launcher.h.
 *
 *   const char *options[] = {"tiering=full=2%", "workers=4", NULL};
 *   dashkvModule module;
 *   if (dashkvCompile(text, strlen(text), "layer.mlir", options, &module))
 *     puts(dashkvGetMessages());
 *   dashkvFunction function = dashkvModuleFind(module, "main");
 *   dashkvFunctionCall(function, arguments, 3, results);
 *
 * Functions that return a status return 0, or 1 after an error. Then, and after a
 * compilation with warnings or remarks, dashkvGetMessages() has the text. Modules
 * may be compiled and called by any threads at once. A call of code with
 * `runtime-checks` whose check fails prints the check and ends the process.
 *
 *===----------------------------------------------------------------------===*/
#ifndef DASHKV_C_DASHKV_H
#define DASHKV_C_DASHKV_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DASHKV_EXPORT __attribute__((visibility("default")))
#else
#define DASHKV_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What the last function that returns a status has to say, of this thread; valid
 * until its next one. Empty if nothing. */
DASHKV_EXPORT const char *dashkvGetMessages(void);

/* `0.1.0`, and the version of LLVM. */
DASHKV_EXPORT const char *dashkvGetVersion(void);
DASHKV_EXPORT const char *dashkvGetLLVMVersion(void);
/* This CPU as LLVM names it, and the bytes of the vectors that kernels for it are
 * made of: 64, 32, or 0 where only the portable lowering works. */
DASHKV_EXPORT const char *dashkvGetCPU(void);
DASHKV_EXPORT int32_t dashkvGetVectorBytes(void);
/* The folder of compiled code, empty if there is none. */
DASHKV_EXPORT const char *dashkvGetCacheFolder(void);

/*===--- Products ---------------------------------------------------------===*/

/* `options` is a list of `name=value` that ends with null; null stands for an
 * empty one. Names and values are those of dashkv-compile: target, tiering,
 * tiering-options, assume-nonempty-rows, materialize-index-masks, runtime-checks,
 * lowering, parallel, workers, stages, remarks, and
 *   emit, report-keys, report-batch  of dashkvEmit
 *   report-format=text|json|html     of dashkvEmit
 *   cache=FOLDER                     of dashkvCompile; empty for none
 * Those that are true or false are given as `name` or `name=true`. */

/* Compiles `size` bytes of MLIR text; diagnostics call it `name`. The product is
 * freed by dashkvFree. */
DASHKV_EXPORT int32_t dashkvEmit(const char *text, size_t size, const char *name,
                                 const char *const *options, char **product, size_t *productSize);

/* Frees products, and buffers of results; null is allowed. */
DASHKV_EXPORT void dashkvFree(void *memory);

/*===--- Code for this CPU ------------------------------------------------===*/

typedef struct dashkvModuleType *dashkvModule;
/* A function of a module, as long as that lives. */
typedef const struct dashkvFunctionType *dashkvFunction;

/* Raises attention of the module, makes it tiered if `tiering` is given, and
 * compiles it, or takes the code from the cache. */
DASHKV_EXPORT int32_t dashkvCompile(const char *text, size_t size, const char *name,
                                    const char *const *options, dashkvModule *module);
/* No call may be running. */
DASHKV_EXPORT void dashkvModuleDestroy(dashkvModule module);
/* Whether the code came out of the cache. */
DASHKV_EXPORT int32_t dashkvModuleIsFromCache(dashkvModule module);

/* Public functions with a body, in the order of their names. */
DASHKV_EXPORT int32_t dashkvModuleGetNumFunctions(dashkvModule module);
/* Null if there is none at that index, or of that name. */
DASHKV_EXPORT dashkvFunction dashkvModuleGetFunction(dashkvModule module, int32_t index);
DASHKV_EXPORT dashkvFunction dashkvModuleFind(dashkvModule module, const char *name);

enum {
  DASHKV_TENSOR = 0, /* a dense row-major array */
  DASHKV_BUFFER = 1, /* a memref, whose strides its type may leave open */
  DASHKV_SCALAR = 2,
  DASHKV_FREE = -1 /* a size that may be anything */
};
#define DASHKV_FREE_STRIDE INT64_MIN

/* An argument or a result. */
typedef struct {
  int32_t kind;
  int32_t rank;
  int32_t alias;     /* of a result: the argument that it is, updated in place, or -1 */
  int32_t written;   /* of an argument: whether a call may write to it */
  const char *type;  /* as MLIR prints it: tensor<1x8x?x64xf16> */
  const char *dtype; /* f32, f16, bf16, f8E4M3FN, i1 (a byte), i8, i32, index, ... */
  const char *role;  /* dashkv.role of an argument, or "" */
  const int64_t *shape;
  const int64_t *strides; /* in elements; null stands for row-major */
} dashkvParameter;

DASHKV_EXPORT const char *dashkvFunctionGetName(dashkvFunction function);
DASHKV_EXPORT int32_t dashkvFunctionGetNumArguments(dashkvFunction function);
DASHKV_EXPORT int32_t dashkvFunctionGetNumResults(dashkvFunction function);
/* Null if there is none at that index. */
DASHKV_EXPORT const dashkvParameter *dashkvFunctionGetArgument(dashkvFunction function,
                                                               int32_t index);
DASHKV_EXPORT const dashkvParameter *dashkvFunctionGetResult(dashkvFunction function,
                                                             int32_t index);

/* Calls a function. For each argument there is a pointer to its descriptor, words
 * of 64 bits: {allocated, aligned, offset, sizes..., strides...}, where the first
 * two are the address of the data, and offset and strides count elements (the
 * structs of --emit=header are such descriptors); of a scalar a pointer to its
 * value. Sizes and strides are checked, element types are not.
 *
 * `results` receives the descriptors of the results without alias, one after the
 * other: 3 + 2 * rank words each. Their data is dense and is freed by
 * dashkvFree(allocated); after an error there is none. */
DASHKV_EXPORT int32_t dashkvFunctionCall(dashkvFunction function, void *const *arguments,
                                         int32_t numArguments, int64_t *results);

#ifdef __cplusplus
}
#endif

#endif /* DASHKV_C_DASHKV_H */
