//===- GPURunner.cpp - Call a kernel bundle with arrays -------------------===//
#include "dashkv/Runtime/GPURunner.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::dashkv;
using namespace ::dashkv::runtime;

static llvm::Error toError(const Status &status) {
  return status.ok() ? llvm::Error::success() : llvm::createStringError(status.message);
}

llvm::Expected<std::unique_ptr<GPURunner>> GPURunner::open(const std::string &content,
                                                           const Driver &driver) {
  std::unique_ptr<GPURunner> runner(new GPURunner());
  KernelBundle bundle;
  std::shared_ptr<Device> device;
  Status status = KernelBundle::read(content, bundle);
  if (status.ok())
    status = Device::open(driver, 0, device);
  if (status.ok())
    status = Launcher::create(bundle, device, runner->launcher);
  if (llvm::Error error = toError(status))
    return error;
  return runner;
}

llvm::Expected<std::unique_ptr<GPURunner>> GPURunner::open(const std::string &content) {
  const Driver *driver = nullptr;
  if (llvm::Error error = toError(Driver::get(driver)))
    return error;
  return open(content, *driver);
}

llvm::Error GPURunner::check(StringRef name, ArrayRef<Array> arguments) const {
  const FunctionPlan *function = find(name);
  if (!function)
    return llvm::createStringError("expected a public function of the module, but got '" + name +
                                   "'");
  if (arguments.size() != function->arguments.size())
    return llvm::createStringError(llvm::formatv("expected {0} arguments of '{1}', but got {2}",
                                                 function->arguments.size(), name,
                                                 arguments.size()));
  for (auto [i, tensor] : llvm::enumerate(function->arguments)) {
    SmallVector<int64_t> shape;
    for (int64_t size : tensor.shape)
      shape.push_back(size < 0 ? ShapedType::kDynamic : size);
    auto type = RankedTensorType::get(shape, parseType(tensor.dtype, &context));
    if (arguments[i].matches(type))
      continue;
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "expected argument " << i;
    if (!tensor.role.empty())
      os << " (" << tensor.role << ")";
    os << " of '" << name << "' to be " << type << ", but got " << arguments[i].describe();
    return llvm::createStringError(text);
  }
  return llvm::Error::success();
}

class GPURunner::Call {
public:
  explicit Call(GPURunner &runner)
      : runner(runner), driver(runner.launcher->getDevice().driver),
        scope(runner.launcher->getDevice()) {}
  ~Call() {
    for (cuda::Pointer pointer : memory)
      driver.memFree(pointer);
  }

  llvm::Error prepare(StringRef name, ArrayRef<Array> arguments) {
    if (llvm::Error error = runner.check(name, arguments))
      return error;
    std::vector<std::vector<int64_t>> shapes;
    for (const Array &array : arguments)
      shapes.emplace_back(array.shape.begin(), array.shape.end());
    if (llvm::Error error = toError(runner.launcher->plan(name.str(), shapes, {}, plan)))
      return error;
    for (auto [i, array] : llvm::enumerate(arguments)) {
      cuda::Pointer pointer = 0;
      size_t bytes = std::max<size_t>(1, array.data->size());
      if (llvm::Error error = check(driver.memAlloc(&pointer, bytes), "cuMemAlloc"))
        return error;
      memory.push_back(pointer);
      if (llvm::Error error = toError(plan->bindArgument(static_cast<int>(i), pointer)))
        return error;
    }
    return upload(arguments);
  }

  llvm::Error upload(ArrayRef<Array> arguments) {
    for (auto [pointer, array] : llvm::zip(memory, arguments))
      if (!array.data->empty())
        if (llvm::Error error = check(
                driver.memcpyHtoD(pointer, array.data->data(), array.data->size()), "cuMemcpyHtoD"))
          return error;
    // A copy from memory that may be paged out can return before it is done.
    return wait();
  }

  llvm::Expected<SmallVector<Array>> run(bool graph) {
    if (llvm::Error error = toError(graph ? plan->replay(nullptr) : plan->run(nullptr)))
      return error;
    if (llvm::Error error = wait())
      return error;
    SmallVector<Array> results;
    for (auto [i, shape] : llvm::enumerate(plan->getResultShapes())) {
      Array &array = results.emplace_back();
      Type element = parseType(plan->getFunction().results[i].dtype, &runner.context);
      array = Array::zeros(RankedTensorType::get(shape, element));
      cuda::Pointer pointer = 0;
      if (llvm::Error error = toError(plan->getResult(static_cast<int>(i), pointer)))
        return error;
      if (!array.data->empty())
        if (llvm::Error error = check(
                driver.memcpyDtoH(array.data->data(), pointer, array.data->size()), "cuMemcpyDtoH"))
          return error;
    }
    return results;
  }

  std::unique_ptr<Plan> plan;

private:
  llvm::Error check(cuda::Result result, const char *what) {
    return toError(driver.check(result, what));
  }
  llvm::Error wait() { return check(driver.ctxSynchronize(), "cuCtxSynchronize"); }

  GPURunner &runner;
  const Driver &driver;
  Device::Scope scope;
  std::vector<cuda::Pointer> memory;
};

llvm::Expected<SmallVector<Array>> GPURunner::call(StringRef name, ArrayRef<Array> arguments,
                                                   bool repeat) {
  Call call(*this);
  if (llvm::Error error = call.prepare(name, arguments))
    return error;
  auto results = call.run(/*graph=*/false);
  if (!results || !repeat)
    return results;
  if (llvm::Error error = call.upload(arguments))
    return error;
  auto again = call.run(/*graph=*/true);
  if (!again)
    return again;
  for (auto [i, first, second] : llvm::enumerate(*results, *again))
    if (*first.data != *second.data)
      return llvm::createStringError(
          llvm::formatv("expected equal results of two runs, but result {0} differs", i));
  return results;
}

llvm::Expected<double> GPURunner::time(StringRef name, ArrayRef<Array> arguments,
                                       unsigned repetitions) {
  Call call(*this);
  if (llvm::Error error = call.prepare(name, arguments))
    return error;
  double seconds = 0;
  if (llvm::Error error = toError(
          call.plan->time(nullptr, static_cast<int>(repetitions), /*asGraph=*/true, seconds)))
    return error;
  return seconds;
}
