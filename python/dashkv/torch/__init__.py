"""dashkv in PyTorch and transformers; needs the extra `torch`."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("dashkv.torch needs the package torch: pip install dashkv[torch]") from error
