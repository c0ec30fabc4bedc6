# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks of the reference itself: closed forms, finite differences."""

from dataclasses import replace

import numpy as np
import pytest

import covering
import reference
from dtypes import decode, encode
from reference import Problem


def small_problem(rng, key="none", value="none", n=6, heads=(4, 2, 1, 4), **more):
    b, dk, dv = 2, 3, 5
    h = heads[0]

    def decay(cls, channels):
        shape = {
            "none": None, "const": (h,), "scalar": (b, n, h), "vector": (b, n, h, channels),
        }[cls]
        return None if shape is None else -rng.exponential(0.5, shape)

    return Problem(
        q=rng.normal(size=(b, n, heads[1], dk)),
        k=rng.normal(size=(b, n, heads[2], dk)),
        v=rng.normal(size=(b, n, heads[3], dv)),
        heads=h,
        key_decay=decay(key, dk),
        value_decay=decay(value, dv),
        scale=0.7,
        update_scale=1.3,
        **more,
    )


def masked_product(p):
    """The quadratic form: o_i = s u sum_j w_ij (q_i . k_j) v_j, without state."""
    b, n = p.k.shape[:2]
    q, k, v = (reference.repeat_heads(x, p.heads) for x in (p.q, p.k, p.v))

    def full(decay, channels):
        if decay is None:
            return np.zeros((b, n, p.heads, channels))
        g = decay[None, None, :, None] if decay.ndim == 1 else decay
        g = g[..., None] if g.ndim == 3 else g
        return np.broadcast_to(g, (b, n, p.heads, channels))

    gk, gv = full(p.key_decay, k.shape[3]), full(p.value_decay, v.shape[3])
    out = np.zeros((b, n, p.heads, v.shape[3]))
    for i in range(n):
        for j in range(n):
            if (j < i) if p.reverse else (j > i):
                continue
            # The factors between: those of the tokens after the earlier one.
            lo, hi = min(i, j) + 1, max(i, j) + 1
            wk = np.exp(gk[:, lo:hi].sum(axis=1))
            wv = np.exp(gv[:, lo:hi].sum(axis=1))
            score = (q[:, i] * wk * k[:, j]).sum(axis=-1, keepdims=True)
            out[:, i] += score * wv * v[:, j]
    return p.scale * p.update_scale * out


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("value", ["none", "const", "scalar", "vector"])
@pytest.mark.parametrize("key", ["none", "const", "scalar", "vector"])
def test_recurrence_is_the_masked_product(rng, key, value, reverse):
    p = small_problem(rng, key, value, reverse=reverse)
    out, _ = reference.attention(p)
    np.testing.assert_allclose(out, masked_product(p), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_sequences_are_independent(rng, reverse):
    p = small_problem(rng, "vector", "scalar", reverse=reverse)
    p = replace(p, q=p.q[:1], k=p.k[:1], v=p.v[:1],
                key_decay=p.key_decay[:1], value_decay=p.value_decay[:1],
                offsets=np.array([0, 2, 2, 6]),
                initial_state=rng.normal(size=(3, 4, 3, 5)))
    out, final = reference.attention(p)
    for s, (lo, hi) in enumerate([(0, 2), (2, 2), (2, 6)]):
        cut = replace(p, q=p.q[:, lo:hi], k=p.k[:, lo:hi], v=p.v[:, lo:hi],
                      key_decay=p.key_decay[:, lo:hi], value_decay=p.value_decay[:, lo:hi],
                      offsets=None, initial_state=p.initial_state[s : s + 1])
        o, f = reference.attention(cut)
        np.testing.assert_array_equal(out[:, lo:hi], o)
        np.testing.assert_array_equal(final[s : s + 1], f)
    np.testing.assert_array_equal(final[1], p.initial_state[1])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("key,value", [("none", "none"), ("const", "scalar"), ("vector", "vector")])
def test_adjoint_is_the_finite_difference(rng, key, value, reverse):
    p = small_problem(rng, key, value, n=4, reverse=reverse,
                      initial_state=rng.normal(size=(2, 4, 3, 5)))
    out, final = reference.attention(p)
    w_out, w_final = rng.normal(size=out.shape), rng.normal(size=final.shape)
    gradients = reference.adjoint(p, w_out, w_final)

    def loss(**changed):
        o, f = reference.attention(replace(p, **changed))
        return (o * w_out).sum() + (f * w_final).sum()

    for name, gradient in vars(gradients).items():
        x = getattr(p, name)
        direction = rng.normal(size=x.shape)
        # The loss is linear in each operand: any step is exact up to rounding.
        slope = (loss(**{name: x + direction}) - loss(**{name: x - direction})) / 2
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-10)


def test_state_is_a_monoid(rng):
    p = small_problem(rng, "vector", "scalar")

    def run(lo, hi):
        cut = replace(p, k=p.k[:, lo:hi], v=p.v[:, lo:hi],
                      key_decay=p.key_decay[:, lo:hi], value_decay=p.value_decay[:, lo:hi])
        return reference.state(cut)

    joined = reference.combine(run(0, 2), run(2, 6), True, True)
    for a, b in zip(joined, run(0, 6)):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_released_slopes_are_alibi_for_three_heads():
    # Two heads: 1/16, 1/256; the third is the first of four heads: 1/4.
    np.testing.assert_allclose(
        reference.slopes("released", 3, 0, 2), -np.array([1 / 16, 1 / 256, 1 / 4]) * (1 + 1e-5)
    )


def test_bf16_rounds_to_nearest_even():
    one = np.float32(1)
    ulp = np.float32(2.0**-7)
    values = [one + ulp / 2, one + 3 * ulp / 2, one + ulp / 2 + ulp / 16, -one - ulp / 2]
    expected = [1, 1 + 2 * ulp, 1 + ulp, -1]
    np.testing.assert_array_equal(decode(encode(values, "bf16"), "bf16"), expected)
    special = decode(encode([np.nan, np.inf, -np.inf, 3.4e38], "bf16"), "bf16")
    assert np.isnan(special[0])
    assert list(special[1:]) == [np.inf, -np.inf, np.inf]


def test_covering_array_covers_all_pairs():
    dimensions = {"a": 4, "b": 3, "c": 5, "d": 2}
    rows = covering.covering_array(dimensions)
    seen = set().union(*(covering.pairs_of(row) for row in rows))
    assert len(seen) == 4 * 3 + 4 * 5 + 4 * 2 + 3 * 5 + 3 * 2 + 5 * 2
    assert len(rows) < 40
