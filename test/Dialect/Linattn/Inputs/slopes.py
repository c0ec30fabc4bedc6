"""Writes functions that return linattn.slopes, and checks what they fold to.

Usage: slopes.py generate > in.mlir
       slopes.py check < folded.mlir

The formulas are written as the papers and the released code have them, not as
the compiler has them.
"""

import itertools
import math
import re
import struct
import sys

HEADS = (1, 2, 3, 6, 8, 12, 20, 32, 40, 64, 100)
LAYERS = ((0, 1), (0, 2), (1, 2), (0, 24), (3, 24), (23, 24))
FAMILIES = ("paper", "released", "xmixers")


def alibi(heads):
    """The slopes of the ALiBi code, with its recursion."""
    log = math.log2(heads)
    if log.is_integer():
        start = 2 ** (-(2 ** -(log - 3)))
        return [start * start**i for i in range(heads)]
    closest = 2 ** math.floor(log)
    return alibi(closest) + alibi(2 * closest)[0::2][: heads - closest]


def expected(family, heads, layer, layers):
    if family == "paper":
        return [-(8 * h / heads) * (1 - layer / layers) for h in range(heads)]
    factor = 1 - layer / (layers - 1) + 1e-5 if layers > 1 else 1.0
    if family == "released":
        return [-slope * factor for slope in alibi(heads)]
    ratio = (256 / 2) ** (1 / (heads - 1)) if heads > 1 else 1.0
    return [-factor / (2 * ratio**h) for h in range(heads)]


def cases():
    for number, case in enumerate(itertools.product(FAMILIES, HEADS, LAYERS)):
        family, heads, (layer, layers) = case
        yield f"f{number}", family, heads, layer, layers


def generate():
    for name, family, heads, layer, layers in cases():
        print(f"func.func @{name}() -> tensor<{heads}xf32> {{")
        print(f"  %g = linattn.slopes <{family}> layer {layer} of {layers} : tensor<{heads}xf32>")
        print(f"  return %g : tensor<{heads}xf32>\n}}")


def to_f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def check():
    text = sys.stdin.read()
    errors = 0
    folded = dict(re.findall(r"@(f\d+)\(\)[^{]*\{\s*%\S+ = arith\.constant dense<([^>]*)>", text))
    for name, family, heads, layer, layers in cases():
        got = [float(v) for v in re.findall(r"[-+\d.eE]+", folded.get(name, ""))]
        want = [to_f32(v) for v in expected(family, heads, layer, layers)]
        if len(set(got)) == 1:
            got = got * (heads // len(got))
        # One unit in the last place of f32, as it prints.
        close = len(got) == heads and all(
            abs(g - w) <= 2.4e-7 * abs(w) for g, w in zip(got, want)
        )
        if not close:
            errors += 1
            print(f"{family}, {heads} heads, layer {layer} of {layers}: expected {want}, but got {got}")
    if "linattn.slopes" in text:
        errors += 1
        print("an op was not folded")
    return errors


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate()
    else:
        sys.exit(1 if check() else 0)
