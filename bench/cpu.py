#!/usr/bin/env python3
# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare compiled linear attention with the same algorithm in PyTorch.

    python3 bench/cpu.py [--quick] [--chunks] [--lengths]

Prints one table: for each decay class, head size and element type the time of
the compiled function, the time of the chunked algorithm in PyTorch at its best
chunk, and their ratio. Both run in this process, one after the other, several
times, on the same arrays and with the same number of threads; each gets its
shortest time. For bf16 the PyTorch side is the faster of bf16 throughout and
f32 with casts at both ends.

Needs NumPy, torch==2.13.0, and a build of linattn-compile.
"""

import argparse
import os
import pathlib
import resource
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python"))

import linattn  # noqa: E402
import torch  # noqa: E402

DECAYS = {"const": "8", "scalar": "?x?x8", "vector": "?x?x8x{d}"}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
HEADS = 8
CHUNKS = (16, 32, 64, 128, 256, 512)


def program(decay, d, dtype, chunk=0):
    """A function of one attention op, compiled."""
    x = f"tensor<?x?x{HEADS}x{d}x{dtype}>"
    g = f"tensor<{DECAYS[decay].format(d=d)}xf32>"
    text = f"""
func.func @attention(%q: {x}, %k: {x}, %v: {x}, %g: {g}) -> {x} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %q, %c0 : {x}
  %n = tensor.dim %q, %c1 : {x}
  %o = tensor.empty(%b, %n) : {x}
  %r = linattn.attention ins(%q, %k, %v : {x}, {x}, {x}) key_decay(%g : {g})
      outs(%o : {x}) -> {x}
  return %r : {x}
}}
"""
    options = [f"--chunk={chunk}"] if chunk else []
    begin = time.perf_counter()
    compiled = linattn.compile(text, *options)["attention"]
    return compiled, time.perf_counter() - begin


def as_array(tensor):
    """The same memory as NumPy sees it: bf16 is its bits."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy()
    return tensor.numpy()


def make_inputs(decay, n, d, dtype, batch=1):
    torch.manual_seed(0)
    q, k, v = (torch.randn(batch, n, HEADS, d).to(DTYPES[dtype]) for _ in range(3))
    shape = {"const": (HEADS,), "scalar": (batch, n, HEADS), "vector": (batch, n, HEADS, d)}
    return q, k, v, -0.2 * torch.rand(shape[decay])


def chunked(decay, q, k, v, g, chunk):
    """The chunked algorithm, batched over sequences and heads with bmm."""
    b, n, h, d = q.shape
    dtype, count = q.dtype, n // chunk

    def split(x):
        return x.permute(0, 2, 1, 3).reshape(b * h, count, chunk, x.shape[-1])

    q, k, v = split(q), split(k), split(v)
    i = torch.arange(chunk)
    causal = i[:, None] >= i[None, :]
    if decay == "const":
        sums = (g.repeat(b)[:, None] * (i + 1))[:, None, :, None].expand(-1, count, -1, -1)
    elif decay == "scalar":
        sums = split(g.unsqueeze(-1)).cumsum(2)
    else:
        sums = split(g).cumsum(2)
    state = torch.zeros(b * h, d, d)
    out = torch.empty(b * h, count, chunk, d, dtype=dtype)
    never = torch.tensor(float("-inf"))
    mask = causal.to(dtype)

    def uniform_mask(s):
        return torch.exp(torch.where(causal, s - s.transpose(1, 2), never)).to(dtype)

    fixed = uniform_mask(sums[:, 0]) if decay == "const" else None
    for c in range(count):
        qc, kc, vc, s = q[:, c], k[:, c], v[:, c], sums[:, c]
        total = s[:, -1:]
        if decay == "vector":
            # Both operands are scaled from the middle of the decay.
            left, right = torch.exp(s - total / 2), torch.exp(total / 2 - s)
            weights = torch.bmm((qc * left).to(dtype), (kc * right).to(dtype).transpose(1, 2)) * mask
            read = torch.bmm((qc * torch.exp(s)).to(dtype), state.to(dtype))
        else:
            span = fixed if fixed is not None else uniform_mask(s)
            weights = torch.bmm(qc, kc.transpose(1, 2)) * span
            read = torch.bmm(qc, state.to(dtype)) * torch.exp(s).to(dtype)
        out[:, c] = torch.baddbmm(read, weights, vc)
        written = (kc * torch.exp(total - s)).to(dtype).transpose(1, 2)
        aged = torch.exp(total).transpose(1, 2) * state
        if dtype == torch.float32:
            state = torch.baddbmm(aged, written, vc)
        else:
            state = aged + torch.bmm(written, vc)
    return out.reshape(b, h, n, d).permute(0, 2, 1, 3)


def shortest(function, seconds=0.5, least=5):
    function()
    best, spent, runs = float("inf"), 0.0, 0
    while spent < seconds or runs < least:
        begin = time.perf_counter()
        function()
        taken = time.perf_counter() - begin
        best, spent, runs = min(best, taken), spent + taken, runs + 1
    return best


def torch_candidates(decay, inputs, chunks):
    """All the ways to run it in PyTorch: {name: function}."""
    q, k, v, g = inputs
    ways = {}
    for chunk in chunks:
        ways[f"{chunk}"] = lambda chunk=chunk: chunked(decay, q, k, v, g, chunk).contiguous()
        if q.dtype != torch.float32:
            ways[f"{chunk} in f32"] = lambda chunk=chunk: (
                chunked(decay, q.float(), k.float(), v.float(), g, chunk).to(q.dtype).contiguous()
            )
    return ways


def relative_error(got, want):
    got, want = got.double(), want.double()
    return ((got - want).pow(2).mean().sqrt() / want.pow(2).mean().sqrt()).item()


def compare(args):
    n = 4096
    print(f"B=1 H={HEADS} N={n}, {args.threads} threads; times in ms")
    print("| decay | D | type | compile s | ours | PyTorch | its chunk | ratio | error |")
    print("|---|---|---|---|---|---|---|---|---|")
    slower = []
    for decay in DECAYS:
        for d in (64, 128):
            for dtype in DTYPES:
                function, compile_time = program(decay, d, dtype)
                inputs = make_inputs(decay, n, d, dtype)
                arrays = [as_array(x) for x in inputs]
                chunks = (64, 128, 256) if args.quick else CHUNKS
                with torch.no_grad():
                    reference = chunked(decay, *(x.float() for x in inputs), 64)
                    result = torch.from_numpy(function(*arrays))
                    if dtype == "bf16":
                        result = result.view(torch.bfloat16)
                    error = relative_error(result, reference)
                    ways = torch_candidates(decay, inputs, chunks)
                    rough = {name: shortest(way, 0.05, 2) for name, way in ways.items()}
                    best = sorted(rough, key=rough.get)[:2]
                    ours, theirs = float("inf"), {name: rough[name] for name in best}
                    # Alternate, so that both see the same other load.
                    for _ in range(4):
                        ours = min(ours, shortest(lambda: function(*arrays), 0.15, 3))
                        for name in best:
                            theirs[name] = min(theirs[name], shortest(ways[name], 0.15, 3))
                name = min(theirs, key=theirs.get)
                ratio = theirs[name] / ours
                if ratio < 1:
                    slower.append((decay, d, dtype))
                print(
                    f"| {decay} | {d} | {dtype} | {compile_time:.2f} | {ours * 1e3:.2f} |"
                    f" {theirs[name] * 1e3:.2f} | {name} | {ratio:.2f} | {error:.1e} |",
                    flush=True,
                )
    return slower


def sweep_chunks():
    print("\nours by chunk, N=4096, ms")
    print("| decay | D | type | " + " | ".join(str(c) for c in CHUNKS[:4]) + " |")
    print("|---|---|---|" + "---|" * 4)
    for decay in DECAYS:
        for d in (64, 128):
            for dtype in DTYPES:
                arrays = [as_array(x) for x in make_inputs(decay, 4096, d, dtype)]
                times = []
                for chunk in CHUNKS[:4]:
                    function, _ = program(decay, d, dtype, chunk)
                    times.append(shortest(lambda f=function: f(*arrays), 0.3))
                print(f"| {decay} | {d} | {dtype} | " + " | ".join(f"{t * 1e3:.2f}" for t in times) + " |", flush=True)


def copy_rate(nbytes):
    """Bytes per second that the machine reads and writes, copying with PyTorch."""
    source = torch.ones(nbytes // 8)
    target = torch.empty_like(source)
    return nbytes / shortest(lambda: target.copy_(source), 0.2)


def sweep_lengths():
    print("\nours by length, const decay, f32; the bytes are those of q, k, v and o, once,")
    print("and the copy is of as many")
    print("| D | N | ns per token | GB/s | of a copy's | peak memory beyond inputs and outputs, MB |")
    print("|---|---|---|---|---|---|")
    for d in (64, 128):
        function, _ = program("const", d, "f32")
        for n in (1024, 4096, 16384, 65536):
            arrays = [as_array(x) for x in make_inputs("const", n, d, "f32")]
            result = function(*arrays)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            taken = shortest(lambda: function(*arrays, out=[result]), 0.5)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            rate = 4 * result.nbytes / taken
            share = rate / copy_rate(4 * result.nbytes)
            print(
                f"| {d} | {n} | {taken / n * 1e9:.0f} | {rate / 1e9:.1f} | {share:.0%} |"
                f" {(after - before) / 1024:.1f} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three chunks for PyTorch instead of six")
    parser.add_argument("--threads", type=int, default=2, help="threads on both sides (default: 2)")
    parser.add_argument("--chunks", action="store_true", help="also time every chunk of ours")
    parser.add_argument("--lengths", action="store_true", help="also time lengths from 1K to 64K")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    slower = compare(args)
    if args.chunks:
        sweep_chunks()
    if args.lengths:
        sweep_lengths()
    if slower:
        print("\nslower than PyTorch:", slower)
    return 1 if slower else 0


if __name__ == "__main__":
    # The OpenMP runtime of compiled code reads this when it is loaded.
    if "OMP_NUM_THREADS" not in os.environ:
        threads = "2"
        for flag, value in zip(sys.argv, sys.argv[1:] + [""]):
            if flag == "--threads":
                threads = value
        os.environ["OMP_NUM_THREADS"] = threads
        os.execv(sys.executable, [sys.executable, *sys.argv])
    sys.exit(main())
