# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Branches, warp-wide instructions and barriers."""

import numpy as np
import pytest
from support import POINTERS, fails, kernel, launch, mutate

import ptxsim

STORE = "\n\tmul.wide.u32 %d2, %r0, 4;\n\tadd.s64 %d4, %d1, %d2;\n\tst.global.b32 [%d4], %r9;\n\tret;"


def run(body, threads=32, seed=0, **options):
    out = np.zeros(threads, np.uint32)
    launch(kernel(POINTERS + body + STORE, ("b64", "b64"), **options), [np.zeros(1, np.uint32), out], block=threads, seed=seed)
    return out


LOOP = """
	mov.b32 %r9, 0;
	mov.b32 %r1, %r0;
$again:
	setp.eq.u32 %p1, %r1, 0;
	@%p1 bra $done;
	and.b32 %r2, %r1, 1;
	setp.ne.u32 %p2, %r2, 0;
	@!%p2 bra $even;
	add.s32 %r9, %r9, 100;
	bra.uni $next;
$even:
	add.s32 %r9, %r9, 1;
$next:
	add.s32 %r1, %r1, -1;
	bra.uni $again;
$done:
	bar.warp.sync -1;
"""


@pytest.mark.parametrize("seed", range(4))
def test_divergent_loops(seed):
    lanes = np.arange(40)
    np.testing.assert_array_equal(run(LOOP, 40, seed), (lanes + 1) // 2 * 100 + lanes // 2)


def test_scopes_have_their_own_registers_and_labels():
    block = "{\n\t.reg .b32 x;\n\t.reg .pred P1;\n\tmov.b32 x, 0;\nWAIT:\n\tadd.s32 x, x, %r0;\n\tsetp.gt.u32 P1, x, 50;\n" \
            "\t@P1 bra.uni DONE;\n\tadd.s32 x, x, 1;\n\tbra.uni WAIT;\nDONE:\n\tadd.s32 %r9, %r9, x;\n\t}\n"
    got = run("\n\tmov.b32 %r9, 0;\n" + block + block)

    def once(t):
        x = t
        while x <= 50:
            x += 1 + t
        return x

    np.testing.assert_array_equal(got, [2 * once(t) for t in range(32)])


WARP = {
    "shfl.sync.bfly.b32 %r9, %r0, 5, 31, -1;": lambda t: t ^ 5,
    "shfl.sync.idx.b32 %r9, %r0, 9, 31, -1;": lambda t: 9 + 0 * t,
    "shfl.sync.idx.b32 %r9, %r0, 1, 7199, -1;": lambda t: (t & 28) + 1,
    "shfl.sync.up.b32 %r9|%p1, %r0, 3, 0, -1;\n\t@!%p1 mov.b32 %r9, 77;": lambda t: np.where(t < 3, 77, t - 3),
    "shfl.sync.down.b32 %r9, %r0, 4, 31, -1;": lambda t: np.where(t > 27, t, t + 4),
    "setp.lt.u32 %p1, %r0, 9;\n\tvote.sync.ballot.b32 %r9, %p1, -1;": lambda t: 511 + 0 * t,
    "setp.lt.u32 %p1, %r0, 9;\n\tvote.sync.any.pred %p2, %p1, -1;\n\tselp.b32 %r9, 1, 0, %p2;": lambda t: 1 + 0 * t,
    "setp.lt.u32 %p1, %r0, 9;\n\tvote.sync.all.pred %p2, %p1, -1;\n\tselp.b32 %r9, 1, 0, %p2;": lambda t: 0 * t,
    "redux.sync.add.u32 %r9, %r0, -1;": lambda t: 496 + 0 * t,
    "redux.sync.max.s32 %r9, %r0, -1;": lambda t: 31 + 0 * t,
    "mov.b32 %r9, 5;\n\telect.sync %r8|%p1, -1;\n\t@%p1 add.s32 %r9, %r8, 1;": lambda t: np.where(t == 0, 1, 5),
    "mov.u32 %r9, %laneid;": lambda t: t,
    "mov.u32 %r9, %lanemask_lt;": lambda t: (1 << t.astype(np.int64)) - 1,
    "griddepcontrol.wait;\n\tgriddepcontrol.launch_dependents;\n\tmov.u32 %r9, %ntid.x;": lambda t: 32 + 0 * t,
    "activemask.b32 %r9;": lambda t: 0xFFFFFFFF + 0 * t,
}


@pytest.mark.parametrize("body", WARP)
def test_warp_wide(body):
    np.testing.assert_array_equal(run("\n\t" + body), WARP[body](np.arange(32)).astype(np.uint32))


def test_special_registers():
    body = """
	ld.param.b64 %d1, [p0];
	mov.u32 %r0, %tid.x;
	mov.u32 %r1, %tid.y;
	mov.u32 %r2, %ntid.x;
	mad.lo.u32 %r3, %r1, %r2, %r0;
	mov.u32 %r4, %ctaid.y;
	mov.u32 %r5, %nctaid.x;
	mov.u32 %r6, %ctaid.x;
	mad.lo.u32 %r4, %r4, %r5, %r6;
	mov.u32 %r7, %ntid.y;
	mul.lo.u32 %r2, %r2, %r7;
	mad.lo.u32 %r0, %r4, %r2, %r3;
	add.s32 %r9, %r0, 3;
"""
    out = np.zeros(2 * 3 * 8 * 5, np.uint32)
    launch(kernel(body + STORE, ("b64",)), [out], grid=(2, 3), block=(8, 5))
    np.testing.assert_array_equal(out, np.arange(240) + 3)


PINGPONG = kernel(POINTERS + """
	mul.wide.u32 %d2, %r0, 4;
	add.s64 %d4, %d1, %d2;
	shr.u32 %r1, %r0, 5;
	and.b32 %r2, %r0, 31;
	mov.b32 %r3, tile;
	shl.b32 %r2, %r2, 2;
	add.s32 %r3, %r3, %r2;
	mov.b32 %r4, 0;
	mov.b32 %r9, 0;
	setp.ne.u32 %p1, %r1, 0;
	@%p1 bra $consumer;
$produce:
	bar.sync 2, 64;
	add.s32 %r5, %r4, %r0;
	st.shared.b32 [%r3], %r5;
	bar.arrive 1, 64;
	add.s32 %r4, %r4, 1;
	setp.lt.u32 %p2, %r4, 4;
	@%p2 bra $produce;
	bra.uni $end;
$consumer:
	bar.arrive 2, 64;
$consume:
	bar.sync 1, 64;
	ld.shared.b32 %r5, [%r3];
	add.s32 %r9, %r9, %r5;
	add.s32 %r4, %r4, 1;
	setp.eq.u32 %p2, %r4, 4;
	@%p2 bra $end;
	bar.arrive 2, 64;
	bra.uni $consume;
$end:
	st.global.b32 [%d4], %r9;
	ret;""", ("b64", "b64"), module=".shared .align 16 .b8 tile[128];")


def pingpong_args():
    return [np.zeros(1, np.uint32), np.zeros(64, np.uint32)]


@pytest.mark.parametrize("seed", range(6))
def test_named_barriers(seed):
    args = pingpong_args()
    launch(PINGPONG, args, block=64, seed=seed)
    np.testing.assert_array_equal(args[1], np.concatenate([np.zeros(32), 4 * np.arange(32) + 6]))


@pytest.mark.parametrize("kinds, old, new", [
    (("race", "deadlock", "barrier"), "bar.sync 2, 64;", ""),  # overwrites what may still be read
    (("race", "uninitialized", "deadlock", "barrier"), "bar.sync 1, 64;", ""),
    (("deadlock",), "bar.arrive 1, 64;", "bar.arrive 3, 64;"),
    (("barrier",), "bar.arrive 1, 64;", "bar.arrive 1, 96;"),
    (("deadlock",), "setp.eq.u32 %p2, %r4, 4;", "setp.eq.u32 %p2, %r4, 5;"),
    (("barrier", "deadlock"), "setp.eq.u32 %p2, %r4, 4;", "setp.eq.u32 %p2, %r4, 3;"),
])
def test_named_barrier_mutations(kinds, old, new):
    for seed in range(4):
        with pytest.raises(ptxsim.SimulationError) as error:
            launch(mutate(PINGPONG, old, new), pingpong_args(), block=64, seed=seed)
        assert error.value.kind in kinds, error.value


def test_barrier_in_divergent_code():
    body = "\n\tmov.b32 %r9, 0;\n\tsetp.lt.u32 %p1, %r0, 16;\n\t@%p1 bra $skip;\n\tbar.sync 0;\n$skip:\n\tbar.sync 0;"
    text = kernel(POINTERS + body + STORE, ("b64", "b64"))
    fails("convergence", text, [np.zeros(1, np.uint32), np.zeros(32, np.uint32)])


def test_undefined_registers():
    args = [np.zeros(1, np.uint32), np.zeros(32, np.uint32)]
    for body in ("\n\tadd.s32 %r9, %r8, 1;", "\n\tsetp.eq.s32 %p1, %r8, 1;\n\tmov.b32 %r9, 0;\n\t@%p1 mov.b32 %r9, 1;",
                 "\n\tsetp.lt.u32 %p1, %r0, 31;\n\t@%p1 mov.b32 %r9, 1;"):
        fails("uninitialized", kernel(POINTERS + body + STORE, ("b64", "b64")), args)
    # An undefined value that nothing uses is no error: compilers emit such copies.
    launch(kernel(POINTERS + "\n\tmov.b32 %r7, %r8;\n\tsetp.lt.u32 %p1, %r0, 40;\n\tselp.b32 %r9, 1, %r7, %p1;" + STORE, ("b64", "b64")), args)


def test_shuffle_from_a_lane_that_is_away():
    body = "\n\tmov.b32 %r9, 0;\n\tsetp.gt.u32 %p1, %r0, 15;\n\t@%p1 bra $skip;\n" \
           "\tshfl.sync.bfly.b32 %r9, %r0, 16, 31, 65535;\n$skip:"
    fails("operand", kernel(POINTERS + body + STORE, ("b64", "b64")), [np.zeros(1, np.uint32), np.zeros(32, np.uint32)])


def test_limit():
    text = kernel("$x:\n\tbra.uni $x;\n")
    fails("limit", text, [], seeds=(0,), max_steps=10_000)
