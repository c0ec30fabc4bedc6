# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads, stores, atomics, matrix moves and cp.async, and what is wrong with them."""

import numpy as np
import pytest
from support import DYNAMIC, POINTERS, fails, kernel, launch, mutate

import ptxsim

SHARED = ".shared .align 16 .b8 tile[1024];"


def test_vectors_and_narrow_types():
    body = POINTERS + """
	mul.wide.u32 %d2, %r0, 16;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	ld.global.nc.v4.b32 {%r1, %r2, %r3, %r4}, [%d3];
	st.global.v2.b32 [%d4+8], {%r1, %r2};
	st.global.v4.b16 [%d4], {%h1, %h2, %h3, %h4};
	ret;"""
    body = body.replace("	st.global.v4", "	ld.global.s8 %r5, [%d3+1];\n	cvt.u16.u32 %h1, %r5;\n	ld.global.u8 %h2, [%d3+1];\n"
                        "	ld.global.s16 %r6, [%d3+2];\n	shr.u32 %r6, %r6, 16;\n	cvt.u16.u32 %h3, %r6;\n	ld.global.b16 %h4, [%d3+14];\n	st.global.v4")
    data = np.random.default_rng(0).integers(0, 1 << 32, 128, dtype=np.uint64).astype(np.uint32)
    out = np.zeros((32, 8), np.uint16)
    launch(kernel(body, ("b64", "b64")), [data, out])
    rows = data.reshape(32, 4)
    raw = rows.view(np.uint8)
    np.testing.assert_array_equal(out[:, 4:].copy().view(np.uint32), rows[:, :2])
    np.testing.assert_array_equal(out[:, 0], raw[:, 1].view(np.int8).astype(np.int16).view(np.uint16))
    np.testing.assert_array_equal(out[:, 1], raw[:, 1])
    np.testing.assert_array_equal(out[:, 2], np.where(rows[:, 0] >> 31, 0xFFFF, 0))
    np.testing.assert_array_equal(out[:, 3], rows[:, 3] >> 16)


def test_parameters_variables_and_local_memory():
    module = ".global .align 4 .b32 table[4] = {10, 20, 0x1E, -1};\n.const .align 4 .f32 half = 0f3F000000;"
    body = """
	.local .align 8 .b8 depot[16];
	ld.param.b64 %d0, [p0];
	ld.param.v2.b32 {%r1, %r2}, [p1+8];
	ld.param.b32 %r3, [p2];
	mov.u32 %r0, %tid.x;
	and.b32 %r4, %r0, 3;
	mul.wide.u32 %d1, %r4, 4;
	mov.b64 %d2, table;
	add.s64 %d2, %d2, %d1;
	ld.global.b32 %r5, [%d2];
	ld.const.b32 %r6, [half];
	mov.b64 %d3, depot;
	cvta.local.u64 %d4, %d3;
	st.local.b32 [%d3+4], %r0;
	ld.b32 %r7, [%d4+4];
	mul.wide.u32 %d1, %r0, 24;
	add.s64 %d0, %d0, %d1;
	st.global.v2.b32 [%d0], {%r1, %r2};
	st.global.v2.b32 [%d0+8], {%r3, %r5};
	st.global.v2.b32 [%d0+16], {%r6, %r7};
	ret;"""
    text = kernel(body, ("b64", "align 8 .b8", "f32"), module=module).replace("p1,", "p1[16],")
    out = np.zeros((32, 6), np.uint32)
    launch(text, [out, np.arange(4, dtype=np.uint32).tobytes(), 1.5])
    table = np.array([10, 20, 30, -1], np.int32).view(np.uint32)
    want = [[2, 3, 0x3FC00000, table[t & 3], 0x3F000000, t] for t in range(32)]
    np.testing.assert_array_equal(out, np.array(want, np.uint32))


EXCHANGE = kernel(POINTERS + """
	mul.wide.u32 %d2, %r0, 4;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	ld.global.b32 %r1, [%d3];
	mov.b32 %r2, tile;
	shl.b32 %r3, %r0, 2;
	add.s32 %r4, %r2, %r3;
	st.shared.b32 [%r4], %r1;
	bar.sync 0;
	xor.b32 %r5, %r3, 252;
	add.s32 %r6, %r2, %r5;
	ld.shared.b32 %r7, [%r6];
	st.global.b32 [%d4], %r7;
	ret;""", ("b64", "b64"), module=SHARED)


def exchange_args():
    return [np.arange(64, dtype=np.uint32), np.zeros(64, np.uint32)]


@pytest.mark.parametrize("seed", range(4))
def test_exchange_through_shared_memory(seed):
    data, out = exchange_args()
    launch(EXCHANGE, [data, out], block=64, seed=seed)
    np.testing.assert_array_equal(out, np.arange(64) ^ 63)


def test_missing_barrier_is_a_race_or_uninitialised():
    for seed in range(4):
        with pytest.raises(ptxsim.SimulationError) as error:
            launch(mutate(EXCHANGE, "bar.sync 0;", ""), exchange_args(), block=64, seed=seed)
        assert error.value.kind in ("race", "uninitialized"), error.value
    # With the read before the write the order of the warps does not matter either.
    twice = mutate(EXCHANGE, "st.global.b32 [%d4], %r7;", "st.shared.b32 [%r4], %r7;\n\tst.global.b32 [%d4], %r7;")
    fails("race", twice, exchange_args(), block=64)
    launch(mutate(twice, "	st.shared.b32 [%r4], %r7;", "	bar.sync 0;\n	st.shared.b32 [%r4], %r7;"), exchange_args(), block=64)


@pytest.mark.parametrize("kind, old, new", [
    ("bounds", "st.shared.b32 [%r4]", "st.shared.b32 [%r4+1024]"),
    ("bounds", "ld.global.b32 %r1, [%d3]", "ld.global.b32 %r1, [%d3+4]"),
    ("bounds", "st.global.b32 [%d4]", "st.global.b32 [%d4+-4]"),
    ("misaligned", "st.shared.b32 [%r4]", "st.shared.b32 [%r4+2]"),
    ("misaligned", "ld.global.b32 %r1, [%d3]", "ld.global.b32 %r1, [%d3+1]"),
    ("uninitialized", "xor.b32 %r5, %r3, 252", "add.s32 %r5, %r3, 256"),
    ("uninitialized", "ld.global.b32 %r1, [%d3];", ""),
    ("race", "add.s32 %r4, %r2, %r3", "mov.b32 %r4, %r2"),
])
def test_wrong_accesses(kind, old, new):
    message = fails(kind, mutate(EXCHANGE, old, new), exchange_args(), block=64)
    assert "line " in message and "warp" in message


def test_uninitialised_shared_memory_may_be_poison():
    text = mutate(EXCHANGE, "xor.b32 %r5, %r3, 252", "add.s32 %r5, %r3, 256")
    data, out = exchange_args()
    launch(text, [data, out], block=64, poison=True, record=False)
    assert np.isnan(out.view(np.float32)).all()


def test_ctas_that_write_the_same_place():
    body = POINTERS + "\tmov.u32 %r1, %ctaid.x;\n\tst.global.b32 [%d1], %r1;\n\tret;"
    args = [np.zeros(1, np.uint32), np.zeros(1, np.uint32)]
    launch(kernel(body, ("b64", "b64")), args, block=1)
    fails("race", kernel(body, ("b64", "b64")), args, grid=2, block=1)


def test_atomics():
    body = POINTERS + """
	mov.b32 %r5, 0f3F800000;
	red.global.add.f32 [%d1], %r5;
	atom.global.add.u32 %r2, [%d1+4], 2;
	atom.global.max.s32 %r3, [%d1+8], %r0;
	atom.global.cas.b32 %r4, [%d1+12], 0, 7;
	mul.wide.u32 %d2, %r0, 4;
	add.s64 %d3, %d0, %d2;
	st.global.b32 [%d3], %r2;
	ret;"""
    old, out = np.zeros(64, np.uint32), np.zeros(4, np.uint32)
    launch(kernel(body, ("b64", "b64")), [old, out], block=64, record=False)
    assert out[0] == np.float32(64).view(np.uint32) and list(out[1:]) == [128, 63, 7]
    np.testing.assert_array_equal(np.sort(old), 2 * np.arange(64))


# ldmatrix and stmatrix.

MATRICES = kernel(POINTERS + """
	mul.wide.u32 %d2, %r0, 16;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%d3];
	mov.b32 %r5, tile;
	shl.b32 %r6, %r0, 4;
	add.s32 %r7, %r5, %r6;
	st.shared.v4.b32 [%r7], {%r1, %r2, %r3, %r4};
	bar.warp.sync -1;
	ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r8, %r9, %r10, %r11}, [%r7];
	bar.warp.sync -1;
	stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%r7+512], {%r8, %r9, %r10, %r11};
	bar.warp.sync -1;
	ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r12, %r13}, [%r7+512];
	ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r14}, [%r7+512];
	st.global.v4.b32 [%d4], {%r8, %r12, %r13, %r14};
	ret;""", ("b64", "b64"), module=SHARED)


def test_matrix_moves():
    halves = np.random.default_rng(1).integers(0, 1 << 16, (4, 8, 8)).astype(np.uint16)
    out = np.zeros((32, 4), np.uint32)
    launch(MATRICES, [halves, out])
    registers = [np.ascontiguousarray(m).reshape(-1).view(np.uint32) for m in halves]
    # Stored transposed and read transposed is what it was; read plainly it is transposed.
    turned = np.ascontiguousarray(halves[0].T).reshape(-1).view(np.uint32)
    for column, want in enumerate([registers[0], registers[0], registers[1], turned]):
        np.testing.assert_array_equal(out[:, column], want)


def test_matrix_moves_need_aligned_rows_and_the_whole_warp():
    data = np.zeros((4, 8, 8), np.uint16)
    args = [data, np.zeros((32, 4), np.uint32)]
    fails("misaligned", mutate(MATRICES, "x4.shared.b16 {%r8, %r9, %r10, %r11}, [%r7]", "x4.shared.b16 {%r8, %r9, %r10, %r11}, [%r7+8]"), args)
    some = "	setp.lt.u32 %p1, %r0, 16;\n	@%p1 ldmatrix.sync.aligned.m8n8.x1"
    fails("convergence", mutate(MATRICES, "	ldmatrix.sync.aligned.m8n8.x1", some), args)


# cp.async.

COPY = kernel(POINTERS + """
	mul.wide.u32 %d2, %r0, 16;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	mov.b32 %r5, tile;
	shl.b32 %r6, %r0, 4;
	add.s32 %r7, %r5, %r6;
	setp.lt.u32 %p1, %r0, 20;
	selp.b32 %r8, 16, 0, %p1;
	cp.async.cg.shared.global [%r7], [%d3], 16, %r8;
	cp.async.commit_group;
	cp.async.ca.shared.global [%r7+512], [%d3], 16;
	cp.async.commit_group;
	cp.async.wait_group 1;
	bar.sync 0;
	xor.b32 %r6, %r6, 496;
	add.s32 %r7, %r5, %r6;
	ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [%r7];
	st.global.v4.b32 [%d4], {%r1, %r2, %r3, %r4};
	cp.async.wait_group 0;
	bar.sync 0;
	ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [%r7+512];
	st.global.v4.b32 [%d4+512], {%r1, %r2, %r3, %r4};
	ret;""", ("b64", "b64"), target="sm_80", module=SHARED)


@pytest.mark.parametrize("seed", range(3))
def test_cp_async(seed):
    data = np.arange(128, dtype=np.uint32).reshape(32, 4)
    out = np.zeros((64, 4), np.uint32)
    launch(COPY, [data, out], seed=seed)
    np.testing.assert_array_equal(out[:32][::-1], np.where(np.arange(32)[:, None] < 20, data, 0))
    np.testing.assert_array_equal(out[32:][::-1], data)


@pytest.mark.parametrize("kind, old, new", [
    ("race", "wait_group 1;", "wait_group 2;"),
    ("race", "wait_group 0;", "wait_group 1;"),
    ("misaligned", "[%r7+512], [%d3]", "[%r7+516], [%d3]"),
    ("bounds", "[%r7+512], [%d3]", "[%r7+512], [%d3+16]"),
])
def test_cp_async_mutations(kind, old, new):
    data = np.arange(128, dtype=np.uint32).reshape(32, 4)
    fails(kind, mutate(COPY, old, new), [data, np.zeros((64, 4), np.uint32)])


def test_shared_memory_beyond_the_launch():
    body = POINTERS + "\tmov.b32 %r1, smem;\n\tshl.b32 %r2, %r0, 2;\n\tadd.s32 %r1, %r1, %r2;\n\tst.shared.b32 [%r1], %r0;\n\tret;"
    args = [np.zeros(1, np.uint32), np.zeros(1, np.uint32)]
    text = kernel(body, ("b64", "b64"), module=DYNAMIC)
    launch(text, args, smem=128)
    fails("bounds", text, args, smem=124)
