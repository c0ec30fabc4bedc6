#!/usr/bin/env python3
# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an eager call from Python costs on the host.

    linattn-compile examples/c/attention.mlir -o attention.lna
    LINATTN_RUNTIME=build/lib/liblinattn_runtime.so PYTHONPATH=python \\
        python3 bench/eager.py attention.lna

Calls one function again and again on torch tensors of one token, where every
tensor is asked by its methods, and where the runtime asks all of them by
DLPack's C exchange API. Both take turns in this process, each gets its shortest
time. The launch alone is measured, too; host code runs within it, so only the
rest of a call is the binding.

Needs torch >= 2.10 and an artifact with code for the host, or with
--device=cuda for a GPU.
"""

import argparse
import time

import torch

from linattn import runtime
from linattn.runtime import artifact, exchange

exchange.on_devices = True
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16,
          "i32": torch.int32, "i64": torch.int64}


def make_arguments(program, name, device):
    """Zeros for all arguments, of size 1 wherever any size will do."""
    entry = next(entry for entry in program.manifest["functions"] if entry["name"] == name)
    return [torch.zeros([size if isinstance(size, int) else 1 for size in argument["sizes"]],
                        dtype=DTYPES[argument["dtype"]],
                        device="cpu" if argument.get("space") == "host" else device)
            for argument in entry["arguments"]]


def measure(call, count=500):
    begin = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin) / count * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact")
    parser.add_argument("--function", help="its name; the first one if not given")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    if not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        parser.error(f"torch {torch.__version__} has no C exchange API, 2.10 has")

    programs = [runtime.load(options.artifact, device=options.device) for _ in range(2)]
    name = options.function or next(iter(programs[0].functions))
    quick, slow = (program[name] for program in programs)
    arguments = make_arguments(programs[0], name, options.device)
    results = quick(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    out = [result for result, number in zip(results, quick._receivers)
           if number >= quick.num_arguments] or None
    binding = quick._bind(tuple(arguments) + tuple(out or ()))
    workspace = torch.empty(binding.workspace_size + 256, dtype=torch.uint8,
                            device=options.device)
    # The other one binds its calls as if torch had no such API.
    make, artifact.make_exchange = artifact.make_exchange, lambda *_: None
    slow(*arguments, out=out)
    slow(*arguments)
    artifact.make_exchange = make

    calls = {
        "results given": lambda function: function(*arguments, out=out),
        "results made": lambda function: function(*arguments),
    }
    y = torch.zeros(64, device=options.device)
    others = {"launch alone": lambda: artifact._launch(binding.call_address),
              "torch, y.add_(y)": lambda: y.add_(y)}
    times = {}
    for _ in range(options.rounds):
        for title, call in calls.items():
            for kind, function in (("methods", slow), ("DLPack", quick)):
                call(function)
                cost = measure(lambda: call(function))
                times[title, kind] = min(times.get((title, kind), cost), cost)
        # A launch alone uses what a call has filled in, and a workspace that stays.
        quick(*arguments, out=out, workspace=workspace)
        for title, call in others.items():
            cost = measure(call)
            times[title] = min(times.get(title, cost), cost)
        if options.device != "cpu":
            torch.cuda.synchronize()

    print(f"{name}: {len(arguments)} arguments, {binding.workspace_size} bytes of workspace, "
          f"torch {torch.__version__}, least of {options.rounds} x 500 calls")
    print(f"{'us':20} {'methods':>8} {'DLPack':>8} {'ratio':>6}")
    for title in calls:
        slower, quicker = times[title, "methods"], times[title, "DLPack"]
        print(f"{title:20} {slower:8.2f} {quicker:8.2f} {slower / quicker:6.2f}")
    for title in others:
        print(f"{title:20} {times[title]:8.2f}")


if __name__ == "__main__":
    main()
