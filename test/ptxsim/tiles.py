# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From tile programs to PTX, and tensors as their kernels take them."""

import functools
import os
import pathlib
import re
import subprocess

import support

import ptxsim
from ptxsim import ptxas

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LINATTN_BUILD_DIR", ROOT / "build"))
FORWARD = (ROOT / "test/Conversion/TileToNVVM/forward.mlir").read_text()


# Chips of both lowerings, and the PTX version that LLVM needs for them.
CHIPS = {"sm_90a": 86, "sm_80": 86, "sm_89": 86, "sm_100": 86, "sm_120": 87}


@functools.lru_cache(maxsize=None)
def compile_tiles(source, chip="sm_90a", may_serialize=False):
    """PTX of a tile program, and the bytes of shared memory of each kernel."""
    allocated = run("linattn-opt", source, "--tile-allocate-shared")
    sizes = re.findall(r"tile\.kernel @(\w+)\(.*?shared_bytes = (\d+)", allocated, re.S)
    lowered = run(
        "linattn-opt", allocated, f"--convert-tile-to-nvvm=chip={chip}", "--convert-scf-to-cf",
        "--convert-nvvm-to-llvm", "--convert-arith-to-llvm", "--convert-cf-to-llvm", "--reconcile-unrealized-casts",
        "--canonicalize", "--cse",
    )  # fmt: skip
    text = run("linattn-translate", lowered, "--linattn-to-ptx", f"--chip={chip}", f"--features=+ptx{CHIPS[chip]}")
    # ptxas warns where it makes asynchronous contractions wait for each other.
    log = ptxas.assemble(text)
    assert may_serialize or not re.search(r"C75\d\d", log), log
    return text, {name: int(size) for name, size in sizes}


def run(tool, text, *options):
    result = subprocess.run([str(BUILD / "bin" / tool), *options], input=text, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def launch(source, name, grid, args, seed=0, chip="sm_90a", may_serialize=False, **options):
    """Runs a kernel of a tile program in the simulator.

    A list among the arguments holds the parameters of a tensor; its map is left
    out where the chip has no maps.
    """
    text, sizes = compile_tiles(source, chip, may_serialize)
    block = int(re.search(rf"\.entry {name}\(.*?\.reqntid (\d+)", text, re.S)[1])
    flat = []
    for arg in args:
        flat += (arg if chip == "sm_90a" else arg[1:]) if isinstance(arg, list) else [arg]
    support.launch(text, flat, grid, block, sizes[name], seed, name, **options)


def tensor(array, rows=64, sizes=None, strides=None, offset=0):
    """The parameters of a !tile.global over an array of 16-bit elements.

    Sizes, strides and the offset (in elements) are those of the array if not given.
    """
    sizes = list(sizes or array.shape)
    strides = list(strides or [s // 2 for s in array.strides])
    assert strides[-1] == 1 and array.itemsize == 2
    box = [64, min(rows, 256)] + [1] * (len(sizes) - 2)
    tensor_map = ptxsim.TensorMap(
        array, sizes[::-1], [2 * s for s in strides[-2::-1]], box, "128B", **({"offset": 2 * offset} if offset else {})
    )
    return [tensor_map, ptxsim.Pointer(array, 2 * offset), *sizes, *strides[:-1]]


def kernel_of(source, name):
    """One kernel of a file."""
    return re.search(rf"^tile\.kernel @{name}\(.*?^\}}$", source, re.M | re.S)[0]
