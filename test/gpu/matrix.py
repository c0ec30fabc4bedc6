# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which programs are tried and timed on a GPU, and their compilation.

`scripts/gpu.sh pack` runs this where the compiler is. What a GPU machine needs
to know about the programs goes into `cases.json` beside the artifacts.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from dataclasses import replace

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "numeric"))

from covering import covering_array  # noqa: E402
from programs import Program, bound  # noqa: E402

TYPES = [("bf16",) * 4, ("f16",) * 4, ("bf16", "bf16", "bf16", "f32")]
HEAD_SIZES = [(64, 64), (128, 128), (256, 256), (64, 128), (128, 64), (256, 128), (96, 80), (33, 60)]
HEADS = [((4, 4, 4, 4), False), ((4, 2, 1, 4), False), ((3, 3, 3, 3), True)]

DIMENSIONS = {
    "key_decay": ["none", "const", "scalar"],
    "types": TYPES,
    "decay_type": ["f32", "bf16"],
    "reverse": [False, True],
    "layout": ["bnhd", "bhnd"],
    "state_layout": ["kv", "vk"],
    "states": [(False, False), (True, False), (False, True), (True, True)],
    "offsets": [None, None, "i32", "i64"],
    "heads": HEADS,
    "head_sizes": HEAD_SIZES,
    "scales": [(1.0, 1.0), (0.125, 1.0), (0.75, -1.5)],
}

# [batch, tokens], and the boundaries of sequences.
SIZES = [(2, 7), (1, 64), (2, 65), (1, 200), (2, 0), (3, 256)]
OFFSETS = [(0, 5, 5, 70, 200), (0, 64, 128), (0, 0, 3), (0, 1, 2, 300)]


def with_types(types, **fields):
    names = ("query_type", "key_type", "value_type", "output_type")
    return Program(**dict(zip(names, types)), **fields)


def test_programs():
    """{name: Program} of the numeric tests."""
    out = {}
    for index, row in enumerate(covering_array({n: len(v) for n, v in DIMENSIONS.items()})):
        value = {name: DIMENSIONS[name][choice] for name, choice in row.items()}
        (initial, final), (scale, update) = value["states"], value["scales"]
        heads, dynamic = value["heads"]
        out[f"attention-{index:02}"] = with_types(
            value["types"], key_decay=value["key_decay"], decay_type=value["decay_type"],
            reverse=value["reverse"], layout=value["layout"], state_layout=value["state_layout"],
            initial=initial, final=final, offsets=value["offsets"], heads=heads,
            dynamic_heads=dynamic, head_sizes=value["head_sizes"], scale=scale, update_scale=update)
    for decay in ("none", "const", "scalar", "vector"):
        for types, sizes in ((TYPES[0], (128, 128)), (TYPES[1], (64, 128))):
            out[f"step-{decay}-{types[0]}"] = with_types(
                types, op="step", key_decay=decay, heads=(4, 2, 2, 4), head_sizes=sizes)
    for decay in ("none", "const", "scalar"):
        for reverse in (False, True):
            out[f"state-{decay}-{'reverse' if reverse else 'forward'}"] = with_types(
                TYPES[0], op="state", key_decay=decay, reverse=reverse, heads=(4, 4, 4, 4),
                head_sizes=(128, 128))
    # Loops over tokens, also in segments.
    for decay, sizes in (("none", (33, 60)), ("const", (128, 128)), ("scalar", (64, 130)), ("vector", (128, 64))):
        for op in ("attention", "state"):
            ends = {} if op == "state" else {"initial": True, "final": True}
            out[f"f32-{op}-{decay}"] = with_types(
                ("f32",) * 4, op=op, key_decay=decay, reverse=decay == "scalar", heads=(4, 2, 2, 4),
                head_sizes=sizes, **ends)
    return out


def speed_programs():
    """{name: Program} of the benchmark and of the tests at full size."""
    base = with_types(TYPES[0], key_decay="const", layout="bhnd", heads=(32,) * 4,
                      dynamic_heads=True, head_sizes=(128, 128))
    return {
        "const-128": base,
        "scalar-128": replace(base, key_decay="scalar"),
        "none-128": replace(base, key_decay="none"),
        "reverse-128": replace(base, reverse=True),
        "bnhd-128": replace(base, layout="bnhd"),
        "varlen-128": replace(base, layout="bnhd", offsets="i64"),
        "const-64": replace(base, head_sizes=(64, 64)),
        "const-256": replace(base, head_sizes=(256, 256)),
        "step-128": replace(base, op="step", key_decay="const", layout="bnhd"),
    }


def backward_text(program):
    """Three calls that make the gradients of `program`, whose decay acts on
    both sides alike. One function; see test/numeric/test_differentiation.py."""
    x = program._type(["B", "H", "N", "Dk"], "bf16")
    g = program._type(["H"], "f32")

    def call(name, q, k, v, reverse):
        attrs = "layout = #linattn.layout<bhnd>"
        if reverse:
            attrs += ", direction = #linattn.direction<reverse>"
        return (f"  %i_{name} = tensor.empty(%b, %h, %n) : {x}\n"
                f"  %{name} = linattn.attention ins(%{q}, %{k}, %{v} : {x}, {x}, {x}) key_decay(%g : {g})"
                f" outs(%i_{name} : {x}) {{{attrs}}} -> {x}\n")

    arguments = ", ".join(f"%{name}: {x}" for name in ("q", "k", "v", "do"))
    return (f"func.func @f({arguments}, %g: {g}) -> ({x}, {x}, {x}) {{\n"
            "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
            "  %c2 = arith.constant 2 : index\n"
            f"  %b = tensor.dim %q, %c0 : {x}\n  %h = tensor.dim %q, %c1 : {x}\n"
            f"  %n = tensor.dim %q, %c2 : {x}\n"
            + call("dq", "do", "v", "k", False)
            + call("dk", "v", "do", "q", True)
            + call("dv", "k", "q", "do", True)
            + f"  return %dq, %dk, %dv : {x}, {x}, {x}\n}}\n")


def program_text(program):
    """The program as MLIR, with names for its arguments."""
    text = program.mlir()
    head, body = text.split("\n", 1)
    # A step updates its state where it is.
    if program.op == "step":
        head = re.sub(r"%s0: (tensor<[^>]*>)", r"%s0: \1 {linattn.inplace = 1 : i64}", head)
    return head + "\n" + body


def describe(program):
    """What a GPU machine needs to know."""
    fields = {name: getattr(program, name) for name in (
        "op", "key_decay", "value_decay", "reverse", "layout", "state_layout",
        "heads", "head_sizes", "scale", "update_scale", "dynamic_heads")}
    fields["offsets"] = bool(program.offsets)
    fields["arguments"] = program.arguments()
    fields["results"] = [(n, dims, e, bound(program, n)) for n, dims, e in program.results()]
    return fields


def compile_one(job):
    """Compiles one program; what went wrong is part of the answer."""
    tool, target, folder, name, text, options = job
    path = os.path.join(folder, name)
    pathlib.Path(path + ".mlir").write_text(text)
    begin = time.perf_counter()
    done = subprocess.run([tool, path + ".mlir", f"--target={target}", "--remarks", *options,
                           "-o", path + ".lna"], capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    os.remove(path + ".mlir")
    notes = [line.split(": ", 1)[1] for line in done.stderr.splitlines()
             if re.search(r": (remark|warning): ", line)]
    return {"name": name, "seconds": round(seconds, 3), "notes": notes,
            "error": done.stderr.strip()[-1000:] if done.returncode else None}


def measure_compile_time(tool, target, text):
    """Seconds of a process from MLIR to PTX, and to an artifact without code
    for the host: machine code by all plans that are tried. The least of three."""
    times = []
    for options in (["--emit=ptx"], ["--emit=artifact", "--device-only"]):
        runs = []
        for _ in range(3):
            begin = time.perf_counter()
            done = subprocess.run([tool, "-", f"--target={target}", "-o", os.devnull, *options],
                                  input=text, text=True, capture_output=True)
            runs.append(round(time.perf_counter() - begin, 3))
        times.append(min(runs) if not done.returncode else None)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", required=True, help="the path of linattn-compile")
    parser.add_argument("--target", default="sm_90a")
    parser.add_argument("--folder", required=True, help="where artifacts go")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--filter", default="", help="a part of the names of programs")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)

    cases, jobs = {}, []
    speed = speed_programs()
    texts = {}
    for name, program in {**test_programs(), **speed}.items():
        sizes = [] if name in speed else OFFSETS if program.offsets else SIZES
        cases[name] = {"program": describe(program), "sizes": sizes}
        texts[name] = program_text(program)
    cases["backward-128"] = {"program": describe(speed["const-128"]), "sizes": []}
    texts["backward-128"] = backward_text(speed["const-128"])
    cases = {name: case for name, case in cases.items() if options.filter in name}
    for name in cases:
        # The code for the host is tried with a few.
        host = [] if name.startswith(("step", "state")) else ["--device-only"]
        jobs.append((options.compile, options.target, options.folder, name, texts[name], host))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done, result in enumerate(pool.map(compile_one, jobs), 1):
            case = cases[result.pop("name")]
            case.update(result)
            print(f"{done} of {len(jobs)}: {jobs[done - 1][3]}: "
                  f"{'FAILED' if result['error'] else 'ok'} in {result['seconds']} s", flush=True)
    failed = [name for name, case in cases.items() if case["error"]]
    for name in failed:
        print(f"{name}: {cases[name]['error'][:300]}", file=sys.stderr)
    timed = [name for name in ("const-128", "scalar-128") if name in cases]
    document = {
        "target": options.target, "cases": cases,
        "compile_seconds": {name: measure_compile_time(options.compile, options.target, texts[name])
                            for name in timed},
    }
    path = os.path.join(options.folder, "cases.json")
    pathlib.Path(path).write_text(json.dumps(document, indent=1) + "\n")
    print(f"{len(cases) - len(failed)} of {len(cases)} programs compiled")


if __name__ == "__main__":
    main()
