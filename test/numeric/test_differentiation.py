# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The family is closed under differentiation.

The gradients of one `linattn.attention` are three more of them, with renamed
operands, the other direction, or the decay on the other side:

    dq    = attention(q = do, k = v,  v = k,  decays swapped, init = S0^T)
    dk    = attention(q = v,  k = do, v = q,  decays swapped, init = dSN^T, other direction)
    dv    = attention(q = k,  k = q,  v = do, same decays,    init = dSN,   other direction)
    dS0   = the final state of dv

`scale` and `update_scale` move with what they scale; a transposed state is the
other state layout of the same memory. With grouped heads every call gives one
gradient per head of the decays, and those of a group are summed here.
"""

from dataclasses import replace

import numpy as np
import pytest

import reference
from dtypes import decode, encode
from programs import Program, Sizes, problem, random_arguments, tensor_type
from reference import rms_error

# rms error / rms reference of a backward pass, from the specification.
BACKWARD_BOUND = 1e-4
HEADS = (4, 2, 1, 4)


def gradient_module(p):
    """One function: dq, dk, dv (one per head) and dS0, level-0 ops alone."""
    dk_size, dv_size = p.head_sizes
    h, hq, hk, hv = p.heads
    rows = lambda heads, d: tensor_type(["?", "?", heads, d], "f32")
    types = {
        "q": rows(hq, dk_size), "k": rows(hk, dk_size), "v": rows(hv, dv_size),
        "do": rows(h, dv_size), "s0": tensor_type(["?", h, dk_size, dv_size], "f32"),
        "ds": tensor_type(["?", h, dk_size, dv_size], "f32"),
    }
    decays = {}
    for side, cls, d in (("gk", p.key_decay, dk_size), ("gv", p.value_decay, dv_size)):
        if cls != "none":
            shape = {"const": [h], "scalar": ["?", "?", h], "vector": ["?", "?", h, d]}[cls]
            types[side] = decays[side] = tensor_type(shape, "f32")

    def attention(result, q, k, v, init, keep, values, swap, other, transposed, readout, update):
        key, value = ("gv", "gk") if swap else ("gk", "gv")
        out = rows(h, values)
        clauses = ""
        for name, side in (("key_decay", key), ("value_decay", value)):
            if side in decays:
                clauses += f" {name}(%{side} : {decays[side]})"
        inits, outs = [f"%i_{result}"], [out]
        lines = [f"  %i_{result} = tensor.empty(%b, %n) : {out}"]
        names = [f"%{result}"]
        if keep:
            lines.append(f"  %i_{result}s = tensor.empty(%b) : {types['s0']}")
            inits.append(f"%i_{result}s")
            outs.append(types["s0"])
            names.append(f"%{result}s")
        reverse = p.reverse != other
        attrs = f"scale = {readout:e} : f32, update_scale = {update:e} : f32"
        if reverse:
            attrs += ", direction = #linattn.direction<reverse>"
        if transposed:
            attrs += ", state_layout = #linattn.state_layout<vk>"
        lines.append(
            f"  {', '.join(names)} = linattn.attention ins(%{q}, %{k}, %{v} : "
            f"{types[q]}, {types[k]}, {types[v]}){clauses} initial_state(%{init} : {types[init]}) "
            f"outs({', '.join(inits)} : {', '.join(outs)}) {{{attrs}}} -> {', '.join(outs)}"
        )
        return lines

    s, u = p.scale, p.update_scale
    body = (
        attention("dq", "do", "v", "k", "s0", False, dk_size, True, False, True, s, u)
        + attention("dk", "v", "do", "q", "ds", False, dk_size, True, True, True, u, s)
        + attention("dv", "k", "q", "do", "ds", True, dv_size, False, True, False, u, s)
    )
    results = [rows(h, dk_size), rows(h, dk_size), rows(h, dv_size), types["s0"]]
    arguments = ", ".join(f"%{n}: {t}" for n, t in types.items())
    text = "\n".join(
        [f"func.func @f({arguments}) -> ({', '.join(results)}) {{",
         "  %c0 = arith.constant 0 : index",
         "  %c1 = arith.constant 1 : index",
         f"  %b = tensor.dim %q, %c0 : {types['q']}",
         f"  %n = tensor.dim %q, %c1 : {types['q']}",
         *body,
         f"  return %dq, %dk, %dv, %dvs : {', '.join(results)}",
         "}", ""]
    )
    return text, list(types)


def differentiate(function, names, p, arguments, batch, tokens):
    """The gradients that the compiled function gives, groups summed."""
    h, (dk, dv) = p.heads[0], p.head_sizes
    shapes = [(batch, tokens, h, dk), (batch, tokens, h, dk), (batch, tokens, h, dv), (batch, h, dk, dv)]
    stored = function([(arguments[n], "f32") for n in names], [(s, "f32") for s in shapes])
    values = [decode(x, "f32") for x in stored]
    groups = [reference.sum_head_groups(x, g) for x, g in zip(values, p.heads[1:])]
    return reference.Gradients(*groups, values[3])


def random_gradients(p, rng, arguments, batch, tokens):
    h, (dk, dv) = p.heads[0], p.head_sizes
    arguments["do"] = encode(rng.normal(size=(batch, tokens, h, dv)), "f32")
    arguments["ds"] = encode(rng.normal(size=(batch, h, dk, dv)), "f32")


def finite_differences(p, arguments):
    """Central differences of <o, do> + <S_N, dS_N>, element by element. The
    loss is linear in each operand, so a step of one is exact."""
    base = problem(p, arguments)

    def loss(**changed):
        out, final = reference.attention(replace(base, **changed))
        return (out * arguments["do"]).sum() + (final * arguments["ds"]).sum()

    gradients = {}
    for name in ("q", "k", "v", "initial_state"):
        x = getattr(base, name)
        gradient = np.zeros(x.shape)
        for i in np.ndindex(*x.shape):
            up, down = x.copy(), x.copy()
            up[i] += 1
            down[i] -= 1
            gradient[i] = (loss(**{name: up}) - loss(**{name: down})) / 2
        gradients[name] = gradient
    return reference.Gradients(**gradients)


CLASSES = [("none", "none"), ("const", "none"), ("scalar", "none"), ("vector", "none"),
           ("none", "vector"), ("vector", "vector"), ("vector", "const")]


def primal(sides, reverse, head_sizes, **more):
    return Program(
        key_decay=sides[0], value_decay=sides[1], reverse=reverse, initial=True, final=True,
        heads=HEADS, head_sizes=head_sizes, scale=0.7, update_scale=-1.3, **more
    )


def assert_close(got, want):
    for name, expected in vars(want).items():
        error = rms_error(getattr(got, name), expected)
        assert error <= BACKWARD_BOUND, f"the gradient of {name} has rms error {error:.3g}"


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("sides", CLASSES, ids="x".join)
def test_gradients_are_finite_differences(cache, rng, sides, reverse):
    p = primal(sides, reverse, (3, 2))
    text, names = gradient_module(p)
    arguments = random_arguments(p, Sizes(1, 5), rng)
    random_gradients(p, rng, arguments, 1, 5)
    got = differentiate(cache.get(text), names, p, arguments, 1, 5)
    assert_close(got, finite_differences(p, arguments))


@pytest.mark.parametrize("front", ["recurrence", "blocks"])
@pytest.mark.parametrize("gate", ["moderate", "wild"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("sides", CLASSES, ids="x".join)
def test_gradients_are_the_adjoint(cache, rng, sides, reverse, gate, front):
    """Over several chunks, with resets that no gradient may cross."""
    p = primal(sides, reverse, (20, 12))
    text, names = gradient_module(p)
    tokens = 150
    arguments = random_arguments(p, Sizes(2, tokens), rng, gate)
    random_gradients(p, rng, arguments, 2, tokens)
    got = differentiate(cache.get(text, front), names, p, arguments, 2, tokens)
    want = reference.adjoint(
        problem(p, arguments), decode(arguments["do"], "f32"), decode(arguments["ds"], "f32")
    )
    assert_close(got, want)


def test_no_tokens_pass_the_state_gradient_on(cache, rng):
    p = primal(("vector", "scalar"), False, (3, 2))
    text, names = gradient_module(p)
    arguments = random_arguments(p, Sizes(2, 0), rng)
    random_gradients(p, rng, arguments, 2, 0)
    got = differentiate(cache.get(text), names, p, arguments, 2, 0)
    np.testing.assert_array_equal(got.initial_state, arguments["ds"])
