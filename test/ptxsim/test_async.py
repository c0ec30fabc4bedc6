# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bulk copies, mbarriers and a pipeline of both, and what is wrong with them."""

import numpy as np
import pytest
from fixtures import PIPELINE, PIPELINE_SMEM, tile_copy, wait
from support import DYNAMIC, POINTERS, fails, kernel, launch, mutate

import ptxsim
from ptxsim import TensorMap


def placed(tile, swizzle):
    """The bytes of a tile [..., inner] in shared memory: rows of the span, chunks permuted."""
    rows = tile.reshape(-1, tile.shape[-1]).view(np.uint8)
    if swizzle == "none":
        return rows.reshape(-1)
    span = {"32B": 32, "64B": 64, "128B": 128}[swizzle]
    assert rows.shape[1] == span
    chunks = rows.reshape(len(rows), span // 16, 16)
    out = np.empty_like(chunks)
    for r in range(len(rows)):
        turn = r * span // 128 % (span // 16)
        for c in range(span // 16):
            out[r, c ^ turn] = chunks[r, c]
    return out.reshape(-1)


def expected_tile(array, box, at, fill=0):
    """The box of an array at coordinates (innermost first), filled out of bounds."""
    tile = np.full(box[::-1], fill, array.dtype)
    for index in np.ndindex(tile.shape):
        where = tuple(i + c for i, c in zip(index, at[::-1]))
        if all(0 <= w < n for w, n in zip(where, array.shape)):
            tile[index] = array[where]
    return tile


CASES = [
    # shape, box (innermost first), coordinates, swizzle, dtype
    ((20, 64), (64, 16), (0, 0), "128B", np.uint16),
    ((20, 64), (64, 16), (0, 8), "128B", np.uint16),  # clipped below
    ((20, 128), (64, 16), (96, -3), "128B", np.uint16),  # above and to the right
    ((16, 96), (32, 16), (32, 0), "64B", np.uint16),
    ((16, 96), (16, 16), (-8, 4), "32B", np.uint16),
    ((16, 96), (48, 4), (16, 2), "none", np.uint16),
    ((16, 32), (32, 8), (0, 4), "128B", np.float32),
    ((4, 6, 64), (64, 2, 3), (0, 3, 2), "128B", np.uint16),
    ((2, 5, 3, 32), (32, 1, 4, 1), (0, 2, 3, 1), "64B", np.uint16),
    ((2, 2, 3, 3, 16), (16, 2, 2, 1, 2), (0, 1, 2, 1, 1), "32B", np.uint16),
    ((64,), (32,), (40,), "none", np.uint32),
]


@pytest.mark.parametrize("shape, box, at, swizzle, dtype", CASES)
def test_tensor_copies(shape, box, at, swizzle, dtype):
    rng = np.random.default_rng(0)
    source = rng.integers(1, 60000, shape).astype(dtype)
    target = np.zeros(shape, dtype)
    strides = source.strides[::-1][1:]
    maps = [TensorMap(x, shape[::-1], strides, box, swizzle) for x in (source, target)]
    size = maps[0].tile_bytes()
    raw = np.zeros(size, np.uint8)
    text = tile_copy(len(shape), (size + 127) // 128 * 128)
    text = text.replace(f"mov.b32 %r3, {(size + 127) // 128 * 128}", f"mov.b32 %r3, {size}")
    text = text.replace(f"setp.ge.u32 %p2, %r4, {(size + 127) // 128 * 128}", f"setp.ge.u32 %p2, %r4, {size}")
    for seed in range(3):
        launch(text, [*maps, raw, *at], smem=size + 256, seed=seed)
    want = expected_tile(source, box, at)
    np.testing.assert_array_equal(raw, placed(want, swizzle))
    to = [max(c, 0) for c in at]
    inside = expected_tile(np.ones(shape, dtype), box, to)
    np.testing.assert_array_equal(expected_tile(target, box, to), want * inside)
    assert np.count_nonzero(target) == np.count_nonzero(want * inside)


def test_stores_at_negative_coordinates():
    text = mutate(tile_copy(2, 2048), "max.s32 %r31, %r21, 0;", "mov.b32 %r31, %r21;")
    args = copy_args()
    launch(text, args, smem=4096)
    fails("operand", text, [*args[:-1], -1], smem=4096)


def test_stores_to_rows_of_broken_units():
    """A GPU writes on to the end of the 16-byte unit."""
    source, target = (np.zeros((16, 72), np.uint16) for _ in range(2))
    whole, broken = ([TensorMap(x, (n, 16), (144,), (64, 16), "128B") for x in (source, target)] for n in (64, 60))
    raw = np.zeros(2048, np.uint8)
    launch(tile_copy(2, 2048), [*whole, raw, 0, 0], smem=4096)
    message = fails("operand", tile_copy(2, 2048), [*broken, raw, 0, 0], smem=4096)
    assert "rows of 120 bytes" in message


def test_element_strides_and_nan_fill():
    source = np.arange(1, 16 * 32 + 1, dtype=np.float32).reshape(16, 32)
    target, raw = np.zeros_like(source), np.zeros((4, 32), np.float32)
    maps = [TensorMap(x, (32, 16), (128,), (32, 8), "none", (1, 2), "nan") for x in (source, target)]
    launch(tile_copy(2, 512), [*maps, raw, 0, 12], smem=1024)
    np.testing.assert_array_equal(raw[:2], source[12::2])
    assert np.isnan(raw[2:]).all()
    np.testing.assert_array_equal(target[12::2], source[12::2])


@pytest.mark.parametrize("change, message", [
    (dict(box=(65, 16)), "inner box"),
    (dict(strides=(130,)), "multiples of 16"),
    (dict(box=(64, 300)), "box sizes"),
    (dict(swizzle="256B"), "swizzle"),
    (dict(offset=8), "aligned to 16"),
])
def test_tensor_maps_are_checked(change, message):
    arguments = dict(dims=(64, 20), strides=(128,), box=(64, 16), swizzle="128B")
    arguments.update(change)
    with pytest.raises(ValueError, match=message):
        TensorMap(np.zeros((20, 64), np.uint16), **arguments)


def copy_args():
    source, target = np.ones((20, 64), np.uint16), np.zeros((20, 64), np.uint16)
    maps = [TensorMap(x, (64, 20), (128,), (64, 16), "128B") for x in (source, target)]
    return [*maps, np.zeros(2048, np.uint8), 0, 0]


@pytest.mark.parametrize("kinds, old, new", [
    ("proxy", "fence.mbarrier_init.release.cluster;", ""),
    ("race uninitialized", "	bar.sync 0;\n	{", "	bar.warp.sync -1;\n	{"),
    ("deadlock", "mov.b32 %r3, 2048", "mov.b32 %r3, 2064"),
    ("deadlock", "%d5, [smem+2048], %r3", "%d5, [smem+2048], %r2"),
    ("exit", "	cp.async.bulk.wait_group 0;\n", ""),
    ("exit", "	cp.async.bulk.commit_group;\n", ""),
    ("misaligned", "[%r1], [%d2", "[%r1+64], [%d2"),
    ("misaligned", "[smem+2048], %r2;", "[smem+2052], %r2;"),
    ("uninitialized", "mbarrier.init.shared.b64 [smem+2048]", "mbarrier.init.shared.b64 [smem+2056]"),
    ("operand", "cvta.param.u64 %d2, %d2;", ""),
    ("race", "mov.b32 %r3, 2048;", "mov.b32 %r3, 2048;\n	st.shared.b32 [smem+2048], %r3;"),
])
def test_tensor_copy_mutations(kinds, old, new):
    text = tile_copy(2, 2048)
    launch(text, copy_args(), block=64, smem=4096)
    changed = mutate(text, old, new)
    for seed in range(3):
        with pytest.raises(ptxsim.SimulationError) as error:
            launch(changed, copy_args(), block=64, smem=4096, seed=seed)
        assert error.value.kind in kinds.split(), error.value


def test_an_invalidated_mbarrier_leaves_its_place():
    once = "\tmbarrier.init.shared.b64 [smem+2048], %r2;\n"
    twice = once + "\tmbarrier.arrive.shared.b64 %d5, [smem+2048];\n\tmbarrier.inval.shared.b64 [smem+2048];\n" + once
    launch(mutate(tile_copy(2, 2048), once, twice), copy_args(), block=64, smem=4096)
    fails("operand", mutate(tile_copy(2, 2048), once, once + once), copy_args(), block=64, smem=4096)


def pipeline_args(chunks):
    rng = np.random.default_rng(1)
    source = rng.integers(0, 60000, (32 * chunks - 5, 64)).astype(np.uint16)
    target = np.zeros_like(source)
    maps = [TensorMap(x, (64, len(source)), (128,), (64, 32), s) for x, s in ((source, "128B"), (target, "128B"))]
    return [*maps, chunks], source, target


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chunks", [1, 2, 7])
def test_pipeline(chunks, seed):
    args, source, target = pipeline_args(chunks)
    launch(PIPELINE, args, block=160, smem=PIPELINE_SMEM, seed=seed)
    np.testing.assert_array_equal(target, source + 1)


FULL_WAIT = wait("%r14", "%r12")


def without(text, piece, which):
    """Removes one of several equal pieces."""
    parts = text.split(piece)
    assert 0 <= which < len(parts) - 1
    return piece.join(parts[:which + 1]) + piece.join(parts[which + 1:])


PIPELINE_MUTATIONS = {
    "no wait for a free stage": ("race barrier", lambda t: without(t, FULL_WAIT, 0)),
    "no wait for the data": ("race uninitialized", lambda t: without(t, FULL_WAIT, 1)),
    "wrong first phase of the producer": ("deadlock", lambda t: mutate(t, "\txor.b32 %r12, %r12, 1;\n", "")),
    "phase of the consumer does not turn": (
        "race deadlock", lambda t: mutate(t, "$consume:\n\tand.b32 %r11, %r10, 1;\n\tshr.u32 %r12, %r10, 1;", "$consume:\n\tand.b32 %r11, %r10, 1;\n\tmov.b32 %r12, 0;")),
    "no barrier before staging": ("race", lambda t: mutate(t, "\tbar.sync 1, 128;\n", "")),
    "no barrier after staging": ("race uninitialized", lambda t: mutate(t, "\tbar.sync 2, 128;\n", "")),
    "no proxy fence": ("proxy", lambda t: mutate(t, "\tfence.proxy.async.shared::cta;\n\tbar.sync 2", "\tbar.sync 2")),
    "weaker wait for stores": ("race", lambda t: mutate(t, "wait_group.read 1", "wait_group.read 2")),
    "no wait for stores": ("race", lambda t: mutate(t, "\tcp.async.bulk.wait_group.read 1;\n", "")),
    "no last wait for stores": ("exit", lambda t: mutate(t, "\tcp.async.bulk.wait_group 0;\n", "")),
    "release before the reads": (
        "race", lambda t: mutate(
            mutate(t, "\tmbarrier.arrive.shared.b64 %d6, [%r13+16400];\n", ""), "\tld.shared.v4.b32 {%r30, %r31, %r32, %r33}",
            "\tand.b32 %r22, %r0, 31;\n\tsetp.ne.u32 %p4, %r22, 0;\n\t@!%p4 mbarrier.arrive.shared.b64 %d6, [%r13+16400];\n"
            "\tld.shared.v4.b32 {%r30, %r31, %r32, %r33}")),
    "too few releases": ("deadlock", lambda t: mutate(t, "mov.b32 %r5, 4;", "mov.b32 %r5, 5;")),
    "too many releases": ("barrier race", lambda t: mutate(t, "mov.b32 %r5, 4;", "mov.b32 %r5, 3;")),
    "too few bytes": ("barrier race deadlock", lambda t: mutate(t, "mov.b32 %r15, 4096;", "mov.b32 %r15, 2048;")),
    "one stage for two": ("race", lambda t: mutate(t, "\tshl.b32 %r16, %r11, 12;\n\tadd.s32 %r16, %r16, %r3;\n\tshl.b32 %r17", "\tmov.b32 %r16, %r3;\n\tshl.b32 %r17")),
    "no barrier after the initialisation": ("race uninitialized", lambda t: mutate(t, "$begin:\n\tbar.sync 0;", "$begin:")),
}


@pytest.mark.parametrize("name", PIPELINE_MUTATIONS)
def test_pipeline_mutations(name):
    kinds, change = PIPELINE_MUTATIONS[name]
    changed = change(PIPELINE)
    for seed in range(4):
        args, _, _ = pipeline_args(7)
        with pytest.raises(ptxsim.SimulationError) as error:
            launch(changed, args, block=160, smem=PIPELINE_SMEM, seed=seed)
        assert error.value.kind in kinds.split(), error.value


def test_wrong_swizzle_gives_wrong_numbers():
    args, source, target = pipeline_args(3)
    args[1] = TensorMap(target, (64, len(source)), (128,), (64, 32), "none")
    launch(PIPELINE, args, block=160, smem=PIPELINE_SMEM)
    assert (target != source + 1).any()


BULK = kernel(POINTERS + f"""
	mov.b32 %r1, smem;
	setp.ne.u32 %p1, %r0, 0;
	@%p1 bra $ready;
	mov.b32 %r2, 1;
	mbarrier.init.shared.b64 [smem+2048], %r2;
	fence.proxy.async.shared::cta;
	mov.b32 %r3, 1024;
	mbarrier.arrive.expect_tx.shared.b64 %d5, [smem+2048], %r3;
	cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d0+16], %r3, [smem+2048];
$ready:
	bar.sync 0;
{wait("smem+2048", "0")}
	shl.b32 %r4, %r0, 5;
	add.s32 %r4, %r4, %r1;
	ld.shared.b32 %r5, [%r4];
	add.s32 %r5, %r5, 5;
	st.shared.b32 [%r4], %r5;
	fence.proxy.async;
	bar.sync 0;
	@%p1 bra $end;
	cp.async.bulk.global.shared::cta.bulk_group [%d1], [%r1], %r3;
	cp.async.bulk.commit_group;
	cp.async.bulk.wait_group.read 0;
$end:
	ret;""", ("b64", "b64"), module=DYNAMIC)


@pytest.mark.parametrize("seed", range(3))
def test_bulk_copies(seed):
    source, target = np.arange(300, dtype=np.uint32), np.zeros(256, np.uint32)
    launch(BULK, [source, target], smem=2056, seed=seed)
    want = source[4:260].copy()
    want[::8] += 5
    np.testing.assert_array_equal(target, want)
    fails("bounds", BULK, [source[:256].copy(), target], smem=2056)
    fails("proxy", mutate(BULK, "\tfence.proxy.async;\n", ""), [source, target], smem=2056)


@pytest.mark.parametrize("fenced", [(0, 1), (0,), (1,)], ids=str)
def test_fences_of_diverged_lanes(fenced):
    """Each lane orders its own writes; what one part of a warp does not fence stays unordered."""
    fence = "\tfence.proxy.async;\n"
    write = "\tst.shared.b32 [%r4], %r5;\n"
    halves = [write + (fence if half in fenced else "") for half in range(2)]
    diverged = (
        "\tsetp.lt.u32 %p2, %r0, 16;\n\t@%p2 bra $low;\n" + halves[0] + "\tbra.uni $met;\n$low:\n" + halves[1] + "$met:\n"
    )
    text = mutate(BULK, write + fence, diverged)
    source, target = np.arange(300, dtype=np.uint32), np.zeros(256, np.uint32)
    if len(fenced) < 2:
        fails("proxy", text, [source, target], smem=2056)
        return
    for seed in range(3):
        launch(text, [source, target], smem=2056, seed=seed)


def test_test_wait_with_a_state():
    body = POINTERS + """
	setp.ne.u32 %p1, %r0, 0;
	@%p1 bra $ready;
	mov.b32 %r2, 64;
	mbarrier.init.shared.b64 [smem], %r2;
$ready:
	bar.sync 0;
	mbarrier.arrive.shared.b64 %d5, [smem];
$again:
	mbarrier.test_wait.shared.b64 %p2, [smem], %d5;
	@!%p2 bra $again;
	mul.wide.u32 %d2, %r0, 4;
	add.s64 %d2, %d2, %d1;
	st.global.b32 [%d2], %r0;
	ret;"""
    out = np.zeros(64, np.uint32)
    for seed in range(4):
        launch(kernel(body, ("b64", "b64"), module=DYNAMIC), [out, out], block=64, smem=64, seed=seed)
    np.testing.assert_array_equal(out, np.arange(64))
    fails("deadlock", mutate(kernel(body, ("b64", "b64"), module=DYNAMIC), "mov.b32 %r2, 64;", "mov.b32 %r2, 65;"), [out, out], block=64, smem=64)
