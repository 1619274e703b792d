"""Attention over a long KV cache by hash retrieval: compiles MLIR and calls it on arrays. docs/Python.md is the guide."""

from dashkv.compiler import Error, Kernel, Module, Parameter, compile, emit

__all__ = ["Error", "Kernel", "Module", "Parameter", "compile", "emit"]
