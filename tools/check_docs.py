#!/usr/bin/env python3
"""Fails when a page shows other code than the example it names, links to a file that is not there, or the table of features names a
test that is not there. Usage: check_docs.py ROOT

A code block that follows `<!-- path -->` must be that file.
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"<!-- (\S+) -->\n```\w*\n(.*?)```\n", re.S)
FENCED = re.compile(r"^```.*?^```$", re.S | re.M)
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.M)
NAMED = re.compile(r"`([A-Z]\w+)\.(\*|[A-Z]\w+)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")


def check(root, page):
    text = page.read_text()
    for path, code in BLOCK.findall(text):
        if code != (root / path).read_text():
            yield f"{page}: the block is not what {path} says"
    for target in LINK.findall(FENCED.sub("", text)):
        if not (page.parent / target).exists():
            yield f"{page}: there is no {target}"


def check_tests(root, page):
    cases = {case for folder in ("src", "tests") for file in (root / folder).rglob("*.cc") for case in TEST.findall(file.read_text())}
    suites = {suite for suite, _ in cases}
    for suite, name in NAMED.findall(page.read_text()):
        if suite not in suites if name == "*" else (suite, name) not in cases:
            yield f"{page}: there is no test {suite}.{name}"


def main(root):
    root = pathlib.Path(root)
    pages = sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))
    findings = [f for page in pages for f in check(root, page)]
    findings += check_tests(root, root / "docs" / "features.md")
    print("\n".join(findings + [f"{len(pages)} pages, {len(findings)} findings"]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
