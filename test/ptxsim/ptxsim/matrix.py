# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mma.sync and wgmma.

Fragments follow the tables of the PTX ISA. Products of 16-bit numbers are
summed in f64 and rounded once per instruction; hardware rounds differently,
within the error that any summation order has.
"""

import functools
import re

import numpy as np

from .asyncops import swizzle
from .decode import decodes
from .errors import SimulationError, Unsupported
from .machine import AsyncOp
from .memops import collective
from .parser import Imm, Vec
from .sync import uniform
from .values import FULL, LANES, f32_to_half, half_to_f32

GROUP = np.arange(LANES) // 4  # the row of a lane within eight rows
PAIR = 2 * (np.arange(LANES) % 4)  # its first column within eight columns

# mma.sync shapes: rows, columns and depth per kind, for 16-bit operands.
SHAPES = {"m16n8k16": (16, 8, 16), "m16n8k8": (16, 8, 8)}


def a_fragment(registers, kind):
    """A 16 x (4 * len) matrix from A registers: rows g and g+8, columns 2q and 2q+8."""
    columns = 4 * len(registers)
    out = np.empty((16, columns), np.float32)
    for i, register in enumerate(registers):
        halves = half_to_f32(register.view(np.uint16).reshape(LANES, 2), kind)
        rows, first = GROUP + 8 * (i & 1), PAIR + 8 * (i >> 1)
        out[rows, first] = halves[:, 0]
        out[rows, first + 1] = halves[:, 1]
    return out


def b_fragment(registers, kind):
    """A (8 * len) x 8 matrix from B registers."""
    out = np.empty((8 * len(registers), 8), np.float32)
    for i, register in enumerate(registers):
        halves = half_to_f32(register.view(np.uint16).reshape(LANES, 2), kind)
        out[PAIR + 8 * i, GROUP] = halves[:, 0]
        out[PAIR + 8 * i + 1, GROUP] = halves[:, 1]
    return out


@functools.lru_cache(maxsize=64)
def _accumulator_places(count):
    """Rows and columns of [register, lane] in a 16 x (2 * count) accumulator."""
    i = np.arange(count)[:, None]
    return GROUP + 8 * (i >> 1 & 1), 8 * (i >> 2) + PAIR + (i & 1)


def accumulator(registers):
    """A 16 x (2 * len) matrix of f32 from accumulator registers."""
    out = np.empty((16, 2 * len(registers)), np.float32)
    out[_accumulator_places(len(registers))] = np.array(registers).view(np.float32)
    return out


def accumulator_registers(matrix):
    """The inverse of accumulator."""
    places = _accumulator_places(matrix.shape[1] // 2)
    return list(matrix.astype(np.float32)[places].view(np.uint32))


def product(a, b):
    return a.astype(np.float64) @ b.astype(np.float64)


@decodes("mma")
def decode_mma(dec, ins):
    parts, ops = ins.parts, ins.operands
    if parts[3] not in SHAPES or parts[4:6] != ["row", "col"]:
        raise Unsupported(ins.opcode)
    d_type, a_type, b_type, c_type = parts[6:10]
    if a_type != b_type or a_type not in ("f16", "bf16") or c_type != d_type or d_type not in ("f32", "f16"):
        raise Unsupported(ins.opcode)
    dst = dec.vec_dst(ops[0])
    a, b, c = (dec.vec_src(o, "b32") for o in ops[1:4])
    why = "as a matrix fragment"

    def run(warp, mask):
        total = product(
            a_fragment([warp.get(r, mask, why) for r in a], a_type), b_fragment([warp.get(r, mask, why) for r in b], a_type)
        )
        sums = [warp.get(r, mask, why) for r in c]
        if d_type == "f32":
            out = accumulator_registers(total + accumulator(sums))
        else:
            rounded = np.empty((16, 8), np.float64)
            for i, register in enumerate(sums):
                halves = half_to_f32(register.view(np.uint16).reshape(LANES, 2), "f16")
                rounded[GROUP + 8 * i, PAIR], rounded[GROUP + 8 * i, PAIR + 1] = halves[:, 0], halves[:, 1]
            bits = f32_to_half((total + rounded).astype(np.float32), "f16")
            out = [
                np.stack([bits[GROUP + 8 * i, PAIR], bits[GROUP + 8 * i, PAIR + 1]], axis=1).reshape(-1).view(np.uint32)
                for i in range(2)
            ]
        for register, value in zip(dst, out):
            warp.put(register, value, mask, FULL)

    return collective(run)


# wgmma.


class WgmmaState:
    """The wgmmas of a warp: committed groups in order, and those not committed."""

    def __init__(self):
        self.open = []
        self.groups = []
        self.committed = 0  # groups ever committed
        self.chain = {}  # accumulator register -> shape of the wgmma that owns it


def _state(warp):
    if warp.wgmma is None:
        warp.wgmma = WgmmaState()
    return warp.wgmma


SWIZZLES = {0: 0, 1: 128, 2: 64, 3: 32}
_patterns = {}


def operand_places(descriptor, extent, first, transposed):
    """Byte addresses of a [extent, 16] operand of 16-bit elements.

    Rows are the M or N dimension starting at `first`, columns the K dimension.
    `transposed` is MN-major, where elements along M or N are contiguous.
    """
    start = (descriptor & 0x3FFF) << 4
    leading = (descriptor >> 16 & 0x3FFF) << 4
    stride = (descriptor >> 32 & 0x3FFF) << 4
    mode = descriptor >> 62 & 3
    if descriptor >> 49 & 7:
        raise Unsupported("a wgmma descriptor with a base offset")
    span = SWIZZLES[mode]
    key = (leading, stride, mode, extent, first, transposed)
    offsets = _patterns.get(key)
    if offsets is None:
        row = np.arange(first, first + extent)[:, None]
        k = np.arange(16)[None, :]
        if not transposed and not span:
            offsets = row % 8 * 16 + row // 8 * stride + k // 8 * leading + k % 8 * 2
        elif not transposed:
            offsets = row % 8 * span + row // 8 * stride + k * 2
        elif not span:
            offsets = row // 8 * stride + k % 8 * 16 + k // 8 * leading + row % 8 * 2
        else:
            width = span // 2
            offsets = row % width * 2 + row // width * leading + k % 8 * span + k // 8 * stride
        _patterns[key] = offsets
    return swizzle(start + offsets, span)


def _granules(warp, places, transposed):
    """The granules of an operand, from its runs of 16 bytes."""
    runs = places[::8, :] if transposed else places[:, ::8]
    shared = warp.cta.shared
    flat = runs.reshape(-1)
    shared.check_range(flat, 16, 16, "wgmma")
    return shared.granules(flat, 16)


def _immediate(operand):
    if not isinstance(operand, Imm):
        raise Unsupported("expected an immediate")
    return operand.value


@decodes("wgmma")
def decode_wgmma(dec, ins):
    kind = ins.parts[1]
    if kind == "fence":
        return collective(_fence)
    if kind == "commit_group":
        return collective(_commit)
    if kind == "wait_group":
        allowed = ins.operands[0].value
        return collective(lambda warp, mask: _wait(warp, allowed))
    return _mma_async(dec, ins)


def _fence(warp, mask):
    warp.epoch += 1


def _commit(warp, mask):
    state = _state(warp)
    state.groups.append(state.open)
    state.open = []
    state.committed += 1


def _wait(warp, allowed):
    state = _state(warp)
    done = state.groups[:max(0, len(state.groups) - allowed)]
    state.groups = state.groups[len(done):]
    for group in done:
        for op in group:
            op.finish(warp.cta)
    agent = warp.cta.agents.wgmmas + warp.id
    warp.known[agent] = warp.proxied[agent] = state.committed - len(state.groups)
    # Registers that only finished wgmmas use are free again.
    busy = set()
    for op in state.open + [op for group in state.groups for op in group]:
        busy.update(op.registers)
    for index in [i for i in warp.locked if i not in busy]:
        _, defined, _ = warp.locked.pop(index)
        warp.defs[index] = defined
        warp.ages[index] = warp.epoch  # what follows may read it, so a fence has to come
        state.chain.pop(index, None)


def _mma_async(dec, ins):
    match = re.search(r"\.m64n(\d+)k16\.f32\.(bf16|f16)\.(bf16|f16)$", ins.opcode)
    if not match or match[2] != match[3]:
        raise Unsupported(ins.opcode)
    columns, kind = int(match[1]), match[2]
    if columns % 8 or not 8 <= columns <= 256:
        raise Unsupported(ins.opcode)
    ops = ins.operands
    accumulators = dec.vec_dst(ops[0])
    if len(accumulators) != columns // 2:
        raise Unsupported(f"{len(accumulators)} accumulators")
    a_registers = dec.vec_src(ops[1], "b32") if isinstance(ops[1], Vec) else None
    a_slot = dec.src(ops[1], "b64") if a_registers is None else None
    b_slot = dec.src(ops[2], "b64")
    scale_d = dec.src(ops[3], "pred")
    signs = [_immediate(o) for o in ops[4:6]]
    transposes = [_immediate(o) for o in ops[6:]]
    if a_registers is None:
        transpose_a, transpose_b = transposes
    else:
        transpose_a, transpose_b = 0, transposes[0]
    owned = list(accumulators) + (a_registers or [])
    if len(set(accumulators)) != len(accumulators):
        raise Unsupported("an accumulator register twice")

    def run(warp, mask):
        cta, shared = warp.cta, warp.cta.shared
        state = _state(warp)
        place = warp.here
        adds = bool(uniform_predicate(warp, scale_d, mask))
        if warp.epoch == 1:
            raise SimulationError("fence", "the first wgmma of the warp comes without a wgmma.fence before it")
        for register in owned:
            if warp.ages[register] == warp.epoch and register not in warp.locked:
                raise SimulationError(
                    "fence", f"register {warp.name(register)} was written or waited for after the last wgmma.fence, which has to come between"
                )
        if adds:
            for register in accumulators:
                if register not in warp.locked:
                    warp.get(register, mask, "as an accumulator")
        for register in accumulators:
            if register in warp.locked and state.chain.get(register) != columns:
                warp.report_locked(register, "takes as an accumulator of another shape")
        fragment = None
        if a_registers is not None:
            for register in a_registers:
                if register in warp.locked and warp.locked[register][2] != "an A fragment":
                    warp.report_locked(register, "takes as an A fragment")
                if register not in warp.locked:
                    warp.get(register, mask, "as a matrix fragment")
            fragment = a_fragment([warp.regs[r] for r in a_registers], kind)
            a_places = None
        else:
            a_descriptor = uniform(warp, a_slot, mask, "a descriptor")
            a_places = operand_places(a_descriptor, 16, 16 * (warp.id % 4), transpose_a)
        b_descriptor = uniform(warp, b_slot, mask, "a descriptor")
        b_places = operand_places(b_descriptor, columns, 0, transpose_b)
        clock = state.committed + 1
        agent = cta.agents.wgmmas + warp.id
        for places, transposed in ((a_places, transpose_a), (b_places, transpose_b)):
            if places is not None:
                granules = _granules(warp, places, transposed)
                shared.check_read(granules, warp.known, warp.proxied)
                shared.mark_read(granules, agent, clock, warp.instruction)
        _check_warpgroup(warp, (warp.instruction, None if a_places is None else a_descriptor, b_descriptor))

        def finish():
            halves = shared.views[2]
            a = fragment if fragment is not None else half_to_f32(halves[a_places >> 1], kind)
            b = half_to_f32(halves[b_places >> 1], kind)
            total = product(a * signs[0], b.T * signs[1])
            if adds:
                total = total + accumulator([warp.regs[r] for r in accumulators])
            for register, value in zip(accumulators, accumulator_registers(total)):
                warp.regs[register] = value

        op = WgmmaOp(place, [finish], "wgmma")
        op.registers = owned
        op.earlier = state.open[-1] if state.open else (state.groups[-1][-1] if state.groups and state.groups[-1] else None)
        state.open.append(op)
        for register in accumulators:
            warp.locked[register] = (place, FULL, "an accumulator")
            warp.defs[register] = 0
            state.chain[register] = columns
        for register in a_registers or []:
            if register not in warp.locked:
                warp.locked[register] = (place, warp.defs[register], "an A fragment")
                warp.defs[register] = 0
        cta.issue(op)

    return collective(run)


class WgmmaOp(AsyncOp):
    """wgmmas of a warp end in the order in which they were issued."""

    earlier = None

    def advance(self, cta):
        if self.earlier is not None:
            self.earlier.finish(cta)
            self.earlier = None
        super().advance(cta)


def uniform_predicate(warp, index, mask):
    bits = warp.get(index, mask, "as scale-d") & mask
    if bits not in (0, mask):
        raise SimulationError("operand", "scale-d differs between the lanes of the warp")
    return bits


def _check_warpgroup(warp, entry):
    """All four warps of a warpgroup issue the same wgmmas."""
    log = warp.cta.wgmma_log.setdefault(warp.id // 4, {})
    mine = log.setdefault(warp.id, [])
    for other, entries in log.items():
        if other != warp.id and len(entries) > len(mine):
            if entries[len(mine)] != entry:
                raise SimulationError(
                    "convergence", f"warps {warp.id} and {other} of a warpgroup issue different wgmmas or descriptors"
                )
            break
    mine.append(entry)
    if len(log) < 4:
        for i in range(warp.id // 4 * 4, min(warp.id // 4 * 4 + 4, len(warp.cta.warps))):
            log.setdefault(i, [])
