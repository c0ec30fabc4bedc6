# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the planner makes, run as tile programs, against the recurrence in f64.

Every program runs in all ways that it leaves open, and must give the same bits.
"""

import itertools

import numpy as np
import pytest
import tilehost

import generality
from covering import covering_array
from dtypes import decode
from programs import Program, Sizes, bound, expected_results, random_arguments
from reference import rms_error

DIMENSIONS = {
    "key_decay": ["none", "const", "scalar"],
    "types": ["bf16", "f16"],
    "reverse": [False, True],
    "layout": ["bnhd", "bhnd"],
    "state_layout": ["kv", "vk"],
    "states": [(False, False), (True, False), (False, True), (True, True)],
    "offsets": [None, None, "i32", "i64"],
    "heads": [((2, 2, 2, 2), False), ((2, 1, 1, 2), False), ((2, 2, 1, 1), True)],
    "head_sizes": [(64, 64), (128, 128), (64, 128), (128, 64), (40, 96), (33, 60)],
    "scales": [(1.0, 1.0), (0.125, 1.0), (0.75, -1.5)],
    "gate": ["mild", "moderate"],
    # With 0, the function chooses when it is called.
    "segments": ["", "", "segments=2", "segments=3", "segments=0"],
    "options": [
        "", "early", "state-first publish-first", "recompute stages=1", "early state-first stages=2",
        "move-factors=false", "transpose-states share-operands", "transpose-states share-operands early",
    ],
}  # fmt: skip
TOKENS = [63, 1, 64, 200, 65, 450]
OFFSETS = [(0, 5, 5, 70, 200), (0, 64, 128), (0, 0, 3)]


def low(element):
    return dict(query_type=element, key_type=element, value_type=element, output_type=element)


def rows():
    for number, row in enumerate(covering_array({n: len(v) for n, v in DIMENSIONS.items()})):
        value = {name: DIMENSIONS[name][choice] for name, choice in row.items()}
        (initial, final), (scale, update) = value.pop("states"), value.pop("scales")
        (heads, dynamic), gate = value.pop("heads"), value.pop("gate")
        options = f"{value.pop('options')} {value.pop('segments')}".strip()
        program = Program(
            **low(value.pop("types")), **value, heads=heads, dynamic_heads=dynamic, initial=initial,
            final=final, scale=scale, update_scale=update,
        )  # fmt: skip
        # The schedule is that of the pipeline.
        yield pytest.param(number, program, gate, options, id=f"{number:02}-{program} {options}".replace(" ", "_"))


def check(program, sizes, options="", gate="mild", seed=0):
    arguments = random_arguments(program, sizes, np.random.default_rng(seed), gate)
    results, *others = (tilehost.run_program(program, arguments, options, way) for way in tilehost.WAYS)
    for name, want in expected_results(program, arguments).items():
        element = next(e for n, _, e in program.results() if n == name)
        values = decode(results[name], element)
        assert np.isfinite(values).all(), f"{name}: elements that were not written"
        error = rms_error(values, want)
        assert error < bound(program, name), f"{name}: {error} for {sizes}"
        for other in others:
            assert results[name].tobytes() == other[name].tobytes(), f"{name} depends on the order"


@pytest.mark.parametrize("number, program, gate, options", rows())
def test_attention(number, program, gate, options):
    if program.offsets:
        sizes = Sizes(offsets=OFFSETS[number % len(OFFSETS)])
    else:
        sizes = Sizes(1 + number % 2, TOKENS[number % len(TOKENS)])
    check(program, sizes, options, gate, seed=number)


LARGE = {
    "key_decay": ["none", "const", "scalar"],
    "reverse": [False, True],
    "layout": ["bnhd", "bhnd"],
    "state_layout": ["kv", "vk"],
    "states": [(False, False), (True, False), (False, True), (True, True)],
    "offsets": [None, "i64"],
    "head_sizes": [(256, 256), (256, 128), (64, 256), (192, 192), (200, 80), (128, 128)],
    "options": ["", "early", "state-first", "move-factors=false", "column-blocks=2", "shared-limit=101376"],
    # Heads that fit into one thread block are planned in this way only if they have to.
    "transposed": ["", "transpose-states"],
    "segments": ["", "segments=2"],
}  # fmt: skip


def large_heads():
    for number, row in enumerate(covering_array({n: len(v) for n, v in LARGE.items()})):
        value = {name: LARGE[name][choice] for name, choice in row.items()}
        (initial, final), head_sizes = value.pop("states"), value.pop("head_sizes")
        options = " ".join(value.pop(name) for name in ("options", "transposed", "segments")).strip()
        # What the columns of an output are cut into has to be panels of 64.
        if "column-blocks" in options and head_sizes[1] not in (256, 128):
            options = options.replace("column-blocks=2", "")
        program = Program(
            **low("bf16"), **value, heads=(2, 1, 1, 2), head_sizes=head_sizes, initial=initial, final=final
        )
        yield pytest.param(number, program, options, id=f"{number:02}-{program} {options}".replace(" ", "_"))


@pytest.mark.parametrize("number, program, options", large_heads())
def test_large_heads(number, program, options):
    """Several thread blocks share a head, or states are transposed, or both."""
    sizes = Sizes(offsets=OFFSETS[number % 3]) if program.offsets else Sizes(1, TOKENS[number % len(TOKENS)])
    check(program, sizes, options, seed=number)


FITTING = ["transpose-states", "early state-first publish-first", "move-factors=false recompute", ""]


@pytest.mark.parametrize("first, second", itertools.permutations(FITTING, 2))
def test_kernels_of_several_plans(first, second):
    """What one kernel leaves, another one reads, however each of them is placed."""
    number = FITTING.index(first)
    program = Program(
        key_decay=["const", "scalar"][number % 2], reverse=number > 1, head_sizes=(128, 128), initial=True, final=True,
        state_layout=["kv", "vk"][number % 2], **low("bf16"),
    )  # fmt: skip
    check(program, Sizes(1, 300), (f"segments=2 {first}", f"segments=2 {second}"))


@pytest.mark.parametrize("tokens", [0, 70])
@pytest.mark.parametrize(
    "decay, reverse, state_layout", [("none", False, "vk"), ("const", True, "kv"), ("scalar", True, "vk")]
)
def test_state(decay, reverse, state_layout, tokens):
    program = Program(
        "state", decay, reverse=reverse, state_layout=state_layout, head_sizes=(64, 128), **low("bf16")
    )
    check(program, Sizes(2, tokens))


@pytest.mark.parametrize("options", ["", "segments=3"])
@pytest.mark.parametrize("decay, reverse", [("none", False), ("vector", True)])
def test_f32(decay, reverse, options):
    """A loop over tokens, whose threads work on their own."""
    program = Program(
        key_decay=decay, reverse=reverse, offsets="i32", head_sizes=(33, 60), initial=True, final=True, **low("f32")
    )
    check(program, Sizes(offsets=(0, 5, 5, 30)), options)


@pytest.mark.parametrize("sizes", [Sizes(2, 0), Sizes(offsets=(0, 0, 0)), Sizes(offsets=(0,))], ids=str)
def test_no_tokens(sizes):
    offsets = "i32" if sizes.offsets else None
    program = Program(
        key_decay="const", initial=True, final=True, offsets=offsets, head_sizes=(64, 64), **low("bf16")
    )
    check(program, sizes, "early")


@pytest.mark.parametrize("head_sizes", [(64, 128), (256, 64), (33, 60), (60, 33), (8, 520)], ids=str)
@pytest.mark.parametrize(
    "key_decay, value_decay, state_layout",
    [("none", "vector", "kv"), ("const", "none", "vk"), ("scalar", "vector", "vk"), ("vector", "vector", "kv")],
)
def test_step(key_decay, value_decay, state_layout, head_sizes):
    """Kernels of threads that share the rows of a state."""
    program = Program(
        "step", key_decay, value_decay, state_layout=state_layout, head_sizes=head_sizes, heads=(4, 2, 2, 4),
        **low("f16"),
    )  # fmt: skip
    check(program, Sizes(3, 1))


@pytest.mark.parametrize("tokens", [70, 2000])
def test_function_as_a_whole(tokens):
    """linattn-run plans it, and the function chooses how many segments there are."""
    program = Program(key_decay="scalar", initial=True, final=True, head_sizes=(64, 64), **low("bf16"))
    arguments = random_arguments(program, Sizes(1, tokens), np.random.default_rng(3), "mild")
    stored = [arguments[name] for name, _, _ in program.arguments()]
    results = tilehost.run(program.mlir(), stored, len(program.results()))
    wanted = expected_results(program, arguments)
    for (name, _, element), got in zip(program.results(), results):
        assert rms_error(decode(got, element), wanted[name]) < bound(program, name)


@pytest.mark.parametrize("tokens, options", generality.CASES)
@pytest.mark.parametrize("name", generality.KERNELS)
def test_handwritten_kernel(name, tokens, options):
    operands = generality.random_operands(name, tokens)
    source = tilehost.plan(generality.one_function(name), options, named_ops=False)
    elements = ["f32" if name in ("state_alone", "f32_output") else "bf16"] * (2 if name == "shared_state" else 1)
    for way in tilehost.WAYS:
        results = tilehost.run(source, operands, len(elements), way)
        generality.check(name, operands, [decode(x, e) for x, e in zip(results, elements)])
