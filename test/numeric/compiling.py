# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From MLIR text to a function that can be called."""

import hashlib
import os
import subprocess
from pathlib import Path

from calling import Function, StockFunction

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LINATTN_BUILD_DIR", ROOT / "build"))
LLVM_BIN = Path(os.environ.get("LINATTN_LLVM_BIN", "/usr/lib/llvm-22/bin"))

# The libraries of LLVM are not instrumented: what they allocate from an arena of
# an instrumented tool would look poisoned, and what they keep looks leaked.
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0:allow_user_poisoning=0", **os.environ}

# How named ops become the normal form.
FRONT_ENDS = {
    "blocks": [
        "--linattn-set-schedule",
        "--linattn-to-blocks",
        "--linattn-decompose-blocks",
    ],
    "recurrence": ["--linattn-to-recurrence"],
}
STEPS = ["--linattn-to-recurrence=steps-only"]


class CompileError(Exception):
    """A tool said no; `crashed` if it did so by dying."""

    def __init__(self, command, process):
        super().__init__(
            " ".join(map(str, command)) + f"\nrc {process.returncode}\n" + process.stderr[-4000:]
        )
        self.stderr = process.stderr
        self.crashed = died(process)


def died(process):
    """True if a tool crashed rather than failed."""
    signs = ("PLEASE submit a bug report", "Stack dump:", "AddressSanitizer", "runtime error:")
    return (
        process.returncode < 0
        or process.returncode >= 128
        or any(sign in process.stderr for sign in signs)
    )


def run_tool(tool, arguments, text=None, timeout=300):
    """Runs a tool of the build; returns its standard output."""
    folder = BUILD / "bin" if tool.startswith("linattn-") else LLVM_BIN
    command = [folder / tool, *arguments]
    process = subprocess.run(
        list(map(str, command)),
        input=text,
        text=True,
        capture_output=True,
        timeout=timeout,
        env=ENVIRONMENT,
    )
    if process.returncode:
        raise CompileError(command, process)
    return process.stdout


def opt(text, arguments):
    return run_tool("linattn-opt", ["-", *arguments], text)


def lower_front(text, front):
    """Named ops to the normal form."""
    return opt(text, FRONT_ENDS[front])


class Host:
    """The host target: `linattn-compile` on what the front end gives."""

    function = Function
    suffix = "host"

    @staticmethod
    def available():
        return (BUILD / "bin" / "linattn-compile").exists()

    @staticmethod
    def compile(text, front, output, flags=()):
        # `blocks` is what the driver does by itself; the recurrence is lowered
        # first, and arrives as one more program in the normal form.
        if front != "blocks":
            text = lower_front(text, front)
        run_tool("linattn-compile", ["-", "--target=host", *flags, "-o", output], text)


def link(lowered, output, flags=()):
    """From the LLVM dialect to a shared object, with upstream's wrappers."""
    ir = run_tool("mlir-translate", ["--mlir-to-llvmir", "-"], lowered)
    libraries = LLVM_BIN.parent / "lib"
    run_tool(
        "clang",
        ["-x", "ir", "-", "-march=native", "-shared", "-fPIC", "-Wno-override-module",
         *flags, "-o", output, "-lm", f"-L{libraries}", f"-Wl,-rpath,{libraries}",
         "-lmlir_c_runner_utils", "-lomp"],
        ir,
    )


class Pipeline:
    """The host pipeline without the driver and the C ABI."""

    function = StockFunction
    suffix = "pipeline"

    @staticmethod
    def compile(text, front, output):
        flags = FRONT_ENDS[front] + (STEPS if front == "blocks" else [])
        flags = flags + ["--llvm-request-c-wrappers", "--linattn-host-pipeline"]
        link(opt(text, flags), output, ["-O2"])


class Stock:
    """Upstream passes only: scalar loops, slow to run, but nothing of ours
    stands behind the normal form. Tells a wrong front end from a wrong back
    end."""

    function = StockFunction
    suffix = "stock"

    @staticmethod
    def compile(text, front, output):
        flags = FRONT_ENDS[front] + (STEPS if front == "blocks" else [])
        flags = flags + [
            "--one-shot-bufferize=bufferize-function-boundaries=1 "
            "function-boundary-type-conversion=identity-layout-map",
            "--scf-forall-to-for",
            "--convert-linalg-to-loops",
            "--expand-strided-metadata",
            "--lower-affine",
            "--llvm-request-c-wrappers",
            "--arith-expand=include-bf16",
            "--convert-scf-to-cf",
            "--convert-math-to-llvm",
            "--convert-index-to-llvm",
            "--finalize-memref-to-llvm",
            "--convert-arith-to-llvm",
            "--convert-func-to-llvm",
            "--convert-cf-to-llvm",
            "--reconcile-unrealized-casts",
        ]
        link(opt(text, flags), output, ["-O1"])


BACK_ENDS = {"host": Host, "pipeline": Pipeline, "stock": Stock}


class Cache:
    """Compiled functions of one session, by text and lowering. Workers that
    share the folder share what is in it."""

    def __init__(self, folder, back):
        self.folder, self.back = Path(folder), BACK_ENDS[back]
        self.functions = {}

    def get(self, text, front="blocks", name="f", flags=()):
        """`flags` are options of the host target only."""
        key = hashlib.sha256((front + " ".join(flags) + text).encode()).hexdigest()[:24]
        if key not in self.functions:
            path = self.folder / f"{key}.{self.back.suffix}.so"
            own = path.with_suffix(f".{os.getpid()}.so")
            try:
                if not path.exists():
                    self.back.compile(text, front, own, *([flags] if flags else []))
                    own.rename(path)  # whole, or not at all
                self.functions[key] = path
            except CompileError as error:
                self.functions[key] = error
        if isinstance(self.functions[key], CompileError):
            raise self.functions[key]
        return self.back.function(self.functions[key], name)
