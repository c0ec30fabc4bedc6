# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tile programs with one error each, which tile-verify has to see."""

import pathlib
import re
import subprocess

import pytest
from support import mutate
from tiles import BUILD, CHIPS, FORWARD, kernel_of
from test_tile_forward import forward

SOURCE = pathlib.Path(__file__).parent.joinpath("Inputs", "tiles.mlir").read_text()


def verify(source, chip="sm_90a"):
    """What tile-verify complains about, or nothing."""
    result = subprocess.run(
        [str(BUILD / "bin/linattn-opt"), "--tile-allocate-shared=limit=1000000", f"--tile-verify=chip={chip}", "-o", "/dev/null"],
        input=source, capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode == 0) == ("error:" not in result.stderr), result.stderr
    return result.stderr


@pytest.mark.parametrize("chip", CHIPS)
def test_the_forward_is_right(chip):
    assert verify(forward(chip), chip) == ""


@pytest.mark.parametrize("name", re.findall(r"tile\.kernel @(\w+)", SOURCE))
def test_other_programs_are_right(name):
    assert verify(kernel_of(SOURCE, name)) == ""


ARRIVE = "      tile.barrier_arrive %empty[%stage] : !tile.barrier<3, 8>\n"
WAIT = "      %s2 = tile.wait %s1 : !tile.pending<128, 64, f32> -> !tile.accumulator<128, 64, f32>\n"
SYNC = "      tile.sync %id warpgroups 1\n"
FENCE = "      tile.fence\n"
FULL = "      tile.barrier_wait %full[%stage] phase %phase : !tile.barrier<3, 1>\n"
EMPTY = "      tile.barrier_wait %empty[%stage] phase %phase : !tile.barrier<3, 8>\n"


def without(text, number):
    """Drops one of several occurrences."""

    def change(source):
        parts = source.split(text)
        return text.join(parts[: number + 1]) + text.join(parts[number + 1 :])

    return change


MUTATIONS = {
    "no wait for loads": (without(FULL, 0), "reads what nothing has written yet"),
    "no wait before loads": (without(EMPTY, 0), "overwrites a tile that an earlier load may still write"),
    "released before the wait": (
        lambda s: mutate(mutate(s, ARRIVE, ""), "      %a0 = tile.contract", ARRIVE + "      %a0 = tile.contract"),
        "overwrites what",
    ),
    "released in flight": (lambda s: mutate(s, WAIT + ARRIVE, ARRIVE + WAIT), "overwrites what a contraction may still read"),
    "never released": (without(ARRIVE, 0), "waits forever"),
    "released twice": (lambda s: mutate(s, ARRIVE, 2 * ARRIVE), "phase"),
    "released by one warpgroup only": (lambda s: s.replace("!tile.barrier<3, 8>", "!tile.barrier<3, 4>"), "phase"),
    "too many arrivals asked for": (lambda s: s.replace("!tile.barrier<3, 8>", "!tile.barrier<3, 12>"), "expects 12 arrivals in each phase, but the last one ends with 8"),
    "wrong phase of the consumer": (lambda s: mutate(s, "iter_args(%stage = %c0, %phase = %c0, %s", "iter_args(%stage = %c0, %phase = %c1, %s"), "reads what nothing has written yet"),
    "wrong phase of the loads": (lambda s: mutate(s, "iter_args(%stage = %c0, %phase = %c1)", "iter_args(%stage = %c0, %phase = %c0)"), "waits forever"),
    "phase that does not turn": (lambda s: mutate(s, "scf.yield %stage1, %phase1, %s2", "scf.yield %stage1, %phase, %s2"), "waits for"),
    "one stage too few": (lambda s: mutate(s, "%full = tile.barrier_init : !tile.barrier<3, 1>", "%full = tile.barrier_init : !tile.barrier<2, 1>").replace("%full[%stage] : !tile.barrier<3, 1>", "%full[%stage] : !tile.barrier<2, 1>").replace("phase %phase : !tile.barrier<3, 1>", "phase %phase : !tile.barrier<2, 1>"), "expects a barrier below 2"),
    "no fence after the first state": (lambda s: mutate(s, "\n    tile.fence\n", "\n"), "expects a tile.fence"),
    "no fence before the store": (without(FENCE, 0), "expects a tile.fence"),
    "no fence after the state": (without(FENCE, 1), "expects a tile.fence"),
    "no sync before the store": (without(SYNC, 0), "reads what nothing has written yet"),
    "no sync after the state": (without(SYNC, 1), "overwrites what a contraction may still read"),
    "no wait for stores": (lambda s: mutate(s, "      tile.store_wait 1 reads_only\n", ""), "overwrites what a store may still read"),
    "wait for too few stores": (lambda s: mutate(s, "tile.store_wait 1 reads_only", "tile.store_wait 2 reads_only"), "overwrites what a store may still read"),
    "no wait for the last stores": (lambda s: mutate(s, "    tile.store_wait 0\n", ""), "no store in flight at the end"),
    "one buffer for the output": (lambda s: mutate(s, "arith.addi %twice, %group", "arith.addi %c0, %group"), "overwrites what a store may still read"),
    "state stored while it is read": (
        lambda s: mutate(s, "      %o1 = tile.wait", "      tile.store_shared %sd to %st : !tile.accumulator<128, 64, f32> to !tile.shared<1, 128, 64, bf16>\n      %o1 = tile.wait"),
        "overwrites what a contraction may still read",
    ),
    "one state for both": (lambda s: mutate(s, "tile.stage %states[%group]", "tile.stage %states[%c0]"), "expects a tile.sync or a barrier"),
    "output over keys that the other consumer reads": (
        lambda s: s.replace("to %ot : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>", "to %kp : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>").replace(
            "      tile.store_shared %o4", "      %kp = tile.panel %kt[%column] : !tile.shared<1, 64, 128, bf16> -> !tile.shared<1, 64, 64, bf16>\n      tile.store_shared %o4"
        ),
        "another warp may",
    ),
    "too many registers": (lambda s: mutate(s, "count 2 registers 240", "count 2 registers 248"), "504 registers in all, 168 for each warpgroup, but got 520"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutations(name):
    change, message = MUTATIONS[name]
    changed = change(FORWARD)
    assert changed != FORWARD
    assert message in verify(changed)


def test_too_much_shared_memory():
    assert "expects at most 166912 bytes of shared memory" in verify(FORWARD, "sm_80")


def test_vectors():
    """The roles of single warps: rules that the forward has no use for."""
    source = kernel_of(SOURCE, "sums")
    wait = "      tile.barrier_wait %empty[%stage] phase %phase : !tile.barrier<2, 4>\n      %at"
    # The other vector warp runs away, so the phases of the consumers are over too soon.
    assert "may be over already" in verify(mutate(source, wait, "      %at"))
    arrive = "      tile.barrier_arrive %full[%stage] : !tile.barrier<2, 2>\n"
    early = mutate(mutate(source, arrive, ""), "      tile.vector_store %a to", arrive + "      tile.vector_store %a to")
    assert "may not have written yet" in verify(early)


def test_rows_need_a_fence_and_a_sync():
    source = kernel_of(SOURCE, "copy")
    assert "expects a tile.fence" in verify(mutate(source, "    tile.fence\n", ""))
    assert "another warp may still read" in verify(mutate(source, "    tile.sync %c1 warpgroups 1\n", ""))


def test_contraction_that_nothing_waits_for():
    source = kernel_of(SOURCE, "product")
    wait = re.search(r"    %rest = tile\.wait .*\n", source)[0]
    assert "no contraction in flight at the end" in verify(mutate(source, wait, ""))
