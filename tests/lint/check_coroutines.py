#!/usr/bin/env python3
"""Reports co_await expressions that g++ 12 turns into a double free or refuses to compile.

Inside one expression that awaits, g++ 12 mishandles a braced temporary with non-trivial members,
a lambda that captures by value, a conditional operator and an initializer list. All four have the
same cure: give the temporary a name on the line above and std::move it in.
A line that ends in `// NOLINT(co_await)` is left alone.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOISE = re.compile(r'//(?! NOLINT\(co_await\))[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
BLOCK_WORDS = {"else", "do", "try", "const", "mutable", "noexcept", "override", "final"}


def fault_after(text, start):
    """Returns what is wrong between `start` and the end of its expression, or None."""
    depth = 0
    for i in range(start, len(text)):
        c = text[i]
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
            if c == "]" and re.match(r"\s*[({]", text[i + 1:]) and re.search(r"[(,=]\s*\[[^\[]*$", text[:i]):
                return "lambda"
        elif c == "?":
            return "conditional operator"
        elif c == "{":
            return "braced temporary" if depth > 0 else None
        elif c == ";":
            return None
    return None


def fault_before(text, start):
    """Looks left of the co_await: `v{co_await ...}` and `cond ? co_await ...`."""
    head = re.split(r"[;{}]", text[:start])[-1]
    if re.search(r"[^?]\?", head):
        return "conditional operator"
    opener = re.search(r"(\w+)\s*\{\s*$", text[:start])
    if opener and opener.group(1) not in BLOCK_WORDS:
        return "initializer list"
    return None


bad = []
for arg in sys.argv[1:] or [d for d in ("agent", "collector", "core", "tests") if (ROOT / d).is_dir()]:
    root = ROOT / arg
    for file in [root] if root.is_file() else sorted(path for end in ("*.h", "*.cc") for path in root.rglob(end)):
        text = NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), file.read_text())
        for match in re.finditer(r"\bco_await\b", text):
            line = text.count("\n", 0, match.start()) + 1
            if "NOLINT(co_await)" in text.splitlines()[line - 1]:
                continue
            fault = fault_before(text, match.start()) or fault_after(text, match.end())
            if fault:
                bad.append(f"{file}:{line}: {fault} in an expression that awaits")
print("\n".join(bad))
sys.exit(1 if bad else 0)
