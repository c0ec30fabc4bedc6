# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds ptxas and assembles PTX with it."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig
import tempfile


def find():
    """The path of ptxas: $LINATTN_PTXAS, the PyPI package nvidia-cuda-nvcc, or CUDA."""
    candidates = [os.environ.get("LINATTN_PTXAS")]
    for key in ("purelib", "platlib"):
        nvidia = pathlib.Path(sysconfig.get_path(key)) / "nvidia"
        candidates += sorted(nvidia.glob("*/bin/ptxas"))
    candidates += [shutil.which("ptxas"), "/usr/local/cuda/bin/ptxas"]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FileNotFoundError("no ptxas: install the PyPI package nvidia-cuda-nvcc, or CUDA, or set LINATTN_PTXAS")


@functools.lru_cache(maxsize=None)
def assemble(text, arch=None):
    """Assembles PTX for an arch (by default its own target); returns what ptxas -v says."""
    arch = arch or re.search(r"^\s*\.target\s+(\w+)", text, re.M)[1]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "kernel.ptx")
        pathlib.Path(source).write_text(text)
        command = [find(), "-v", f"-arch={arch}", source, "-o", os.path.join(folder, "kernel.cubin")]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise ValueError(f"ptxas -arch={arch} rejects the kernel:\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr
