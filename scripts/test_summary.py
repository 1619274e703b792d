"""Adds up JUnit XML files of a folder: test_summary.py FOLDER. Prints what was skipped and why, what failed, and as the
last line "N passed, N failed, N skipped". A suite without a readable file is a failure."""

import pathlib
import sys
import xml.etree.ElementTree as xml


def read(path):
    """Lists of names of passed and failed tests, and of (name, reason) of skipped ones."""
    passed, failed, skipped = [], [], []
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"{path.stem}: {case.get('classname', '')}.{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif skip is not None or case.get("status") == "notrun" or case.get("result") == "skipped":
            reason = skip.get("message") or (skip.text or "").strip() if skip is not None else ""
            skipped.append((name, reason or "no reason given"))
        else:
            passed.append(name)
    return passed, failed, skipped


def main(folder):
    passed, failed, skipped = [], [], []
    for path in sorted(pathlib.Path(folder).glob("*.xml")):
        try:
            results = read(path)
        except xml.ParseError as error:
            results = [], [f"{path.name}: unreadable, {error}"], []
        for total, part in zip((passed, failed, skipped), results):
            total += part
        print(f"{path.stem}: {len(results[0])} passed, {len(results[1])} failed, {len(results[2])} skipped")
    for name, reason in skipped:
        print(f"skipped {name}: {reason}")
    for name in failed:
        print(f"FAILED {name}")
    if not passed:
        print("FAILED: no test ran")
        failed.append("no test ran")
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
