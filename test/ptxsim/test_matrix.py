# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mma.sync and wgmma in all their layouts, and what is wrong with them."""

import numpy as np
import pytest
from fixtures import Operand, wgmma
from support import POINTERS, bf16, f32, fails, kernel, launch, mutate, random_bf16

import ptxsim
from ptxsim import TensorMap

MMA = kernel(POINTERS + """
	shr.u32 %r1, %r0, 2;
	and.b32 %r2, %r0, 3;
	shl.b32 %r3, %r1, 5;
	shl.b32 %r4, %r2, 2;
	add.s32 %r3, %r3, %r4;
	cvt.u64.u32 %d2, %r3;
	add.s64 %d3, %d0, %d2;
	ld.global.b32 %r10, [%d3];
	ld.global.b32 %r11, [%d3+256];
	ld.global.b32 %r12, [%d3+16];
	ld.global.b32 %r13, [%d3+272];
	ld.global.b32 %r14, [%d3+512];
	ld.global.b32 %r15, [%d3+528];
	mov.b32 %r20, 0f3F800000;
	mov.b32 %r21, 0f40000000;
	mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r22, %r23, %r24, %r25}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r20, %r20, %r21, %r21};
	mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r22, %r23, %r24, %r25}, {%r10, %r11}, {%r14}, {%r22, %r23, %r24, %r25};
	shl.b32 %r3, %r1, 5;
	shl.b32 %r4, %r2, 3;
	add.s32 %r3, %r3, %r4;
	cvt.u64.u32 %d2, %r3;
	add.s64 %d4, %d1, %d2;
	st.global.v2.b32 [%d4], {%r22, %r23};
	st.global.v2.b32 [%d4+256], {%r24, %r25};
	ret;""", ("b64", "b64"), target="sm_80")


@pytest.mark.parametrize("kind", ["bf16", "f16"])
def test_mma(kind):
    """A is [16, 16]; B is given transposed, [8, 16]."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((24, 16)).astype(np.float32)
    if kind == "bf16":
        data = bf16(values)
        values = f32(data)
    else:
        data = values.astype(np.float16).view(np.uint16)
        values = data.view(np.float16).astype(np.float32)
    out = np.zeros((16, 8), np.float32)
    launch(MMA.replace("bf16", kind), [np.ascontiguousarray(data), out])
    a, b = values[:16].astype(np.float64), values[16:].T.astype(np.float64)
    want = a @ b + a[:, :8] @ b[:8] + np.where(np.arange(16) < 8, 1, 2)[:, None]
    np.testing.assert_allclose(out, want, rtol=1e-6, atol=1e-5)


def test_mma_needs_defined_fragments():
    args = [np.zeros((24, 16), np.uint16), np.zeros((16, 8), np.float32)]
    fails("uninitialized", mutate(MMA, "\tld.global.b32 %r15, [%d3+528];\n", ""), args)


def wgmma_case(columns, depth, swizzles, majors, register_a=False, seed=0):
    a, b = Operand(64, depth, swizzles[0], majors[0]), Operand(columns, depth, swizzles[1], majors[1])
    text, smem = wgmma(columns, depth, a, b, register_a=register_a)
    rng = np.random.default_rng(seed)
    left, right = random_bf16(rng, 64, depth), random_bf16(rng, depth, columns)
    arrays = [np.ascontiguousarray(left.T if majors[0] else left), np.ascontiguousarray(right if majors[1] else right.T)]
    out = np.full((64, columns), np.nan, np.float32)
    maps = [TensorMap(x, **operand.tensor_map_arguments(x)) for x, operand in zip(arrays, (a, b))]
    want = f32(left).astype(np.float64) @ f32(right).astype(np.float64)
    return text, smem, [*maps, out, left], out, want


@pytest.mark.parametrize("majors", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("swizzles, columns, depth", [
    (("128B", "128B"), 64, 64), (("128B", "128B"), 128, 128), (("64B", "64B"), 64, 64), (("32B", "32B"), 32, 32),
    (("none", "none"), 64, 32), (("128B", "64B"), 96, 64), (("none", "128B"), 64, 64), (("64B", "32B"), 256, 32),
])
def test_wgmma(majors, swizzles, columns, depth):
    text, smem, args, out, want = wgmma_case(columns, depth, swizzles, majors)
    launch(text, args, block=128, smem=smem, seed=columns + depth)
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("major", [0, 1])
def test_wgmma_with_a_in_registers(major):
    text, smem, args, out, want = wgmma_case(64, 64, ("128B", "128B"), (0, major), register_a=True)
    for seed in range(3):
        launch(text, args, block=128, smem=smem, seed=seed)
        np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind, change", [
    ("fence", lambda t: mutate(t, "\twgmma.fence.sync.aligned;\n", "")),
    ("fence", lambda t: mutate(t, "\twgmma.fence.sync.aligned;\n", "\twgmma.fence.sync.aligned;\n\tmov.b32 %r100, 0;\n").replace("p, 0, 0; wgmma", "p, 1, 0; wgmma")),
    ("inflight", lambda t: mutate(t, "\twgmma.wait_group.sync.aligned 0;\n", "")),
    ("inflight", lambda t: mutate(t, "wait_group.sync.aligned 0;", "wait_group.sync.aligned 1;")),
    ("inflight", lambda t: mutate(t, "\twgmma.commit_group.sync.aligned;\n", "")),
    ("inflight", lambda t: mutate(t, "\twgmma.commit_group.sync.aligned;\n", "\twgmma.commit_group.sync.aligned;\n\tmov.b32 %r131, 0;\n")),
    ("uninitialized", lambda t: t.replace("p, 0, 0; wgmma", "p, 1, 0; wgmma")),
    ("bounds", lambda t: t.replace("or.b64 %d7, %d7", "add.s64 %d7, %d7, 8192;\n\tor.b64 %d7, %d7")),
    ("convergence", lambda t: mutate(t, "\twgmma.fence.sync.aligned;\n", "\tsetp.lt.u32 %p3, %r0, 96;\n\t@!%p3 bra $none;\n\twgmma.fence.sync.aligned;\n").replace("\tret;", "$none:\n\tret;")),
])
def test_wgmma_mutations(kind, change):
    text, smem, args, out, want = wgmma_case(64, 64, ("128B", "128B"), (0, 1))
    changed = change(text)
    assert changed != text
    fails(kind, changed, args, block=128, smem=smem)


def test_writing_an_a_fragment_in_use():
    text, smem, args, _, _ = wgmma_case(64, 64, ("128B", "128B"), (0, 1), register_a=True)
    text = mutate(text, "\twgmma.commit_group.sync.aligned;\n", "\twgmma.commit_group.sync.aligned;\n\tmov.b32 %r41, 0;\n")
    fails("inflight", text, args, block=128, smem=smem)


def test_writing_an_operand_in_use():
    """Shared memory is written after the issue, before the wait: by this warp or by another."""
    text, smem, args, _, _ = wgmma_case(64, 64, ("128B", "128B"), (0, 1))
    store = "\tst.shared.b32 [smem+{0}], %r0;\n"
    for at in (0, 8192):
        changed = mutate(text, "\twgmma.commit_group.sync.aligned;\n",
                         "\twgmma.commit_group.sync.aligned;\n\t@!%p1 " + store.format(at).strip() + "\n")
        fails("race", changed, args, block=128, smem=smem)
        after = mutate(text, "\twgmma.wait_group.sync.aligned 0;\n",
                       "\twgmma.wait_group.sync.aligned 0;\n\tbar.sync 0;\n\t@!%p1 " + store.format(at).strip() + "\n")
        launch(after, args, block=128, smem=smem)
        if at:  # all four warps read B, and only the first one these rows of A
            fails("race", mutate(after, "aligned 0;\n\tbar.sync 0;", "aligned 0;\n"), args, block=128, smem=smem)


def test_generic_writes_need_a_proxy_fence():
    text, smem, args, out, want = wgmma_case(64, 64, ("128B", "128B"), (0, 1))
    rewrite = "\tld.shared.b32 %r14, [smem+64];\n\tbar.sync 0;\n\t@!%p1 st.shared.b32 [smem+64], %r14;\n\tbar.sync 0;\n"
    fence = "\twgmma.fence.sync.aligned;\n"
    fails("proxy", mutate(text, fence, rewrite + fence), args, block=128, smem=smem)
    # The writer's fence has to come before the barrier, or the reader's after it.
    early = rewrite.replace("%r14;\n\tbar.sync 0;\n", "%r14;\n\tfence.proxy.async.shared::cta;\n\tbar.sync 0;\n")
    late = rewrite + "\tfence.proxy.async.shared::cta;\n"
    for fixed in (early, late):
        launch(mutate(text, fence, fixed + fence), args, block=128, smem=smem)
        np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("change", [
    lambda t: t.replace("p, 1, 1, 0, 1;", "p, 1, 1, 0, 0;"),  # the transpose bit of B
    lambda t: t.replace("p, 1, 1, 0, 1;", "p, 1, -1, 0, 1;"),  # a sign
    lambda t: t.replace(str((1 << 62) + (64 << 32) + (1 << 16)), str((1 << 62) + (32 << 32) + (1 << 16))),  # a stride
    lambda t: t.replace(str((1 << 62) + (64 << 32) + (1 << 16)), str((64 << 32) + (1 << 16))),  # the swizzle mode
    lambda t: t.replace("p, 1, 0; wgmma", "p, 0, 0; wgmma"),  # scale-d
])
def test_wrong_layouts_give_wrong_numbers(change):
    text, smem, args, out, want = wgmma_case(64, 64, ("128B", "128B"), (0, 1))
    changed = change(text)
    assert changed != text
    try:
        launch(changed, args, block=128, smem=smem, record=False)
    except ptxsim.SimulationError as error:
        assert error.kind in ("bounds", "uninitialized", "race")
        return
    assert np.abs(out - want).max() > 0.1


def test_warps_of_a_warpgroup_have_to_agree():
    text, smem, args, _, _ = wgmma_case(64, 64, ("128B", "128B"), (0, 1))
    turn = "\tshr.u32 %r14, %r0, 5;\n\tadd.s32 %r14, %r14, 64;\n\tcvt.u64.u32 %d20, %r14;\n"
    changed = mutate(text, "\twgmma.fence.sync.aligned;\n", turn + "\twgmma.fence.sync.aligned;\n").replace(
        "or.b64 %d7, %d7", "add.s64 %d7, %d7, %d20;\n\tor.b64 %d7, %d7", 1)
    for seed in range(3):
        with pytest.raises(ptxsim.SimulationError) as error:
            launch(changed, args, block=128, smem=smem + 4096, seed=seed)
        assert error.value.kind in ("convergence", "uninitialized")
