#!/usr/bin/env python3
"""The end of a run of thousands of tests says what failed and why: of each failed test the lines around what went wrong.

Usage: show_failures.py LastTest.log
"""
import re
import sys

MOST_LINES = 40  # of one test
AROUND = 12      # lines after one that tells of trouble
TROUBLE = re.compile(r"Failure$|: Failure|runtime error:|ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|Assertion|terminate called|Traceback")


def excerpt(output):
    """The lines that tell of trouble, each with those after it; the last ones when none does."""
    lines = output.splitlines()
    kept = []
    until = -1
    for number, line in enumerate(lines):
        if TROUBLE.search(line):
            until = number + AROUND
        if number <= until:
            kept.append(line)
    return (kept or lines[-MOST_LINES:])[:MOST_LINES]


def main():
    with open(sys.argv[1], errors="replace") as log:
        tests = re.split(r"^\d+/\d+ Testing: ", log.read(), flags=re.M)[1:]
    for test in tests:
        name = test.split("\n", 1)[0]
        body, _, end = test.rpartition("<end of output>")
        if re.search(r"^Test Passed\.|^Test Skipped|^Test Pass Reason", end, flags=re.M):
            continue
        seconds = re.search(r"Test time =\s+(\S+)", end)
        print(f"\n== failed: {name} ({seconds.group(1) if seconds else '?'} s)")
        print("\n".join(excerpt(body.partition("\nOutput:\n")[2])))


if __name__ == "__main__":
    main()
