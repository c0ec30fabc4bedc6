# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs functions by way of tile programs on the host, with linattn-run."""

import functools
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LINATTN_BUILD_DIR", ROOT / "build"))
sys.path.insert(0, str(ROOT / "test" / "numeric"))

NORMAL_FORM = "--linattn-to-normal-form-pipeline=chunk=64 sub-chunk=64 head-align=64 coarse-spans recurrence-of-f32"
# What a program leaves open: everything at once, everything at the last moment,
# and contractions that are late while copies are not.
WAYS = [(), ("--late-contractions", "--late-copies", "--last-first"), ("--late-contractions",)]
TIMEOUT = 60


class Failure(Exception):
    """The program was refused, or did not come to an end."""


def run_tool(tool, arguments, text=None):
    result = subprocess.run(
        [str(BUILD / "bin" / tool), *map(str, arguments)], input=text, capture_output=True, text=True, timeout=TIMEOUT
    )
    if result.returncode:
        raise Failure(result.stderr)
    return result.stdout


KERNEL = re.compile(r"^  tile\.kernel .*?^  }\n", re.M | re.S)


def mix(texts):
    """One program whose kernels are in turn those of several."""
    kernels, numbers = [KERNEL.findall(text) for text in texts], itertools.count()

    def choose(_):
        number = next(numbers)
        return kernels[number % len(texts)][number]

    return KERNEL.sub(choose, texts[0])


@functools.lru_cache(maxsize=None)
def plan(source, options="", named_ops=True):
    """The function and the tile programs that a function becomes; with several
    options, each kernel by one of them."""
    if isinstance(options, tuple):
        return mix([plan(source, each, named_ops) for each in options])
    front = [NORMAL_FORM] if named_ops else []
    return run_tool("linattn-opt", [*front, f"--linattn-normal-form-to-tile-pipeline={options}"], source)


def run(source, arguments, num_results, way=()):
    """The stored results of a function with tile programs, or of one that is planned here."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "f.mlir").write_text(source)
        command = [folder / "f.mlir", "--target=tile-host", "--keep-dtype", *way]
        for number, argument in enumerate(arguments):
            np.save(folder / f"in{number}.npy", argument)
            command.append(f"--arg={folder}/in{number}.npy")
        command += [f"--out={folder}/out{number}.npy" for number in range(num_results)]
        run_tool("linattn-run", command)
        return [np.load(folder / f"out{number}.npy") for number in range(num_results)]


def run_program(program, arguments, options="", way=()):
    """{name of a result: stored array} of a program of test/numeric."""
    stored = [arguments[name] for name, _, _ in program.arguments()]
    results = run(plan(program.mlir(), options), stored, len(program.results()), way)
    return {name: result for (name, _, _), result in zip(program.results(), results)}
