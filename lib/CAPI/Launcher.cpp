//===- Launcher.cpp - Run GPU kernels of dashkv from C --------------------===//
#include "dashkv-c/Launcher.h"
#include "dashkv/Runtime/Launcher.h"
#include <new>

using namespace dashkv::runtime;

static_assert(static_cast<int>(Code::Driver) == DASHKV_ERROR_DRIVER &&
              static_cast<int>(Code::Launch) == DASHKV_ERROR_LAUNCH);

struct dashkvBundleType {
  KernelBundle bundle;
};
struct dashkvLauncherType {
  std::shared_ptr<Launcher> launcher;
};
struct dashkvPlanType {
  std::unique_ptr<Plan> plan;
};

static thread_local std::string lastError;

static dashkvStatus report(const Status &status) {
  lastError = status.message;
  return static_cast<dashkvStatus>(status.code);
}

/// Runs `body`, which returns a Status. Nothing is thrown into C.
template <class Body> static dashkvStatus guarded(Body body) {
  try {
    return report(body());
  } catch (const std::bad_alloc &) {
    return report(Status::error(Code::Memory, "host memory is exhausted"));
  }
}

extern "C" {

const char *dashkvLauncherError(void) { return lastError.c_str(); }

//===----------------------------------------------------------------------===//
// Bundles
//===----------------------------------------------------------------------===//

dashkvStatus dashkvBundleOpen(const char *path, dashkvBundle *bundle) {
  return guarded([&] {
    auto opened = std::make_unique<dashkvBundleType>();
    Status status = KernelBundle::readFile(path, opened->bundle);
    if (status.ok())
      *bundle = opened.release();
    return status;
  });
}

dashkvStatus dashkvBundleRead(const void *data, uint64_t bytes, dashkvBundle *bundle) {
  return guarded([&] {
    auto opened = std::make_unique<dashkvBundleType>();
    Status status =
        KernelBundle::read(std::string(static_cast<const char *>(data), bytes), opened->bundle);
    if (status.ok())
      *bundle = opened.release();
    return status;
  });
}

void dashkvBundleClose(dashkvBundle bundle) { delete bundle; }

/// Signatures are those of every variant.
static const Variant &getVariant(dashkvBundle bundle) { return bundle->bundle.variants.front(); }

int32_t dashkvBundleGetNumFunctions(dashkvBundle bundle) {
  return static_cast<int32_t>(getVariant(bundle).functions.size());
}

const char *dashkvBundleGetFunction(dashkvBundle bundle, int32_t index) {
  if (index < 0 || index >= dashkvBundleGetNumFunctions(bundle))
    return nullptr;
  return getVariant(bundle).functions[index].name.c_str();
}

static Status findFunction(const Variant &variant, const char *name,
                           const FunctionPlan *&function) {
  function = variant.findFunction(name);
  if (function)
    return {};
  return Status::error(Code::Argument,
                       std::string("expected a function of the bundle, but got '") + name + "'");
}

/// Describes element `index` of `tensors` with sizes `shape`, its own if null.
static Status describe(const std::vector<Tensor> &tensors, int32_t index, const int64_t *shape,
                       dashkvTensor &out) {
  if (index < 0 || static_cast<size_t>(index) >= tensors.size())
    return Status::error(Code::Argument, "expected an index below " +
                                             std::to_string(tensors.size()) + ", but got " +
                                             std::to_string(index));
  const Tensor &tensor = tensors[index];
  out.dtype = tensor.dtype.c_str();
  out.role = tensor.role.c_str();
  out.rank = static_cast<int32_t>(tensor.shape.size());
  out.alias = tensor.alias;
  out.shape = shape ? shape : tensor.shape.data();
  return {};
}

dashkvStatus dashkvBundleGetSignature(dashkvBundle bundle, const char *name, int32_t *arguments,
                                      int32_t *results) {
  return guarded([&] {
    const FunctionPlan *function = nullptr;
    Status status = findFunction(getVariant(bundle), name, function);
    if (status.ok()) {
      *arguments = static_cast<int32_t>(function->arguments.size());
      *results = static_cast<int32_t>(function->results.size());
    }
    return status;
  });
}

dashkvStatus dashkvBundleGetArgument(dashkvBundle bundle, const char *name, int32_t index,
                                     dashkvTensor *argument) {
  return guarded([&] {
    const FunctionPlan *function = nullptr;
    Status status = findFunction(getVariant(bundle), name, function);
    return status.ok() ? describe(function->arguments, index, nullptr, *argument) : status;
  });
}

dashkvStatus dashkvBundleGetResult(dashkvBundle bundle, const char *name, int32_t index,
                                   dashkvTensor *result) {
  return guarded([&] {
    const FunctionPlan *function = nullptr;
    Status status = findFunction(getVariant(bundle), name, function);
    if (status.ok())
      status = describe(function->results, index, nullptr, *result);
    if (status.ok() && result->alias < 0)
      result->shape = nullptr;
    return status;
  });
}

//===----------------------------------------------------------------------===//
// Launchers
//===----------------------------------------------------------------------===//

dashkvStatus dashkvLauncherOpen(dashkvBundle bundle, int32_t ordinal, dashkvLauncher *launcher) {
  return guarded([&] {
    const Driver *driver = nullptr;
    std::shared_ptr<Device> device;
    auto opened = std::make_unique<dashkvLauncherType>();
    Status status = Driver::get(driver);
    if (status.ok())
      status = Device::open(*driver, ordinal, device);
    if (status.ok())
      status = Launcher::create(bundle->bundle, device, opened->launcher);
    if (status.ok())
      *launcher = opened.release();
    return status;
  });
}

void dashkvLauncherClose(dashkvLauncher launcher) { delete launcher; }

const char *dashkvLauncherGetChip(dashkvLauncher launcher) {
  return launcher->launcher->getVariant().chip.c_str();
}

const char *dashkvLauncherGetDevice(dashkvLauncher launcher) {
  return launcher->launcher->getDevice().name.c_str();
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

dashkvStatus dashkvPlanCreate(dashkvLauncher launcher, const char *name,
                              const int64_t *const *shapes, uint32_t flags, dashkvPlan *plan) {
  return guarded([&] {
    const FunctionPlan *function = nullptr;
    Status status = findFunction(launcher->launcher->getVariant(), name, function);
    if (!status.ok())
      return status;
    std::vector<std::vector<int64_t>> sizes;
    for (size_t i = 0; i < function->arguments.size(); ++i)
      sizes.emplace_back(shapes[i], shapes[i] + function->arguments[i].shape.size());
    PlanOptions options;
    options.exclusive = flags & DASHKV_PLAN_EXCLUSIVE;
    options.inTurn = flags & DASHKV_PLAN_IN_TURN;
    auto created = std::make_unique<dashkvPlanType>();
    status = launcher->launcher->plan(name, sizes, options, created->plan);
    if (status.ok())
      *plan = created.release();
    return status;
  });
}

void dashkvPlanDestroy(dashkvPlan plan) { delete plan; }

dashkvStatus dashkvPlanBindArgument(dashkvPlan plan, int32_t index, uint64_t pointer) {
  return guarded([&] { return plan->plan->bindArgument(index, pointer); });
}

dashkvStatus dashkvPlanBindResult(dashkvPlan plan, int32_t index, uint64_t pointer) {
  return guarded([&] { return plan->plan->bindResult(index, pointer); });
}

dashkvStatus dashkvPlanGetResult(dashkvPlan plan, int32_t index, dashkvTensor *result,
                                 uint64_t *pointer) {
  return guarded([&] {
    const auto &shapes = plan->plan->getResultShapes();
    dashkvTensor described;
    bool isKnown = index >= 0 && static_cast<size_t>(index) < shapes.size();
    Status status = describe(plan->plan->getFunction().results, index,
                             isKnown ? shapes[index].data() : nullptr, described);
    if (status.ok() && result)
      *result = described;
    cuda::Pointer address = 0;
    if (status.ok() && pointer)
      status = plan->plan->getResult(index, address);
    if (status.ok() && pointer)
      *pointer = address;
    return status;
  });
}

uint64_t dashkvPlanGetMemory(dashkvPlan plan) { return plan->plan->getMemory(); }

dashkvStatus dashkvPlanRun(dashkvPlan plan, void *stream) {
  return guarded([&] { return plan->plan->run(static_cast<cuda::Stream>(stream)); });
}

dashkvStatus dashkvPlanReplay(dashkvPlan plan, void *stream) {
  return guarded([&] { return plan->plan->replay(static_cast<cuda::Stream>(stream)); });
}

dashkvStatus dashkvPlanCapture(dashkvPlan plan) {
  return guarded([&] { return plan->plan->capture(); });
}

dashkvStatus dashkvPlanTime(dashkvPlan plan, void *stream, int32_t repetitions, int32_t graph,
                            double *seconds) {
  return guarded([&] {
    return plan->plan->time(static_cast<cuda::Stream>(stream), repetitions, graph != 0, *seconds);
  });
}

} // extern "C"
