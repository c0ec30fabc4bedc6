# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs PTX kernels without a GPU, and looks for what a GPU may get wrong.

See docs/PtxSimulator.md.
"""

from .errors import PtxSyntaxError, SimulationError, Unsupported
from .globalmem import Pointer, TensorMap
from .launch import LoadedModule, load
from .values import bf16_to_f32, f32_to_bf16

__all__ = [
    "LoadedModule", "Pointer", "PtxSyntaxError", "SimulationError", "TensorMap", "Unsupported",
    "bf16_to_f32", "f32_to_bf16", "load",
]
