"""Configuration of the lit tests; paths come from lit.site.cfg.py, which CMake writes."""
import ctypes.util
import os
import shutil

import lit.formats

config.name = "dashkv"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "data"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.dashkv_build, "test")

# Our tools, then FileCheck, not, split-file and mlir-opt of the release, then the
# environment with NumPy (and, for the slow tests, PyTorch and IREE).
path = [config.dashkv_tools, config.llvm_tools, os.path.join(config.dashkv_source, ".venv", "bin")]
config.environment["PATH"] = os.pathsep.join(path + [os.environ.get("PATH", "")])
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=fail"
config.environment["DASHKV_CACHE_DIR"] = os.path.join(config.test_exec_root, "cache")
for name in ("HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# -Dopt=... runs the suite on another build of the tool, -Droundtrip=1 with a
# round trip of every module that dashkv-opt reads.
opt = lit_config.params.get("opt", "dashkv-opt")
if lit_config.params.get("roundtrip"):
    opt += " --verify-roundtrip"
if opt != "dashkv-opt":
    config.substitutions.append((r"\bdashkv-opt\b", opt))
config.substitutions.append(("%plugin", os.path.join(config.dashkv_lib, "DashKVPlugin.so")))
config.substitutions.append(("%lib", config.dashkv_lib))
config.substitutions.append(("%mlir_lib", os.path.join(os.path.dirname(config.llvm_tools), "lib")))
config.substitutions.append(("%cuda", os.path.join(config.dashkv_lib, "simulated")))
config.substitutions.append(("%source", config.dashkv_source))
config.substitutions.append(("%inputs", os.path.join(config.test_source_root, "Inputs")))
config.substitutions.append(("%data", os.path.join(config.test_source_root, "data")))

if shutil.which("ptxas", path=config.environment["PATH"]):
    config.available_features.add("ptxas")
if ctypes.util.find_library("cuda"):
    config.available_features.add("nvidia-driver")
