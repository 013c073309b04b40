#!/usr/bin/env python3
"""Fails when the sources show a smell that a pattern can find. Usage: check_smells.py ROOT"""
import pathlib
import re
import sys

# name, where it is looked for, pattern, files that are the one right place for it
RULES = [
    ("clock read outside core/clock.cc", "src", r"(system_clock|steady_clock)::now\(|\bgettimeofday\(|\bclock_gettime\(",
     {"src/core/clock.cc"}),
    ("sleep", "src tests", r"\bsleep_for\s*\(\s*std::|this_thread::sleep|\busleep\(|\bnanosleep\(", set()),
    ("unguarded mutex", "src", r"std::(mutex|shared_mutex|recursive_mutex|condition_variable)\b", {"src/core/mutex.h"}),
    ("thread outside core", "src", r"std::(thread|jthread|async)\b(?!::hardware_concurrency)", {"src/core/thread.h", "src/core/thread.cc"}),
    ("detached thread", "src tests", r"\.detach\(\)", set()),
    ("catch (...)", "src", r"catch\s*\(\s*\.\.\.\s*\)", {"src/core/thrown.cc", "src/jobs/job_runner.cc", "src/pubsub/call_callback.cc"}),
    ("plain new or delete", "src include", r"(=|return)\s*new\s+\w|^(?!.*unique_ptr).*\(new\s+\w|^\s*delete(\[\])?\s+\w", set()),
    ("time without its unit in the type", "include", r"\b(int|unsigned|long|u?int(8|16|32|64)_t|size_t|double)\s+(\w+_)?(ms|millis|secs?|seconds|timeout|delay|interval|ttl)\b", set()),
    ("bool parameter in public API", "include", r"[(,]\s*bool\s+\w+\s*[,)=]", set()),
    ("shared_ptr in public API", "include", r"shared_ptr<", set()),
    ("environment or arguments outside cli", "src", r"\bgetenv\(", {"src/cli/"}),
    ("jobs that ask which broker they are on", "src/jobs", r"capabilities\(\)\.name\b", set()),
    ("word of jobs in a broker", "src/broker", r"\b(JobId|RetryPolicy|WorkerOptions|EncodedJob|DeadLetter)\b|Leat-", set()),
    ("coroutine", "src include", r"\bco_(await|return|yield)\b", set()),
    ("vague file name", "names", r"(^|_)(util|utils|helper|helpers|common|misc|manager|impl|base)(_|$)", set()),
    ("unfinished mark", "src include tests tools examples", r"\b(TODO|FIXME|XXX)\b", {"tools/check_smells.py"}),
    ("test hook in product code", "src include", r"FRIEND_TEST|test_mode|ForTest(ing)?\(", set()),
    ("standard stream in the library", "src", r"std::(cout|cerr|clog)\b", {"src/cli/"}),
]
STRING = re.compile(r'"(\\.|[^"\\])*"')
SUFFIXES = {".h", ".cc", ".py", ".sh"}
MOST_LINES = 500


def files_in(root, folder):
    return sorted(f for f in (root / folder).rglob("*") if f.suffix in SUFFIXES)


def is_test(path):
    return path.startswith("tests/") or path.endswith("_test.cc")


def check_rule(root, name, where, pattern, right_places):
    find = re.compile(pattern)
    if where == "names":
        for file in files_in(root, "src") + files_in(root, "include"):
            if find.search(file.stem):
                yield f"{file.relative_to(root)}: {name}"
        return
    for folder in where.split():
        for file in files_in(root, folder):
            path = str(file.relative_to(root))
            if any(path.startswith(place) for place in right_places):
                continue
            if is_test(path) and "tests" not in where.split():
                continue
            for number, line in enumerate(file.read_text().splitlines(), 1):
                code = STRING.sub('""', line).split("//")[0]
                if find.search(code):
                    yield f"{path}:{number}: {name}: {line.strip()[:100]}"


def check_lengths(root):
    for folder in ("src", "include", "tests"):
        for file in files_in(root, folder):
            lines = file.read_text().count("\n")
            if lines > MOST_LINES:
                yield f"{file.relative_to(root)}: {lines} lines, more than {MOST_LINES}: is there a seam?"


OPENS = re.compile(r"namespace\s+([\w:]+)\s*{")
CLOSES = re.compile(r"}\s*//\s*namespace(\s+\S+)?\s*$")
DEFINES = re.compile(r"(?:class|struct|enum class)\s+(\w+)(?!\w|\s*<|::)[^;]*{")


# The linker takes either of two types of one name, and says nothing.
def check_type_names(root):
    places = {}
    for file in files_in(root, "include") + [f for f in files_in(root, "src") if not is_test(f.name)]:
        spaces = []
        for line in file.read_text().splitlines():
            if opened := OPENS.match(line):
                spaces.append(opened[1])
            elif re.match(r"namespace\s*{", line):
                spaces.append(None)
            elif CLOSES.match(line):
                spaces.pop()
            elif (defined := DEFINES.match(line)) and spaces and None not in spaces:
                places.setdefault("::".join(spaces + [defined[1]]), set()).add(str(file.relative_to(root)))
    for name, files in sorted(places.items()):
        if len(files) > 1:
            yield f"{name} is defined in {' and in '.join(sorted(files))}: a program with both takes one of them for the other"


def main(root):
    root = pathlib.Path(root)
    findings = [f for rule in RULES for f in check_rule(root, *rule)] + list(check_lengths(root)) + list(check_type_names(root))
    print("\n".join(findings + [f"{len(findings)} findings"]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
