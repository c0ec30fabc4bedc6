# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arithmetic, logic, comparisons and conversions against numpy, bit by bit."""

import numpy as np
import pytest
from support import bf16, f32, kernel, launch

THREADS = 256
I32 = np.array([0, 1, 2, 31, 32, 33, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x8000, 255], np.uint32)
F32 = np.array([0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-40, 65504, 70000, 3e-5], np.float32)


def inputs(seed, special, dtype, make):
    """Three operands: random values, with pairs of special ones in the first half."""
    rng = np.random.default_rng(seed)
    first, second = np.meshgrid(special, special)
    picks = rng.permutation(first.size)[:THREADS // 2]
    out = []
    for values in (first.reshape(-1), second.reshape(-1), np.roll(first.reshape(-1), 7)):
        operand = make(rng, THREADS).astype(dtype)
        operand[:len(picks)] = values[picks]
        out.append(operand)
    return out


def ints(rng, n):
    return rng.integers(0, 1 << 32, n) >> rng.integers(0, 32, n)


def longs(rng, n):
    return rng.integers(0, 1 << 63, n, dtype=np.uint64) * np.uint64(2) + rng.integers(0, 2, n).astype(np.uint64)


def floats(rng, n):
    return rng.standard_normal(n) * np.exp2(rng.integers(-20, 20, n))


def s32(x):
    return x.view(np.int32)


def shift_left(a, b):
    return np.where(b > 31, 0, a << np.minimum(b, 31)).astype(np.uint32)


def shift_right(a, b):
    return np.where(b > 31, 0, a >> np.minimum(b, 31)).astype(np.uint32)


INTEGER = {
    "add.s32 {d}, {a}, {b};": lambda a, b, c: a + b,
    "sub.u32 {d}, {a}, {b};": lambda a, b, c: a - b,
    "mul.lo.s32 {d}, {a}, {b};": lambda a, b, c: a * b,
    "mul.hi.u32 {d}, {a}, {b};": lambda a, b, c: (a.astype(np.uint64) * b >> np.uint64(32)),
    "mul.hi.s32 {d}, {a}, {b};": lambda a, b, c: (s32(a).astype(np.int64) * s32(b) >> 32),
    "mad.lo.u32 {d}, {a}, {b}, {c};": lambda a, b, c: a * b + c,
    "and.b32 {d}, {a}, {b};": lambda a, b, c: a & b,
    "or.b32 {d}, {a}, {b};": lambda a, b, c: a | b,
    "xor.b32 {d}, {a}, 0x55AA00FF;": lambda a, b, c: a ^ np.uint32(0x55AA00FF),
    "not.b32 {d}, {a};": lambda a, b, c: ~a,
    "neg.s32 {d}, {a};": lambda a, b, c: 0 - a,
    "abs.s32 {d}, {a};": lambda a, b, c: np.abs(s32(a)),
    "min.s32 {d}, {a}, {b};": lambda a, b, c: np.minimum(s32(a), s32(b)),
    "min.relu.s32 {d}, {a}, {b};": lambda a, b, c: np.maximum(np.minimum(s32(a), s32(b)), 0),
    "max.u32 {d}, {a}, {b};": lambda a, b, c: np.maximum(a, b),
    "shl.b32 {d}, {a}, {b};": lambda a, b, c: shift_left(a, b),
    "shr.u32 {d}, {a}, {b};": lambda a, b, c: shift_right(a, b),
    "shr.s32 {d}, {a}, {b};": lambda a, b, c: s32(a) >> np.minimum(b, 31).astype(np.int32),
    "shr.u32 {d}, {a}, 5;": lambda a, b, c: a >> np.uint32(5),
    "shf.l.wrap.b32 {d}, {a}, {b}, {c};": lambda a, b, c: [
        ((int(y) << 32 | int(x)) << (int(z) & 31)) >> 32 & 0xFFFFFFFF for x, y, z in zip(a, b, c)],
    "shf.r.clamp.b32 {d}, {a}, {b}, {c};": lambda a, b, c: [
        ((int(y) << 32 | int(x)) >> min(int(z), 32)) & 0xFFFFFFFF for x, y, z in zip(a, b, c)],
    "lop3.b32 {d}, {a}, {b}, {c}, 0xE8;": lambda a, b, c: (a & b) | (a & c) | (b & c),
    "lop3.b32 {d}, {a}, {b}, {c}, 0x1E;": lambda a, b, c: a ^ (b | c),
    "prmt.b32 {d}, {a}, {b}, 0x7632;": lambda a, b, c: (a >> np.uint32(16)) | (b & np.uint32(0xFFFF0000)),
    "prmt.b32 {d}, {a}, {b}, 0x0123;": lambda a, b, c: a.byteswap(),
    "bfe.u32 {d}, {a}, 3, 9;": lambda a, b, c: (a >> np.uint32(3)) & np.uint32(511),
    "bfe.s32 {d}, {a}, 3, 9;": lambda a, b, c: s32(a << np.uint32(20)) >> 23,
    "bfi.b32 {d}, {a}, {b}, 8, 4;": lambda a, b, c: (b & np.uint32(0xFFFFF0FF)) | ((a & np.uint32(15)) << np.uint32(8)),
    "popc.b32 {d}, {a};": lambda a, b, c: [bin(x).count("1") for x in a],
    "clz.b32 {d}, {a};": lambda a, b, c: [32 - int(x).bit_length() for x in a],
    "brev.b32 {d}, {a};": lambda a, b, c: [int(f"{x:032b}"[::-1], 2) for x in a],
    "div.u32 {d}, {a}, 7;": lambda a, b, c: a // np.uint32(7),
    "div.s32 {d}, {a}, 7;": lambda a, b, c: np.trunc(s32(a) / 7).astype(np.int64),
    "rem.u32 {d}, {a}, 10;": lambda a, b, c: a % np.uint32(10),
    "rem.s32 {d}, {a}, 10;": lambda a, b, c: np.fmod(s32(a), 10),
    "{{.reg .pred p; setp.lt.s32 p, {a}, {b}; selp.b32 {d}, {a}, {c}, p;}}": lambda a, b, c: np.where(s32(a) < s32(b), a, c),
    "{{.reg .pred p; setp.hi.u32 p, {a}, {b}; selp.b32 {d}, 1, 0, p;}}": lambda a, b, c: a > b,
    "{{.reg .pred p, q; setp.ge.u32 p, {a}, {b}; setp.eq.and.b32 q, {a}, {c}, p; selp.b32 {d}, 1, 0, q;}}":
        lambda a, b, c: (a >= b) & (a == c),
    "{{.reg .pred p, q; setp.ne.s32 p|q, {a}, {b}; not.pred p, p; xor.pred p, p, q; selp.b32 {d}, 1, 0, p;}}":
        lambda a, b, c: np.zeros(len(a)),
    "cvt.s32.s8 {d}, {a};": lambda a, b, c: a.astype(np.uint8).view(np.int8),
    "cvt.u32.u16 {d}, {h};": lambda a, b, c: a & np.uint32(0xFFFF),
    "{{.reg .b16 x, y; mov.b32 {{x, y}}, {a}; mov.b32 {d}, {{y, x}};}}": lambda a, b, c: (a >> np.uint32(16)) | (a << np.uint32(16)),
    "{{.reg .b64 w; mul.wide.s32 w, {a}, {b}; shr.u64 w, w, 16; cvt.u32.u64 {d}, w;}}":
        lambda a, b, c: (s32(a).astype(np.int64) * s32(b) >> 16) & 0xFFFFFFFF,
    "{{.reg .b64 w; mov.b64 w, {{{a}, {b}}}; bfe.u64 w, w, 20, 24; cvt.u32.u64 {d}, w;}}":
        lambda a, b, c: (((b.astype(np.uint64) << np.uint64(32)) | a) >> np.uint64(20)) & np.uint64((1 << 24) - 1),
    "{{.reg .b16 x; cvt.u16.u32 x, {a}; mul.lo.s16 x, x, 3; add.s16 x, x, -5; cvt.s32.s16 {d}, x;}}":
        lambda a, b, c: (a.astype(np.uint16) * np.uint16(3) - np.uint16(5)).view(np.int16),
    "{{.reg .b64 x; cvt.s64.s32 x, {a}; neg.s64 x, x; shl.b64 x, x, 1; cvt.u32.u64 {d}, x;}}": lambda a, b, c: 0 - 2 * a,
    "cvt.rn.f32.s32 {d}, {a};": lambda a, b, c: s32(a).astype(np.float32).view(np.uint32),
    "cvt.rn.f32.u32 {d}, {a};": lambda a, b, c: a.astype(np.float32).view(np.uint32),
}


def fma(a, b, c):
    return (a.astype(np.float64) * b + c).astype(np.float32)


def smaller(a, b):
    """The minimum, of NaNs the other one, of zeros the negative one."""
    both = np.stack([np.where(np.isnan(a), b, a), np.where(np.isnan(b), a, b)])
    order = np.where(both == 0, np.where(np.signbit(both), -1e-300, 1e-300), both.astype(np.float64))
    return np.where(order[0] < order[1], both[0], both[1])


def clamp_int(x, low, high):
    x = np.where(np.isnan(x), 0, x.astype(np.float64))
    return np.clip(x, low, high).astype(np.int64) & 0xFFFFFFFF


def flushed(x):
    return np.where(np.abs(x) < 2.0**-126, np.copysign(0, x), x).astype(np.float32)


def pack(low, high):
    return low.astype(np.uint32) | (high.astype(np.uint32) << np.uint32(16))


def f16(x):
    return np.where(np.isnan(x), np.uint16(0x7FFF), x.astype(np.float16).view(np.uint16))


def halves(x):
    return [x.view(np.uint16)[k::2] for k in range(2)]


FLOATING = {
    "add.rn.f32 {d}, {a}, {b};": lambda a, b, c: a + b,
    "sub.f32 {d}, {a}, {b};": lambda a, b, c: a - b,
    "mul.rn.f32 {d}, {a}, {b};": lambda a, b, c: a * b,
    "mul.ftz.f32 {d}, {a}, {b};": lambda a, b, c: flushed(flushed(a) * flushed(b)),
    "fma.rn.f32 {d}, {a}, {b}, {c};": fma,
    "fma.rn.f32 {d}, {a}, 0f3FC00000, {c};": lambda a, b, c: fma(a, np.float32(1.5), c),
    "div.rn.f32 {d}, {a}, {b};": lambda a, b, c: a / b,
    "min.f32 {d}, {a}, {b};": lambda a, b, c: smaller(a, b),
    "max.f32 {d}, {a}, {b};": lambda a, b, c: -smaller(-a, -b),
    "max.NaN.f32 {d}, {a}, {b};": lambda a, b, c: np.where(np.isnan(a) | np.isnan(b), np.nan, -smaller(-a, -b)),
    "neg.f32 {d}, {a};": lambda a, b, c: -a,
    "abs.f32 {d}, {a};": lambda a, b, c: np.abs(a),
    "sqrt.rn.f32 {d}, {a};": lambda a, b, c: np.sqrt(a),
    "copysign.f32 {d}, {a}, {b};": lambda a, b, c: np.copysign(b, a),
    "{{.reg .pred p; setp.lt.f32 p, {a}, {b}; selp.f32 {d}, {a}, {c}, p;}}": lambda a, b, c: np.where(a < b, a, c),
    "{{.reg .pred p; setp.ltu.f32 p, {a}, {b}; selp.f32 {d}, {a}, {c}, p;}}": lambda a, b, c: np.where(~(a >= b), a, c),
    "{{.reg .pred p; setp.neu.f32 p, {a}, {b}; selp.f32 {d}, {a}, {c}, p;}}": lambda a, b, c: np.where(a != b, a, c),
    "{{.reg .pred p; setp.nan.f32 p, {a}, {b}; selp.f32 {d}, 0f3F800000, 0f00000000, p;}}":
        lambda a, b, c: np.isnan(a + b) & (np.isnan(a) | np.isnan(b)),
    "{{.reg .pred p; setp.num.f32 p, {a}, {a}; selp.f32 {d}, {a}, 0f00000000, p;}}": lambda a, b, c: np.where(np.isnan(a), 0, a),
    "cvt.rni.f32.f32 {d}, {a};": lambda a, b, c: np.rint(a),
    "cvt.rmi.f32.f32 {d}, {a};": lambda a, b, c: np.floor(a),
    "cvt.sat.f32.f32 {d}, {a};": lambda a, b, c: np.where(np.isnan(a), 0, np.clip(a, 0, 1)),
    "{{.reg .b64 x; cvt.f64.f32 x, {a}; add.f64 x, x, x; cvt.rn.f32.f64 {d}, x;}}":
        lambda a, b, c: (2 * a.astype(np.float64)).astype(np.float32),
    "{{.reg .b16 x; cvt.rn.bf16.f32 x, {a}; cvt.f32.bf16 {d}, x;}}": lambda a, b, c: f32(bf16(a)),
    "{{.reg .b16 x; cvt.rn.f16.f32 x, {a}; cvt.f32.f16 {d}, x;}}": lambda a, b, c: a.astype(np.float16).astype(np.float32),
}

TO_BITS = {
    "cvt.rzi.s32.f32 {d}, {a};": lambda a, b, c: clamp_int(np.trunc(a), -(2**31), 2**31 - 1),
    "cvt.rni.u32.f32 {d}, {a};": lambda a, b, c: clamp_int(np.rint(a), 0, 2**32 - 1),
    "cvt.rn.bf16x2.f32 {d}, {a}, {b};": lambda a, b, c: pack(bf16(b), bf16(a)),
    "cvt.rn.f16x2.f32 {d}, {a}, {b};": lambda a, b, c: pack(f16(b), f16(a)),
    "cvt.rz.bf16x2.f32 {d}, {a}, {b};": lambda a, b, c: pack(
        *[np.where(np.isnan(x), 0x7FFF, x.view(np.uint32) >> np.uint32(16)) for x in (b, a)]),
    "cvt.rn.relu.bf16x2.f32 {d}, {a}, {b};": lambda a, b, c: pack(bf16(np.maximum(b, 0)), bf16(np.maximum(a, 0))),
}

BF16X2 = {
    "fma.rn.bf16x2 {d}, {a}, {b}, {c};": fma,
    "fma.rn.f16x2 {d}, {a}, {b}, {c};": fma,
    "add.rn.f16x2 {d}, {a}, {b};": lambda a, b, c: a + b,
    "mul.rn.f16x2 {d}, {a}, {b};": lambda a, b, c: a * b,
    "max.bf16x2 {d}, {a}, {b};": lambda a, b, c: np.fmax(a, b),
    "min.bf16x2 {d}, {a}, {b};": lambda a, b, c: np.fmin(a, b),
    "neg.bf16x2 {d}, {a};": lambda a, b, c: -a,
    "abs.bf16x2 {d}, {a};": lambda a, b, c: np.abs(a),
}

APPROXIMATE = {
    "ex2.approx.ftz.f32 {d}, {a};": np.exp2,
    "lg2.approx.f32 {d}, {a};": np.log2,
    "rcp.approx.ftz.f32 {d}, {a};": lambda a: 1 / a,
    "rcp.rn.f32 {d}, {a};": lambda a: 1 / a,
    "rsqrt.approx.f32 {d}, {a};": lambda a: 1 / np.sqrt(a),
    "sqrt.approx.f32 {d}, {a};": np.sqrt,
    "sin.approx.f32 {d}, {a};": np.sin,
    "tanh.approx.f32 {d}, {a};": np.tanh,
}


def run_all(instructions, a, b, c):
    """Runs each instruction on every thread; [instruction, thread] results."""
    body = """
	ld.param.b64 %d0, [p0];
	ld.param.b64 %d1, [p1];
	mov.u32 %r0, %tid.x;
	mul.wide.u32 %d2, %r0, 4;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	ld.global.b32 %r1, [%d3];
	ld.global.b32 %r2, [%d3+1024];
	ld.global.b32 %r3, [%d3+2048];
	cvt.u16.u32 %h1, %r1;
"""
    for i, instruction in enumerate(instructions):
        text = instruction.format(d="%r4", a="%r1", b="%r2", c="%r3", h="%h1")
        body += f"\t{text}\n\tst.global.b32 [%d4+{4 * THREADS * i}], %r4;\n"
    out = np.zeros((len(instructions), THREADS), np.uint32)
    source = np.concatenate([x.view(np.uint32) for x in (a, b, c)])
    launch(kernel(body + "\tret;", ("b64", "b64"), target="sm_90"), [source, out], block=THREADS)
    return out


def check(instructions, results, expected):
    for instruction, got, want in zip(instructions, results, expected):
        bad = got != want
        assert not bad.any(), f"{instruction}: lane {np.argmax(bad)} gives {got[bad][0]:#x}, expected {want[bad][0]:#x}"


def test_integers():
    a, b, c = inputs(1, I32, np.uint32, ints)
    with np.errstate(all="ignore"):
        want = [np.asarray(f(a, b, c)).astype(np.int64).astype(np.uint32) for f in INTEGER.values()]
    check(INTEGER, run_all(INTEGER, a, b, c), want)


def test_floats():
    a, b, c = inputs(2, F32, np.float32, floats)
    with np.errstate(all="ignore"):
        want = [np.asarray(f(a, b, c), np.float32) for f in FLOATING.values()]
    for name, got, expected in zip(FLOATING, run_all(FLOATING, a, b, c), want):
        got = got.view(np.float32)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), err_msg=name)
        keep = ~np.isnan(expected)
        if "sat" in name:  # PTX leaves open which zero a negative zero becomes
            np.testing.assert_array_equal(got[keep], expected[keep], err_msg=name)
        else:
            np.testing.assert_array_equal(got[keep].view(np.uint32), expected[keep].view(np.uint32), err_msg=name)


def test_conversions_to_bits():
    a, b, c = inputs(3, F32, np.float32, floats)
    with np.errstate(all="ignore"):
        want = [np.asarray(f(a, b, c)).astype(np.uint32) for f in TO_BITS.values()]
    check(TO_BITS, run_all(TO_BITS, a, b, c), want)


def test_packed_halves():
    rng = np.random.default_rng(4)
    values = rng.standard_normal((3, 2 * THREADS)).astype(np.float32)
    for kind in ("bf16x2", "f16x2"):
        to_bits, to_float = (bf16, f32) if kind == "bf16x2" else (f16, lambda x: x.view(np.float16).astype(np.float32))
        a, b, c = (np.ascontiguousarray(to_bits(v)) for v in values)
        chosen = {k: f for k, f in BF16X2.items() if f".{kind}" in k}
        got = run_all(chosen, a.view(np.uint32), b.view(np.uint32), c.view(np.uint32))
        want = [to_bits(f(to_float(a), to_float(b), to_float(c))).view(np.uint32) for f in chosen.values()]
        check(chosen, got, want)


def test_approximations():
    rng = np.random.default_rng(5)
    a = rng.uniform(0.01, 3, THREADS).astype(np.float32)
    for name, got, function in zip(APPROXIMATE, run_all(APPROXIMATE, a, a, a), APPROXIMATE.values()):
        np.testing.assert_allclose(got.view(np.float32), function(a.astype(np.float64)), rtol=3e-6, atol=3e-7, err_msg=name)


WIDE = {
    "add.s64 {d}, {a}, {b};": lambda a, b: a + b,
    "sub.s64 {d}, {a}, {b};": lambda a, b: a - b,
    "mul.lo.s64 {d}, {a}, {b};": lambda a, b: a * b,
    "mul.hi.u64 {d}, {a}, {b};": lambda a, b: [(int(x) * int(y)) >> 64 for x, y in zip(a, b)],
    "and.b64 {d}, {a}, {b};": lambda a, b: a & b,
    "xor.b64 {d}, {a}, -1;": lambda a, b: ~a,
    "shl.b64 {d}, {a}, 33;": lambda a, b: a << np.uint64(33),
    "shr.u64 {d}, {a}, 33;": lambda a, b: a >> np.uint64(33),
    "shr.s64 {d}, {a}, 33;": lambda a, b: (a.view(np.int64) >> 33).view(np.uint64),
    "min.s64 {d}, {a}, {b};": lambda a, b: np.minimum(a.view(np.int64), b.view(np.int64)).view(np.uint64),
    "bfe.u64 {d}, {a}, 4, 14;": lambda a, b: (a >> np.uint64(4)) & np.uint64((1 << 14) - 1),
    "div.u64 {d}, {a}, {b};": lambda a, b: a // b,
    "rem.u64 {d}, {a}, {b};": lambda a, b: a % b,
    "{{.reg .pred p; setp.gt.s64 p, {a}, {b}; selp.b64 {d}, {a}, {b}, p;}}":
        lambda a, b: np.maximum(a.view(np.int64), b.view(np.int64)).view(np.uint64),
    "{{.reg .b32 x, y; mov.b64 {{x, y}}, {a}; mad.wide.u32 {d}, x, y, {b};}}":
        lambda a, b: (a & np.uint64(0xFFFFFFFF)) * (a >> np.uint64(32)) + b,
}


def test_wide_integers():
    rng = np.random.default_rng(6)
    a, b = longs(rng, THREADS), longs(rng, THREADS) | np.uint64(1)
    chosen = WIDE
    body = """
	ld.param.b64 %d0, [p0];
	ld.param.b64 %d1, [p1];
	mov.u32 %r0, %tid.x;
	mul.wide.u32 %d2, %r0, 8;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	ld.global.b64 %d5, [%d3];
	ld.global.b64 %d6, [%d3+2048];
"""
    for i, text in enumerate(chosen):
        body += f"\t{text.format(d='%d7', a='%d5', b='%d6')}\n\tst.global.b64 [%d4+{8 * THREADS * i}], %d7;\n"
    out = np.zeros((len(chosen), THREADS), np.uint64)
    launch(kernel(body + "\tret;", ("b64", "b64")), [np.concatenate([a, b]), out], block=THREADS)
    with np.errstate(all="ignore"):
        check(chosen, out, [np.asarray(f(a, b), np.uint64) for f in chosen.values()])


def test_packed_f32():
    """add, mul and fma on two f32 in a register of 64 bits (sm_100)."""
    body = """
	ld.param.b64 %d0, [p0];
	ld.param.b64 %d1, [p1];
	mov.u32 %r0, %tid.x;
	mul.wide.u32 %d2, %r0, 8;
	add.s64 %d3, %d0, %d2;
	add.s64 %d4, %d1, %d2;
	ld.global.b64 %d5, [%d3];
	ld.global.b64 %d6, [%d3+256];
	add.rn.f32x2 %d7, %d5, %d6;
	mul.rn.f32x2 %d7, %d7, %d6;
	fma.rn.f32x2 %d7, %d5, %d6, %d7;
	st.global.b64 [%d4], %d7;
	ret;"""
    a, b = np.random.default_rng(7).standard_normal((2, 64)).astype(np.float32)
    out = np.zeros(64, np.float32)
    launch(kernel(body, ("b64", "b64"), target="sm_100a"), [np.concatenate([a, b]), out], record=False)
    np.testing.assert_array_equal(out, fma(a, b, (a + b) * b))


@pytest.mark.parametrize("version", ["8.0", "8.3", "8.6", "8.7", "8.8"])
def test_versions(version):
    body = "\tld.param.b64 %d0, [p0];\n\tmov.b32 %r0, 0f40490FDB;\n\tst.global.b32 [%d0], %r0;\n\tret;"
    out = np.zeros(1, np.float32)
    launch(kernel(body, ("b64",), version=version), [out], block=1)
    assert out[0] == np.float32(np.pi)
