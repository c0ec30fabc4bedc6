# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A sequence may be cut anywhere: prefill(a) + prefill(b) = prefill(a + b),
token by token too, and states of runs combine as a monoid."""

from dataclasses import replace

import numpy as np
import pytest

import reference
from checking import call, check, compare
from programs import Program, Sizes, expected_results, random_arguments

SIDES = [("none", "none"), ("const", "none"), ("scalar", "none"), ("vector", "none"),
         ("none", "vector"), ("vector", "scalar"), ("scalar", "vector")]
TOKENS = ("q", "k", "v", "gk", "gv")

every_side = pytest.mark.parametrize("sides", SIDES, ids="x".join)
every_gate = pytest.mark.parametrize("gate", ["moderate", "wild"])


def cut(program, arguments, lo, hi):
    """The arguments of the tokens from lo to hi (bnhd)."""
    token_decays = {"gk": program.key_decay, "gv": program.value_decay}
    return {
        name: x[:, lo:hi].copy() if name in TOKENS and token_decays.get(name) != "const" else x
        for name, x in arguments.items()
    }


def prefill(sides, **more):
    return Program(
        key_decay=sides[0], value_decay=sides[1], initial=True, final=True,
        heads=(4, 2, 1, 4), head_sizes=(20, 12), scale=0.5, **more
    )


@every_side
@every_gate
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("front", ["recurrence", "blocks"])
def test_two_prefills_are_one(cache, rng, sides, gate, reverse, front):
    p = prefill(sides, reverse=reverse, schedule=(16, 8, 4))
    function = cache.get(p.mlir(), front)
    n = 53
    arguments = random_arguments(p, Sizes(2, n), rng, gate)
    expected = expected_results(p, arguments)
    for at in (0, 1, 16, 30, n):
        runs = [(0, at), (at, n)]
        if reverse:
            runs.reverse()
        state, rows = arguments["s0"], {}
        for lo, hi in runs:
            part = cut(p, arguments, lo, hi)
            part["s0"] = state
            got = call(function, p, part, Sizes(2, hi - lo))
            state = got["s"].astype(np.float32)
            rows[lo, hi] = got["o"]
        joined = np.concatenate([rows[run] for run in sorted(rows)], axis=1)
        compare(p, {"o": joined, "s": state.astype(np.float64)}, expected, f"cut at {at}")


@every_side
@every_gate
@pytest.mark.parametrize("state_layout", ["kv", "vk"])
def test_steps_are_a_prefill(cache, rng, sides, gate, state_layout):
    p = prefill(sides, state_layout=state_layout)
    step = replace(p, op="step", initial=False, final=False)
    function = cache.get(step.mlir())
    n = 9
    arguments = random_arguments(p, Sizes(2, n), rng, gate)
    expected = expected_results(p, arguments)
    state, rows = arguments["s0"], []
    for t in range(n):
        token = {
            name: x[:, 0] if name in TOKENS and x.ndim > 1 else x
            for name, x in cut(p, arguments, t, t + 1).items()
        }
        token["s0"] = state
        got = call(function, step, token, Sizes(2))
        state = got["s"].astype(np.float32)
        rows.append(got["o"])
    compare(p, {"o": np.stack(rows, axis=1), "s": state.astype(np.float64)}, expected)


@every_side
@every_gate
def test_states_combine(cache, rng, sides, gate):
    """The states of two runs combine to the state of both, and a prefill from
    the combined state continues where both end."""
    p = Program(op="state", key_decay=sides[0], value_decay=sides[1],
                heads=(4, 2, 1, 4), head_sizes=(20, 12), update_scale=-0.5)
    function = cache.get(p.mlir())
    n, at = 41, 17
    arguments = random_arguments(p, Sizes(2, n), rng, gate)
    whole = check(function, p, arguments, Sizes(2, n))
    parts = [
        list(check(function, p, cut(p, arguments, lo, hi), Sizes(2, hi - lo)).values())
        for lo, hi in ((0, at), (at, n))
    ]
    joined = reference.combine(*parts, sides[0] != "none", sides[1] != "none")
    compare(p, dict(zip(whole, joined)), expected_results(p, arguments))
