#!/usr/bin/env python3
"""Fails when a source file includes what its folder may not.

Usage: check_layers.py SRC LAYERS INCLUDE

LAYERS has a line per folder: `folder: folders it may include | headers of others that it may include`; a header prefix named
there is forbidden everywhere else. Public headers may include the standard library and public headers alone, asio.h, json.h and protobuf.h apart.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
FOREIGN_IN_PUBLIC = {"asio.h": "boost/", "json.h": "nlohmann/", "protobuf.h": "google/protobuf/"}


def load(path):
    allowed, owners = {}, {}
    for line in pathlib.Path(path).read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, rest = line.split(":", 1)
        folders, _, headers = rest.partition("|")
        allowed[folder.strip()] = set(folders.split())
        for prefix in headers.split():
            owners.setdefault(prefix, set()).add(folder.strip())
    return allowed, owners


def folder_of(path, allowed):
    """The longest listed folder that holds it: broker/sqlite before broker."""
    parts = path.split("/")
    for count in range(len(parts), 0, -1):
        if "/".join(parts[:count]) in allowed:
            return "/".join(parts[:count])
    return None


def includes(file):
    text = file.read_text()
    for match in INCLUDE.finditer(text):
        yield match.group(1), match.group(2), text.count("\n", 0, match.start()) + 1


def check_sources(src, allowed, owners):
    for file in sorted(src.rglob("*")):
        if file.suffix not in (".h", ".cc") or file.stem.endswith("_test"):
            continue
        me = folder_of(str(file.relative_to(src)), allowed)
        if me is None:
            yield f"{file}: its folder is not in the table"
            continue
        for quote, name, line in includes(file):
            to = folder_of(name, allowed) or folder_of("include/" + name, allowed)
            if quote == '"' and to and to not in allowed[me] | {me}:
                yield f"{file}:{line}: {me} may not include {to} ({name})"
            for prefix, folders in owners.items():
                if quote == "<" and name.startswith(prefix) and me not in folders:
                    yield f"{file}:{line}: only {', '.join(sorted(folders))} may include <{name}>"


def check_public(include):
    for file in sorted(include.rglob("*.h")):
        for quote, name, line in includes(file):
            if quote == '"' and not name.startswith("leat/"):
                yield f"{file}:{line}: a public header may not include {name}"
            foreign = FOREIGN_IN_PUBLIC.get(file.name)
            if quote == "<" and "." in name and not (foreign and name.startswith(foreign)):
                yield f"{file}:{line}: a public header may not include <{name}>"


def check_table(allowed):
    done = set()

    def visit(folder, trail):
        if folder in trail:
            yield "the table goes in a circle: " + " -> ".join(trail + [folder])
            return
        if folder in done:
            return
        done.add(folder)
        for other in allowed.get(folder, ()):
            yield from visit(other, trail + [folder])

    for folder in allowed:
        yield from visit(folder, [])


def main(src, layers, include):
    allowed, owners = load(layers)
    findings = [*check_table(allowed), *check_sources(pathlib.Path(src), allowed, owners), *check_public(pathlib.Path(include))]
    print("\n".join(findings + [f"{len(findings)} findings"]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
