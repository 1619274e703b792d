"""Text to train and to measure on, from Debian packages and Python itself: public, fixed by version, split by document.

Train: *Emma*, *Mansfield Park*, *Northanger Abbey*, *Persuasion*, three of four sections of the Debian handbook, the
manual of GNU Octave. Held out: *Sense and Sensibility*, every fourth section, Python's help topics. *Pride and
Prejudice* served no choice of any setting: it is for final numbers.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

PACKAGES = {"r-cran-janeaustenr": "1.0.0-1", "debian-handbook": "11.20220922", "octave-doc": "7.3.0-2"}
NOVELS = ("emma", "mansfield-park", "northanger-abbey", "persuasion", "pride-and-prejudice", "sense-and-sensibility")
TRAIN = ("emma", "mansfield-park", "northanger-abbey", "persuasion", "handbook-train", "octave-manual")
HELD_OUT = ("sense-and-sensibility", "handbook-held-out", "pydoc")
FINAL = ("pride-and-prejudice",)
DOCUMENTS = (*TRAIN, *HELD_OUT, *FINAL)

_NOVELS_PATH = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
_HANDBOOK_PATH = "usr/share/doc/debian-handbook/html/en-US"
_OCTAVE_PATH = "usr/share/doc/octave/octave.html"


class CorpusError(ValueError):
    """Text that is not there and cannot be fetched."""


def document(name: str) -> str:
    """The text of one of DOCUMENTS; the first use downloads a Debian package of 2 to 24 MB into the cache folder."""
    if name in NOVELS:
        return _novels()[name]
    if name == "pydoc":
        from pydoc_data.topics import topics

        return "\n\n".join(topics[key] for key in sorted(topics))
    if name in ("handbook-train", "handbook-held-out"):
        held_out = name == "handbook-held-out"
        pages = _pages("debian-handbook", _HANDBOOK_PATH)
        return _text(path for index, path in enumerate(pages) if (index % 4 == 3) == held_out)
    if name == "octave-manual":
        # Pages named XREF only lead on to another page.
        return _text(path for path in _pages("octave-doc", _OCTAVE_PATH) if not path.name.startswith("XREF"))
    raise CorpusError(f"expected a document of {', '.join(DOCUMENTS)}, but got {name}")


def read_text(name_or_path: str) -> str:
    """A document of the corpus by name, or a text file (UTF-8)."""
    if name_or_path in DOCUMENTS:
        return document(name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        raise CorpusError(f"expected a text file or a document of {', '.join(DOCUMENTS)}, but got {name_or_path}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"expected UTF-8 text in {path}, but got: {error}") from error


def cache_folder() -> Path:
    """Where packages are unpacked: DASHKV_CACHE_DIR, else XDG_CACHE_HOME/dashkv, else ~/.cache/dashkv."""
    if folder := os.environ.get("DASHKV_CACHE_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dashkv"


def _unpacked(package: str, path: str) -> Path:
    """A file of a Debian package, which is downloaded and unpacked if it is not in the cache."""
    version = PACKAGES[package]
    folder = cache_folder() / "corpus" / f"{package}_{version}"
    if (folder / path).exists():
        return folder / path
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CorpusError(f"expected {tool} to fetch the text of the Debian package {package}, but found none")
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"dashkv: fetching the Debian package {package} {version}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        # apt-get as root drops its rights for a download and must be able to write to the folder.
        os.chmod(temporary, 0o777)
        _run(["apt-get", "download", f"{package}={version}"], package, cwd=temporary)
        [archive] = Path(temporary).glob("*.deb")
        unpacked = Path(temporary) / "unpacked"
        _run(["dpkg-deb", "-x", str(archive), str(unpacked)], package)
        if not (unpacked / path).exists():
            raise CorpusError(f"expected {path} in the Debian package {package} {version}, but it is not there")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(unpacked, folder)
    return folder / path


def _run(command: list[str], package: str, **options) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if result.returncode != 0:
        last = (result.stderr.strip() or result.stdout.strip() or "no message").splitlines()[-1]
        raise CorpusError(f"expected to fetch the Debian package {package}, but {command[0]} failed: {last}")


def _novels() -> dict[str, str]:
    """Texts of an R database: chunks of a 4-byte length and a zlib stream, each a serialised vector of lines."""
    data = _unpacked("r-cran-janeaustenr", _NOVELS_PATH).read_bytes()
    texts = {}
    while data:
        stream = zlib.decompressobj()
        text = "\n".join(_strings(stream.decompress(data[4:])))
        texts[text.partition("\n")[0].lower().replace(" ", "-")] = text
        data = stream.unused_data
    return {name: texts[name] for name in NOVELS}


def _strings(data: bytes) -> list[str]:
    """A character vector in R's XDR serialisation, version 3."""
    if data[:6] != b"X\n\0\0\0\3":
        raise CorpusError(f"expected R data in XDR serialisation of version 3, but got {data[:6]!r}")
    [encoding] = struct.unpack_from(">i", data, 14)
    flags, count = struct.unpack_from(">ii", data, 18 + encoding)
    if flags & 0xFF != 16:
        raise CorpusError(f"expected a vector of strings (16), but got an R object of type {flags & 0xFF}")
    position, lines = 26 + encoding, []
    for _ in range(count):
        [length] = struct.unpack_from(">i", data, position + 4)
        position += 8
        lines.append(data[position : position + length].decode("utf-8"))
        position += length
    return lines


def _pages(package: str, path: str) -> list[Path]:
    """The pages of a manual by file name, one a section."""
    return sorted(_unpacked(package, path).glob("*.html"))


def _text(pages: Iterable[Path]) -> str:
    return "\n\n".join(_page_text(page) for page in pages)


def _page_text(path: Path) -> str:
    parser = _PageText()
    parser.feed(path.read_text(encoding="utf-8"))
    lines = ("".join(parser.parts)).splitlines()
    kept = []
    for line in (line.rstrip() for line in lines):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()


_BLOCKS = {"p", "div", "li", "dt", "dd", "pre", "table", "tr", "ul", "ol", "dl", "blockquote", "br"}
_BLOCKS |= {"h1", "h2", "h3", "h4", "h5", "h6"}


class _PageText(HTMLParser):
    """The text of a page's body without its navigation; a line break at each end of a block."""

    def __init__(self):
        super().__init__()
        self.parts: list[str] = []
        self.skipping: list[str] = []  # open elements since one that is skipped
        self.preformatted = 0

    def handle_starttag(self, tag, attrs):
        kind = dict(attrs).get("class") or ""
        if (
            self.skipping
            or tag in ("head", "script", "style")
            or "docnav" in kind
            or kind == "toc"
            or dict(attrs).get("id") == "banner"
        ):
            if tag not in ("br", "img", "meta", "link", "hr", "input", "col"):
                self.skipping.append(tag)
            return
        self.preformatted += tag == "pre"
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag, attrs):
        if tag == "br" and not self.skipping:
            self.parts.append("\n")

    def handle_endtag(self, tag):
        if self.skipping:
            self.skipping.pop()
            return
        self.preformatted -= tag == "pre"
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data):
        if self.skipping:
            return
        if not self.preformatted:
            data = re.sub(r"\s+", " ", data)
            if not self.parts or self.parts[-1].endswith(("\n", " ")):
                data = data.lstrip()
        self.parts.append(data)
