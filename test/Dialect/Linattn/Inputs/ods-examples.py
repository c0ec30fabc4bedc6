"""Turns the `mlir` examples of TableGen descriptions into one module.

Usage: ods-examples.py SOURCE_ROOT > examples.mlir

Every example becomes the body of a function, or of a transform sequence, whose
arguments are the values that the example uses and does not define. Fails if a
definition has no example.
"""

import pathlib
import re
import sys

FOLDER = "include/linattn/Dialect/Linattn"
FILES = ("IR/Ops.td", "IR/Attrs.td", "TransformOps/LinattnTransformOps.td")

# A definition that needs an example: an op (of any class) or an attribute.
DEFINITION = re.compile(
    r"^def (\w+)\s*:\s*(?:Op<|Linattn_ComputeOp<|Linattn_BlockOp<|AttrDef<|Linattn_PatternsOp<)",
    re.M,
)
EXAMPLE = re.compile(r"```mlir\n(.*?)```", re.S)


def split(text):
    """Splits at the commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "<([") - (char in ">)]")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [part.strip() for part in parts + [text[start:]]]


def argument_types(example):
    """The types of the values that an example uses and does not define."""
    defined = set()
    for results in re.findall(r"^\s*((?:%\w+(?:, )?)+) =", example, re.M):
        defined |= set(re.findall(r"%\w+", results))
    types = {}
    for group in re.findall(r"\(([^()]*%[^()]*)\)", example):
        values, _, listed = group.partition(":")
        values = split(values)
        # Only `valid` has no type: it is always an index.
        for value, kind in zip(values, split(listed) if listed else ["index"]):
            types[value] = kind
    for value in re.findall(r"%\w+", example):
        types.setdefault(value, "!transform.any_op")
    return {value: kind for value, kind in types.items() if value not in defined}


def wrap(name, example):
    if example.lstrip().startswith("#"):
        return f"func.func private @{name}() attributes {{example = {example.strip()}}}"
    types = argument_types(example)
    arguments = ", ".join(f"{value}: {kind}" for value, kind in types.items())
    if "transform." in example:
        return (
            "module attributes {transform.with_named_sequence} {\n"
            f"transform.named_sequence @{name}({arguments}) {{\n"
            f"{example}\ntransform.yield\n}}\n}}"
        )
    return f"func.func @{name}({arguments}) {{\n{example}\nreturn\n}}"


def main():
    root = pathlib.Path(sys.argv[1]) / FOLDER
    missing = []
    count = 0
    for path in FILES:
        text = (root / path).read_text()
        definitions = list(DEFINITION.finditer(text))
        ends = [d.start() for d in definitions[1:]] + [len(text)]
        for definition, end in zip(definitions, ends):
            name = definition.group(1)
            examples = EXAMPLE.findall(text, definition.start(), end)
            if not examples:
                missing.append(name)
            for example in examples:
                print(wrap(f"{name}_{count}", example))
                count += 1
    for name in missing:
        print(f"{name} has no example", file=sys.stderr)
    if count == 0:
        print("no example was found", file=sys.stderr)
    return 1 if missing or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
