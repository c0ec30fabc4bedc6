# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of a bundle: their tensors, their calls, what they must give.

Needs Python, torch, and the Python module of the runtime.
"""

import json
import pathlib

import torch

from linattn import runtime

import reference

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16,
          "i32": torch.int32, "i64": torch.int64}
GATES = ("mild", "moderate", "strong", "wild")
DEVICE = "cuda"


def log_decays(shape, gate, generator):
    """Log-decays of several strengths, as in test/numeric/programs.py."""
    kind = dict(device=DEVICE, generator=generator)
    if gate == "mild":
        return -(torch.randn(shape, **kind) - 4).exp()
    if gate == "moderate":
        return -1.6 * torch.empty(shape, device=DEVICE).exponential_(generator=generator)
    if gate == "strong":
        return -10 - 20 * torch.rand(shape, **kind)
    levels = torch.tensor([0, 0, -1e-8, -1e-2, -0.1, -1.6, -20, -90, -1e4, -torch.inf], device=DEVICE)
    return levels[torch.randint(len(levels), shape, **kind)]


def is_float(tensor):
    return tensor.dtype.is_floating_point


class Guarded:
    """A tensor inside a larger one full of NaN: with rows that are longer than
    it sees, or with space in front and behind."""

    def __init__(self, shape, dtype, strided):
        self.strided = strided and len(shape) > 1 and shape[-1] % 8 == 0
        if self.strided:
            self.whole = torch.empty(*shape[:-1], shape[-1] + 8, dtype=dtype, device=DEVICE)
            self.tensor = self.whole[..., :shape[-1]]
        else:
            count = 1
            for size in shape:
                count *= size
            self.whole = torch.empty(count + 256, dtype=dtype, device=DEVICE)
            self.tensor = self.whole[128:128 + count].view(shape)
        self.poison()

    def poison(self):
        self.whole.fill_(torch.nan)

    def is_intact(self):
        """Whether nothing beside the tensor was written."""
        if self.strided:
            return bool(self.whole[..., self.tensor.shape[-1]:].isnan().all())
        return bool(self.whole[:128].isnan().all() and self.whole[-128:].isnan().all())


class Call:
    """One call of a program: arguments, poisoned results."""

    def __init__(self, case, size, gate="moderate", strided=False, seed=0):
        self.case, self.p = case, case.program
        self.dims = self._dimensions(size)
        self.offsets = list(size) if self.p["offsets"] else None
        generator = torch.Generator(DEVICE).manual_seed(seed)
        self.guards, self.arguments = [], {}
        for name, dims, element in self.p["arguments"]:
            shape = [self.dims[d] for d in dims]
            if name == "offsets":
                self.arguments[name] = torch.tensor(self.offsets, dtype=DTYPES[element], device=DEVICE)
                continue
            guard = Guarded(shape, DTYPES[element], strided)
            self.guards.append((name, guard))
            if name in ("gk", "gv"):
                values = log_decays(shape, gate, generator)
            else:
                values = torch.randn(shape, device=DEVICE, generator=generator)
                if name in ("q", "k"):
                    values /= self.p["head_sizes"][0] ** 0.25
            guard.tensor.copy_(values)
            self.arguments[name] = guard.tensor
        self.results = {}
        self.out = []
        for name, dims, element, _ in self.p["results"]:
            if self.p["op"] == "step" and name == "s":
                self.results[name] = self.arguments["s0"]
                continue
            guard = Guarded([self.dims[d] for d in dims], DTYPES[element], strided)
            self.guards.append((name, guard))
            self.out.append(guard)
            self.results[name] = guard.tensor

    def _dimensions(self, size):
        p = self.p
        dims = {"Dk": p["head_sizes"][0], "Dv": p["head_sizes"][1]}
        dims.update(zip(("H", "Hq", "Hk", "Hv"), p["heads"]))
        if p["offsets"]:
            dims.update(B=1, N=size[-1], S1=len(size), S=len(size) - 1)
        else:
            dims.update(B=size[0], N=size[1])
            if len(size) > 2:
                dims.update(dict.fromkeys(("H", "Hq", "Hk", "Hv"), size[2]))
        return dims

    @property
    def heads(self):
        return self.dims["H"]

    def launch(self):
        self.case.function(*self.arguments.values(), out=[guard.tensor for guard in self.out])

    def poison(self):
        for guard in self.out:
            guard.poison()

    def find_damage(self):
        """The names of tensors beside which something was written."""
        return [name for name, guard in self.guards if not guard.is_intact()]

    # -- the reference ------------------------------------------------------

    def canonical(self, name):
        """An argument in f64, [B, N, H, D] or [S, H, Dk, Dv]; None: it has none."""
        if name not in self.arguments:
            return None
        x = self.arguments[name].double()
        if name == "s0":
            return x.transpose(2, 3) if self.p["state_layout"] == "vk" else x
        if self.p["op"] == "step":
            return x if x.ndim == 1 else x[:, None]
        if self.p["layout"] == "bhnd" and x.ndim > 2:
            x = x.transpose(1, 2)
        return x

    def expected(self):
        """{name: result} token by token."""
        p = dict(self.p, heads=[self.heads] * 4)
        if p["op"] == "step":
            p["reverse"] = False
        q, k, v, g, state = (self.canonical(n) for n in ("q", "k", "v", "gk", "s0"))
        o, final, totals = reference.recurrence(p, q, k, v, g, state, self.offsets)
        if p["op"] == "step":
            o = o[:, 0]
        elif p["layout"] == "bhnd":
            o = o.transpose(1, 2)
        if p["state_layout"] == "vk":
            final = final.transpose(2, 3)
        every = {"o": o, "s": final, "tk": totals}
        return {name: every[name] for name, *_ in p["results"]}

    def check_heads(self, wanted):
        """The largest error of the output in some heads of some sequences,
        against the sum over all earlier tokens."""
        q, k, v = (self.arguments[n] for n in ("q", "k", "v"))
        g = self.arguments.get("gk")
        swapped = self.p["layout"] == "bhnd"
        at = (lambda x, b, h: x[b, h]) if swapped else (lambda x, b, h: x[b, :, h])
        runs = [(0, self.dims["N"])] if self.offsets is None else list(zip(self.offsets[:-1], self.offsets[1:]))
        worst = 0.0
        for batch, run, head in wanted(self.dims["B"], len(runs), self.heads):
            begin, end = runs[run]
            cut = lambda x: at(x, batch, head)[begin:end].double()
            decay = None if g is None else g[head].double() if g.ndim == 1 else cut(g)
            expected = reference.quadratic(self.p, cut(q), cut(k), cut(v), decay)
            worst = max(worst, reference.rms_error(cut(self.results["o"]), expected))
        return worst


class Case:
    """A program of the bundle."""

    def __init__(self, folder, name, fields):
        self.name, self.program, self.sizes = name, fields["program"], fields["sizes"]
        self.error, self.seconds, self.notes = fields["error"], fields["seconds"], fields["notes"]
        self.path = folder / (name + ".lna")
        self._artifact = None

    @property
    def function(self):
        if self._artifact is None:
            if self.error:
                lines = self.error.splitlines()
                first = next((line for line in lines if "error: " in line), lines[0])
                raise RuntimeError("not compiled: " + first.split("error: ")[-1][:200])
            self._artifact = runtime.load(str(self.path), device=DEVICE)
            self._function = self._artifact["f"]
        return self._function

    def is_spilling(self):
        return any("spills registers" in note for note in self.notes)


class Bundle:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.document = json.loads((self.folder / "cases.json").read_text())
        self.cases = {name: Case(self.folder, name, fields)
                      for name, fields in self.document["cases"].items()}
