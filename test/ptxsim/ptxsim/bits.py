# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Instructions on bit fields and bytes."""

import numpy as np

from .alu import compute
from .decode import decodes
from .errors import Unsupported
from .parser import WIDTHS
from .values import FULL, LANES, UNSIGNED


@decodes("lop3")
def decode_lop3(dec, ins):
    ops = ins.operands
    table = ops[4].value

    def function(a, b, c):
        out = np.zeros_like(a)
        for bits in range(8):
            if table >> bits & 1:
                out |= (a if bits & 4 else ~a) & (b if bits & 2 else ~b) & (c if bits & 1 else ~c)
        return out

    return compute(function, dec.dst(ops[0]), *[dec.src(o, "b32") for o in ops[1:4]])


@decodes("prmt")
def decode_prmt(dec, ins):
    if len(ins.parts) > 2:
        raise Unsupported(ins.opcode)

    def function(a, b, selector):
        pool = np.concatenate([a.reshape(-1, 1).view(np.uint8), b.reshape(-1, 1).view(np.uint8)], axis=1)
        out = np.zeros((LANES, 4), np.uint8)
        lanes = np.arange(LANES)
        for i in range(4):
            nibble = (selector >> np.uint32(4 * i)) & np.uint32(15)
            byte = pool[lanes, nibble & 7]
            sign = np.where(byte & 0x80, 0xFF, 0).astype(np.uint8)
            out[:, i] = np.where(nibble & 8, sign, byte)
        return out.view(np.uint32).reshape(LANES)

    ops = ins.operands
    return compute(function, dec.dst(ops[0]), *[dec.src(o, "b32") for o in ops[1:4]])


@decodes("bfe")
def decode_bfe(dec, ins):
    type_name = ins.parts[-1]
    width = WIDTHS[type_name]

    def one(value, position, length):
        position &= 0xFF
        length &= 0xFF
        if length == 0:
            return 0
        sign = 0
        if type_name.startswith("s"):
            sign = value >> min(position + length - 1, width - 1) & 1
        field = value >> position & ((1 << length) - 1) if position < width else 0
        have = max(0, min(length, width - position))
        return (field & ((1 << have) - 1)) | (((1 << width) - (1 << have)) if sign else 0)

    def function(a, b, c):
        return np.array([one(int(x), int(y), int(z)) for x, y, z in zip(a, b, c)], UNSIGNED[width])

    ops = ins.operands
    return compute(function, dec.dst(ops[0]), dec.src(ops[1], type_name), dec.src(ops[2], "b32"), dec.src(ops[3], "b32"))


@decodes("bfi")
def decode_bfi(dec, ins):
    width = WIDTHS[ins.parts[-1]]

    def one(insert, base, position, length):
        field = ((1 << (length & 0xFF)) - 1) << (position & 0xFF)
        return ((base & ~field) | ((insert << (position & 0xFF)) & field)) % (1 << width)

    def function(*args):
        return np.array([one(*[int(x) for x in lane]) for lane in zip(*args)], UNSIGNED[width])

    ops = ins.operands
    types = [ins.parts[-1], ins.parts[-1], "b32", "b32"]
    return compute(function, dec.dst(ops[0]), *[dec.src(o, t) for o, t in zip(ops[1:], types)])


@decodes("popc", "clz", "brev", "bfind")
def decode_bit_count(dec, ins):
    name, type_name = ins.parts[0], ins.parts[-1]
    width = WIDTHS[type_name]

    def one(value):
        if name == "popc":
            return bin(value).count("1")
        if name == "clz":
            return width - value.bit_length()
        if name == "brev":
            return int(format(value, f"0{width}b")[::-1], 2)
        if type_name.startswith("s") and value >> (width - 1):
            value = ~value % (1 << width)
        found = value.bit_length() - 1
        if found < 0:
            return FULL
        return width - 1 - found if "shiftamt" in ins.parts else found

    out = UNSIGNED[width] if name == "brev" else np.uint32
    function = lambda a: np.array([one(int(x)) for x in a], out)
    return compute(function, dec.dst(ins.operands[0]), dec.src(ins.operands[1], type_name))
