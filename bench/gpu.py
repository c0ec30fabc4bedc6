# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled programs on a GPU beside a copy of the same bytes, and beside
flash-linear-attention where it is installed: `scripts/gpu.sh bench`.

Every time is the median of launches that are timed one by one, after a pause
in which the card cools down; `sustained` is the mean of some hundred launches
back to back, where the card may reach its power cap.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "gpu"), str(ROOT / "python")]

import support  # noqa: E402

PAUSE = 0.15
VARLEN_SEQUENCES = 64


def make_offsets(tokens):
    """The boundaries of ragged sequences that have so many tokens."""
    generator = torch.Generator().manual_seed(0)
    cuts = torch.randperm(tokens - 1, generator=generator)[:VARLEN_SEQUENCES - 1] + 1
    return tuple([0, *sorted(cuts.tolist()), tokens])


# title, program, [batch, tokens, heads], what must hold, its value
ROWS = [
    ("B8 H32 N8192 D128, const", "const-128", (8, 8192, 32), "copy", 0.95),
    ("B8 H32 N8192 D128, scalar", "scalar-128", (8, 8192, 32), "copy", 0.95),
    ("B8 H32 N8192 D128, none", "none-128", (8, 8192, 32), "copy", 0.95),
    ("the same, const, reversed", "reverse-128", (8, 8192, 32), "copy", 0.90),
    ("the same, const, BNHD", "bnhd-128", (8, 8192, 32), "copy", 0.90),
    ("the same, const, N8191", "const-128", (8, 8191, 32), "copy", 0.90),
    (f"{VARLEN_SEQUENCES} ragged sequences, 65536 tokens, H32 D128, const", "varlen-128",
     make_offsets(65536), "copy", 0.90),
    ("B16 H32 N2048 D64, const", "const-64", (16, 2048, 32), "copy", 0.90),
    ("B8 H16 N4096 D256, const", "const-256", (8, 4096, 16), "copy", 0.80),
    ("B1 H32 N65536 D128, const", "const-128", (1, 65536, 32), "ms", 0.85),
    ("B1 H8 N65536 D128, const", "const-128", (1, 65536, 8), "ms", 0.23),
    ("B4 H16 N4096 D128, const", "const-128", (4, 4096, 16), "ms", 0.11),
    ("backward of B8 H32 N8192 D128, const", "backward-128", (8, 8192, 32), "ms", 1.65),
    ("decode step, B128 H32 D128, const", "step-128", (128, 1, 32), "copy", 0.88),
]


def measure(launch, repeat=30, sustained=300):
    """(median, mean of launches back to back) in ms."""
    for _ in range(3):
        launch()
    torch.cuda.synchronize()
    time.sleep(PAUSE)
    pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeat)]
    for begin, end in pairs:
        begin.record()
        launch()
        end.record()
    torch.cuda.synchronize()
    median = statistics.median(begin.elapsed_time(end) for begin, end in pairs)
    count = max(20, min(sustained, int(600 / max(median, 1e-3))))
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(count):
        launch()
    end.record()
    torch.cuda.synchronize()
    return median, begin.elapsed_time(end) / count


def capture(launch):
    """The launch as a graph, so that short kernels do not wait for the host."""
    launch()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch()
    return graph.replay


def measure_copy(total):
    """The fastest copy that reads half of the bytes and writes as many: by the
    driver, and by a kernel."""
    source = torch.empty(total // 8, dtype=torch.int32, device="cuda").random_()
    target = torch.empty_like(source)
    return min(measure(lambda: target.copy_(source)),
               measure(capture(lambda: torch.bitwise_not(source, out=target))))


def make_call(case, size):
    """A call, its launch, and the bytes that it must move."""
    if case.name.startswith("backward"):
        call = support.Call(case, size, "mild")
        q = call.arguments["q"]
        gradient = torch.randn_like(q)
        out = [torch.empty_like(q) for _ in range(3)]
        arguments = [q, call.arguments["k"], call.arguments["v"], gradient, call.arguments["gk"]]
        function = case.function
        # Three calls: four tensors each.
        return call, lambda: function(*arguments, out=out), 12 * q.nbytes
    call = support.Call(case, size, "mild")
    tensors = list(call.arguments.values()) + [guard.tensor for guard in call.out]
    total = sum(tensor.nbytes for tensor in tensors)
    if case.program["op"] == "step":
        total += call.arguments["s0"].nbytes
    return call, call.launch, total


def find_peer():
    """flash-linear-attention's op with a decay per head, or None."""
    try:
        from fla.ops.simple_gla import chunk_simple_gla
        return chunk_simple_gla
    except Exception:
        return None


def measure_peer(peer, call):
    """The time of the peer on the same values in its own layout, or None."""
    p = call.p
    if peer is None or p["op"] != "attention" or p["reverse"] or p["key_decay"] == "none":
        return None
    swap = (lambda x: x.transpose(1, 2).contiguous()) if p["layout"] == "bhnd" else (lambda x: x)
    q, k, v = (swap(call.arguments[name]) for name in ("q", "k", "v"))
    decay = call.arguments["gk"]
    g = {"g_gamma": decay} if decay.ndim == 1 else {"g": swap(decay.float())}
    if call.offsets is not None:
        g["cu_seqlens"] = call.arguments["offsets"]
    try:
        return measure(lambda: peer(q, k, v, scale=1.0, **g))[0]
    except Exception as error:
        print(f"  flash-linear-attention: {type(error).__name__}: {str(error)[:120]}")
        return None


def run_row(row, bundle, peer):
    title, name, size, kind, bar = row
    case = bundle.cases[name]
    call, launch, total = make_call(case, size)
    median, sustained = measure(capture(launch))
    copy, _ = measure_copy(total)
    ratio = copy / median
    theirs = None if case.name.startswith("backward") else measure_peer(peer, call)
    return {"title": title, "ms": median, "sustained_ms": sustained, "copy_ms": copy, "ratio": ratio,
            "bytes": total, "peer_ms": theirs, "bar_kind": kind, "bar": bar,
            "ok": ratio >= bar if kind == "copy" else median <= bar,
            "spills": case.is_spilling()}


def measure_host(case):
    """Microseconds of an eager call on torch tensors, as the host sees it."""
    call = support.Call(case, (1, 64, 1), "mild")
    arguments, out = list(call.arguments.values()), [guard.tensor for guard in call.out]
    function, best = case.function, float("inf")
    for _ in range(30):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(200):
            function(*arguments, out=out)
        best = min(best, (time.perf_counter() - begin) / 200)
    torch.cuda.synchronize()
    return best * 1e6


COLD = """
import sys, time
import torch
torch.empty(1, device="cuda")
torch.cuda.synchronize()
from linattn import runtime
x = torch.randn(1, 1, 64, 128, device="cuda").bfloat16()
g = torch.full((1,), -0.1, device="cuda")
o = torch.empty_like(x)
torch.cuda.synchronize()
begin = time.perf_counter()
program = runtime.load(sys.argv[1], device="cuda")
program["f"](x, x, x, g, out=[o])
torch.cuda.synchronize()
print((time.perf_counter() - begin) * 1e3)
"""


def measure_cold(case):
    """Milliseconds from a file to its first result, in a new process with a
    context."""
    done = subprocess.run([sys.executable, "-c", COLD, str(case.path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_row(row):
    bar = f">= {row['bar']:.2f} of copy" if row["bar_kind"] == "copy" else f"<= {row['bar']:.2f} ms"
    peer = f"{row['peer_ms']:8.3f}" if row["peer_ms"] else "       -"
    print(f"{row['title']:54} {row['ms']:8.3f} {row['sustained_ms']:9.3f} {row['copy_ms']:8.3f} "
          f"{row['ratio']:6.3f} {peer}   {bar:16} {'ok' if row['ok'] else 'MISSED'}"
          f"{'  spills' if row['spills'] else ''}", flush=True)


def write_plot(rows, path):
    """Bars of the ratio to a copy, as SVG."""
    width, left, step = 860, 400, 26
    height = 46 + step * len(rows)
    scale = (width - left - 70) / 1.0
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="13">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{left}" y="18">Speed relative to a copy of the same bytes</text>']
    for number, row in enumerate(rows):
        y = 30 + step * number
        parts.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{row["title"]}</text>')
        parts.append(f'<rect x="{left}" y="{y + 2}" width="{scale * min(row["ratio"], 1.05):.1f}" height="12" '
                     'fill="#3b6ea5"/>')
        parts.append(f'<text x="{left + scale * min(row["ratio"], 1.05) + 5:.1f}" y="{y + 13}">'
                     f'{row["ratio"]:.2f}</text>')
        if row["peer_ms"]:
            parts.append(f'<rect x="{left}" y="{y + 15}" width="{scale * row["copy_ms"] / row["peer_ms"]:.1f}" '
                         'height="6" fill="#c98a3b"/>')
    parts.append(f'<text x="{left}" y="{height - 6}" fill="#3b6ea5">linattn</text>')
    parts.append(f'<text x="{left + 70}" y="{height - 6}" fill="#c98a3b">flash-linear-attention, if measured</text>')
    parts.append("</svg>")
    pathlib.Path(path).write_text("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", required=True, help="the folder of cases.json")
    parser.add_argument("--json", help="where to write the numbers")
    parser.add_argument("--plot", help="where to draw them, as SVG")
    parser.add_argument("--filter", default="", help="only programs with this in their name")
    options = parser.parse_args()
    bundle = support.Bundle(options.bundle)
    peer = find_peer()
    device = torch.cuda.get_device_name()
    print(f"{device}, torch {torch.__version__}, flash-linear-attention: {'yes' if peer else 'not installed'}\n")
    print(f"{'':54} {'ms':>8} {'sustained':>9} {'copy':>8} {'ratio':>6} {'FLA ms':>8}   bar")
    rows, missed = [], []
    for row in ROWS:
        if row[1] not in bundle.cases or options.filter not in row[1]:
            continue
        try:
            rows.append(run_row(row, bundle, peer))
            print_row(rows[-1])
            missed += [] if rows[-1]["ok"] else [row[0]]
        except Exception as error:
            print(f"{row[0]:54} FAILED: {type(error).__name__}: {str(error).splitlines()[0][:200]}", flush=True)
            missed.append(row[0])
        torch.cuda.empty_cache()
    others = []
    if "const-128" in bundle.cases and options.filter in "const-128":
        case = bundle.cases["const-128"]
        for title, unit, bar, function in (
                ("host cost of an eager call from Python", "us", 10, measure_host),
                ("artifact to first result, beyond the context", "ms", 50, measure_cold)):
            try:
                value = function(case)
            except Exception as error:
                print(f"{title:54} FAILED: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
                missed.append(title)
                continue
            others.append({"title": title, "value": value, "unit": unit, "bar": bar, "ok": value <= bar})
    for name, seconds in bundle.document["compile_seconds"].items():
        for what, value, bar in zip(("MLIR to PTX", "MLIR to machine code"), seconds, (0.3, 2)):
            if value is not None:
                others.append({"title": f"{what}, {name} (where it was packed)", "value": value, "unit": "s",
                               "bar": bar, "ok": value <= bar})
    for other in others:
        print(f"{other['title']:54} {other['value']:8.2f} {other['unit']}   <= {other['bar']} {other['unit']}"
              f"   {'ok' if other['ok'] else 'MISSED'}")
        missed += [] if other["ok"] else [other["title"]]
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"device": device, "torch": torch.__version__, "rows": rows, "others": others}, indent=1) + "\n")
    if options.plot and rows:
        write_plot(rows, options.plot)
    print(f"\n{len(missed)} missed" + (": " + "; ".join(missed) if missed else ""))


if __name__ == "__main__":
    main()
