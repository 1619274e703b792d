//===- Cuda.cpp - The CUDA driver, found at run time ----------------------===//
#include "dashkv/Runtime/Cuda.h"
#include <dlfcn.h>

using namespace dashkv::runtime;

Status Driver::check(cuda::Result result, const char *what) const {
  if (result == cuda::kSuccess)
    return {};
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  std::string message = std::string(what) + " failed: ";
  message += text ? text : "unknown error";
  message += " (" + (name ? std::string(name) : "error " + std::to_string(result)) + ")";
  return Status::error(result == cuda::kOutOfMemory ? Code::Memory : Code::Launch,
                       std::move(message));
}

Status Driver::load(Lookup lookup, Driver &driver) {
  const char *missing = nullptr;
#define DASHKV_CUDA_LOAD(member, symbol, parameters)                                               \
  driver.member = reinterpret_cast<cuda::Result(*) parameters>(lookup(#symbol));                   \
  if (!driver.member && !missing)                                                                  \
    missing = #symbol;
  DASHKV_CUDA_FUNCTIONS(DASHKV_CUDA_LOAD)
#undef DASHKV_CUDA_LOAD
  if (driver.driverGetVersion && driver.driverGetVersion(&driver.version) != cuda::kSuccess)
    driver.version = 0;
  if (missing)
    return Status::error(
        Code::Driver, "expected the NVIDIA driver of CUDA 11.8 or later, but got one of " +
                          std::to_string(driver.version / 1000) + "." +
                          std::to_string(driver.version % 1000 / 10) + ", which lacks " + missing);
  Status status = driver.check(driver.init(0), "cuInit");
  if (!status.ok())
    status = Status::error(Code::Driver, "expected an NVIDIA GPU, but " + status.message);
  return status;
}

static Status loadFromSystem(Driver &driver) {
  // Never closed: threads of the driver outlive every user of it.
  static void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return Status::error(Code::Driver, std::string("expected the NVIDIA driver, but ") +
                                           (reason ? reason : "cannot load libcuda.so.1"));
  }
  return Driver::load([](const char *symbol) { return dlsym(library, symbol); }, driver);
}

Status Driver::get(const Driver *&driver) {
  static Driver loaded;
  static const Status status = loadFromSystem(loaded);
  driver = &loaded;
  return status;
}

Status Device::open(const Driver &driver, int ordinal, std::shared_ptr<Device> &device) {
  int count = 0;
  Status status = driver.check(driver.deviceGetCount(&count), "cuDeviceGetCount");
  if (!status.ok())
    return status;
  if (ordinal < 0 || ordinal >= count)
    return Status::error(Code::Argument, "expected a device below " + std::to_string(count) +
                                             ", but got " + std::to_string(ordinal));
  std::shared_ptr<Device> opened(new Device(driver));
  status = driver.check(driver.deviceGet(&opened->device, ordinal), "cuDeviceGet");
  if (!status.ok())
    return status;
  char name[256] = "";
  if (driver.deviceGetName(name, sizeof(name), opened->device) == cuda::kSuccess)
    opened->name = name;
  int cooperative = 0;
  for (auto [value, attribute] : {std::pair(&opened->major, cuda::kCapabilityMajor),
                                  {&opened->minor, cuda::kCapabilityMinor},
                                  {&opened->multiprocessors, cuda::kMultiprocessorCount},
                                  {&opened->maxSharedBytes, cuda::kMaxSharedOptIn},
                                  {&cooperative, cuda::kCooperativeLaunch}}) {
    status = driver.check(driver.deviceGetAttribute(value, attribute, opened->device),
                          "cuDeviceGetAttribute");
    if (!status.ok())
      return status;
  }
  opened->launchesCooperatively = cooperative != 0;
  status = driver.check(driver.primaryCtxRetain(&opened->context, opened->device),
                        "cuDevicePrimaryCtxRetain");
  if (status.ok())
    device = std::move(opened);
  return status;
}

Device::~Device() {
  if (context)
    driver.primaryCtxRelease(device);
}
