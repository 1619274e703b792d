"""Writes docs/Dialect.md, docs/Interop.md and docs/Passes.md from the .td files and from dashkv-opt.

scripts/docs.py          writes them
scripts/docs.py --check  prints how they differ from what would be written, and fails if they do

What mlir-tblgen writes is kept, apart from tables that say the same for every op, and gets an index, links and the
values that options take.
"""

import argparse
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIALECT = "include/dashkv/Dialect/DashKV/IR/DashKVOps.td"
INTEROP = {
    "tm_tensor": "include/dashkv/Dialect/Interop/TMTensorOps.td",
    "iree_linalg_ext": "include/dashkv/Dialect/Interop/IREELinalgExtOps.td",
}
PASSES = {
    "Transforms": "include/dashkv/Dialect/DashKV/Transforms/Passes.td",
    "Conversions": "include/dashkv/Conversion/Passes.td",
}
NOTICE = "<!-- Written by scripts/docs.py: edit the .td files instead. -->\n\n"
PATH = os.pathsep.join([str(ROOT / "build/bin"), "/usr/lib/llvm-22/bin", os.environ["PATH"]])


def run(tool, *args):
    path = shutil.which(tool, path=PATH)
    if not path:
        sys.exit(f"docs: expected {tool} in build/bin, /usr/lib/llvm-22/bin or PATH, but found none")
    done = subprocess.run([path, *map(str, args)], input="", check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"docs: {tool} {' '.join(map(str, args))} failed:\n{done.stderr}")
    return done


def tablegen(*args, tool="mlir-tblgen"):
    upstream = pathlib.Path(shutil.which(tool, path=PATH) or "").resolve().parent.parent / "include"
    return run(tool, *args, "-I", "include", "-I", upstream).stdout


def anchor(heading):
    """The fragment that GitHub gives to a heading."""
    return "#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def index(entries, head):
    """A table of links to headings."""
    rows = [f"| [`{name}`]({anchor(name)}) | {summary} |" for name, summary in entries]
    return "\n".join([f"| {head} | |", "|---|---|", *rows]) + "\n"


def tidy(text):
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def dialect_page(name, source):
    """What mlir-tblgen says about a dialect, without its title."""
    text = tablegen("-gen-dialect-doc", f"-dialect={name}", source)
    text = re.sub(r"^<!--.*?-->\n+# .*\n", "", text)
    # Every operand is a tensor or a memref, every result a tensor; descriptions say of which shape.
    text = re.sub(r"^#+ (Operands|Results):\n\n(\|.*\n)+", "", text, flags=re.MULTILINE)
    # Fields of an attribute without a description stand in the table of the attribute.
    text = re.sub(r"^#+ Parameters:\n\n\|.*\n\|.*\n(\| \w+ \| `.*` \|  \|\n)+", "", text, flags=re.MULTILINE)
    text = re.sub(rf"^(#+ `{name}\.\w+`) \(.*\)$", r"\1", text, flags=re.MULTILINE)
    ops = re.findall(rf"^#+ `({name}\.\w+)`\n\n_(.*)_$", text, flags=re.MULTILINE)
    return text.replace("[TOC]\n", index(ops, "op"))


def dialect():
    text = dialect_page("dashkv", DIALECT)
    # Enum attributes: the section of the enum shows their values.
    text = re.sub(r"^### (Activation|EncoderKind)Attr\n.*?(?=^##)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^#+ Parameters:\n\n\|.*\n\|.*\n\| value .*\n", "", text, flags=re.MULTILINE)
    text = text.replace("### TieringAttr", "### `#dashkv.tiering`")
    text = text.replace("| op | |", "Operands are ranked tensors or memrefs, results ranked tensors.\n\n| op | |")
    return NOTICE + "# The dashkv dialect\n\n" + tidy(text)


def interop():
    text = ""
    for name, source in INTEROP.items():
        text += f"\n## The {name} dialect\n" + dialect_page(name, source).replace("## Operations\n", "")
    intro = (
        "Ops of other projects that passes of dashkv read. They parse, print and verify; dashkv does not own them.\n\n"
    )
    return NOTICE + "# Dialects of other projects\n\n" + intro + tidy(text)


def options(record, records):
    """The table of a pass's options, with defaults and the values of enums, which the C++ text of the option holds."""
    rows = []
    for ref in record["options"]:
        option = records[ref["def"]]
        default = (option.get("defaultValue") or "").strip('"').rsplit("::", 1)[-1]
        values = re.findall(r'clEnumValN\(\s*([\w:]+),\s*"([^"]*)",\s*"([^"]*)"', option["additionalOptFlags"])
        default = next((name for cpp, name, _ in values if cpp.rsplit("::", 1)[-1] == default), default)
        meaning = option["description"]
        if values:
            meaning += ". " + "; ".join(f"`{name}`: {text}" for _, name, text in values)
        rows.append(f"| `{option['argument']}` | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(["| option | default | |", "|---|---|---|", *rows]) + "\n" if rows else ""


def passes(missing):
    """The page of passes; puts those without a lit file as example into `missing`."""
    body, entries = "", []
    for title, source in PASSES.items():
        text = tablegen("-gen-pass-doc", source)
        records = json.loads(tablegen("-dump-json", source, tool="llvm-tblgen"))
        defined = {r["argument"]: r for name in records["!instanceof"]["PassBase"] for r in [records[name]]}
        body += f"\n## {title}\n"
        for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
            name = section.split("\n")[0].strip("`-")
            record = defined[name]
            entries.append((name, record["summary"]))
            example = re.search(r"Example: (test/\S+)\.\n", section)
            if not example or not (ROOT / example[1]).exists():
                missing.append(f"{name}: expected an example, but {example[1] if example else 'none'} does not exist")
            head, *listed = re.split(r"^#+ Options\n\n```\n.*?```\n", section, flags=re.MULTILINE | re.DOTALL)
            section = head + (options(record, records) if listed else "")
            section = re.sub(r"^.*\n", "", section, count=1)
            # What holds before and after, and the example, are paragraphs of their own.
            section = re.sub(r"(?:^|(?<=\. ))(Pre|Post|Example):", r"\n\n**\1**:", section, flags=re.MULTILINE)
            section = re.sub(r"(\*\*Example\*\*: )(test/\S+)\.$", r"\1[\2](../\2)", section, flags=re.MULTILINE)
            body += f"\n### `{name}`\n{section}"
    body += "\n## Pipelines\n" + pipelines(entries)
    intro = "All passes and pipelines of dashkv-opt, of the plugin and of dashkv-compile.\n\n"
    return NOTICE + "# Passes\n\n" + intro + index(entries, "pass") + "\n" + tidy(body)


def pipelines(entries):
    """Pipelines by --help, and the passes they consist of."""
    text = ""
    lines = run("dashkv-opt", "--help").stdout.split("\n")
    for i, line in enumerate(lines):
        found = re.match(r" {6}--(dashkv-\w+-pipeline) +- +(.*)", line)
        if not found:
            continue
        name, summary = found.groups()
        entries.append((name, summary))
        text += f"\n### `{name}`\n\n_{summary}_\n\n"
        rows = []
        for option in lines[i + 1 :]:
            found = re.match(r" {8}--([\w-]+)(?:=<\w+>)? +- +(.*)", option)
            if not found:
                break
            rows.append(f"| `{found[1]}` | {found[2]} |")
        if rows:
            text += "\n".join(["| option | |", "|---|---|", *rows]) + "\n\n"
        dump = run("dashkv-opt", f"--{name}", "--dump-pass-pipeline", "-").stderr
        passes = re.sub(r"\{.*?\}", "", dump[dump.index("builtin.module") :])
        text += f"```\n{passes.strip()}\n```\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale, missing = False, []
    for name, text in {"Dialect.md": dialect(), "Interop.md": interop(), "Passes.md": passes(missing)}.items():
        path = ROOT / "docs" / name
        old = path.read_text() if path.exists() else ""
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif old != text:
            stale = True
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(True), text.splitlines(True), f"docs/{name}", "generated")
            )
    if stale:
        missing.append("expected current pages, but they differ from their sources; run scripts/docs.py")
    if check and missing:
        sys.exit("\n".join(f"docs: {text}" for text in missing))


if __name__ == "__main__":
    main()
