# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`linattn.attention` against the recurrence, over a pairwise covering array.

Each row of the array is one combination of types, compiled once by one
lowering and run at many sizes.
"""

from dataclasses import replace

import pytest

from checking import check
from covering import covering_array
from programs import CLASSES, GATES, Program, Sizes, random_arguments

# How the program is lowered: by the recurrence, by blocks with the schedule
# that the compiler chooses, or by blocks with a given schedule.
LOWERINGS = ["recurrence", None, (16, 16, 16), (32, 8, 1), (64, 16, 16), (64, 64, 8), (96, 32, 16)]

DIMENSIONS = {
    "key_decay": CLASSES,
    "value_decay": CLASSES,
    # query, key, value, output
    "types": [
        ("f32", "f32", "f32", "f32"),
        ("bf16", "bf16", "bf16", "bf16"),
        ("f16", "f16", "f16", "f16"),
        ("bf16", "bf16", "bf16", "f32"),
        ("f32", "bf16", "bf16", "f32"),
        ("f16", "f32", "bf16", "f16"),
    ],
    "decay_type": ["f32", "bf16"],
    "reverse": [False, True],
    "layout": ["bnhd", "bhnd"],
    "state_layout": ["kv", "vk"],
    "states": [(False, False), (True, False), (False, True), (True, True)],
    "offsets": [None, None, "i32", "i64"],
    # H, Hq, Hk, Hv and whether the counts are dynamic
    "heads": [
        ((2, 2, 2, 2), False),
        ((4, 2, 1, 4), False),
        ((6, 6, 3, 2), False),
        ((3, 1, 1, 1), False),
        ((3, 3, 3, 3), True),
        ((4, 1, 2, 4), True),
    ],
    "head_sizes": [
        (16, 16), (33, 60), (60, 33), (100, 100), (64, 128), (192, 32), (32, 192), (256, 256), (1, 5),
    ],
    "scales": [(1.0, 1.0), (0.125, 1.0), (0.75, -1.5)],
}


def programs():
    """[(program, lowering)] of the covering array."""
    dimensions = {**DIMENSIONS, "lowering": LOWERINGS}
    out = []
    for row in covering_array({name: len(values) for name, values in dimensions.items()}):
        pick = {name: dimensions[name][i] for name, i in row.items()}
        types, heads, scales = pick["types"], pick["heads"], pick["scales"]
        initial, final = pick["states"]
        lowering = pick["lowering"]
        program = Program(
            key_decay=pick["key_decay"],
            value_decay=pick["value_decay"],
            query_type=types[0],
            key_type=types[1],
            value_type=types[2],
            output_type=types[3],
            decay_type=pick["decay_type"],
            reverse=pick["reverse"],
            layout=pick["layout"],
            state_layout=pick["state_layout"],
            initial=initial,
            final=final,
            offsets=pick["offsets"],
            heads=heads[0],
            dynamic_heads=heads[1],
            head_sizes=pick["head_sizes"],
            scale=scales[0],
            update_scale=scales[1],
            schedule=lowering if isinstance(lowering, tuple) else None,
        )
        if program.dynamic_heads and program._size_source("H") is None:
            program = replace(program, dynamic_heads=False)
        out.append((program, "recurrence" if lowering == "recurrence" else "blocks"))
    return out


def run_sizes(program):
    """Empty, tiny, ragged and aligned sizes; packed sequences, some empty."""
    chunk = program.schedule[0] if program.schedule else 64
    if program.offsets:
        sizes = [
            (0,),
            (0, 0, 0),
            (0, 0, 3, 3, 3, chunk + 8, chunk + 8),
            (0, chunk, 2 * chunk + 1),
            (0, 1, 2, 3),
        ]
        return [Sizes(offsets=s) for s in sizes]
    sizes = [(2, 0), (0, 5), (1, 1), (3, 3), (1, chunk - 1), (2, chunk), (1, chunk + 1),
             (1, 2 * chunk + 7)]
    if program.head_sizes[0] * program.head_sizes[1] > 20000:
        sizes = [(2, 0), (1, 1), (1, chunk + 5)]
    return [Sizes(b, n) for b, n in sizes]


PROGRAMS = programs()


@pytest.mark.parametrize(
    "program,front", PROGRAMS, ids=[f"{front}:{p}".replace(" ", ",") for p, front in PROGRAMS]
)
def test_attention(cache, rng, program, front):
    function = cache.get(program.mlir(), front)
    for i, sizes in enumerate(run_sizes(program)):
        gate = GATES[i % len(GATES)] if i else "wild"
        arguments = random_arguments(program, sizes, rng, gate)
        check(function, program, arguments, sizes, f"{program} {gate}", at_end=i % 3 != 0)


@pytest.mark.parametrize("key_decay,value_decay", [("const", "none"), ("vector", "vector")])
def test_tiles_that_do_not_fit_on_the_stack(cache, rng, key_decay, value_decay):
    """The host keeps up to 1 MiB of tiles on the stack: a state of 512 x 512 is
    as much by itself."""
    program = Program(
        key_decay=key_decay, value_decay=value_decay, initial=True, final=True,
        heads=(3, 3, 1, 3), head_sizes=(512, 512), schedule=(16, 16, 16),
    )
    function = cache.get(program.mlir())
    for sizes in (Sizes(2, 21), Sizes(1, 1)):
        check(function, program, random_arguments(program, sizes, rng, "mild"), sizes, str(program))
