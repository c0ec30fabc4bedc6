# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of test/Planner/generality.mlir, which no op of linattn has made."""

import pathlib
import re

import numpy as np

from dtypes import decode, encode
from reference import rms_error

SOURCE = (pathlib.Path(__file__).resolve().parents[1] / "Planner/generality.mlir").read_text()
HEADS = 2
# Products of rounded scores and states, and the rounding of the output.
BOUND = 5e-3


def attention(q, k, v):
    return np.tril(q @ k.swapaxes(1, 2)) @ v


def gradients(q, k, v, do):
    return np.triu(v @ do.swapaxes(1, 2)) @ q, np.triu(k @ q.swapaxes(1, 2)) @ do


# Of every function, the channels of its operands and what it computes.
KERNELS = {
    "state_alone": ((64, 128), lambda k, v: (k.swapaxes(1, 2) @ v,)),
    "squared": ((64, 64, 64), lambda q, k, v: (attention(q, k, v) ** 2,)),
    "gated": ((64, 64, 128, 128), lambda q, k, v, gate: (np.maximum(attention(q, k, v), 0) * gate,)),
    "f32_output": ((64, 64, 128), lambda q, k, v: (attention(q, k, v),)),
    "shared_state": ((64, 64, 64, 64), gradients),
}
CASES = [(200, ""), (64, "early"), (1, ""), (130, "early state-first recompute")]


def one_function(name):
    maps = "".join(re.findall(r"^#.*\n", SOURCE, re.M))
    return maps + re.search(rf"^func\.func @{name}\(.*?^\}}\n", SOURCE, re.M | re.S)[0]


def random_operands(name, tokens):
    """Stored as bf16."""
    rng = np.random.default_rng(tokens)
    return [encode(rng.standard_normal((HEADS, tokens, c)) / 3, "bf16") for c in KERNELS[name][0]]


def check(name, operands, results):
    """Results in f64, of stored operands."""
    wanted = KERNELS[name][1](*(decode(x, "bf16") for x in operands))
    assert len(results) == len(wanted)
    for got, want in zip(results, wanted):
        assert np.isfinite(got).all(), "elements that were not written"
        assert rms_error(got, want) < BOUND
