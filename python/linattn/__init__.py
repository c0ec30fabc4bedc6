# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile linattn programs and call them with NumPy arrays.

    import linattn
    program = linattn.compile("mixer.mlir")
    y = program["mixer"](x, w)

Needs `linattn-compile` and NumPy, nothing else: compiled programs are shared
libraries with the C ABI of docs/ABI.md. To call artifacts (docs/Artifact.md),
use `linattn.runtime`.
"""

import importlib

# Where names come from. They are imported when they are used: the runtime, a
# module of its own, works without NumPy.
_MODULES = {
    "CallError": "program",
    "CompileError": "program",
    "Function": "program",
    "GuardedMemory": "guard",
    "Program": "program",
    "compile": "program",
    "load": "program",
    "round_to_bf16": "bfloat16",
    "widen_bf16": "bfloat16",
}

__all__ = sorted(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module 'linattn' has no attribute '{name}'")
    return getattr(importlib.import_module("linattn." + _MODULES[name]), name)


def __dir__():
    return sorted(set(globals()) | set(_MODULES))
