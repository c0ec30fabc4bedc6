# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile linattn programs and call them with NumPy arrays.

    import linattn
    program = linattn.compile("mixer.mlir")
    y = program["mixer"](x, w)

Needs `linattn-compile` and NumPy, nothing else: compiled programs are shared
libraries with the C ABI of docs/ABI.md.
"""

from linattn.bfloat16 import round_to_bf16, widen_bf16
from linattn.guard import GuardedMemory
from linattn.program import CallError, CompileError, Function, Program, compile, load

__all__ = [
    "CallError",
    "CompileError",
    "Function",
    "GuardedMemory",
    "Program",
    "compile",
    "load",
    "round_to_bf16",
    "widen_bf16",
]
