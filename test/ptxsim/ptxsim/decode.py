# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Turns parsed instructions into functions that a warp runs.

Operands become indices into one file of slots per warp: the registers first,
then one slot per distinct constant and special register. An instruction
becomes an Op: `run(warp, mask)` for plain ones, `run(warp, mask, group)` for
those that may wait (`flow`), which return WAIT to be tried again later.
"""

import re
from dataclasses import dataclass

import numpy as np

from .errors import Unsupported
from .parser import WIDTHS, Addr, Imm, Label, Reg, Special, Sym, Vec
from .values import LANES, UNSIGNED

WAIT = "wait"  # the group stays at the instruction

DECODERS = {}

SPECIAL = re.compile(
    r"%(n?tid|n?ctaid|cluster_n?ctaid|n?clusterid)\.[xyz]"
    r"|%(laneid|n?warpid|n?smid|clock|clock64|globaltimer|dynamic_smem_size|cluster_n?ctarank|lanemask_(eq|lt|le|gt|ge))"
)


def decodes(*names):
    """Registers a decoder for the instructions whose first part is a name."""

    def register(function):
        for name in names:
            DECODERS[name] = function
        return function

    return register


@dataclass
class Op:
    run: object
    guard: int
    negated: bool
    flow: bool
    source: object
    target: int = -1  # of a branch
    exits: bool = False


class Decoder:
    """Decodes the instructions of one kernel.

    `addresses` gives the address of each symbol; `slots` describes what stands
    behind the registers in the file of slots.
    """

    def __init__(self, kernel, addresses):
        self.kernel = kernel
        self.addresses = addresses
        self.widths = [r.width for r in kernel.registers]
        self.slots = []  # (index, kind, value): 'const' an array, 'special' a name
        self.known = {}
        self.ops = [self.decode(i) for i in kernel.instructions]

    def decode(self, ins):
        guard = ins.guard.index if ins.guard else -1
        name = ins.parts[0]
        op = Op(None, guard, ins.negated, False, ins)
        if name == "bra":
            op.flow = True
            op.target = ins.target
            return op
        if name in ("ret", "exit"):
            op.flow = True
            op.exits = True
            return op
        decoder = DECODERS.get(name)
        if decoder is None:
            raise Unsupported(f"line {ins.line}: '{ins.text[:120]}'")
        try:
            result = decoder(self, ins)
        except Unsupported as error:
            raise Unsupported(f"line {ins.line}: {error or ins.opcode} in '{ins.text[:120]}'") from None
        except (KeyError, IndexError, AttributeError, ValueError) as error:
            raise Unsupported(f"line {ins.line}: '{ins.text[:120]}' ({error!r})") from error
        op.run, op.flow = result if isinstance(result, tuple) else (result, False)
        return op

    def new_slot(self, key, width, kind, value):
        if key not in self.known:
            self.known[key] = len(self.widths)
            self.slots.append((len(self.widths), kind, value))
            self.widths.append(width)
        return self.known[key]

    def constant(self, value, width):
        if width == 1:
            return self.new_slot((value, 1), 1, "const", 0xFFFFFFFF if value else 0)
        value %= 1 << width
        array = np.full(LANES, value, UNSIGNED[width])
        array.flags.writeable = False
        return self.new_slot((value, width), width, "const", array)

    def src(self, operand, type_name):
        """The slot of a source operand read as a type."""
        width = WIDTHS[type_name] if isinstance(type_name, str) else type_name
        if isinstance(operand, Reg):
            if operand.width != width and (operand.width == 1 or width == 1 or operand.width < width):
                raise Unsupported(f"register {operand.name} of {operand.width} bits as .{type_name}")
            if operand.width > width:
                raise Unsupported(f"register {operand.name} of {operand.width} bits as .{type_name}")
            return operand.index
        if isinstance(operand, Imm):
            value = operand.value
            if operand.float_bits == 64 and width == 32:
                value = int(np.frombuffer(np.float32(np.uint64(value).view(np.float64)).tobytes(), np.uint32)[0])
            elif not operand.float_bits and isinstance(type_name, str) and type_name in ("f32", "f64"):
                dtype = np.float32 if width == 32 else np.float64
                value = int(np.array(value, dtype).view(UNSIGNED[width]))
            return self.constant(value, width)
        if isinstance(operand, (Sym, Label)):
            name = operand.name
            if name not in self.addresses:
                raise Unsupported(f"name '{name}'")
            return self.constant(self.addresses[name] + getattr(operand, "offset", 0), width)
        if isinstance(operand, Special):
            if not SPECIAL.fullmatch(operand.name):
                raise Unsupported(f"unknown name '{operand.name}'")
            return self.new_slot((operand.name, width), width, "special", operand.name)
        raise Unsupported(f"operand {operand}")

    def any_src(self, operand, type_name):
        """The slot and width of a source that may be wider than its type."""
        if isinstance(operand, Reg):
            return operand.index, operand.width
        return self.src(operand, type_name), WIDTHS[type_name]

    def dst(self, operand, type_name=None):
        """The slot of a destination, -1 for the sink."""
        if isinstance(operand, Special) and operand.name == "_":
            return -1
        if not isinstance(operand, Reg):
            raise Unsupported(f"destination {operand}")
        return operand.index

    def vec_src(self, operand, type_name):
        items = operand.items if isinstance(operand, Vec) else (operand,)
        return [self.src(o, type_name) for o in items]

    def vec_dst(self, operand):
        items = operand.items if isinstance(operand, Vec) else (operand,)
        return [self.dst(o) for o in items]

    def addr(self, operand):
        """A function of (warp, mask) to the int64 addresses of all lanes."""
        if not isinstance(operand, Addr):
            raise Unsupported(f"address {operand}")
        offset = operand.offset
        base = operand.base
        if isinstance(base, Reg):
            index = base.index

            def address(warp, mask):
                return warp.get(index, mask, "as an address").astype(np.int64) + offset

            return address
        if isinstance(base, Imm):
            value = base.value
        else:
            value = self.addresses[base.name]
        constant = np.full(LANES, value + offset, np.int64)
        return lambda warp, mask: constant
