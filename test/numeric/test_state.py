# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`linattn.state` and `linattn.step` against the recurrence."""

import pytest

from checking import check
from covering import covering_array
from programs import CLASSES, GATES, Program, Sizes, random_arguments
from test_attention import DIMENSIONS, run_sizes

TYPES = ["f32", "bf16", "f16"]
STATE_LOWERINGS = ["recurrence", None, (16, 16, 16), (64, 16, 16)]
# With H, Hk, Hv; grouped and dynamic counts as for attention.
STATE_DIMENSIONS = {
    "key_decay": CLASSES,
    "value_decay": CLASSES,
    "type": TYPES,
    "decay_type": ["f32", "bf16"],
    "reverse": [False, True],
    "layout": ["bnhd", "bhnd"],
    "state_layout": ["kv", "vk"],
    "offsets": [None, "i32", "i64"],
    "heads": [(2, 2, 2, 2), (4, 4, 2, 4), (3, 3, 1, 3)],
    "head_sizes": [(16, 16), (33, 60), (100, 20), (256, 64)],
    "update_scale": [1.0, -1.5],
    "lowering": STATE_LOWERINGS,
}

STEP_DIMENSIONS = {
    "key_decay": CLASSES,
    "value_decay": CLASSES,
    "types": DIMENSIONS["types"],
    "decay_type": ["f32", "bf16"],
    "state_layout": ["kv", "vk"],
    "heads": DIMENSIONS["heads"],
    "head_sizes": DIMENSIONS["head_sizes"],
    "scales": DIMENSIONS["scales"],
}


def rows(dimensions):
    for row in covering_array({name: len(values) for name, values in dimensions.items()}):
        yield {name: dimensions[name][i] for name, i in row.items()}


def state_programs():
    for pick in rows(STATE_DIMENSIONS):
        lowering, type_ = pick.pop("lowering"), pick.pop("type")
        schedule = lowering if isinstance(lowering, tuple) else None
        program = Program(
            op="state", key_type=type_, value_type=type_, schedule=schedule, **pick
        )
        yield program, "recurrence" if lowering == "recurrence" else "blocks"


def step_programs():
    for pick in rows(STEP_DIMENSIONS):
        types, heads, scales = pick.pop("types"), pick.pop("heads"), pick.pop("scales")
        program = Program(
            op="step", query_type=types[0], key_type=types[1], value_type=types[2],
            output_type=types[3], heads=heads[0], dynamic_heads=heads[1], scale=scales[0],
            update_scale=scales[1], **pick
        )
        yield program


def name_of(value):
    return str(value).replace(" ", ",")


@pytest.mark.parametrize("program,front", state_programs(), ids=name_of)
def test_state(cache, rng, program, front):
    function = cache.get(program.mlir(), front)
    for i, sizes in enumerate(run_sizes(program)):
        arguments = random_arguments(program, sizes, rng, GATES[i % len(GATES)])
        check(function, program, arguments, sizes, f"{program}", at_end=i % 3 != 0)


@pytest.mark.parametrize("program", step_programs(), ids=name_of)
def test_step(cache, rng, program):
    function = cache.get(program.mlir())
    for i, batch in enumerate([0, 1, 3]):
        arguments = random_arguments(program, Sizes(batch), rng, GATES[-i])
        check(function, program, arguments, Sizes(batch), f"{program}", at_end=i != 1)
