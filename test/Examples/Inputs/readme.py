"""Checks that the program and the output in README.md are the real ones.

Usage: readme.py SOURCE_ROOT

Values are compared without their names, and text without its line breaks.
"""

import pathlib
import re
import subprocess
import sys


def normalize(text):
    return " ".join(re.sub(r"%\w+(:\d+|#\d+)?", "%", text).split())


def main():
    root = pathlib.Path(sys.argv[1])
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", (root / "README.md").read_text(), re.M | re.S)
    programs = [text for kind, text in blocks if kind == "mlir"]
    sessions = [text for kind, text in blocks if kind == "console"]
    if programs != [(root / "examples/attention.mlir").read_text()]:
        sys.exit("README.md does not show examples/attention.mlir as it is")
    if not sessions:
        sys.exit("README.md shows no output")
    for session in sessions:
        command, expected = session.removeprefix("$ ").split("\n", 1)
        actual = subprocess.run(
            command, shell=True, cwd=root, capture_output=True, text=True
        ).stdout
        if normalize(actual) != normalize(expected):
            sys.exit(f"README.md is out of date: `{command}` prints\n{actual}")
    print(f"{len(sessions)} sessions agree")


if __name__ == "__main__":
    main()
