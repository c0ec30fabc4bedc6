# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Heads that take turns, chunk by chunk, give the bits that they give alone.

How many of them a kernel groups depends on how many threads there are.
"""

from pathlib import Path

import pytest

import compiling
from checking import call, check
from programs import Program, Sizes, random_arguments

SCHEDULE = (16, 8, 8)
THREADS = (1, 2, 3, 5)
ALONE = ("--interleave=1",)


def heads(h, key=None, head_sizes=(64, 16)):
    """Rows of queries and keys of 256 bytes: shorter ones are left alone."""
    return dict(heads=(h, h, key or h, key or h), head_sizes=head_sizes, schedule=SCHEDULE)


PROGRAMS = {
    "const": Program(key_decay="const", final=True, **heads(5)),
    "scalar": Program(key_decay="scalar", initial=True, final=True, **heads(7)),
    "vector": Program(key_decay="vector", final=True, **heads(8, key=2, head_sizes=(67, 12))),
    "value": Program(value_decay="vector", initial=True, final=True, reverse=True, **heads(6)),
    "one": Program(key_decay="scalar", **heads(1)),
    "bf16": Program(
        key_decay="const", query_type="bf16", key_type="bf16", value_type="bf16",
        output_type="bf16", **heads(9, head_sizes=(130, 24)),
    ),
    "varlen": Program(key_decay="scalar", offsets="i32", initial=True, final=True, **heads(5)),
    "dynamic": Program(key_decay="vector", final=True, dynamic_heads=True, **heads(5)),
    "state": Program(op="state", key_decay="scalar", **heads(7)),
}


def get(cache, program, *flags):
    if cache.back is not compiling.Host:
        pytest.skip("an option of linattn-compile")
    return cache.get(program.mlir(), flags=flags)


def sizes_of(program):
    if program.offsets:
        return [Sizes(offsets=(0, 37, 37, 38, 90)), Sizes(offsets=(0,))]
    return [Sizes(1, 61), Sizes(3, 16), Sizes(2, 1), Sizes(2, 0)]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_turns_change_no_bit(cache, rng, monkeypatch, name, threads):
    program = PROGRAMS[name]
    together, alone = get(cache, program), get(cache, program, *ALONE)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    for sizes in sizes_of(program):
        arguments = random_arguments(program, sizes, rng)
        expected = call(alone, program, arguments, sizes)
        actual = check(together, program, arguments, sizes)
        for result, values in expected.items():
            assert actual[result].tobytes() == values.tobytes(), f"{sizes}: {result} differs"


@pytest.mark.parametrize("name", PROGRAMS)
def test_kernels_ask_for_threads_where_heads_take_turns(cache, name):
    """Else the test above compares a program with itself."""
    program = PROGRAMS[name]
    asks = [
        b"omp_get_max_threads" in Path(get(cache, program, *flags).path).read_bytes()
        for flags in ((), ALONE)
    ]
    assert asks == [program.heads[0] > 1, False]


def test_rows_of_a_head_that_lie_together_stay_so(cache):
    program = Program(key_decay="const", layout="bhnd", **heads(8))
    assert b"omp_get_max_threads" not in Path(get(cache, program).path).read_bytes()
