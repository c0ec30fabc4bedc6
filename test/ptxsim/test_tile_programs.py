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


chips = pytest.mark.parametrize("chip", ["sm_90a", "sm_80"])


# Bulk copies write rows of whole 16-byte units, so rows of others are for sm_80.
ROWS = [(128, 128), (128, 136), (104, 112), (100, 104), (64, 64), (3, 8)]


@pytest.mark.parametrize(
    "chip, columns, stride", [(c, *rows) for c in ("sm_90a", "sm_80") for rows in ROWS if c == "sm_80" or rows[0] % 8 == 0]
)
@pytest.mark.parametrize("zero, valid", [(64, 64), (64, 37), (17, 64), (5, 20), (0, 1), (-3, 0), (70, 80)])
def test_rows(columns, stride, zero, valid, chip):
    """Rows are cleared and left out, and nothing is written beside the tensor."""
    rng = np.random.default_rng(columns + zero)
    rows, row, matrix = 100, 50, 1
    source = random_bf16(rng, 2, rows, stride)
    out = np.full((2, rows, stride), POISON, np.uint16)
    views = [tensor(x.reshape(-1), 64, (2, rows, columns), (rows * stride, stride, 1)) for x in (source, out)]
    launch(kernel_of(SOURCE, "copy"), "copy", 1, [*views, matrix, row, zero, valid], seed=columns, chip=chip)
    want = np.full_like(out, POISON)
    end = min(row + max(valid, 0), rows)
    want[matrix, row:end, :columns] = source[matrix, row:end, :columns]
    want[matrix, row + max(zero, 0) : end, :columns] = 0
    np.testing.assert_array_equal(out, want)


@chips
def test_rows_of_no_matrix(chip):
    """An outer coordinate outside of the tensor writes nothing."""
    source, out = np.ones((2, 64, 128), np.uint16), np.zeros((2, 64, 128), np.uint16)
    for valid in (64, 20):
        launch(kernel_of(SOURCE, "copy"), "copy", 1, [tensor(source), tensor(out), 2, 0, 64, valid], chip=chip)
        assert not out.any()


@chips
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("negate", [0, 1])
def test_contractions_in_flight(count, negate, chip):
    """A contraction carried in flight, branches with accumulators, maps that store."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        a, b = random_bf16(rng, 64, 64), random_bf16(rng, 64 * count, 64)
        bias = rng.standard_normal(64 * count).astype(np.float32)
        out = np.full((count, 64, 64), -7.0, np.float32)
        args = [tensor(a), tensor(b), bias, out, count, negate]
        launch(kernel_of(SOURCE, "product"), "product", 1, args, seed=seed, chip=chip)
        products = np.einsum("mk,cnk->cmn", f32(a).astype(np.float64), f32(b).reshape(count, 64, 64).astype(np.float64))
        if negate:
            products[1::2] *= -1
        want = np.where(np.tri(64, dtype=bool), products + bias.reshape(count, 1, 64), -7.0)
        np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-4)


@chips
@pytest.mark.parametrize("element", ["f32", "bf16"])
@pytest.mark.parametrize("chunks, valid, stride", [(1, 64, 1), (3, 150, 5), (2, 1, 3)])
def test_vectors(chunks, valid, stride, element, chip):
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
        launch(source, "sums", 1, [tensor(x), memory, stride, valid, out, totals, chunks], seed=seed, chip=chip)
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


def contraction(m, n, k, lhs, transpose_rhs, element):
    """lhs * rhs of one instruction group; `lhs` is how the left operand is read."""
    a = (k, m) if lhs in ("transposed", "loaded transposed") else (m, k)
    b = (k, n) if transpose_rhs else (n, k)
    tile_a, tile_b = (f"!tile.shared<1, {rows}, {columns}, {element}>" for rows, columns in (a, b))
    operand, lhs_type, load = "%as", tile_a, ""
    if lhs.startswith("loaded"):
        operand, lhs_type = "%a", f"!tile.operand<{m}, {k}, {element}>"
        load = f"%a = tile.load_operand %as {lhs[7:]} : {tile_a} -> {lhs_type}"
    return a, b, f"""
tile.kernel @contraction(%ga: !tile.global<2, {a[0]}, {element}>, %gb: !tile.global<2, {b[0]}, {element}>,
                         %out: !llvm.ptr<1>) warpgroups 2 {{
  %c0 = arith.constant 0 : i32
  %n = arith.constant {n} : i32
  %as = tile.alloc : {tile_a}
  %bs = tile.alloc : {tile_b}
  %full = tile.barrier_init : !tile.barrier<1, 1>
  tile.role "loads" warp 4 count 2 registers 24 {{
  ^bb0(%warp: i32):
    tile.load_group %full[%c0] : !tile.barrier<1, 1> {{
      tile.load %ga[%c0, %c0] to %as : !tile.global<2, {a[0]}, {element}> to {tile_a}
      tile.load %gb[%c0, %c0] to %bs : !tile.global<2, {b[0]}, {element}> to {tile_b}
    }}
  }}
  tile.role "consumer" first 0 count 1 registers 256 {{
  ^bb0(%group: i32):
    tile.barrier_wait %full[%c0] phase %c0 : !tile.barrier<1, 1>
    {load}
    %p = tile.contract {operand} {lhs if lhs == "transposed" else ""}, %bs {"transposed" if transpose_rhs else ""}
      : {lhs_type}, {tile_b} -> !tile.pending<{m}, {n}, f32>
    %x = tile.wait %p : !tile.pending<{m}, {n}, f32> -> !tile.accumulator<{m}, {n}, f32>
    tile.map %x : (!tile.accumulator<{m}, {n}, f32>) -> () {{
    ^bb0(%value: f32, %i: i32, %j: i32):
      %start = arith.muli %i, %n : i32
      %index = arith.addi %start, %j : i32
      %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      llvm.store %value, %to : f32, !llvm.ptr<1>
    }}
  }}
}}
"""


@chips
@pytest.mark.parametrize("transpose_rhs", [False, True])
@pytest.mark.parametrize("lhs", ["", "transposed", "loaded", "loaded transposed"])
@pytest.mark.parametrize("m, n, k", [(128, 128, 64), (64, 256, 64), (64, 192, 128)])
def test_contraction(m, n, k, lhs, transpose_rhs, chip):
    """Every way to read the operands, with one and more panels in each dimension."""
    rng = np.random.default_rng(m + n + k)
    # Both element types meet every way to read each operand.
    element = "f16" if transpose_rhs == (lhs in ("", "loaded")) else "bf16"
    shape_a, shape_b, source = contraction(m, n, k, lhs, transpose_rhs, element)
    if element == "bf16":
        a, b = random_bf16(rng, *shape_a), random_bf16(rng, *shape_b)
        x, y = (f32(v).astype(np.float64) for v in (a, b))
    else:
        a, b = (rng.standard_normal(s).astype(np.float16) for s in (shape_a, shape_b))
        x, y = a.astype(np.float64), b.astype(np.float64)
        a, b = a.view(np.uint16), b.view(np.uint16)
    x = x.T if "transposed" in lhs else x
    y = y if transpose_rhs else y.T
    out = np.zeros((m, n), np.float32)
    launch(source, "contraction", 1, [tensor(a, shape_a[0]), tensor(b, shape_b[0]), out], chip=chip)
    np.testing.assert_allclose(out, x @ y, rtol=1e-5, atol=1e-4)
