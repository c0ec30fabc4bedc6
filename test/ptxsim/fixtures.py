# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PTX kernels that tests share, and that test/ptxsim/gpu.py can run on a GPU."""

from support import DYNAMIC, kernel

WAIT = """	{{
	.reg .pred P1;
LAB_WAIT:
	mbarrier.try_wait.parity.shared.b64 P1, [{barrier}], {parity};
	@P1 bra.uni DONE;
	bra.uni LAB_WAIT;
DONE:
	}}
"""


def wait(barrier, parity):
    return WAIT.format(barrier=barrier, parity=parity)


def coordinates(names):
    return "{" + ", ".join(names) + "}"


def tensor_load(rank, to, tensor, at, barrier):
    return (
        f"\tcp.async.bulk.tensor.{rank}d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
        f"[{to}], [{tensor}, {coordinates(at)}], [{barrier}];\n"
    )


def tensor_store(rank, tensor, at, source):
    return f"\tcp.async.bulk.tensor.{rank}d.global.shared::cta.tile.bulk_group [{tensor}, {coordinates(at)}], [{source}];\n"


def tile_copy(rank, size):
    """Loads a tile, writes its bytes in shared memory to p2, and stores it to the second map.

    Parameters: two tensor maps, the bytes, and `rank` coordinates. The store
    has 0 in place of negative coordinates, which stores do not allow.
    """
    at = [f"%r{20 + i}" for i in range(rank)]
    to = [f"%r{30 + i}" for i in range(rank)]
    body = "\tmov.u32 %r0, %tid.x;\n\tld.param.b64 %d1, [p2];\n\tcvta.to.global.u64 %d1, %d1;\n"
    body += "".join(f"\tld.param.b32 {r}, [p{3 + i}];\n\tmax.s32 {t}, {r}, 0;\n" for i, (r, t) in enumerate(zip(at, to)))
    body += f"""	mov.b64 %d2, p0;
	cvta.param.u64 %d2, %d2;
	mov.b64 %d3, p1;
	cvta.param.u64 %d3, %d3;
	mov.b32 %r1, smem;
	setp.ne.u32 %p1, %r0, 0;
	@%p1 bra $ready;
	mov.b32 %r2, 1;
	mbarrier.init.shared.b64 [smem+{size}], %r2;
	fence.mbarrier_init.release.cluster;
	mov.b32 %r3, {size};
	mbarrier.arrive.expect_tx.shared.b64 %d5, [smem+{size}], %r3;
{tensor_load(rank, "%r1", "%d2", at, f"smem+{size}")}$ready:
	bar.sync 0;
{wait(f"smem+{size}", "0")}	shl.b32 %r4, %r0, 4;
$copy:
	setp.ge.u32 %p2, %r4, {size};
	@%p2 bra $copied;
	add.s32 %r5, %r1, %r4;
	ld.shared.v4.b32 {{%r6, %r7, %r8, %r9}}, [%r5];
	cvt.u64.u32 %d6, %r4;
	add.s64 %d6, %d1, %d6;
	st.global.v4.b32 [%d6], {{%r6, %r7, %r8, %r9}};
	add.s32 %r4, %r4, 512;
	bra.uni $copy;
$copied:
	bar.sync 0;
	@%p1 bra $end;
{tensor_store(rank, "%d3", to, "%r1")}	cp.async.bulk.commit_group;
	cp.async.bulk.wait_group 0;
$end:
	ret;"""
    return kernel(body, ("map", "map", "b64") + ("b32",) * rank, module=DYNAMIC)


# A ring of two stages: warp 0 loads rows of 32 x 64 16-bit numbers, warps 1 to 4
# add one to each and stage them for a bulk store, double-buffered too.
PIPELINE_SMEM = 16384 + 64
PIPELINE = kernel(f"""
	mov.u32 %r0, %tid.x;
	shr.u32 %r1, %r0, 5;
	ld.param.b32 %r2, [p2];
	mov.b64 %d2, p0;
	cvta.param.u64 %d2, %d2;
	mov.b64 %d3, p1;
	cvta.param.u64 %d3, %d3;
	mov.b32 %r3, smem;
	setp.ne.u32 %p1, %r0, 0;
	@%p1 bra $begin;
	mov.b32 %r4, 1;
	mov.b32 %r5, 4;
	mbarrier.init.shared.b64 [smem+16384], %r4;
	mbarrier.init.shared.b64 [smem+16392], %r4;
	mbarrier.init.shared.b64 [smem+16400], %r5;
	mbarrier.init.shared.b64 [smem+16408], %r5;
	fence.mbarrier_init.release.cluster;
	fence.proxy.async.shared::cta;
$begin:
	bar.sync 0;
	mov.b32 %r10, 0;
	setp.ne.u32 %p2, %r1, 0;
	@%p2 bra $consume;
	@%p1 bra $end;
$produce:
	and.b32 %r11, %r10, 1;
	shr.u32 %r12, %r10, 1;
	and.b32 %r12, %r12, 1;
	xor.b32 %r12, %r12, 1;
	shl.b32 %r13, %r11, 3;
	add.s32 %r13, %r13, %r3;
	add.s32 %r14, %r13, 16400;
{wait("%r14", "%r12")}	mov.b32 %r15, 4096;
	mbarrier.arrive.expect_tx.shared.b64 %d5, [%r13+16384], %r15;
	shl.b32 %r16, %r11, 12;
	add.s32 %r16, %r16, %r3;
	shl.b32 %r17, %r10, 5;
	mov.b32 %r18, 0;
{tensor_load(2, "%r16", "%d2", ["%r18", "%r17"], "%r13+16384")}	add.s32 %r10, %r10, 1;
	setp.lt.u32 %p3, %r10, %r2;
	@%p3 bra $produce;
	bra.uni $end;
$consume:
	and.b32 %r11, %r10, 1;
	shr.u32 %r12, %r10, 1;
	and.b32 %r12, %r12, 1;
	shl.b32 %r13, %r11, 3;
	add.s32 %r13, %r13, %r3;
	add.s32 %r14, %r13, 16384;
{wait("%r14", "%r12")}	shl.b32 %r16, %r11, 12;
	add.s32 %r16, %r16, %r3;
	add.s32 %r20, %r0, -32;
	shl.b32 %r20, %r20, 4;
	add.s32 %r21, %r16, %r20;
	ld.shared.v4.b32 {{%r30, %r31, %r32, %r33}}, [%r21];
	ld.shared.v4.b32 {{%r34, %r35, %r36, %r37}}, [%r21+2048];
	and.b32 %r22, %r0, 31;
	setp.ne.u32 %p4, %r22, 0;
	bar.warp.sync -1;
	@%p4 bra $read;
	mbarrier.arrive.shared.b64 %d6, [%r13+16400];
$read:
{chr(10).join(f"	add.s32 %r{i}, %r{i}, 65537;" for i in range(30, 38))}
	setp.ne.u32 %p5, %r0, 32;
	@%p5 bra $free;
	cp.async.bulk.wait_group.read 1;
$free:
	bar.sync 1, 128;
	st.shared.v4.b32 [%r21+8192], {{%r30, %r31, %r32, %r33}};
	st.shared.v4.b32 [%r21+10240], {{%r34, %r35, %r36, %r37}};
	fence.proxy.async.shared::cta;
	bar.sync 2, 128;
	@%p5 bra $next;
	add.s32 %r23, %r16, 8192;
	shl.b32 %r17, %r10, 5;
	mov.b32 %r18, 0;
{tensor_store(2, "%d3", ["%r18", "%r17"], "%r23")}	cp.async.bulk.commit_group;
$next:
	add.s32 %r10, %r10, 1;
	setp.lt.u32 %p3, %r10, %r2;
	@%p3 bra $consume;
	@%p5 bra $end;
	cp.async.bulk.wait_group 0;
$end:
	ret;""", ("map", "map", "b32"), module=DYNAMIC)


# wgmma: D[64, N] = A[64, K] B[K, N], operands loaded by bulk tensor copies.

MODES = {"none": 0, "128B": 1, "64B": 2, "32B": 3}
SPANS = {"none": 16, "32B": 32, "64B": 64, "128B": 128}


class Operand:
    """How an operand of `rows` (M or N) by `depth` (K) 16-bit numbers lies in shared memory.

    K-major tensors are [rows, depth], MN-major ones [depth, rows]. Boxes are as
    wide as the swizzle span; each is one block in shared memory.
    """

    def __init__(self, rows, depth, swizzle, mn_major):
        self.rows, self.depth, self.swizzle, self.mn_major = rows, depth, swizzle, mn_major
        span = SPANS[swizzle]
        width = span // 2  # elements
        inner, outer = (rows, depth) if mn_major else (depth, rows)
        self.dims = (inner, outer)
        self.box = (width, outer)
        self.boxes = [i * width for i in range(inner // width)]
        self.box_bytes = span * outer
        self.bytes = self.box_bytes * len(self.boxes)
        if mn_major:
            # none: 8 x 8 blocks follow each other along K, boxes along M or N.
            self.leading, self.stride = (128, self.box_bytes) if swizzle == "none" else (self.box_bytes, 8 * span)
        else:
            self.leading, self.stride = (self.box_bytes, 128) if swizzle == "none" else (16, 8 * span)

    def step(self, k):
        """Bytes from the start of the operand to its k-th 16 columns."""
        if self.mn_major:
            return 16 * SPANS[self.swizzle] * k
        if self.swizzle == "none":
            return 2 * self.box_bytes * k
        per_box = SPANS[self.swizzle] // 32
        return k // per_box * self.box_bytes + k % per_box * 32

    def descriptor(self, mode=None):
        """All of a descriptor but the address."""
        mode = MODES[self.swizzle] if mode is None else mode
        return (self.leading >> 4) << 16 | (self.stride >> 4) << 32 | mode << 62

    def tensor_map_arguments(self, array):
        return dict(dims=self.dims, strides=(2 * self.dims[0],), box=self.box, swizzle=self.swizzle)


def signed64(value):
    return value - (1 << 64) if value >> 63 else value


def wgmma(columns, depth, a, b, kind="bf16", register_a=False):
    """The kernel; parameters: maps of A and B, D, and A for the register form."""
    a_at, b_at = 0, (a.bytes + 1023) // 1024 * 1024
    barrier = b_at + (b.bytes + 1023) // 1024 * 1024
    total = b.bytes + (0 if register_a else a.bytes)
    accumulators = ", ".join(f"%r{100 + i}" for i in range(columns // 2))
    load = ""
    for operand, at, tensor in ((a, a_at, "%d2"), (b, b_at, "%d3")):
        if operand is a and register_a:
            continue
        for i, column in enumerate(operand.boxes):
            load += f"\tadd.s32 %r5, %r1, {at + i * operand.box_bytes};\n\tmov.b32 %r6, {column};\n\tmov.b32 %r7, 0;\n"
            load += tensor_load(2, "%r5", tensor, ["%r6", "%r7"], f"smem+{barrier}")
    multiply = ""
    fragments = ""
    for k in range(depth // 16):
        multiply += f"""	add.s32 %r5, %r1, {b_at + b.step(k)};
	bfe.u32 %r5, %r5, 4, 14;
	cvt.u64.u32 %d7, %r5;
	or.b64 %d7, %d7, {signed64(b.descriptor())};
"""
        if register_a:
            names = [f"%r{40 + 4 * k + i}" for i in range(4)]
            for i, name in enumerate(names):
                # Row 16 w + g + 8 (i & 1), column 16 k + 2 q + 8 (i >> 1).
                offset = (i & 1) * 8 * depth * 2 + (16 * k + 8 * (i >> 1)) * 2
                fragments += f"\tld.global.b32 {name}, [%d10+{offset}];\n"
            first = "{" + ", ".join(names) + "}"
            trans = f"{int(b.mn_major)}"
        else:
            multiply += f"""	add.s32 %r5, %r1, {a_at + a.step(k)};
	bfe.u32 %r5, %r5, 4, 14;
	cvt.u64.u32 %d6, %r5;
	or.b64 %d6, %d6, {signed64(a.descriptor())};
"""
            first = "%d6"
            trans = f"{int(a.mn_major)}, {int(b.mn_major)}"
        multiply += (
            f"\t{{ .reg .pred p; setp.ne.b32 p, {int(k > 0)}, 0; wgmma.mma_async.sync.aligned.m64n{columns}k16.f32.{kind}.{kind} "
            f"{{{accumulators}}}, {first}, %d7, p, 1, 1, {trans}; }}\n"
        )
    store = ""
    for i in range(0, columns // 2, 2):
        offset = ((i >> 1 & 1) * 8 * columns + 8 * (i >> 2)) * 4
        store += f"\tst.global.v2.b32 [%d9+{offset}], {{%r{100 + i}, %r{101 + i}}};\n"
    body = f"""
	mov.u32 %r0, %tid.x;
	ld.param.b64 %d1, [p2];
	cvta.to.global.u64 %d1, %d1;
	mov.b64 %d2, p0;
	cvta.param.u64 %d2, %d2;
	mov.b64 %d3, p1;
	cvta.param.u64 %d3, %d3;
	mov.b32 %r1, smem;
	shr.u32 %r10, %r0, 5;
	and.b32 %r11, %r0, 31;
	shl.b32 %r10, %r10, 4;
	shr.u32 %r12, %r11, 2;
	add.s32 %r10, %r10, %r12;
	and.b32 %r11, %r11, 3;
	shl.b32 %r11, %r11, 1;
	mad.lo.u32 %r13, %r10, {columns}, %r11;
	mul.wide.u32 %d8, %r13, 4;
	add.s64 %d9, %d1, %d8;
	ld.param.b64 %d10, [p3];
	cvta.to.global.u64 %d10, %d10;
	mad.lo.u32 %r13, %r10, {depth}, %r11;
	mul.wide.u32 %d8, %r13, 2;
	add.s64 %d10, %d10, %d8;
	setp.ne.u32 %p1, %r0, 0;
	@%p1 bra $ready;
	mov.b32 %r2, 1;
	mbarrier.init.shared.b64 [smem+{barrier}], %r2;
	fence.mbarrier_init.release.cluster;
	mov.b32 %r3, {total};
	mbarrier.arrive.expect_tx.shared.b64 %d5, [smem+{barrier}], %r3;
{load}$ready:
	bar.sync 0;
{fragments}{wait(f"smem+{barrier}", "0")}	wgmma.fence.sync.aligned;
{multiply}	wgmma.commit_group.sync.aligned;
	wgmma.wait_group.sync.aligned 0;
{store}	ret;"""
    text = kernel(body, ("map", "map", "b64", "b64"), module=DYNAMIC, directives=".reqntid 128, 1, 1")
    return text, barrier + 8
