# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions on tensors, planned as tile programs and run in the simulator.

The function that is left on the host only computes sizes and launches kernels.
It is read here as text: every value is computed when a launch needs it.
"""

import functools
import math
import operator
import re
import sys

import numpy as np
import tiles
from tiles import ROOT

import ptxsim

sys.path.insert(0, str(ROOT / "test" / "numeric"))

from dtypes import STORAGE, encode  # noqa: E402

NORMAL_FORM = "--linattn-to-normal-form-pipeline=chunk=64 sub-chunk=64 head-align=64 coarse-spans recurrence-of-f32"
GUARD = 128
# What no result is: a NaN of bf16 and of f16, or two of them in f32.
POISON = {2: np.uint16(0x7FC1), 4: np.uint32(0x7FC17FC1)}


@functools.lru_cache(maxsize=None)
def plan(source, options="", named_ops=True):
    """The function and the tile programs that a function becomes."""
    front = [NORMAL_FORM] if named_ops else []
    return tiles.run("linattn-opt", source, *front, f"--linattn-normal-form-to-tile-pipeline={options}")


class Tensor:
    """An array without gaps between two guards."""

    def __init__(self, shape, element):
        self.shape, self.element = tuple(shape), element
        self.strides = [math.prod(self.shape[i + 1 :]) for i in range(len(self.shape))]
        storage = STORAGE[element]
        poison = POISON.get(storage.itemsize) if element in ("f32", "bf16", "f16") else 0
        bits = np.uint16 if storage.itemsize == 2 else storage if poison == 0 else np.uint32
        self.whole = np.full(math.prod(self.shape) + 2 * GUARD, poison, bits)
        self.before = self.whole.copy()

    @classmethod
    def of(cls, values, element):
        tensor = cls(values.shape, element)
        tensor.view()[...] = values
        tensor.before = tensor.whole.copy()
        return tensor

    def view(self):
        """The elements, as numpy stores them."""
        inner = self.whole[GUARD : len(self.whole) - GUARD].view(STORAGE[self.element])
        steps = [s * inner.itemsize for s in self.strides]
        return np.lib.stride_tricks.as_strided(inner, self.shape, steps)

    def check_surroundings(self):
        """Nothing beside the elements was written."""
        inside = np.zeros(len(self.whole), bool)
        inner = inside[GUARD : len(inside) - GUARD]
        np.lib.stride_tricks.as_strided(inner, self.shape, self.strides)[...] = True
        np.testing.assert_array_equal(self.whole[~inside], self.before[~inside])

    def pointer(self):
        return ptxsim.Pointer(self.whole, GUARD * self.whole.itemsize)


ARITH = {
    "addi": operator.add, "subi": operator.sub, "muli": operator.mul, "divui": operator.floordiv,
    "ceildivui": lambda a, b: -(-a // b), "minui": min, "minsi": min, "maxsi": max,
}  # fmt: skip


def split_types(text):
    """Splits at the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text.replace("->", "  "):
        depth += (letter in "<({[") - (letter in ">)}]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [p.strip() for p in parts if p.strip()]


class Function:
    """The host function of a planned module."""

    def __init__(self, text):
        self.text = text
        head = re.search(r"func\.func @\w+\((.*?)\)(?: -> (.*))? (?:attributes .*)?\{\n", text)
        body = text[head.end() : text.index("\n  }\n", head.end()) + 1]
        self.arguments = [tuple(a.split(": ", 1)) for a in split_types(head[1])]
        self.ops, self.launches, self.returned = {}, [], []
        for line in body.splitlines():
            found = re.match(r"    (%\w+)(?::\d+)? = (.*)", line)
            if found:
                self.ops[found[1]] = found[2]
                if found[2].startswith("tile.launch"):
                    self.launches.append(found[1])
            elif line.startswith("    return "):
                self.returned = re.findall(r"%[\w#]+", line)

    def call(self, arguments, seed=0, chip="sm_90a"):
        """Runs the launches; returns the tensors that the function returns."""
        assert len(arguments) == len(self.arguments)
        values = dict(zip((name for name, _ in self.arguments), arguments))
        get = functools.partial(self.evaluate, values)
        for name in self.launches:
            parts = re.match(
                r"tile\.launch @(\w+) blocks\((%\w+)\)(?: ins\((.*?) : .*?\))?(?: outs\((.*?) : .*\))? -> ", self.ops[name]
            )
            assert parts, self.ops[name]
            kernel, blocks, ins, outs = parts.groups()
            outs = [self.destination(values, v) for v in split_types(outs or "")]
            operands = [get(v) for v in split_types(ins or "")] + outs
            for position, tensor in enumerate(outs):
                values[f"{name}#{position}"] = tensor
            values[name] = outs[0]
            if get(blocks):
                tiles.launch(
                    tiles.kernel_of(re.sub(r"^  ", "", self.text, flags=re.M), kernel), kernel, get(blocks),
                    self.parameters(kernel, operands), seed, chip,
                    # Whether a plan is fast is for those to judge who choose plans.
                    may_serialize=True,
                )  # fmt: skip
        for tensor in values.values():
            if isinstance(tensor, Tensor):
                tensor.check_surroundings()
        return [get(v) for v in self.returned]

    def destination(self, values, name):
        """What a launch writes to: empty tensors of one size may be one value."""
        if name not in values and self.ops[name].startswith("tensor.empty"):
            values = dict(values)
        return self.evaluate(values, name)

    def parameters(self, kernel, operands):
        """The operands as the kernel takes them."""
        signature = re.search(rf"tile\.kernel @{kernel}\((.*?)\) warpgroups", self.text)[1]
        types = [p.split(": ", 1)[1] for p in split_types(signature)]
        out = []
        for operand in operands:
            kind = types.pop(0)
            if not isinstance(operand, Tensor):
                out.append(operand)
            elif kind.startswith("!tile.global"):
                rows, align = re.match(r"!tile.global<\d+, (\d+), \w+(, align)?", kind).groups()
                order = [int(d) for d in re.search(r"i64: (.*?)>", kind)[1].split(",")]
                sizes, strides = ([x[d] for d in order] for x in (operand.shape, operand.strides))
                if align:
                    out += [operand.pointer(), *sizes, *strides[:-1]]
                else:
                    out.append(self.tensor_parameters(operand, int(rows), sizes, strides))
            else:
                out.append(operand.pointer())
                for stride in operand.strides:
                    assert types.pop(0) == "i64"
                    out.append(np.int64(stride))
        assert not types, (types, operands)
        return out

    @staticmethod
    def tensor_parameters(tensor, rows, sizes, strides):
        parameters = tiles.tensor(tensor.whole, rows, [max(s, 1) for s in sizes], strides, GUARD)
        parameters[2 : 2 + len(sizes)] = sizes
        return parameters

    def evaluate(self, values, name):
        if name in values:
            return values[name]
        text = self.ops[name.split("#")[0]]
        op, rest = re.match(r"(\S+) ?(.*)", text).groups()
        operands = lambda: [self.evaluate(values, v) for v in re.findall(r"%[\w#]+", rest)]
        dialect, _, kind = op.partition(".")
        if op == "arith.constant":
            value = int(re.match(r"-?\d+", rest)[0])
        elif op == "tensor.dim":
            tensor, dim = operands()
            value = tensor.shape[dim]
        elif op.startswith("tensor.empty"):
            shape, element = re.search(r"tensor<((?:[\d?]+x)*)(\w+)>", text).groups()
            dynamic = iter([self.evaluate(values, v) for v in re.findall(r"%[\w#]+", text)])
            value = Tensor([next(dynamic) if s == "?" else int(s) for s in shape.split("x")[:-1]], element)
        elif dialect == "arith" and kind in ARITH:
            value = ARITH[kind](*operands())
        else:
            raise NotImplementedError(f"{name} = {text}")
        values[name] = value
        return value


def run_program(program, arguments, options="", seed=0, chip="sm_90a"):
    """{name of a result: stored array} of a program of test/numeric."""
    function = Function(plan(program.mlir(), options))
    tensors = [Tensor.of(arguments[name], element) for name, _, element in program.arguments()]
    results = function.call(tensors, seed, chip)
    return {name: tensor.view().copy() for (name, _, _), tensor in zip(program.results(), results)}
