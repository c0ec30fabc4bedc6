# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels that the planner made, against the recurrence in f64."""

import random
from dataclasses import replace

import numpy as np
import planned
import pytest
import tiles

import fuzzing
import ptxsim
from covering import covering_array
from dtypes import decode
from programs import Program, Sizes, bound, expected_results, random_arguments
from reference import rms_error

TYPES = [("bf16",) * 4, ("f16",) * 4]
TEST_TYPES = [dict(zip(("query_type", "key_type", "value_type", "output_type"), types)) for types in TYPES]
DIMENSIONS = {
    "key_decay": ["none", "const", "scalar"],
    "types": TYPES,
    "reverse": [False, True],
    "layout": ["bnhd", "bhnd"],
    "state_layout": ["kv", "vk"],
    "states": [(False, False), (True, False), (False, True), (True, True)],
    "offsets": [None, None, "i32", "i64"],
    "heads": [((2, 2, 2, 2), False), ((2, 1, 1, 2), False), ((2, 2, 1, 1), True)],
    "head_sizes": [(64, 64), (128, 128), (64, 128), (128, 64), (40, 96), (96, 40)],
    "scales": [(1.0, 1.0), (0.125, 1.0), (0.75, -1.5)],
    "segments": ["", "", "segments=2", "segments=3"],
    "options": [
        "", "early", "state-first", "recompute stages=1", "early state-first stages=2",
        "transpose-states share-operands", "transpose-states share-operands early",
    ],
}
TOKENS = [63, 1, 64, 200, 65]
OFFSETS = [(0, 5, 5, 70, 200), (0, 64, 128), (0, 0, 3)]


def rows():
    for number, row in enumerate(covering_array({n: len(v) for n, v in DIMENSIONS.items()})):
        value = {name: DIMENSIONS[name][choice] for name, choice in row.items()}
        (initial, final), (scale, update) = value.pop("states"), value.pop("scales")
        types, (heads, dynamic) = value.pop("types"), value.pop("heads")
        options = f"{value.pop('options')} {value.pop('segments')}".strip()
        names = ("query_type", "key_type", "value_type", "output_type")
        program = Program(
            **value, **dict(zip(names, types)), heads=heads, dynamic_heads=dynamic, initial=initial,
            final=final, scale=scale, update_scale=update,
        )  # fmt: skip
        # The schedule is that of the pipeline.
        yield pytest.param(number, program, options, id=f"{number:02}-{program} {options}".replace(" ", "_"))


def check(program, sizes, options="", seed=0, chip="sm_90a"):
    arguments = random_arguments(program, sizes, np.random.default_rng(seed), "mild")
    got = planned.run_program(program, arguments, options, seed, chip)
    for name, want in expected_results(program, arguments).items():
        element = next(e for n, _, e in program.results() if n == name)
        values = decode(got[name], element)
        assert np.isfinite(values).all(), f"{name}: elements that were not written"
        error = rms_error(values, want)
        assert error < bound(program, name), f"{name}: {error} for {sizes}"


@pytest.mark.parametrize("number, program, options", rows())
def test_attention(number, program, options):
    if program.offsets:
        sizes = Sizes(offsets=OFFSETS[number % len(OFFSETS)])
    else:
        sizes = Sizes(1 + number % 2, TOKENS[number % len(TOKENS)])
    check(program, sizes, options, seed=number)


SHARED = [
    # decay, head sizes, options
    ("const", (256, 256), ""), ("scalar", (256, 256), ""), ("none", (256, 128), ""), ("scalar", (256, 64), ""),
    ("const", (128, 256), ""), ("none", (64, 256), "stages=1"), ("const", (200, 136), "early=true"),
    ("const", (128, 128), "transpose-states=true"), ("scalar", (128, 64), "transpose-states=true state-first=true"),
    ("none", (64, 128), "transpose-states=true publish-first=true"),
    ("scalar", (128, 128), "transpose-states=true column-blocks=2 segments=2"),
    ("const", (256, 256), "transpose-states=true share-operands=true"),
    ("scalar", (128, 256), "transpose-states=true share-operands=true early=true"),
    ("const", (192, 192), ""), ("const", (128, 128), "column-blocks=2"), ("scalar", (256, 256), "segments=2"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SHARED)), ids=lambda n: str(SHARED[n]).replace(" ", "_"))
def test_large_heads(number):
    """Several thread blocks share a head, or states are transposed, or both."""
    decay, head_sizes, options = SHARED[number]
    offsets = "i32" if number % 4 == 1 else None
    program = Program(
        key_decay=decay, head_sizes=head_sizes, reverse=number % 2 == 1, initial=number % 3 != 0, offsets=offsets,
        final=number % 3 != 1, layout=["bnhd", "bhnd"][number % 2], heads=(2, 1, 1, 2),
        state_layout=["kv", "vk"][number // 2 % 2], **TEST_TYPES[number % 5 == 4],
    )  # fmt: skip
    sizes = Sizes(offsets=(0, 5, 5, 70, 200)) if offsets else Sizes(1, [150, 129][number % 2])
    check(program, sizes, options, seed=number)


LOW = dict(query_type="bf16", key_type="bf16", value_type="bf16", output_type="bf16")


@pytest.mark.parametrize("tokens", [0, 70])
@pytest.mark.parametrize(
    "decay, reverse, state_layout",
    [("none", False, "vk"), ("none", True, "kv"), ("const", False, "kv"), ("scalar", False, "kv"), ("scalar", True, "vk")],
)
def test_state(decay, reverse, state_layout, tokens):
    program = Program("state", decay, reverse=reverse, state_layout=state_layout, head_sizes=(64, 128), **LOW)
    check(program, Sizes(2, tokens))


@pytest.mark.parametrize("chip", ["sm_90a", "sm_80"])
@pytest.mark.parametrize(
    "head_sizes, decay, reverse, offsets",
    [((33, 60), "const", False, (0, 5, 5, 70, 130)), ((100, 33), "scalar", True, None), ((64, 33), "none", False, None)],
)
def test_odd_head_sizes(head_sizes, decay, reverse, offsets, chip):
    """Rows that are no multiple of 16 bytes, beside tensors whose rows are."""
    program = Program(
        key_decay=decay, reverse=reverse, offsets=offsets and "i32", head_sizes=head_sizes, initial=True, final=True, **LOW
    )
    options = "" if chip == "sm_90a" else "shared-limit=101376"
    check(program, Sizes(1, 130, offsets), options, chip=chip)


@pytest.mark.parametrize(
    "chip, instruction, before, kind",
    [("sm_90a", "fence.proxy.async", "mbarrier.arrive.expect_tx", "proxy"), ("sm_80", "cp.async.wait_all", "}", "race")],
)
def test_parts_are_ordered(chip, instruction, before, kind, monkeypatch):
    """What lets others see rows that threads have copied is needed."""
    compile_tiles = tiles.compile_tiles

    def without(*args):
        text, sizes = compile_tiles(*args)
        lines = text.splitlines(keepends=True)
        arrival = max(i for i, line in enumerate(lines) if before in line)
        place = max(i for i, line in enumerate(lines[:arrival]) if instruction in line)
        return "".join(lines[:place] + lines[place + 1 :]), sizes

    monkeypatch.setattr(tiles, "compile_tiles", without)
    program = Program(key_decay="none", head_sizes=(64, 33), **LOW)
    with pytest.raises(ptxsim.SimulationError, match=kind):
        for seed in range(8):
            check(program, Sizes(1, 70), "" if chip == "sm_90a" else "shared-limit=101376", seed, chip)


F32 = dict(query_type="f32", key_type="f32", value_type="f32", output_type="f32")
MIXED = dict(query_type="bf16", key_type="f32", value_type="f16", output_type="bf16")


@pytest.mark.parametrize("chip, options", [("sm_90a", ""), ("sm_80", ""), ("sm_90a", "segments=3")])
@pytest.mark.parametrize(
    "op, decay, reverse, layouts, head_sizes, types, offsets",
    [
        ("attention", "none", False, ("bnhd", "kv"), (33, 60), F32, None),
        ("attention", "const", True, ("bhnd", "vk"), (64, 40), F32, None),
        ("attention", "scalar", False, ("bnhd", "vk"), (40, 130), MIXED, (0, 5, 5, 30)),
        ("attention", "vector", True, ("bhnd", "kv"), (16, 16), F32, (0, 0, 20)),
        ("state", "none", True, ("bhnd", "kv"), (32, 32), F32, None),
        ("state", "scalar", False, ("bnhd", "vk"), (64, 33), F32, (0, 5, 5, 30)),
        ("state", "vector", True, ("bnhd", "kv"), (64, 48), MIXED, None),
    ],
)
def test_f32(op, decay, reverse, layouts, head_sizes, types, offsets, chip, options):
    """A loop over tokens, which multiplies no matrices."""
    layout, state_layout = layouts
    ends = {} if op == "state" else dict(initial=True, final=True)
    program = Program(
        op, decay, reverse=reverse, layout=layout, state_layout=state_layout, head_sizes=head_sizes,
        offsets=offsets and "i32", **types, **ends,
    )  # fmt: skip
    check(program, Sizes(1, 20, offsets), options, chip=chip)


@pytest.mark.parametrize("sample", range(24))
def test_random_programs(sample):
    """Of all decays, types, layouts and sizes that the planner takes."""
    rng = random.Random(sample)
    program = fuzzing.random_program(rng)
    uniform = lambda decay: "scalar" if decay == "vector" and program.op != "step" else decay
    program = replace(
        program, schedule=None, key_decay=uniform(program.key_decay), value_decay=uniform(program.value_decay))
    tokens = rng.choice((0, 1, 30, 70))
    offsets = (0, tokens // 3, tokens // 3, tokens) if program.offsets else None
    chip, options = rng.choice((("sm_90a", ""), ("sm_80", "shared-limit=101376"), ("sm_90a", "segments=2")))
    check(program, Sizes(1, tokens, offsets), options, seed=sample, chip=chip)


@pytest.mark.parametrize("options", ["", "early"])
@pytest.mark.parametrize("sizes", [Sizes(2, 0), Sizes(offsets=(0, 0, 0)), Sizes(offsets=(0,))], ids=str)
def test_no_tokens(sizes, options):
    """The state goes through; nothing else is read or written."""
    offsets = "i32" if sizes.offsets else None
    program = Program(key_decay="const", initial=True, final=True, offsets=offsets, head_sizes=(64, 64), **LOW)
    check(program, sizes, options)


@pytest.mark.parametrize("chip", ["sm_80", "sm_120"])
@pytest.mark.parametrize("offsets, reverse", [(None, True), ((0, 5, 5, 70, 200), False)])
def test_other_chips(chip, offsets, reverse):
    """The plan is that of a chip with less shared memory; no tensor maps."""
    program = Program(
        key_decay="const", reverse=reverse, offsets=offsets and "i32", head_sizes=(64, 128), final=True, **LOW
    )
    check(program, Sizes(1, 130, offsets), "shared-limit=101376", chip=chip)


@pytest.mark.parametrize("chip, limit", [("sm_80", 166912), ("sm_120", 101376)])
@pytest.mark.parametrize(
    "decay, head_sizes, options",
    [
        ("const", (128, 128), ""), ("scalar", (256, 256), ""), ("scalar", (64, 128), "share-operands=true"),
        ("const", (64, 128), "share-operands=true early=true stages=2"),
    ],
)  # fmt: skip
def test_large_heads_on_other_chips(chip, limit, decay, head_sizes, options):
    """Registers stay where they are, and tiles are stored without stmatrix on sm_80."""
    program = Program(key_decay=decay, head_sizes=head_sizes, initial=True, final=True, **LOW)
    options = f"shared-limit={limit} moves-registers=false transpose-states=true {options}"
    check(program, Sizes(1, 130), options, chip=chip)


@pytest.mark.parametrize("offsets", [(-5, 30, 300), (90, 20, 70), (2**31 - 1, -(2**31), 64), (70, 70, 0)], ids=str)
@pytest.mark.parametrize("element, reverse", [("i32", False), ("i64", True)])
def test_wrong_offsets(offsets, element, reverse):
    """Nothing outside of the tensors is read or written, whatever the offsets are."""
    program = Program(key_decay="const", reverse=reverse, offsets=element, head_sizes=(64, 64), final=True, **LOW)
    arguments = random_arguments(program, Sizes(offsets=(0, 30, 70)), np.random.default_rng(0), "mild")
    if element == "i64":
        offsets = [x * 2**31 if abs(x) > 100 else x for x in offsets]
    arguments["offsets"][:] = offsets
    planned.run_program(program, arguments)
