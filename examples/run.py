#!/usr/bin/env python3
# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the examples, runs them on a text, and checks them.

    examples/run.py [--length N] [tnl_mixer] [hgrn2_mixer] [decode]

Every byte of examples/text.txt is a token, and a row of a fixed random table is
its embedding. Weights are random too: what is shown is speed and exactness, not
a trained model. Each result is compared with examples/reference.py, which is
written in numpy, in f64, token by token.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

import numpy as np  # noqa: E402

import linattn  # noqa: E402
from linattn.program import find_tool  # noqa: E402
import reference  # noqa: E402

WIDTH = 256
LIMIT = 2e-5  # RMS of the error over RMS of the result, for f32


def say(label, text):
    print(f"  {label:<9} {text}", flush=True)


class Progress:
    """A line that shows how far the slow reference is."""

    def __init__(self, label):
        self.label, self.next = label, time.monotonic() + 1.0

    def __call__(self, done, total):
        if time.monotonic() >= self.next:
            say(self.label, f"{done} of {total} tokens")
            self.next += 2.0


def compile_example(name):
    """Compiles an example; says which passes ran, and how long it took."""
    source = HERE / f"{name}.mlir"
    with tempfile.TemporaryDirectory(prefix="linattn-") as folder:
        path = Path(folder) / f"{name}.so"
        command = [find_tool(), str(source), "-o", str(path)]
        command += ["--mlir-timing", "--mlir-timing-display=tree"]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(done.stderr)
        program = linattn.load(path)  # stays mapped when the file is gone
    names = re.findall(r"%\)\s+(\w+)$", done.stderr, re.MULTILINE)
    passes = [n for n in names if n not in ("Rest", "Total")]
    own = [n for n in passes if n.startswith("Linattn")]
    say("compile", f"examples/{name}.mlir: {seconds:.2f} s, {len(passes)} passes, and of linattn")
    for line in textwrap.wrap(" ".join(own), 84):
        say("", line)
    return program


def best_time(call, repeat=5):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return result, min(times)


def relative_error(actual, expected):
    return float(np.sqrt(np.mean((actual - expected) ** 2) / np.mean(expected**2)))


def check(what, actual, expected):
    error = relative_error(actual, expected)
    ok = error <= LIMIT
    say("check", f"{what}: relative error {error:.1e} (limit {LIMIT:.0e}): {'ok' if ok else 'FAILED'}")
    return ok


class Inputs:
    """The text as embeddings, and random weights."""

    def __init__(self, length):
        text = np.frombuffer((HERE / "text.txt").read_bytes(), np.uint8)
        self.tokens = np.resize(text, length or len(text))
        self.rng = np.random.default_rng(22)
        self.table = self.rng.standard_normal((256, WIDTH)).astype(np.float32)
        self.x = self.table[self.tokens]

    def weight(self):
        return (self.rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)).astype(np.float32)

    def describe(self):
        say("input", f"examples/text.txt: {len(self.tokens)} tokens, {WIDTH} channels")


def run_mixer(name, inputs, weights):
    program = compile_example(name)
    inputs.describe()
    arguments = [inputs.x, *weights]
    out, seconds = best_time(lambda: program[name](*arguments))
    say("run", f"{seconds * 1e3:.1f} ms, {len(inputs.x) / seconds:,.0f} tokens/s")
    expected = getattr(reference, name)(*arguments, Progress("reference"))
    return check("against the recurrence in f64", out, expected)


def tnl_mixer(inputs):
    """A TransNormerLLM token mixer: one constant decay per head."""
    return run_mixer("tnl_mixer", inputs, [inputs.weight() for _ in range(5)])


def hgrn2_mixer(inputs):
    """An HGRN2 token mixer: one decay per token and channel."""
    gamma = np.linspace(0.0, 0.9, WIDTH, dtype=np.float32)
    return run_mixer("hgrn2_mixer", inputs, [inputs.weight() for _ in range(4)] + [gamma])


def decode(inputs):
    """Decoding: a prompt in one call, then one call per token."""
    program = compile_example("decode")
    inputs.describe()
    q, k, v = ((inputs.x @ inputs.weight()).reshape(-1, 4, 64) for _ in range(3))
    n = len(q)
    prompt = n - n // 8
    say("prompt", f"{prompt} tokens, then {n - prompt} single steps")

    def zero_state():
        return np.zeros((1, 4, 64, 64), np.float32)

    def prefill(stop):
        state = zero_state()
        o, state = program["prefill"](q[None, :stop], k[None, :stop], v[None, :stop], state)
        return o[0], state

    (whole, last_state), seconds = best_time(lambda: prefill(n))
    say("prefill", f"{seconds * 1e3:.1f} ms, {n / seconds:,.0f} tokens/s")

    head, state = prefill(prompt)
    step = program["step"]
    tail = np.empty((n - prompt, 4, 64), np.float32)
    start = time.perf_counter()
    for t in range(prompt, n):
        row, state = step(q[None, t], k[None, t], v[None, t], state)
        tail[t - prompt] = row[0]
    seconds = time.perf_counter() - start
    say("step", f"{seconds / max(1, n - prompt) * 1e6:.0f} us a token, called from Python")

    expected, expected_state = reference.recurrence(
        q, k, v, reference.slopes(3, 24), progress=Progress("reference")
    )
    stepped = np.concatenate([head, tail])
    results = [
        check("one long prefill against the recurrence in f64", whole, expected),
        check("prompt and steps against the recurrence in f64", stepped, expected),
        check("prompt and steps against one long prefill", stepped, whole),
        check("last state against the recurrence in f64", state[0], expected_state),
    ]
    return all(results)


EXAMPLES = {"tnl_mixer": tnl_mixer, "hgrn2_mixer": hgrn2_mixer, "decode": decode}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="EXAMPLE", help=", ".join(EXAMPLES))
    parser.add_argument("--length", type=int, help="tokens; the text is repeated or cut")
    options = parser.parse_args()
    for name in options.names:
        if name not in EXAMPLES:
            parser.error(f"expects one of {', '.join(EXAMPLES)}, but got {name}")
    if options.length is not None and options.length < 1:
        parser.error(f"expects at least one token, but got {options.length}")
    failed = []
    for name in options.names or EXAMPLES:
        print(f"{name}: {EXAMPLES[name].__doc__}", flush=True)
        if not EXAMPLES[name](Inputs(options.length)):
            failed.append(name)
        print()
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")
    print("All examples agree with the token-by-token recurrence.")


if __name__ == "__main__":
    main()
