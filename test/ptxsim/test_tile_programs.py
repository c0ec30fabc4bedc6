# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ops of tile programs that the forward does not use."""

import pathlib
import re

import numpy as np
import pytest
from support import f32, random_bf16
from tiles import compile_tiles, kernel_of, launch, tensor

import ptxsim

SOURCE = pathlib.Path(__file__).parent.joinpath("Inputs", "tiles.mlir").read_text()
POISON = 0x7FC1


@pytest.mark.parametrize("columns, stride", [(128, 128), (128, 136), (100, 104), (64, 64), (3, 8)])
@pytest.mark.parametrize("zero, valid", [(64, 64), (64, 37), (17, 64), (5, 20), (0, 1), (-3, 0), (70, 80)])
def test_rows(columns, stride, zero, valid):
    """Rows are cleared and left out, and nothing is written beside the tensor."""
    rng = np.random.default_rng(columns + zero)
    rows, row, matrix = 100, 50, 1
    source = random_bf16(rng, 2, rows, stride)
    out = np.full((2, rows, stride), POISON, np.uint16)
    views = [tensor(x.reshape(-1), 64, (2, rows, columns), (rows * stride, stride, 1)) for x in (source, out)]
    launch(kernel_of(SOURCE, "copy"), "copy", 1, [*views, matrix, row, zero, valid], seed=columns)
    want = np.full_like(out, POISON)
    end = min(row + max(valid, 0), rows)
    want[matrix, row:end, :columns] = source[matrix, row:end, :columns]
    want[matrix, row + max(zero, 0) : end, :columns] = 0
    np.testing.assert_array_equal(out, want)


def test_rows_of_no_matrix():
    """An outer coordinate outside of the tensor writes nothing."""
    source, out = np.ones((2, 64, 128), np.uint16), np.zeros((2, 64, 128), np.uint16)
    for valid in (64, 20):
        launch(kernel_of(SOURCE, "copy"), "copy", 1, [tensor(source), tensor(out), 2, 0, 64, valid])
        assert not out.any()


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("negate", [0, 1])
def test_contractions_in_flight(count, negate):
    """A contraction carried in flight, branches with accumulators, maps that store."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        a, b = random_bf16(rng, 64, 64), random_bf16(rng, 64 * count, 64)
        bias = rng.standard_normal(64 * count).astype(np.float32)
        out = np.full((count, 64, 64), -7.0, np.float32)
        launch(kernel_of(SOURCE, "product"), "product", 1, [tensor(a), tensor(b), bias, out, count, negate], seed=seed)
        products = np.einsum("mk,cnk->cmn", f32(a).astype(np.float64), f32(b).reshape(count, 64, 64).astype(np.float64))
        if negate:
            products[1::2] *= -1
        want = np.where(np.tri(64, dtype=bool), products + bias.reshape(count, 1, 64), -7.0)
        np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("element", ["f32", "bf16"])
@pytest.mark.parametrize("chunks, valid, stride", [(1, 64, 1), (3, 150, 5), (2, 1, 3)])
def test_vectors(chunks, valid, stride, element):
    """Running sums by one warp, read by a warpgroup; no element from `valid` on is read."""
    source = kernel_of(SOURCE, "sums")
    for seed in range(2):
        rng = np.random.default_rng(seed)
        x = random_bf16(rng, 64 * chunks, 64)
        g = -rng.uniform(0, 0.1, (valid, stride)).astype(np.float32)
        if element == "bf16":
            source, stored = source.replace("as f32", "as bf16"), ptxsim.f32_to_bf16(g)
            g = f32(stored)
        else:
            stored = g
        out, totals = np.zeros((64 * chunks, 64), np.float32), np.zeros(chunks, np.float32)
        # The array ends with the last element that may be read.
        memory = stored.reshape(-1)[: (valid - 1) * stride + 1].copy()
        launch(source, "sums", 1, [tensor(x), memory, stride, valid, out, totals, chunks], seed=seed)
        decay = np.zeros(64 * chunks)
        decay[:valid] = g[:, 0]
        decay = decay.reshape(chunks, 64)
        sums = decay.cumsum(1)
        a = np.exp2(sums) * np.arange(64)
        after = decay.sum(1, keepdims=True) - sums
        want = f32(x).reshape(chunks, 64, 64) * a[:, :, None] + after[:, None, :]
        np.testing.assert_allclose(out.reshape(want.shape), want, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(totals, sums[:, -1], rtol=1e-5, atol=1e-6)


def test_sums_with_resets():
    """-inf spoils only the sums that hold it."""
    g = np.full((64, 1), -0.5, np.float32)
    g[10] = -np.inf
    x = np.zeros((64, 64), np.uint16)
    out, totals = np.zeros((64, 64), np.float32), np.zeros(1, np.float32)
    launch(kernel_of(SOURCE, "sums"), "sums", 1, [tensor(x), g, 1, 64, out, totals, 1])
    want = -0.5 * np.arange(63, -1, -1.0)
    want[:10] = -np.inf
    np.testing.assert_array_equal(out, np.broadcast_to(want, (64, 64)))
    assert totals[0] == -np.inf


def test_elements_are_read_in_pairs():
    """Adjacent columns of a vector are one access."""
    text, _ = compile_tiles(kernel_of(SOURCE, "sums"))
    assert len(re.findall(r"ld\.shared\.v2\.[bf]32", text)) == 8
