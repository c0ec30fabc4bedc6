# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Parses the PTX subset that LLVM's NVPTX backend and inline assembly use.

The result is a Module of Kernels; a kernel is a flat list of Instructions with
register names resolved per scope and branch targets resolved to indices. What
an instruction means is decided in decode.py and the modules it uses.
"""

import re
from dataclasses import dataclass, field

from .errors import PtxSyntaxError, Unsupported

WIDTHS = {
    "pred": 1,
    "b8": 8, "u8": 8, "s8": 8,
    "b16": 16, "u16": 16, "s16": 16, "f16": 16, "bf16": 16,
    "b32": 32, "u32": 32, "s32": 32, "f32": 32,
    "f16x2": 32, "bf16x2": 32, "tf32": 32,
    "b64": 64, "u64": 64, "s64": 64, "f64": 64, "f32x2": 64,
    "b128": 128,
}


@dataclass(frozen=True)
class Reg:
    """A register: its index in the register file and its width in bits."""

    index: int
    width: int
    name: str


@dataclass(frozen=True)
class Imm:
    """An immediate: an int, or a float given as its bit pattern."""

    value: int
    float_bits: int = 0  # 32 or 64 where written as 0f or 0d


@dataclass(frozen=True)
class Sym:
    """The address of a parameter or variable, with an offset."""

    name: str
    offset: int = 0


@dataclass(frozen=True)
class Special:
    """A special register such as %tid.x."""

    name: str


@dataclass(frozen=True)
class Vec:
    """Operands in braces."""

    items: tuple


@dataclass(frozen=True)
class Addr:
    """[base + offset] or [base, {coordinates}]; base is a Reg, Sym or Imm."""

    base: object
    offset: int = 0
    coordinates: tuple = None


@dataclass(frozen=True)
class Label:
    name: str


@dataclass(frozen=True)
class Pair:
    """d|p: two destinations of one instruction."""

    first: object
    second: object


SINK = Special("_")


@dataclass
class Instruction:
    opcode: str
    parts: list
    operands: list
    guard: Reg
    negated: bool
    line: int
    text: str
    scopes: tuple
    target: int = -1


@dataclass
class Param:
    name: str
    type: str
    size: int
    align: int


@dataclass
class Variable:
    name: str
    space: str  # shared, global, const, local
    align: int
    size: int
    data: bytes = None
    external: bool = False


@dataclass
class Kernel:
    name: str
    params: list
    directives: dict
    instructions: list
    registers: list
    variables: dict = field(default_factory=dict)


@dataclass
class Module:
    version: str
    target: str
    kernels: dict
    variables: dict
    text: str


_DECL = re.compile(
    r"(?P<linkage>(?:\.(?:extern|visible|weak|common)\s+)*)\.(?P<space>shared|global|const|local|param)"
    r"(?P<attributes>(?:\s+\.(?:attribute\([^)]*\)))*)"
    r"(?:\s+\.align\s+(?P<align>\d+))?\s+\.(?P<type>\w+)\s*"
    r"(?P<ptr>(?:\.ptr)?(?:\s*\.(?:global|shared|const|local))?(?:\s*\.align\s+\d+)?)\s*"
    r"(?P<name>[\w$.%]+)\s*(?P<dims>(?:\[\s*\d*\s*\]\s*)*)(?:=\s*(?P<init>.*))?$",
    re.S,
)


def _strip_comments(text):
    """Blanks out comments; line numbers stay."""
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def _initializer(text, type_name, size):
    width = WIDTHS[type_name] // 8
    data = bytearray()
    for item in text.strip().strip("{}").split(","):
        item = item.strip()
        if not item:
            continue
        if item[:2].lower() in ("0f", "0d"):
            value = int(item[2:], 16)
        else:
            try:
                value = int(item.rstrip("U"), 0)
            except ValueError:
                raise Unsupported(f"initializer '{item}'") from None
        data += (value % (1 << (8 * width))).to_bytes(width, "little")
    return bytes(data) + bytes(size - len(data))


def _parse_declaration(text):
    match = _DECL.match(text.strip())
    if not match:
        raise PtxSyntaxError(f"expected a variable, got '{text.strip()[:80]}'")
    type_name = match["type"]
    if type_name not in WIDTHS:
        raise PtxSyntaxError(f"unknown type .{type_name} in '{text.strip()[:80]}'")
    width = WIDTHS[type_name] // 8
    count = 1
    for dim in re.findall(r"\[\s*(\d*)\s*\]", match["dims"]):
        count *= int(dim or 0)
    size = width * count
    data = _initializer(match["init"], type_name, size) if match["init"] else None
    return match, Variable(
        match["name"], match["space"], int(match["align"] or max(width, 1)), size, data, "extern" in match["linkage"]
    )


class _KernelParser:
    def __init__(self, module, name, params):
        self.kernel = Kernel(name, params, {}, [], [])
        self.module = module
        self.names = {}  # (scope, name) -> Reg
        self.ranges = {}  # (scope, prefix) -> (count, width)
        self.labels = {}  # (scope, name) -> instruction index
        self.scopes = [0]
        self.next_scope = 1
        self.pending = []  # instructions whose operands are not yet resolved
        self.data_names = {p.name for p in params}

    def register(self, name, scopes):
        for scope in reversed(scopes):
            found = self.names.get((scope, name))
            if found is not None:
                return found
            match = re.fullmatch(r"(.*?)(\d+)", name)
            if match:
                declared = self.ranges.get((scope, match[1]))
                if declared and int(match[2]) < declared[0]:
                    return self.new_register(scope, name, declared[1])
        return None

    def new_register(self, scope, name, width):
        reg = Reg(len(self.kernel.registers), width, name)
        self.kernel.registers.append(reg)
        self.names[scope, name] = reg
        return reg

    def declare(self, text):
        match = re.match(r"\.reg\s+\.(\w+)\s+(.*)$", text, re.S)
        if not match or match[1] not in WIDTHS:
            raise PtxSyntaxError(f"cannot parse '{text}'")
        for name in match[2].split(","):
            name = name.strip()
            counted = re.fullmatch(r"(.*)<(\d+)>", name)
            if counted:
                self.ranges[self.scopes[-1], counted[1]] = (int(counted[2]), WIDTHS[match[1]])
            else:
                self.new_register(self.scopes[-1], name, WIDTHS[match[1]])

    def statement(self, text, line):
        text = " ".join(text.split())
        if not text:
            return
        if text.startswith(".reg"):
            self.declare(text)
        elif text.startswith((".pragma", ".loc ", ".file ", ".branchtargets")):
            pass
        elif text.startswith((".shared", ".local")):
            _, variable = _parse_declaration(text)
            self.kernel.variables[variable.name] = variable
        elif text.startswith("."):
            raise Unsupported(f"line {line}: directive '{text[:60]}'")
        else:
            self.pending.append((text, line, tuple(self.scopes)))

    def body(self, text, line):
        current = ""
        depth = 0  # braces inside a statement
        start = line
        for position, char in enumerate(text):
            if char == "\n":
                line += 1
            if not current.strip():
                start = line
            if char == ";" and depth == 0:
                self.statement(current, start)
                current = ""
            elif char == "{" and not current.strip():
                self.scopes.append(self.next_scope)
                self.next_scope += 1
                current = ""
            elif char == "}" and depth == 0:
                if current.strip():
                    raise PtxSyntaxError(f"line {line}: expected ';' before '}}'")
                if len(self.scopes) == 1:
                    break
                self.scopes.pop()
            elif char == ":" and re.fullmatch(r"\s*[\w$]+", current) and text[position + 1] != ":":
                self.labels[self.scopes[-1], current.strip()] = len(self.pending)
                current = ""
            else:
                depth += (char == "{") - (char == "}")
                current += char
        self.kernel.instructions = [self.instruction(*p) for p in self.pending]
        return self.kernel

    def instruction(self, text, line, scopes):
        original = text
        guard, negated = None, False
        match = re.match(r"@(!?)\s*([%\w$]+)\s+(.*)", text)
        if match:
            guard = self.register(match[2], scopes)
            if guard is None:
                raise PtxSyntaxError(f"line {line}: unknown predicate '{match[2]}'")
            negated = match[1] == "!"
            text = match[3]
        opcode, _, rest = text.partition(" ")
        parts = [p for p in re.split(r"\.(?!:)", opcode) if p]
        result = Instruction(opcode, parts, [], guard, negated, line, original, scopes)
        try:
            result.operands = [self.operand(o, scopes) for o in split_operands(rest)]
        except PtxSyntaxError as error:
            raise PtxSyntaxError(f"line {line}: {error} in '{original[:120]}'") from None
        if parts[0] == "bra":
            for scope in reversed(scopes):
                target = self.labels.get((scope, rest.strip()))
                if target is not None:
                    result.target = target
                    break
            else:
                raise PtxSyntaxError(f"line {line}: unknown label '{rest}'")
        return result

    def operand(self, text, scopes):
        text = text.strip()
        if text.startswith("{"):
            return Vec(tuple(self.operand(t, scopes) for t in split_operands(text[1:-1])))
        if text.startswith("["):
            parts = split_operands(text[1:-1])
            base, offset = self.address(parts[0], scopes)
            coordinates = None
            if len(parts) == 2:
                vec = self.operand(parts[1], scopes)
                coordinates = vec.items if isinstance(vec, Vec) else (vec,)
            return Addr(base, offset, coordinates)
        if "|" in text:
            first, second = text.split("|")
            return Pair(self.operand(first, scopes), self.operand(second, scopes))
        if text == "_":
            return SINK
        if text.startswith("!"):
            raise Unsupported(f"negated operand '{text}'")
        reg = self.register(text, scopes)
        if reg is not None:
            return reg
        if re.fullmatch(r"0[fF][0-9a-fA-F]{8}", text):
            return Imm(int(text[2:], 16), 32)
        if re.fullmatch(r"0[dD][0-9a-fA-F]{16}", text):
            return Imm(int(text[2:], 16), 64)
        if re.fullmatch(r"0[xX][0-9a-fA-F]+U?", text):
            return Imm(int(text.rstrip("U"), 16))
        if re.fullmatch(r"[+-]?\d+U?", text):
            return Imm(int(text.rstrip("U")))
        if text in ("true", "false"):
            return Imm(int(text == "true"))
        if text.startswith("%"):
            return Special(text)
        base, offset = self.address(text, scopes)
        if isinstance(base, Sym):
            return Sym(base.name, offset)
        if isinstance(base, Label):
            return base
        raise PtxSyntaxError(f"cannot parse operand '{text}'")

    def address(self, text, scopes):
        match = re.fullmatch(r"\s*([%\w$.]+?)\s*(?:\+\s*(-?\d+)|(-\s*\d+))?\s*", text)
        if not match:
            raise PtxSyntaxError(f"cannot parse address '{text}'")
        offset = int((match[2] or match[3] or "0").replace(" ", ""))
        name = match[1]
        reg = self.register(name, scopes)
        if reg is not None:
            return reg, offset
        if re.fullmatch(r"\d+", name):
            return Imm(int(name)), offset
        known = name in self.data_names or name in self.kernel.variables or name in self.module.variables
        if known:
            return Sym(name), offset
        if re.fullmatch(r"[\w$]+", name):
            return Label(name), offset
        raise PtxSyntaxError(f"unknown name '{name}'")


def split_operands(text):
    """Splits at commas outside of brackets."""
    out, current, depth = [], "", 0
    for char in text:
        depth += (char in "{[") - (char in "}]")
        if char == "," and depth == 0:
            out.append(current.strip())
            current = ""
        else:
            current += char
    if current.strip():
        out.append(current.strip())
    return out


def _parse_params(text):
    params = []
    for item in split_operands(text):
        if not item.strip():
            continue
        match, variable = _parse_declaration(item)
        params.append(Param(variable.name, match["type"], variable.size, variable.align))
    return params


def _matching_brace(text, start):
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return position
    raise PtxSyntaxError("unbalanced braces")


def parse(text):
    """Parses PTX text into a Module."""
    clean = _strip_comments(text)
    header = {name: re.search(rf"^\s*\.{name}\s+(\S+)", clean, re.M) for name in ("version", "target")}
    for name, found in header.items():
        if not found:
            raise PtxSyntaxError(f"expected a .{name} directive")
    module = Module(header["version"][1], header["target"][1].rstrip(","), {}, {}, text)
    entries = []
    position = 0
    while True:
        match = re.compile(r"\S").search(clean, position)
        if not match:
            break
        position = match.start()
        directive = re.compile(r"\.(version|target|address_size|file|section|loc)\b[^\n]*").match(clean, position)
        if directive:
            position = directive.end()
            continue
        entry = re.compile(r"(?:\.(?:visible|weak)\s+)?\.entry\s+([\w$]+)\s*(\()?").match(clean, position)
        if entry:
            position = entry.end()
            params = []
            if entry[2]:
                close = clean.index(")", position)
                params = _parse_params(clean[position:close])
                position = close + 1
            open_brace = clean.index("{", position)
            close_brace = _matching_brace(clean, open_brace)
            entries.append((entry[1], params, clean[position:open_brace], open_brace, close_brace))
            position = close_brace + 1
            continue
        if re.compile(r"(?:\.\w+\s+)*\.func\b").match(clean, position):
            raise Unsupported(f"functions: '{clean[position:position + 60].splitlines()[0]}'")
        end = clean.index(";", position)
        _, variable = _parse_declaration(clean[position:end])
        module.variables[variable.name] = variable
        position = end + 1
    for name, params, directives, open_brace, close_brace in entries:
        parser = _KernelParser(module, name, params)
        first_line = clean.count("\n", 0, open_brace) + 1
        kernel = parser.body(clean[open_brace + 1:close_brace], first_line)
        for directive, values in re.findall(r"\.(\w+)\s*([\d\s,]*)", directives):
            kernel.directives[directive] = [int(v) for v in re.findall(r"\d+", values)]
        module.kernels[name] = kernel
    return module
