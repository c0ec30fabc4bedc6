# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random programs: well-formed ones, and mutations of them.

Everything follows from a `random.Random`, so a seed names a program.
"""

import re
from dataclasses import replace

from programs import CLASSES, Program

ELEMENTS = ("f32", "bf16", "f16")
SEPARATOR = "\n// -----\n"


def random_program(rng):
    """A well-formed program over the whole range of the ops."""
    op = rng.choice(("attention", "attention", "state", "step"))
    h = rng.choice((1, 2, 3, 4, 6))
    counts = [n for n in range(1, h + 1) if h % n == 0]
    heads = (h, rng.choice(counts), rng.choice(counts), rng.choice(counts))
    chunk = rng.choice((1, 2, 7, 16, 32, 64))
    sub = rng.choice([n for n in range(1, chunk + 1) if chunk % n == 0 and chunk // n <= 16])
    size = lambda: rng.choice((1, 2, 5, 8, 16, 33, 60, 64))
    program = Program(
        op=op,
        key_decay=rng.choice(CLASSES),
        value_decay=rng.choice(CLASSES),
        query_type=rng.choice(ELEMENTS),
        key_type=rng.choice(ELEMENTS),
        value_type=rng.choice(ELEMENTS),
        output_type=rng.choice(ELEMENTS),
        decay_type=rng.choice(("f32", "bf16")),
        reverse=rng.random() < 0.5,
        layout=rng.choice(("bnhd", "bhnd")) if op != "step" else "bnhd",
        state_layout=rng.choice(("kv", "vk")),
        initial=rng.random() < 0.5,
        final=rng.random() < 0.5,
        offsets=rng.choice((None, "i32", "i64")) if op != "step" else None,
        heads=heads,
        dynamic_heads=rng.random() < 0.3,
        head_sizes=(size(), size()),
        scale=rng.choice((1.0, 0.125, -2.5)),
        update_scale=rng.choice((1.0, 0.5, -3.0)),
        schedule=rng.choice((None, (chunk, sub, rng.choice((1, 8, 16))))),
    )
    if op == "step" and program.reverse:
        program = replace(program, reverse=False)
    if program.dynamic_heads and program._size_source("H") is None:
        program = replace(program, dynamic_heads=False)
    return program


def block_function(rng, name):
    """A function of block ops on the tiles of one chunk."""
    c = rng.choice((1, 4, 16, 32))
    dk, dv = rng.choice((1, 5, 16)), rng.choice((1, 8, 16))
    element = rng.choice(ELEMENTS)
    op = rng.choice(("inter", "block_state", "intra"))
    q, k, v = f"tensor<{c}x{dk}x{element}>", f"tensor<{c}x{dk}x{element}>", f"tensor<{c}x{dv}x{element}>"
    s, o = f"tensor<{dk}x{dv}xf32>", f"tensor<{c}x{dv}xf32>"
    ins = {
        "inter": [("q", q), ("s", s)],
        "block_state": [("k", k), ("v", v)],
        "intra": [("q", q), ("k", k), ("v", v)],
    }[op]
    out = ("acc", s if op == "block_state" else o)
    clauses, decays = "", []
    for side, channels in (("key", dk), ("value", dv)):
        shape = rng.choice((None, "", f"{c}x", f"{c}x{channels}x"))
        if shape is not None:
            type_ = f"tensor<{shape}{rng.choice(('f32', 'bf16'))}>"
            decays.append((f"g{side}", type_))
            clauses += f" {side}_decay(%g{side} : {type_})"
    attrs = []
    if op == "intra" and rng.random() < 0.5:
        sub = rng.choice([n for n in range(1, c + 1) if c % n == 0])
        attrs.append(f"sub_chunk = {sub} : i64")
    if rng.random() < 0.5:
        attrs.append("direction = #linattn.direction<reverse>")
    args = ins + decays + [out]
    names = ", ".join("%" + n for n, _ in ins)
    types = ", ".join(t for _, t in ins)
    return (
        f"func.func @{name}({', '.join(f'%{n}: {t}' for n, t in args)}, %valid: index) -> {out[1]} {{\n"
        f"  %r = linattn.{op} ins({names} : {types}){clauses} valid(%valid) "
        f"outs(%acc : {out[1]}) {{{', '.join(attrs)}}} -> {out[1]}\n"
        f"  return %r : {out[1]}\n}}\n"
    )


def slopes_function(rng, name):
    layers = rng.choice((1, 2, 24))
    h = rng.choice((1, 2, 3, 8, 40))
    family = rng.choice(("paper", "released", "xmixers"))
    return (
        f"func.func @{name}() -> tensor<{h}xf32> {{\n"
        f"  %g = linattn.slopes <{family}> layer {rng.randrange(layers)} of {layers} : tensor<{h}xf32>\n"
        f"  return %g : tensor<{h}xf32>\n}}\n"
    )


def random_text(rng, name="f"):
    """A well-formed module, as text."""
    pick = rng.random()
    if pick < 0.75:
        return random_program(rng).mlir(name)
    if pick < 0.95:
        return block_function(rng, name)
    return slopes_function(rng, name)


TOKEN = re.compile(r"%[\w.]+|#[\w.]+|@\w+|-?\d+\.\d+e[+-]?\d+|\d+|[a-zA-Z_][\w.]*|->|\S")
NUMBERS = ("0", "1", "-1", "2", "3", "7", "64", "1000000", "4294967296", "9223372036854775807",
           "-9223372036854775808", "99999999999999999999", "?")
WORDS = ("f64", "f32", "bf16", "f16", "i1", "i32", "i64", "index", "none", "f8E4M3FN", "tensor",
         "memref", "vector", "attention", "state", "step", "inter", "intra", "block_state", "slopes",
         "forward", "reverse", "bnhd", "bhnd", "kv", "vk", "chunk", "sub_chunk", "scale", "unit",
         "nan", "inf", "true", "complex", "*", "?", "{", "}", "<", ">", "(", ")", ",", ":")


def mutate(rng, text):
    """One to four random edits of the text, at the level of tokens."""
    for _ in range(rng.randint(1, 4)):
        spans = [m.span() for m in TOKEN.finditer(text)]
        if not spans:
            return text
        lo, hi = rng.choice(spans)
        token = text[lo:hi]
        kind = rng.randrange(7)
        if kind == 0:  # delete
            text = text[:lo] + text[hi:]
        elif kind == 1:  # double
            text = text[:hi] + " " + token + text[hi:]
        elif kind == 2:  # swap with another of the same kind
            same = [s for s in spans if text[s[0]] == token[0]]
            lo2, hi2 = rng.choice(same)
            text = text[:lo] + text[lo2:hi2] + text[hi:]
        elif kind == 3 and any(c.isdigit() for c in token):
            text = text[:lo] + rng.choice(NUMBERS) + text[hi:]
        elif kind == 4:  # another word
            text = text[:lo] + rng.choice(WORDS) + text[hi:]
        elif kind == 5:  # another size in a shape
            sizes = [m.span() for m in re.finditer(r"(?<=[<x])(\d+|\?)(?=x)", text)]
            if sizes:
                lo, hi = rng.choice(sizes)
                text = text[:lo] + rng.choice(("?", "0", "1", "2", "17", "1024")) + text[hi:]
        else:  # the same size everywhere: well-formed, with other numbers
            if token.isdigit():
                text = re.sub(rf"(?<=[<x]){token}(?=x)", rng.choice(("?", "0", "1", "3", "48")), text)
    return text


def to_memrefs(text):
    """The same ops on memrefs, without results."""
    match = re.search(
        r"func\.func @(\w+)\((.*?)\) -> .*?\{\n.*?(linattn\.[a-z_]+ .*?) -> [^\n]*\n", text, re.S
    )
    if not match or "tensor.empty" not in text:
        return None
    name, args, op = match.groups()
    inits = dict(re.findall(r"(%init_\w+) = tensor\.empty\([^)]*\) : (\S+)", text))
    extra = "".join(f", {n}: {t}" for n, t in inits.items())
    body = f"func.func @{name}({args}{extra}) {{\n  {op}\n  return\n}}\n"
    return body.replace("tensor<", "memref<")
