"""Compares the numbered constraints of docs/Spec.md with code and tests.

Usage: check-constraints.py SOURCE_ROOT
"""

import pathlib
import re
import sys

ID = r"(?:linattn|block|intra|slopes|schedule)_c\d+"


def main():
    root = pathlib.Path(sys.argv[1])
    spec = set(re.findall(rf"\*\*({ID})\*\*", (root / "docs/Spec.md").read_text()))

    # A tag is a comment that starts with the number.
    code = set()
    for folder in ("lib", "include"):
        for path in (root / folder).rglob("*"):
            if path.suffix in (".cpp", ".h", ".td"):
                code |= set(re.findall(rf"///? ({ID})\b(?! to)", path.read_text()))

    invalid = root / "test/Dialect/Linattn/invalid.mlir"
    tests = set(re.findall(rf"@({ID})_", invalid.read_text()))

    ok = bool(spec)
    for name, found in (("checks", code), ("negative tests", tests)):
        for missing in sorted(spec - found):
            print(f"{missing} is in docs/Spec.md and not in the {name}")
            ok = False
        for extra in sorted(found - spec):
            print(f"{extra} is in the {name} and not in docs/Spec.md")
            ok = False
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
