# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps: kernels whose threads share the rows of a state, and load 16 bytes at a time where they can."""

import re

import numpy as np
import planned
import pytest
import tiles

import ptxsim
from covering import covering_array
from dtypes import decode
from programs import Program, Sizes, bound, expected_results, random_arguments
from ptxsim import ptxas
from reference import rms_error

DIMENSIONS = {
    "key_decay": ["none", "const", "scalar", "vector"],
    "value_decay": ["none", "vector"],
    "types": [("bf16",) * 4, ("f16",) * 4, ("f32",) * 4, ("bf16", "f32", "f16", "f32")],
    "state_layout": ["kv", "vk"],
    "heads": [((2, 2, 2, 2), False), ((4, 2, 1, 4), False), ((2, 1, 1, 2), True)],
    "head_sizes": [
        (64, 64), (128, 128), (256, 256), (128, 64), (64, 256), (33, 60), (60, 33), (16, 6), (100, 132), (8, 520),
    ],
    "scales": [(1.0, 1.0), (0.75, -1.5)],
    "chip": ["sm_90a", "sm_80"],
    # How the state lies in memory: the gap between rows, and the first element.
    "place": [(0, 0), (0, 0), (4, 4), (4, 1), (1, 0)],
}  # fmt: skip


class Strided(planned.Tensor):
    """A state whose rows have gaps, `first` elements behind a multiple of 16 bytes."""

    def __init__(self, shape, element, gap=0, first=0):
        super().__init__(shape, element)
        self.strides = [s // shape[-1] * (shape[-1] + gap) for s in self.strides[:-1]] + [1]
        self.first = planned.GUARD + first
        size = sum((n - 1) * s for n, s in zip(shape, self.strides)) + 1
        self.whole = np.full(self.first + size + planned.GUARD, planned.POISON[4], np.uint32)
        self.before = self.whole.copy()

    def of_elements(self, array):
        steps = [s * array.itemsize for s in self.strides]
        return np.lib.stride_tricks.as_strided(array[self.first :], self.shape, steps)

    def view(self):
        return self.of_elements(self.whole.view(np.float32))

    def check_surroundings(self):
        inside = np.zeros(len(self.whole), bool)
        self.of_elements(inside)[...] = True
        np.testing.assert_array_equal(self.whole[~inside], self.before[~inside])

    def pointer(self):
        return ptxsim.Pointer(self.whole, self.first * 4)


def run(program, batch=1, place=(0, 0), seed=0, chip="sm_90a"):
    """The greatest part of its bound that the error of a result is."""
    arguments = random_arguments(program, Sizes(batch, 1), np.random.default_rng(seed), "mild")
    wanted = expected_results(program, arguments)
    function = planned.Function(planned.plan(program.mlir()))
    tensors = []
    for name, _, element in program.arguments():
        tensor = planned.Tensor.of(arguments[name], element)
        if name == "s0":
            tensor = Strided(arguments[name].shape, element, *place)
            tensor.view()[...] = arguments[name]
            tensor.before = tensor.whole.copy()
        tensors.append(tensor)
    errors = []
    for (name, _, element), tensor in zip(program.results(), function.call(tensors, seed, chip)):
        values = decode(tensor.view().copy(), element)
        assert np.isfinite(values).all(), f"{name}: elements that were not written"
        errors.append(rms_error(values, wanted[name]) / bound(program, name))
    return max(errors)


def low(types):
    return dict(zip(("query_type", "key_type", "value_type", "output_type"), types))


def rows():
    for number, row in enumerate(covering_array({n: len(v) for n, v in DIMENSIONS.items()})):
        value = {name: DIMENSIONS[name][choice] for name, choice in row.items()}
        (heads, dynamic), (scale, update) = value.pop("heads"), value.pop("scales")
        chip, place = value.pop("chip"), value.pop("place")
        program = Program(
            "step", **low(value.pop("types")), **value, heads=heads, dynamic_heads=dynamic, scale=scale,
            update_scale=update,
        )  # fmt: skip
        yield pytest.param(number, program, place, chip, id=f"{number:02}-{program}-{place}-{chip}".replace(" ", "_"))


@pytest.mark.parametrize("number, program, place, chip", rows())
def test_step(number, program, place, chip):
    assert run(program, 1 + number % 2, place, number, chip) < 1


def change_ptx(monkeypatch, change):
    """Lets the simulator run a changed program."""
    compile_tiles = tiles.compile_tiles

    def changed(*args):
        text, sizes = compile_tiles(*args)
        return change(text), sizes

    monkeypatch.setattr(tiles, "compile_tiles", changed)


WIDE = {"kv": (64, 64), "vk": (64, 32)}


@pytest.mark.parametrize("layout", WIDE)
@pytest.mark.parametrize(
    "place, is_wide", [((0, 0), True), ((4, 4), True), ((4, 1), False), ((4, 2), False), ((1, 0), False), ((2, 4), False)]
)
def test_units_of_16_bytes(layout, place, is_wide, monkeypatch):
    """States whose rows are multiples of 16 bytes are stored so, and no others."""
    program = Program("step", "const", state_layout=layout, head_sizes=WIDE[layout])
    assert run(program, place=place) < 1
    change_ptx(monkeypatch, lambda text: re.sub(r"\tst\.global\.v4\.(f32|b32) .*\n", "", text))
    assert (run(program, place=place) > 1) == is_wide


@pytest.mark.parametrize("number", range(4))
def test_threads_meet(number, monkeypatch):
    """Vectors that are computed once, and sums of parts, are read when they are there."""

    def without(text):
        meetings = [m.span() for m in re.finditer(r"\tbar\.sync.*\n", text)]
        # Two in each of the two versions.
        assert len(meetings) == 4
        begin, end = meetings[number]
        return text[:begin] + text[end:]

    def is_seen(place):
        try:
            for seed in range(8):
                assert run(program, place=place, seed=seed) < 1
        except ptxsim.SimulationError as error:
            assert error.kind in ("race", "uninitialized"), error
            return True
        return False

    program = Program("step", "vector", head_sizes=(64, 64))
    change_ptx(monkeypatch, without)
    # Only one of the versions runs.
    assert is_seen((0, 0)) != is_seen((1, 0))


@pytest.mark.parametrize("chip", ["sm_90a", "sm_80"])
@pytest.mark.parametrize("size", [64, 128, 256])
def test_registers(size, chip):
    """The rows in flight fit into the registers, with all that a decay adds to them."""
    program = Program("step", "vector", "vector", head_sizes=(size, size), **low(("bf16",) * 4))
    text = planned.plan(program.mlir())
    ptx, _ = tiles.compile_tiles(tiles.kernel_of(re.sub(r"^  ", "", text, flags=re.M), "f_0"), chip)
    assert ptx.count("ld.global.v4.") >= 8
    log = ptxas.assemble(ptx)
    assert "0 bytes spill stores, 0 bytes spill loads" in log, log
