# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of test/Planner/generality.mlir, which no op of linattn has made."""

import re

import numpy as np
import planned
import pytest
from tiles import ROOT

from dtypes import decode, encode
from reference import rms_error

SOURCE = (ROOT / "test/Planner/generality.mlir").read_text()
HEADS = 2
# Products of rounded scores and states, and the rounding of the output.
BOUND = 5e-3


def one_function(name):
    maps = "".join(re.findall(r"^#.*\n", SOURCE, re.M))
    return maps + re.search(rf"^func\.func @{name}\(.*?^\}}\n", SOURCE, re.M | re.S)[0]


def run(name, operands, options, seed):
    """The results, of operands in bf16: both as f64."""
    function = planned.Function(planned.plan(one_function(name), options, named_ops=False))
    tensors = [planned.Tensor.of(encode(x, "bf16"), "bf16") for x in operands]
    results = function.call(tensors, seed)
    return [decode(t.view(), t.element) for t in results]


def random_operands(tokens, seed, *channels):
    rng = np.random.default_rng(seed)
    stored = [encode(rng.standard_normal((HEADS, tokens, c)) / 3, "bf16") for c in channels]
    return [decode(x, "bf16") for x in stored]


def check(got, want):
    assert np.isfinite(got).all(), "elements that were not written"
    assert rms_error(got, want) < BOUND


def attention(q, k, v):
    return np.tril(q @ k.swapaxes(1, 2)) @ v


cases = pytest.mark.parametrize("tokens, options", [(200, ""), (64, "early"), (1, ""), (130, "early state-first recompute")])


@cases
def test_state_alone(tokens, options):
    k, v = random_operands(tokens, tokens, 64, 128)
    (state,) = run("state_alone", (k, v), options, tokens)
    check(state, k.swapaxes(1, 2) @ v)


@cases
def test_map_on_output(tokens, options):
    q, k, v = random_operands(tokens, tokens, 64, 64, 64)
    (out,) = run("squared", (q, k, v), options, tokens)
    check(out, attention(q, k, v) ** 2)


@cases
def test_gate_on_output(tokens, options):
    q, k, v, gate = random_operands(tokens, tokens, 64, 64, 128, 128)
    (out,) = run("gated", (q, k, v, gate), options, tokens)
    check(out, np.maximum(attention(q, k, v), 0) * gate)


@cases
def test_f32_output(tokens, options):
    q, k, v = random_operands(tokens, tokens, 64, 64, 128)
    (out,) = run("f32_output", (q, k, v), options, tokens)
    check(out, attention(q, k, v))


@cases
def test_shared_state(tokens, options):
    q, k, v, do = random_operands(tokens, tokens, 64, 64, 64, 64)
    dk, dv = run("shared_state", (q, k, v, do), options, tokens)
    after = lambda x: np.triu(x)
    check(dk, after(v @ do.swapaxes(1, 2)) @ q)
    check(dv, after(k @ q.swapaxes(1, 2)) @ do)
