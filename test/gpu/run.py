# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests of compiled programs on a GPU: `scripts/gpu.sh test`.

Prints a table, one line per program or property, and fails if any line does.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time

import torch

from linattn import runtime

import support
from reference import rms_error

ROWS = []


def report(name, ok, detail, seconds):
    ROWS.append({"name": name, "ok": bool(ok), "detail": detail, "seconds": round(seconds, 2)})
    print(f"{'ok    ' if ok else 'FAILED'}  {name:34} {detail}  ({seconds:.1f} s)", flush=True)


def run(name, test):
    """Runs a test, which returns whether it holds and a text about it."""
    begin = time.perf_counter()
    try:
        ok, detail = test()
        torch.cuda.synchronize()
    except Exception as error:  # Every failure is a line of the table.
        ok, detail = False, f"{type(error).__name__}: {str(error).splitlines()[0][:300]}"
    report(name, ok, detail, time.perf_counter() - begin)


# -- numbers ------------------------------------------------------------------


def check_call(call, what):
    """Launches once; the errors by result. Fails if a bound does not hold."""
    expected = call.expected()
    call.launch()
    torch.cuda.synchronize()
    damage = call.find_damage()
    assert not damage, f"{what}: something was written beside {', '.join(damage)}"
    worst = 0.0
    for name, _, _, bound in call.p["results"]:
        got, want = call.results[name].double(), expected[name]
        if name.startswith("t"):
            # Below this a factor is zero in f32, and totals may be clamped.
            got, want = got.clamp(min=-104), want.clamp(min=-104)
        bad = int((~got.isfinite()).sum())
        assert not bad, f"{what}: {bad} of {got.numel()} values of {name} are not finite"
        # Numbers below the normal ones of f32 may flush to zero.
        if want.numel() and want.square().mean().sqrt().item() < 2.0 ** -126:
            assert got.abs().max().item() < 100 * 2.0 ** -126, f"{what}: {name} is not zero"
            continue
        error = rms_error(got, want)
        assert error <= bound, f"{what}: {name} has rms error {error:.3g}, the bound is {bound:.3g}"
        worst = max(worst, error / bound)
    return worst


def test_numbers(case):
    worst = 0.0
    for number, size in enumerate(case.sizes):
        gate = support.GATES[number % len(support.GATES)]
        for strided in (False, True):
            call = support.Call(case, size, gate, strided, seed=number)
            what = f"size {size}, {gate} decay{', strided' if strided else ''}"
            worst = max(worst, check_call(call, what))
    return True, f"{2 * len(case.sizes)} calls, error at most {worst:.2f} of the bound"


def choose_all(batches, runs, heads):
    return [(b, r, h) for b in range(batches) for r in range(runs) for h in range(heads)]


def choose_some(batches, runs, heads):
    """The corners and a few between."""
    every = choose_all(batches, runs, heads)
    step = max(1, len(every) // 12)
    return sorted({*every[::step], every[0], every[-1]})


def test_full_size(case, size, choose=choose_some, gate="mild"):
    call = support.Call(case, size, gate)
    call.launch()
    torch.cuda.synchronize()
    damage = call.find_damage()
    assert not damage, f"something was written beside {', '.join(damage)}"
    assert bool(call.results["o"].isfinite().all()), "the output is not finite"
    error, bound = call.check_heads(choose), call.p["results"][0][3]
    count = len(choose(call.dims["B"], 1 if call.offsets is None else len(call.offsets) - 1, call.heads))
    return error <= bound, f"rms error {error:.3g} in the worst of {count} heads, the bound is {bound:.3g}"


# -- races --------------------------------------------------------------------


def test_identical(case, size, count=1000):
    """Identical launches give identical bits."""
    call = support.Call(case, size, "mild")
    call.launch()
    first = [guard.tensor.clone() for guard in call.out]
    for number in range(count):
        call.poison()
        call.launch()
        for guard, wanted in zip(call.out, first):
            if not torch.equal(guard.tensor.view(torch.int16), wanted.view(torch.int16)):
                return False, f"launch {number} of {count} differs"
    return True, f"{count} launches"


# -- the runtime --------------------------------------------------------------


def test_graph(case, size):
    """Captured once, replayed on other values."""
    call = support.Call(case, size, "mild")
    call.launch()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call.launch()
    for _ in range(3):
        call.arguments["v"].copy_(torch.randn_like(call.arguments["v"]))
        call.poison()
        graph.replay()
        torch.cuda.synchronize()
        replayed = call.results["o"].clone()
        call.poison()
        call.launch()
        if not torch.equal(replayed, call.results["o"]):
            return False, "a replay differs from a launch"
    return True, "3 replays equal launches"


def test_streams(case, size):
    """The current stream, whatever it is, is waited for."""
    call = support.Call(case, size, "mild")
    values = call.arguments["v"].clone()
    call.launch()
    torch.cuda.synchronize()
    expected = call.results["o"].clone()
    call.arguments["v"].zero_()
    call.poison()
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        call.arguments["v"].copy_(values)
        call.launch()
    stream.synchronize()
    return torch.equal(call.results["o"], expected), "a launch on a busy stream"


def test_leaks(case, size, count=10000):
    call = support.Call(case, size, "mild")

    def measure():
        torch.cuda.synchronize()
        return torch.cuda.mem_get_info()[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for _ in range(100):
        call.launch()
    device, host = measure()
    for _ in range(count):
        call.launch()
    device_after, host_after = measure()
    lost, grown = device - device_after, host_after - host
    return lost <= 0 and grown < 1024, f"{count} launches: {lost} bytes on the device, {grown} KiB on the host"


def test_refusals(case, size):
    """Calls that cannot be made launch nothing, and say why."""
    call = support.Call(case, size, "mild")
    wide = torch.zeros(*call.arguments["q"].shape[:-1], call.dims["Dk"] + 9,
                       dtype=call.arguments["q"].dtype, device="cuda")
    wrong = {
        "aligned to 16 bytes": wide[..., 1:call.dims["Dk"] + 1],
        "multiple of 8": wide[..., :call.dims["Dk"]],
        "elements, but got": call.arguments["q"].float(),
        "expected size": call.arguments["q"][..., :8],
        "expected rank": call.arguments["q"][0],
    }
    for text, q in wrong.items():
        call.poison()
        try:
            case.function(q, *list(call.arguments.values())[1:], out=[g.tensor for g in call.out])
        except (runtime.LinattnError, ValueError, TypeError) as error:
            if text == "aligned to 16 bytes" and "multiple of 8" in str(error):
                continue  # Strides are looked at first.
            assert text in str(error), f"expected '{text}', but got '{error}'"
        else:
            return False, f"a call was made that should be refused: {text}"
        torch.cuda.synchronize()
        assert bool(call.results["o"].isnan().all()), "a refused call has written"
    return True, f"{len(wrong)} wrong calls refused"


def test_bad_offsets(case):
    """Whatever the offsets hold, nothing outside of the tensors is touched."""
    good = (0, 5, 70, 200)
    for bad in ((0, 70, 5, 200), (0, 5, 70, 100000), (-7, 5, 70, 200), (5, 2 ** 40, -2 ** 40, 3)):
        call = support.Call(case, good, "mild")
        call.arguments["offsets"].copy_(torch.tensor(bad))
        call.launch()
        torch.cuda.synchronize()
        damage = call.find_damage()
        if damage:
            return False, f"offsets {bad}: something was written beside {', '.join(damage)}"
    call = support.Call(case, good, "mild")
    return check_call(call, "good offsets after bad ones") <= 1, "4 calls with wrong offsets"


def test_sanitizer(tool, options, limit):
    """A few programs under compute-sanitizer, in another process."""
    program = shutil.which("compute-sanitizer")
    # The runtime asks the driver for a parameter behind the last one, to know
    # that it is the last: an error of the driver's API, and not one of a kernel.
    quiet = ["--report-api-errors", "no"] if tool == "memcheck" else []
    command = [program, "--tool", tool, *quiet, "--error-exitcode", "9", sys.executable, __file__,
               "--bundle", options.bundle, "--only-numbers",
               *options.sanitized[:1 if tool == "racecheck" else None]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return False, f"not done in {limit} s"
    text = done.stdout + done.stderr
    if "Device not supported" in text or "LibraryNotLoaded" in text:
        return True, "NOT RUN: the tool does not know this machine's device"
    lines = [line.strip("= ") for line in text.splitlines() if line.startswith("=====") or "FAILED" in line]
    return done.returncode == 0, "; ".join(lines[1:3] + lines[-1:] if done.returncode else lines[-1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", required=True, help="the folder of cases.json")
    parser.add_argument("--filter", default="", help="only programs with this in their name")
    parser.add_argument("--json", help="where to write the table")
    parser.add_argument("--only-numbers", nargs="*", help="only the numbers of these programs")
    parser.add_argument("--no-sanitizer", action="store_true")
    options = parser.parse_args()
    bundle = support.Bundle(options.bundle)
    cases = {name: case for name, case in bundle.cases.items() if options.filter in name}
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, "
          f"{len(cases)} programs for {bundle.document['target']}")
    # What is compared must not be rounded.
    torch.backends.cuda.matmul.allow_tf32 = False

    if options.only_numbers is not None:
        for name in options.only_numbers:
            case = cases[name]
            case.sizes = case.sizes[:3]
            run(name, lambda: test_numbers(case))
        sys.exit(not all(row["ok"] for row in ROWS))

    for name, case in cases.items():
        if case.sizes:
            run(name, lambda: test_numbers(case))
    for name, size, choose in (
            ("const-128", (8, 8192, 32), choose_some),
            ("const-128", (1, 8191, 3), choose_all),
            ("scalar-128", (8, 8192, 32), choose_some),
            ("none-128", (4, 4096, 16), choose_some),
            ("reverse-128", (8, 8192, 32), choose_some),
            ("bnhd-128", (8, 8192, 32), choose_some),
            ("const-64", (16, 2048, 32), choose_some),
            ("const-256", (8, 4096, 16), choose_some),
            # Few heads: the sequence may be split.
            ("const-128", (1, 65536, 8), choose_some),
            ("scalar-128", (1, 65536, 8), choose_some),
            # More than 65535 heads, and more than 2^31 elements.
            ("const-64", (70000, 65, 1), choose_some),
            ("const-128", (9, 60000, 32), choose_some)):
        if name in cases:
            gate = "moderate" if name == "scalar-128" else "mild"
            run(f"{name} {size}", lambda: test_full_size(cases[name], size, choose, gate))
    if "varlen-128" in cases:
        generator = torch.Generator().manual_seed(0)
        lengths = torch.randint(1, 2047, (64,), generator=generator)
        offsets = tuple([0] + lengths.cumsum(0).tolist())
        run("varlen-128, 64 sequences", lambda: test_full_size(cases["varlen-128"], offsets))
        run("varlen-128, wrong offsets", lambda: test_bad_offsets(cases["varlen-128"]))
    for name, size in (("const-128", (1, 200, 2)), ("const-128", (8, 8192, 32)),
                       ("scalar-128", (2, 300, 3)), ("bnhd-128", (4, 2048, 16)),
                       ("const-128", (1, 16384, 8))):
        if name in cases:
            run(f"{name} {size}: bits", lambda: test_identical(cases[name], size))
    if "const-128" in cases:
        case = cases["const-128"]
        run("graph", lambda: test_graph(case, (2, 1000, 4)))
        run("streams", lambda: test_streams(case, (2, 1000, 4)))
        run("leaks", lambda: test_leaks(case, (1, 200, 2)))
        run("refusals", lambda: test_refusals(case, (1, 200, 2)))
    options.sanitized = [name for name, case in cases.items() if case.sizes and not case.error][:3]
    if options.sanitized and not options.no_sanitizer:
        if shutil.which("compute-sanitizer"):
            for tool in ("memcheck", "racecheck"):
                run(f"compute-sanitizer {tool}", lambda: test_sanitizer(tool, options, 90))
        else:
            print("compute-sanitizer is not on the PATH: not run")

    failed = [row["name"] for row in ROWS if not row["ok"]]
    print(f"{len(ROWS) - len(failed)} of {len(ROWS)} lines ok"
          + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    if options.json:
        os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
        with open(options.json, "w") as file:
            json.dump({"device": torch.cuda.get_device_name(), "rows": ROWS}, file, indent=1)
    sys.exit(bool(failed) or not ROWS)


if __name__ == "__main__":
    main()
