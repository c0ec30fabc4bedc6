# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels that MLIR and LLVM compile, for both families of instructions."""

import functools
import pathlib
import re
import subprocess

import numpy as np
import pytest
from support import f32, fails, launch, mutate, random_bf16

from ptxsim import SimulationError, TensorMap

LLVM = "/usr/lib/llvm-22/bin"
SOURCE = pathlib.Path(__file__).parent.joinpath("Inputs", "kernels.mlir").read_text()


@functools.lru_cache(maxsize=None)
def compile_kernel(name, source, arch, ptx):
    """PTX of one kernel of the module."""
    functions = re.split(r"(?m)^(?=  llvm\.func @)", source.rstrip().removesuffix("}"))
    chosen = [f for f in functions[1:] if f.startswith(f"  llvm.func @{name}(")]
    text = functions[0] + "".join(chosen) + "}\n"
    steps = [
        [f"{LLVM}/mlir-opt", "--convert-scf-to-cf", "--convert-nvvm-to-llvm", "--convert-arith-to-llvm",
         "--convert-cf-to-llvm", "--reconcile-unrealized-casts"],
        [f"{LLVM}/mlir-translate", "--mlir-to-llvmir"],
        [f"{LLVM}/llc", "-O3", "-mtriple=nvptx64-nvidia-cuda", f"-mcpu={arch}", f"-mattr=+{ptx}"],
    ]
    for step in steps:
        result = subprocess.run(step, input=text, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        text = result.stdout
    return text


def hopper_case():
    rng = np.random.default_rng(0)
    a, b = random_bf16(rng, 64, 64), random_bf16(rng, 64, 64)
    out = np.zeros((64, 64), np.float32)
    maps = [TensorMap(x, (64, 64), (128,), (64, 64), "128B") for x in (a, b)]
    return [*maps, out], f32(a).astype(np.float64) @ f32(b).astype(np.float64).T, out


FENCE = "    nvvm.wgmma.fence.aligned\n"
HEAD = re.compile(r"(    %r = scf\.for .*\{\n)")


@pytest.mark.parametrize("ptx", ["ptx80", "ptx86", "ptx88"])
def test_hopper(ptx):
    """With the fence in the loop, behind the initialisation of the accumulators."""
    source = HEAD.sub(lambda m: m[1] + "  " + FENCE, mutate(SOURCE, FENCE, ""))
    text = compile_kernel("hopper", source, "sm_90a", ptx)
    for seed in range(3):
        args, want, out = hopper_case()
        launch(text, args, block=128, smem=16392, seed=seed, name="hopper")
        g, q = np.arange(64) % 16 < 8, np.arange(0, 8, 2)
        rows = np.arange(64)[g]
        for column in (q, q + 1):
            np.testing.assert_allclose(out[np.ix_(rows, column)], want[np.ix_(rows, column)], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(out[np.ix_(rows + 8, q + 56)], want[np.ix_(rows + 8, q + 56)], rtol=1e-5, atol=1e-4)


def test_a_fence_before_the_accumulators_are_set():
    """Nothing ties nvvm.wgmma.fence to the accumulators, and LLVM sets them after it."""
    text = compile_kernel("hopper", SOURCE, "sm_90a", "ptx86")
    args, _, _ = hopper_case()
    with pytest.raises(SimulationError) as error:
        launch(text, args, block=128, smem=16392, name="hopper")
    assert error.value.kind == "fence"


@pytest.mark.parametrize("arch, ptx", [("sm_80", "ptx80"), ("sm_89", "ptx83"), ("sm_90a", "ptx86"), ("sm_120", "ptx87")])
def test_ampere(arch, ptx):
    text = compile_kernel("ampere", SOURCE, arch, ptx)
    rng = np.random.default_rng(1)
    data = random_bf16(rng, 24, 16)
    out = np.zeros((16, 8), np.float32)
    launch(text, [data, out], smem=768, name="ampere", record=arch != "sm_120")
    values = f32(data).astype(np.float64)
    np.testing.assert_allclose(out, values[:16] @ values[16:].T, rtol=1e-5, atol=1e-5)
    weaker = re.sub(r"cp\.async\.wait_group\s+0;", "cp.async.wait_group 1;", text)
    assert weaker != text
    fails("race", weaker.replace("ampere", "k"), [data, out], smem=768)
