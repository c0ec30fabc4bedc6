# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Load compiled artifacts and call their functions, on the host or on a GPU.

    from linattn import runtime
    program = runtime.load("attention.lna")
    o = program.attention(q, k, v)

Arrays may be torch tensors, NumPy arrays, or anything with DLPack. Nothing but
the standard library is imported: those who pass torch tensors have torch. Needs
liblinattn_runtime.so beside this file, on the loader's path, or where
LINATTN_RUNTIME says.
"""

from .artifact import Artifact, Function, load
from .library import LinattnError

__all__ = ["Artifact", "Function", "LinattnError", "load"]
