# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The edge cases that docs/EdgeCases.md lists, one test or more per row.

Tests that have to do with where chunks lie use chunks of 16 tokens.
"""

import numpy as np
import pytest

import compiling
from calling import CHECK_FAILED, CallError
from checking import call, check, compare
from dtypes import encode
from programs import Program, Sizes, expected_results, random_arguments

CHUNK = 16
SCHEDULE = (CHUNK, 8, 8)
FRONTS = ["recurrence", "blocks"]
SIDES = [(c, "none") for c in ("const", "scalar", "vector")] + [
    ("none", c) for c in ("const", "scalar", "vector")
]
IN_TIME = [s for s in SIDES if "const" not in s]

every_front = pytest.mark.parametrize("front", FRONTS)
every_side = pytest.mark.parametrize("sides", SIDES, ids="x".join)
every_side_in_time = pytest.mark.parametrize("sides", IN_TIME, ids="x".join)
every_direction = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def program(sides=("none", "none"), **more):
    more.setdefault("schedule", SCHEDULE)
    return Program(key_decay=sides[0], value_decay=sides[1], **more)


def typed(type_):
    return dict(query_type=type_, key_type=type_, value_type=type_, output_type=type_)


def decay_name(sides):
    return "gk" if sides[0] != "none" else "gv"


def assert_same_bits(a, b, what=""):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].tobytes() == b[name].tobytes(), f"{what}: {name} differs"


def assert_non_finite_where(mask, actual):
    assert mask.any()
    assert not np.isfinite(actual[mask]).any()


# -- N = 0 and empty sequences ----------------------------------------------


@every_front
@every_side
def test_no_tokens_keep_the_state(cache, rng, sides, front):
    for initial in (True, False):
        p = program(sides, initial=initial, final=True)
        arguments = random_arguments(p, Sizes(2, 0), rng)
        got = call(cache.get(p.mlir(), front), p, arguments, Sizes(2, 0))
        assert got["o"].shape == (2, 0, 2, 16)
        expected = arguments["s0"] if initial else np.zeros((2, 2, 16, 16))
        np.testing.assert_array_equal(got["s"], expected)


@every_front
def test_no_batch(cache, rng, front):
    p = program(("scalar", "none"), initial=True, final=True)
    check(cache.get(p.mlir(), front), p, random_arguments(p, Sizes(0, 9), rng), Sizes(0, 9))


@every_front
@every_direction
def test_empty_sequences_keep_their_state(cache, rng, front, reverse):
    p = program(("vector", "none"), initial=True, final=True, offsets="i32", reverse=reverse)
    sizes = Sizes(offsets=(0, 0, 21, 21, 30, 30))
    arguments = random_arguments(p, sizes, rng)
    got = check(cache.get(p.mlir(), front), p, arguments, sizes)
    for s in (0, 2, 4):
        np.testing.assert_array_equal(got["s"][s], arguments["s0"][s])


@every_front
def test_no_sequences(cache, rng, front):
    p = program(("const", "none"), initial=True, final=True, offsets="i64")
    sizes = Sizes(offsets=(0,))
    check(cache.get(p.mlir(), front), p, random_arguments(p, sizes, rng), sizes)


# -- sizes that fit nothing -------------------------------------------------


@pytest.mark.parametrize("sides", [("none", "none"), *SIDES], ids="x".join)
@every_direction
def test_every_length_around_the_chunk(cache, rng, sides, reverse):
    p = program(sides, final=True, reverse=reverse)
    function = cache.get(p.mlir())
    for n in [*range(1, CHUNK + 3), 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK - 3]:
        check(function, p, random_arguments(p, Sizes(1, n), rng), Sizes(1, n))


@every_front
@pytest.mark.parametrize("head_sizes", [(1, 1), (7, 3), (33, 60), (17, 16), (16, 17)])
def test_odd_head_sizes(cache, rng, head_sizes, front):
    for sides in [("none", "none"), ("vector", "none"), ("none", "vector")]:
        p = program(sides, head_sizes=head_sizes, initial=True, final=True)
        check(cache.get(p.mlir(), front), p, random_arguments(p, Sizes(2, 21), rng), Sizes(2, 21))


@every_front
@pytest.mark.parametrize("sides", [("none", "none"), ("const", "none"), ("vector", "none")])
def test_no_key_channels_give_zero(cache, rng, front, sides):
    p = program(sides, head_sizes=(0, 5), initial=True, final=True)
    got = call(cache.get(p.mlir(), front), p, random_arguments(p, Sizes(2, 19), rng), Sizes(2, 19))
    np.testing.assert_array_equal(got["o"], np.zeros((2, 19, 2, 5)))
    assert got["s"].shape == (2, 2, 0, 5)


@every_front
def test_no_value_channels(cache, rng, front):
    p = program(("scalar", "none"), head_sizes=(5, 0), final=True)
    got = call(cache.get(p.mlir(), front), p, random_arguments(p, Sizes(2, 19), rng), Sizes(2, 19))
    assert got["o"].shape == (2, 19, 2, 0) and got["s"].shape == (2, 2, 5, 0)


# -- decays -----------------------------------------------------------------


@every_front
@every_side
@pytest.mark.parametrize("type_", ["f32", "bf16"])
@every_direction
def test_zero_decay_is_bit_identical_to_none(cache, rng, sides, front, type_, reverse):
    sizes = Sizes(2, 3 * CHUNK + 5)
    plain = program(initial=True, final=True, reverse=reverse, **typed(type_))
    decayed = program(sides, initial=True, final=True, reverse=reverse, **typed(type_))
    arguments = random_arguments(decayed, sizes, rng)
    arguments[decay_name(sides)][...] = 0
    assert_same_bits(
        call(cache.get(decayed.mlir(), front), decayed, arguments, sizes),
        call(cache.get(plain.mlir(), front), plain, arguments, sizes),
    )


@every_front
@every_side_in_time
@every_direction
def test_minus_infinity_is_an_exact_reset(cache, rng, sides, front, reverse):
    """What lies on the other side of a reset has no influence, to the bit."""
    p = program(sides, initial=True, final=True, reverse=reverse)
    function = cache.get(p.mlir(), front)
    n = 3 * CHUNK + 5
    for t in (1, CHUNK - 1, CHUNK, CHUNK + 7, 2 * CHUNK + 3):
        sizes = Sizes(1, n)
        arguments = random_arguments(p, sizes, rng, "mild")
        arguments[decay_name(sides)][:, t] = -np.inf
        got = check(function, p, arguments, sizes, f"reset at {t}")
        # A token decays what came before it; in reverse, what comes after and
        # itself. So the reset cuts behind token t in reverse.
        behind, ahead = (slice(t, n), slice(0, t)) if reverse else (slice(0, t), slice(t, n))
        other = {name: x.copy() for name, x in arguments.items()}
        other["k"][:, behind] *= 1e6
        other["v"][:, behind] *= -1e6
        other["s0"] *= 1e12
        again = call(function, p, other, sizes)
        assert got["o"][:, ahead].tobytes() == again["o"][:, ahead].tobytes(), f"t = {t}"
        assert got["s"].tobytes() == again["s"].tobytes(), f"t = {t}"


@every_front
@pytest.mark.parametrize("sides", [("const", "none"), ("none", "const")], ids="x".join)
@every_direction
def test_constant_minus_infinity(cache, rng, sides, front, reverse):
    p = program(sides, initial=True, final=True, reverse=reverse)
    sizes = Sizes(2, 2 * CHUNK + 3)
    arguments = random_arguments(p, sizes, rng)
    arguments[decay_name(sides)][0] = -np.inf
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
@pytest.mark.parametrize("sides", [("vector", "none"), ("none", "vector"), ("vector", "vector")], ids="x".join)
@every_direction
def test_reset_of_some_channels(cache, rng, sides, front, reverse):
    p = program(sides, initial=True, final=True, reverse=reverse)
    sizes = Sizes(2, 3 * CHUNK + 5)
    arguments = random_arguments(p, sizes, rng, "mild")
    for name in ("gk", "gv"):
        if name in arguments:
            g = arguments[name]
            g[rng.random(g.shape) < 0.1] = -np.inf
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
@every_side
@pytest.mark.parametrize("g", [-105.0, -1e4, -1e30])
def test_very_negative_is_minus_infinity(cache, rng, sides, front, g):
    p = program(sides, initial=True, final=True)
    function = cache.get(p.mlir(), front)
    sizes = Sizes(1, 3 * CHUNK + 5)
    arguments = random_arguments(p, sizes, rng, "mild")
    decay = arguments[decay_name(sides)]
    hit = rng.random(decay.shape) < (0.1 if "const" not in sides else 0.5)
    decay[hit] = g
    got = check(function, p, arguments, sizes)
    decay[hit] = -np.inf
    assert_same_bits(got, call(function, p, arguments, sizes))


@every_front
@every_side
@every_direction
@pytest.mark.parametrize("growth", [0.02, 0.5])
def test_growth_is_computed(cache, rng, sides, front, reverse, growth):
    p = program(sides, initial=True, final=True, reverse=reverse)
    sizes = Sizes(1, 4 * CHUNK + 1)
    arguments = random_arguments(p, sizes, rng)
    decay = arguments[decay_name(sides)]
    decay[...] = rng.uniform(0, growth, decay.shape)
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
@every_side
def test_fast_growth_is_computed(cache, rng, sides, front):
    """A factor of e^4 per token, so e^64 in a chunk: in the range of f32, and
    beyond every bound of a decayed operand."""
    p = program(sides, final=True)
    sizes = Sizes(1, CHUNK + 4)
    arguments = random_arguments(p, sizes, rng)
    decay = arguments[decay_name(sides)]
    decay[...] = rng.uniform(3.5, 4, decay.shape)
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
@every_side_in_time
@pytest.mark.parametrize("poison", [np.nan, np.inf], ids=["nan", "inf"])
@every_direction
def test_non_finite_decay_propagates(cache, rng, sides, front, poison, reverse):
    """NaN or +inf in g_t: non-finite where the recurrence is, exact elsewhere:
    no clamp hides it, and it reaches no earlier token, head or channel."""
    p = program(sides, initial=True, final=True, reverse=reverse)
    function = cache.get(p.mlir(), front)
    n = 3 * CHUNK + 5
    for t in (0, CHUNK - 1, CHUNK, CHUNK + 6, n - 1):
        sizes = Sizes(2, n)
        arguments = random_arguments(p, sizes, rng)
        decay = arguments[decay_name(sides)]
        decay[(0, t, 1) + ((3,) if decay.ndim == 4 else ())] = poison
        compare_with_non_finite(p, call(function, p, arguments, sizes), arguments, f"t = {t}")


def compare_with_non_finite(p, got, arguments, what=""):
    want = expected_results(p, arguments)
    masked_got, masked_want = {}, {}
    assert not all(np.isfinite(x).all() for x in want.values())
    for name in want:
        finite = np.isfinite(want[name])
        wrong = np.isfinite(got[name]) != finite
        assert not wrong.any(), (
            f"{what}: {name} is finite where the reference is not, or the other way "
            f"round, at {np.argwhere(wrong)[:4].tolist()}"
        )
        masked_got[name] = np.where(finite, got[name], 0)
        masked_want[name] = np.where(finite, want[name], 0)
    compare(p, masked_got, masked_want, what)


@every_front
@pytest.mark.parametrize("sides", [("const", "none"), ("none", "const")], ids="x".join)
@pytest.mark.parametrize("poison", [np.nan, np.inf], ids=["nan", "inf"])
def test_non_finite_constant_decay_propagates(cache, rng, sides, front, poison):
    p = program(sides, initial=True, final=True)
    sizes = Sizes(2, CHUNK + 5)
    arguments = random_arguments(p, sizes, rng)
    arguments[decay_name(sides)][1] = poison
    got = call(cache.get(p.mlir(), front), p, arguments, sizes)
    compare_with_non_finite(p, got, arguments)


# -- what is not finite in the data -----------------------------------------


@every_front
@pytest.mark.parametrize("operand", ["k", "v"])
@pytest.mark.parametrize("poison", [np.nan, np.inf], ids=["nan", "inf"])
@pytest.mark.parametrize("sides", [("none", "none"), *SIDES], ids="x".join)
@every_direction
def test_non_finite_data_do_not_reach_earlier_chunks(cache, rng, front, operand, poison, sides, reverse):
    p = program(sides, initial=True, final=True, reverse=reverse)
    n, t = 3 * CHUNK + 5, CHUNK + 6
    sizes = Sizes(2, n)
    arguments = random_arguments(p, sizes, rng)
    arguments[operand][0, t, 1, 3] = poison
    got = call(cache.get(p.mlir(), front), p, arguments, sizes)["o"]
    want = expected_results(p, arguments)["o"]
    bad = ~np.isfinite(want)
    assert_non_finite_where(bad, got)
    # Exact for other heads and entries of the batch, and for earlier chunks.
    specified = np.ones(want.shape, bool)
    if front == "blocks":
        first = t // CHUNK * CHUNK
        if reverse:
            specified[0, t + 1 : first + CHUNK, 1] = False
        else:
            specified[0, first:t, 1] = False
    keep = specified & ~bad
    if keep[0, :, 1].any():
        compare(p, {"o": np.where(keep, got, 0)}, {"o": np.where(keep, want, 0)})
    assert np.isfinite(got[keep]).all()


@every_front
@pytest.mark.parametrize("sides", IN_TIME, ids="x".join)
def test_a_reset_does_not_clear_nan(cache, rng, sides, front):
    p = program(sides, final=True)
    sizes = Sizes(1, 3 * CHUNK)
    arguments = random_arguments(p, sizes, rng)
    arguments["v"][0, 3, 0, 2] = np.nan
    arguments[decay_name(sides)][:, 2 * CHUNK + 4] = -np.inf
    got = call(cache.get(p.mlir(), front), p, arguments, sizes)
    assert np.isnan(got["o"][0, 2 * CHUNK + 4 :, 0, 2]).all()
    assert np.isnan(got["s"][0, 0, :, 2]).all()


@every_front
def test_a_sequence_boundary_clears_nan(cache, rng, front):
    p = program(("scalar", "none"), final=True, offsets="i32")
    sizes = Sizes(offsets=(0, 20, 45))
    arguments = random_arguments(p, sizes, rng)
    arguments["v"][0, 3, :, :] = np.nan
    got = call(cache.get(p.mlir(), front), p, arguments, sizes)
    want = expected_results(p, arguments)
    assert np.isnan(got["o"][:, 3:20]).all()
    compare(p, {"o": got["o"][:, 20:], "s": got["s"][1:]},
            {"o": want["o"][:, 20:], "s": want["s"][1:]})


@every_front
def test_overflow_of_the_state_is_infinite(cache, rng, front):
    p = program(final=True)
    sizes = Sizes(1, CHUNK + 3)
    arguments = random_arguments(p, sizes, rng)
    arguments["k"][...] = np.abs(arguments["k"]) * 1e20 + 1e20
    arguments["v"][...] = np.abs(arguments["v"]) * 1e20 + 1e20
    arguments["v"][..., 0] = 1e-20
    got = call(cache.get(p.mlir(), front), p, arguments, sizes)["s"]
    assert (got[..., 1:] == np.inf).all()
    assert np.isfinite(got[..., 0]).all()


# -- element types ----------------------------------------------------------


@every_front
@pytest.mark.parametrize("sides", [("none", "none"), ("const", "none"), ("vector", "none")], ids="x".join)
def test_f16_scores_beyond_the_range_of_f16(cache, rng, sides, front):
    p = program(sides, head_sizes=(64, 16), **typed("f16"))
    sizes = Sizes(1, 2 * CHUNK + 3)
    arguments = random_arguments(p, sizes, rng)
    for name in ("q", "k"):  # q . k up to 64 * 80 * 80 = 409600
        arguments[name] = encode(rng.uniform(40, 80, arguments[name].shape), "f16")
    arguments["v"] = encode(rng.normal(size=arguments["v"].shape) * 1e-3, "f16")
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
def test_f16_state_beyond_the_range_of_f16(cache, rng, front):
    p = program(final=True, **typed("f16"))
    sizes = Sizes(1, 4 * CHUNK)
    arguments = random_arguments(p, sizes, rng)
    shape = arguments["k"].shape
    arguments["q"] = encode(rng.normal(size=shape) * 1e-4, "f16")
    arguments["k"] = encode(rng.uniform(100, 200, shape), "f16")
    arguments["v"] = encode(rng.uniform(100, 200, shape), "f16")
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
@every_side
def test_bf16_decay_is_widened_before_sums(cache, rng, sides, front):
    p = program(sides, decay_type="bf16", final=True, schedule=(64, 16, 8))
    sizes = Sizes(1, 400)
    arguments = random_arguments(p, sizes, rng)
    decay = arguments[decay_name(sides)]
    decay[...] = encode(-rng.uniform(0.001, 0.02, decay.shape), "bf16")
    check(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
@every_side
def test_factors_near_the_smallest_numbers(cache, rng, sides, front):
    p = program(sides, initial=True, final=True)
    sizes = Sizes(1, 2 * CHUNK + 1)
    arguments = random_arguments(p, sizes, rng)
    decay = arguments[decay_name(sides)]
    decay[...] = rng.uniform(-104, -80, decay.shape)
    check(cache.get(p.mlir(), front), p, arguments, sizes)


# -- long sequences ---------------------------------------------------------


@pytest.mark.parametrize(
    "front,g", [("recurrence", 0), ("recurrence", -1e-2), ("blocks", 0), ("blocks", -1e-7)]
)
def test_long_sequence(cache, rng, g, front):
    """Positive features and hardly any decay. The recurrence gets a larger one:
    it rounds the factor of every token, so it has the rate of -1e-7 only to
    the resolution of f32 at 1 (docs/EdgeCases.md)."""
    p = program(("const", "none"), final=True, schedule=(64, 16, 8), heads=(1, 1, 1, 1))
    sizes = Sizes(1, 8192)
    arguments = random_arguments(p, sizes, rng)
    arguments["gk"][...] = g
    for name in ("q", "k", "v"):
        arguments[name] = np.abs(arguments[name])
    check(cache.get(p.mlir(), front), p, arguments, sizes)


def test_decay_below_the_resolution_of_the_factor(cache, rng):
    """1 - lambda = 4e-8, where f32 has no number between 1 - 6e-8 and 1: the
    factor of a chunk is the exponential of a product, and keeps the rate."""
    chunk, n, g = 64, 4096, np.float32(-4e-8)
    p = program(("const", "none"), initial=True, final=True, schedule=(chunk, 16, 8))
    sizes = Sizes(1, n)
    arguments = random_arguments(p, sizes, rng)
    arguments["gk"][...] = g
    arguments["v"][...] = 0
    arguments["s0"][...] = 1
    got = call(cache.get(p.mlir()), p, arguments, sizes)["s"]
    rate = np.log(got) / n
    # Two roundings of half a unit in the last place below 1, per chunk.
    tolerance = 2 * 2.0**-25 / (chunk * abs(float(g)))
    np.testing.assert_allclose(rate, float(g), rtol=tolerance)


# -- calls that are wrong ---------------------------------------------------


@every_front
@pytest.mark.parametrize(
    "offsets",
    [(0, 9, 5, 20), (1, 5, 20), (0, 5, 19), (0, 5, 21), (0, -3, 20), (0, 2**31 - 1, 20), (3,)],
)
@pytest.mark.parametrize("type_", ["i32", "i64"])
def test_offsets_that_are_wrong_return_a_status(cache, rng, front, offsets, type_):
    p = program(("scalar", "none"), initial=True, final=True, offsets=type_)
    sizes = Sizes(offsets=(0,) * (len(offsets) - 1) + (20,))
    if len(offsets) == 1:
        sizes = Sizes(offsets=(20,))
    arguments = random_arguments(p, sizes, rng)
    arguments["offsets"] = encode(np.array(offsets), type_)
    with pytest.raises(CallError) as error:
        call(cache.get(p.mlir(), front), p, arguments, sizes)
    assert error.value.code == CHECK_FAILED
    assert error.value.message is None or "offsets" in error.value.message


@every_front
@pytest.mark.parametrize("operand,axis", [("k", 1), ("v", 1), ("gk", 1), ("k", 0), ("gk", 0), ("s0", 0)])
@pytest.mark.parametrize("change", [-1, 1])
def test_sizes_that_disagree_return_a_status(cache, rng, front, operand, axis, change):
    p = program(("scalar", "none"), initial=True, final=True)
    sizes = Sizes(2, 20)
    arguments = random_arguments(p, sizes, rng)
    shape = list(arguments[operand].shape)
    shape[axis] += change
    arguments[operand] = np.resize(arguments[operand], shape)
    with pytest.raises(CallError):
        call(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
def test_initial_states_count_sequences(cache, rng, front):
    p = program(("scalar", "none"), initial=True, final=True, offsets="i32")
    sizes = Sizes(offsets=(0, 5, 12))
    arguments = random_arguments(p, sizes, rng)
    check(cache.get(p.mlir(), front), p, arguments, sizes)
    arguments["s0"] = arguments["s0"][:1].copy()
    with pytest.raises(CallError):
        call(cache.get(p.mlir(), front), p, arguments, sizes)


@every_front
def test_dynamic_heads_that_do_not_divide_return_a_status(cache, rng, front):
    p = program(heads=(4, 4, 2, 4), dynamic_heads=True)
    sizes = Sizes(1, 9)
    arguments = random_arguments(p, sizes, rng)
    check(cache.get(p.mlir(), front), p, arguments, sizes)
    arguments["k"] = np.resize(arguments["k"], (1, 9, 3, 16))
    with pytest.raises(CallError):
        call(cache.get(p.mlir(), front), p, arguments, sizes)


def test_heads_that_do_not_divide_are_a_verifier_error():
    text = Program(heads=(4, 4, 3, 4)).mlir()
    with pytest.raises(compiling.CompileError) as error:
        compiling.opt(text, [])
    assert not error.value.crashed
    assert "expects the number of key heads to divide the number of heads, 4" in error.value.stderr


# -- memory -----------------------------------------------------------------


def test_a_step_updates_its_state_in_place(cache, rng):
    """The result is the argument: there is no second state in the call."""
    p = Program(op="step", key_decay="vector")
    check(cache.get(p.mlir()), p, random_arguments(p, Sizes(3), rng), Sizes(3))


@every_front
@pytest.mark.parametrize("sides", [("none", "none"), ("const", "none"), ("vector", "scalar")], ids="x".join)
def test_two_runs_give_the_same_bits(cache, rng, sides, front):
    p = program(sides, final=True, heads=(8, 8, 8, 8))
    sizes = Sizes(3, 5 * CHUNK + 3)
    arguments = random_arguments(p, sizes, rng)
    function = cache.get(p.mlir(), front)
    assert_same_bits(call(function, p, arguments, sizes), call(function, p, arguments, sizes))


@pytest.mark.parametrize("slack", [1, 7])
def test_rows_with_strides(cache, rng, slack):
    p = program(("vector", "none"), initial=True, final=True, **typed("bf16"))
    sizes = Sizes(2, 2 * CHUNK + 3)
    check(cache.get(p.mlir()), p, random_arguments(p, sizes, rng), sizes, slack=slack)
