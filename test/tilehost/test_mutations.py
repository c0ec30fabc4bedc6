# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Wrong tile programs, each with one error: a run on the host must show it.

What it cannot show is here too, so that nobody relies on it.
"""

import functools
import re

import numpy as np
import pytest
import tilehost

from dtypes import decode
from programs import Program, Sizes, bound, expected_results, random_arguments
from reference import rms_error

LOW = dict(query_type="bf16", key_type="bf16", value_type="bf16", output_type="bf16")
PROGRAM = Program(key_decay="const", initial=True, final=True, head_sizes=(64, 128), **LOW)
PLANS = {
    "plain": (PROGRAM, Sizes(1, 500), ""),
    "vectors": (
        Program(key_decay="scalar", final=True, head_sizes=(64, 64), **LOW), Sizes(1, 450),
        "early state-first publish-first stages=2",
    ),
    "sequences": (
        Program(key_decay="const", offsets="i32", reverse=True, head_sizes=(64, 64), **LOW),
        Sizes(offsets=(0, 40, 330)), "",
    ),
}  # fmt: skip
# A kernel of threads, which share rows and vectors.
STEPS = {"step": (Program("step", "vector", head_sizes=(64, 64), **LOW), Sizes(2, 1), "")}
EVERY = {**PLANS, **STEPS}
# Ops that order others. A crew executes an op as a whole, and what it writes is
# seen at once: a tile.sync of one warpgroup and a tile.fence change nothing.
ORDER = r"tile\.(barrier_wait|barrier_arrive|store_wait) "
WORK = r"tile\.(store_shared|store|vector_store) "
UNSEEN = r"tile\.(fence$|sync \S+ warpgroups 1$)"


@functools.lru_cache(maxsize=None)
def planned(name):
    program, _, options = EVERY[name]
    return tilehost.plan(program.mlir(), options).splitlines()


@functools.lru_cache(maxsize=None)
def data(name):
    program, sizes, _ = EVERY[name]
    arguments = random_arguments(program, sizes, np.random.default_rng(7), "mild")
    stored = [arguments[n] for n, _, _ in program.arguments()]
    return stored, expected_results(program, arguments)


def find_error(name, lines):
    """What is wrong with the results, if anything: in words."""
    program = EVERY[name][0]
    stored, wanted = data(name)
    for way in tilehost.WAYS:
        try:
            results = tilehost.run("\n".join(lines), stored, len(program.results()), way)
        except tilehost.Failure as failure:
            assert "does not come to an end" in str(failure), failure
            return str(failure)
        for (result, _, element), got in zip(program.results(), results):
            # Written so that NaN is an error.
            if not rms_error(decode(got, element), wanted[result]) < bound(program, result):
                return f"{result} is wrong"
    return None


def places(name, pattern):
    lines = planned(name)
    found = [i for i, line in enumerate(lines) if re.match(r"\s+(%\S+ = )?" + pattern, line)]
    assert found, f"{name}: no {pattern}"
    return found


def without_all(name, pattern):
    dropped = places(name, pattern)
    return [line for i, line in enumerate(planned(name)) if i not in dropped]


def without(pattern, names=PLANS):
    for name in names:
        for i in places(name, pattern):
            yield pytest.param(name, i, id=f"{name}-{i}-{planned(name)[i].split()[0]}")


@pytest.mark.parametrize("name", EVERY)
def test_unchanged(name):
    assert find_error(name, planned(name)) is None


@pytest.mark.parametrize("name, line", [*without(ORDER), *without(WORK)])
def test_dropped(name, line):
    lines = planned(name)
    assert find_error(name, lines[:line] + lines[line + 1 :])


@pytest.mark.parametrize("name", PLANS)
def test_dropped_and_not_seen(name):
    """Needs tile-verify or the PTX simulator."""
    assert find_error(name, without_all(name, UNSEEN)) is None


def test_threads_that_do_not_meet():
    """In the version for states that are aligned, which runs here, and in the other one, which does not."""
    lines, meetings = planned("step"), places("step", r"tile\.sync ")
    errors = [find_error("step", lines[:i] + lines[i + 1 :]) for i in meetings]
    assert [error is not None for error in errors] == [True, True, False, False]


def replaced(name, pattern, new, count=1):
    text, n = re.subn(pattern, new, "\n".join(planned(name)), count=count)
    assert n, pattern
    return text.splitlines()


CHANGES = {
    "phase": (r"(tile\.barrier_wait %\w+\[%\w+\] phase) %\w+", r"\1 %c1_i32"),
    "transpose": (r"(tile\.contract %\w+, %\w+) transposed( :)", r"\1\2"),
    "transpose of the left operand": (r"(tile\.contract %\w+) transposed,", r"\1,"),
    "panel": (r"(tile\.panel %\w+)\[%\w+\]", r"\1[%c0_i32]"),
    "accumulator": (r"(tile\.contract .*?) into %\w+( : .*?) into !tile.accumulator<64, 64, f32>", r"\1\2"),
    "row of a mask": (r"arith\.cmpi uge, (%\w+), (%\w+)", r"arith.cmpi ugt, \1, \2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed(change):
    assert find_error("plain", replaced("plain", *CHANGES[change]))


def test_tile_handed_back_too_early():
    """The arrival comes before the wait for the contraction that still reads."""
    lines = list(planned("plain"))
    arrive = lines.pop(places("plain", "tile.barrier_arrive ")[0])
    waits = [i for i, line in enumerate(lines) if re.match(r"\s+%\w+ = tile\.wait ", line)]
    lines.insert(waits[0], arrive)
    assert find_error("plain", lines)


def test_rows_of_the_next_sequence():
    """Rows of keys or of values alone may stay: their products are zero."""
    assert find_error("sequences", without_all("sequences", r"tile\.zero_rows "))


def test_overlapping_tiles():
    allocated = tilehost.run_tool("linattn-opt", ["--tile-allocate-shared"], "\n".join(planned("plain")))
    offsets = re.findall(r"tile\.alloc \{offset = (\d+) : i64\}", allocated)
    assert find_error("plain", allocated.splitlines()) is None
    assert find_error("plain", allocated.replace(f"offset = {offsets[1]} ", f"offset = {offsets[0]} ").splitlines())
