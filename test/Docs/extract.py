"""Takes code out of Markdown pages.

extract.py examples PAGE...    every ```mlir block as a module, separated for --split-input-file; a block without a
                               function is the body of one whose arguments are what the block uses and does not define
extract.py block PAGE MARKER   the block after the comment <!-- MARKER -->
extract.py commands PAGE       the lines of every ```sh block
extract.py links PAGE...       checks that what is linked exists: files, and headings of pages
"""

import pathlib
import re
import sys


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", pathlib.Path(page).read_text(), flags=re.MULTILINE | re.DOTALL)


def split_types(text):
    """Splits at commas outside of brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "<(") - (c in ">)")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts]


def wrap(block):
    """A function around a block of ops in the form `name(%a, %b : type, type)`."""
    if "func" in block:
        return block
    types = {}
    for names, list_of_types in re.findall(r"\(((?:%\w+(?:, )?)+) : ([^()]*)\)", block):
        types |= dict(zip(names.split(", "), split_types(list_of_types), strict=True))
    defined = {
        name for line in re.findall(r"^\s*((?:%\w+(?:, )?)+) =", block, flags=re.MULTILINE) for name in line.split(", ")
    }
    arguments = ", ".join(f"{name}: {type}" for name, type in types.items() if name not in defined)
    aliases = "".join(re.findall(r"^#.*\n", block, flags=re.MULTILINE))
    body = re.sub(r"^#.*\n", "", block, flags=re.MULTILINE)
    return f"{aliases}func.func @example({arguments}) {{\n{body}return\n}}\n"


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists():
            yield f"{page.name}: expected a file, but {target} does not exist"
        elif fragment and fragment not in anchors(path):
            yield f"{page.name}: expected a heading, but {target} does not exist"


def main():
    kind, *args = sys.argv[1:]
    if kind == "examples":
        examples = [wrap(block) for page in args for block in blocks(page, "mlir")]
        print("// -----\n".join(examples))
    elif kind == "block":
        page, marker = args
        found = re.search(
            rf"<!-- {marker} -->\s*```\w+\n(.*?)^```$", pathlib.Path(page).read_text(), flags=re.MULTILINE | re.DOTALL
        )
        if not found:
            sys.exit(f"extract: expected a block after <!-- {marker} --> in {page}, but found none")
        print(found[1])
    elif kind == "links":
        broken = [text for page in args for text in check_links(pathlib.Path(page))]
        sys.exit("\n".join(broken) if broken else 0)
    elif kind == "commands":
        print("\n".join(blocks(args[0], "sh")))


if __name__ == "__main__":
    main()
