"""Checks that every diagnostic of the sources is expected by some test: check-diagnostics.py [FOLDER]

A diagnostic is a statement in lib/ or tools/ that calls emitError, emitOpError or emitRemark, streams into one made
before, or makes an llvm::Error. Its string literals, with anything between them, must match one line of a test: all of
them in order, and for `cond ? "a" : "b"` both sentences. Lists the missing ones and exits with 1.
"""

import pathlib
import re
import sys
from itertools import product

# Failures that no input causes, with the reason why no test has them.
UNTESTABLE = {
    "cannot be cut into tiles": "every op that is tiled implements TilingInterface",
    "cannot be cut into parts of its keys": "both ops with splits implement PartialReductionOpInterface",
    "expected libomp for parallel=omp, but got none (": "libomp is a package that setup installs",
    "expected a target that this CPU (": "every target of the tests runs on some CPUs that run the tests",
    "cannot compile: ": "LLVM would have to reject its own IR",
    "cannot compile the module for this CPU": "the module before it, with the same ops, has compiled",
    "cannot translate the module to LLVM IR": "the contract before it admits LLVM ops only",
    "the optimizer broke the module": "LLVM's optimizer would have to be wrong",
    "cannot emit this kind of file for ": "every CPU target writes assembly and objects",
    "cannot link the versions": "they have the same names as one module",
    "expected one target where objects have no ifunc (ELF for x86), but got ": "the tests run on x86 with ELF",
    "cannot write ": "the disk would have to fill up between two steps of a run",
    "an argument of ": "kernels get whole buffers, and offsets as numbers",
    " writes a buffer through two arguments": "an op has one output for a buffer",
    "a part of a buffer is copied": "copies of parts are kernels",
    "expected PTX without undefined functions, but got a call of ": "our kernels call none",
}

STRING = re.compile(r'"(?:\\.|[^"\\])*"')
START = re.compile(
    r"\b(?:emitError|emitOpError|emitRemark|createStringError)\s*\("
    r"|\b(?:diagnostic|error\(\))\s*<<"
    r'|(?<=return )fail\((?=path,|"[^"]* )'
)
# Calls whose arguments are the text; other calls are values within it.
TEXT = re.compile(
    r"(?:[\w>.:-]*\b)?(?:emit\w+|createStringError|fail|formatv|Twine|StringRef)\(((?:.|\n)*)\)(?:\.str\(\))?"
)
WILD = object()  # a part of a sentence that only a run knows


def find_end(text, start, stop):
    """The first character of `stop`, or closing bracket, behind `start` at the depth of `start`."""
    depth, position = 0, start
    while position < len(text):
        char = text[position]
        if char == '"':
            position = STRING.match(text, position).end()
            continue
        depth += char in "([{"
        depth -= char in ")]}"
        if depth < 0 or (depth == 0 and char in stop):
            break
        position += 1
    return position


def statements(text):
    """Statements that hold a diagnostic, with their line numbers."""
    blank = lambda match: match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0])
    text = re.sub(STRING.pattern + r"|//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])'", blank, text, flags=re.DOTALL)
    done = 0
    for match in re.finditer(START.pattern + r"|\bnotifyMatchFailure\(", text):
        if match.start() < done:
            continue
        done = find_end(text, match.start(), ";")
        if not match[0].startswith("notify"):  # those are for --debug only
            yield text[match.start() : done], text.count("\n", 0, match.start()) + 1


def split(code, separator):
    """Splits at separators outside of brackets and strings."""
    parts, start, position = [], 0, 0
    while position < len(code):
        position = find_end(code, position, separator[0])
        if code.startswith(separator, position):
            parts.append(code[start:position])
            start = position = position + len(separator)
        else:
            position += 1
    return parts + [code[start:]]


def sentences(code):
    """All sentences of an expression, as lists of texts and WILD."""
    code = code.strip()
    if re.fullmatch(rf"(?:{STRING.pattern}\s*)+", code):
        text = "".join(string[1:-1] for string in STRING.findall(code)).replace('\\"', '"').replace("\\n", "\n")
        pieces = re.split(r"\{\d+[^}]*\}", text)  # of formatv
        return [[part for piece in pieces for part in (piece, WILD)][:-1]]
    for separator in ("<<", " + "):
        parts = split(code, separator)
        if len(parts) > 1:
            return [sum(choice, []) for choice in product(*map(sentences, parts))]
    condition = split(code, " ? ")
    if len(condition) == 2:
        return [sentence for branch in split(condition[1], " : ") for sentence in sentences(branch)]
    call = TEXT.fullmatch(code)
    if call:
        return [sum(choice, []) for choice in product(*map(sentences, split(call[1], ",")))]
    if code.startswith("(") and code.endswith(")"):
        return sentences(code[1:-1])
    return [[WILD]]


def regex(sentence):
    text = "".join("\0" if part is WILD else part for part in sentence)
    return ".*".join(re.escape(part) for part in re.sub("\0+", "\0", text).strip("\0 \n").split("\0"))


def main(root):
    expected = ""
    for folder, suffixes in (("test", (".mlir", ".test")), ("unittests", (".cpp", ".h")), ("python/tests", (".py",))):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes:
                expected += "\n".join(line for line in path.read_text().splitlines() if "RUN:" not in line) + "\n"

    missing, count, exempt = [], 0, set()
    for path in sorted(path for folder in ("lib", "tools") for path in (root / folder).rglob("*")):
        if path.suffix not in (".cpp", ".h"):
            continue
        for code, line in statements(path.read_text()):
            for sentence in sentences(code):
                texts = [part for part in sentence if part is not WILD]
                if not re.search(r"[a-z]{3}", "".join(texts)):
                    continue  # nothing of its own: a message passed on
                count += 1
                known = next((text for text in UNTESTABLE if "".join(texts).startswith(text)), None)
                if known:
                    exempt.add(known)
                elif not re.search(regex(sentence), expected):
                    shown = re.sub(
                        r"\.{4,}", "...", "".join("..." if part is WILD else part for part in sentence)
                    ).strip()
                    missing.append(f"{path.relative_to(root)}:{line}: no test expects: {shown}")
    missing += [f"scripts/check-diagnostics.py: no source has: {text}" for text in UNTESTABLE if text not in exempt]
    for entry in missing:
        print(entry)
    print(f"{count} diagnostics, {len(UNTESTABLE)} kinds of them untestable, {len(missing)} without a test")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()))
