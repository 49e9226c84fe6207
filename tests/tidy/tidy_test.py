#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the checkable rules of the style (CONTRIBUTING.md, "Style") over the whole source tree.

usage: tidy_test.py [ROOT]     prints a line a fault, `path:line: rule: text`; exit 1 if any

What is older than a limit stands in exceptions.txt beside this file; a line there that is no
longer needed, or that allows more than is there, is a fault too, so the list can only shrink.
"""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cpp_scan  # noqa: E402
import tidy_docs  # noqa: E402

SOURCE_LINES_MAX = 600
HEADER_LINES_MAX = 300
TEST_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
FOLDER_FILES_MAX = 40
PORT_METHODS_MAX = 10
COLUMNS_MAX = 100
EXCEPTIONS_MAX = 0  # lines in exceptions.txt; lower it with the list

CPP = {".h", ".cc"}
SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__", ".venv", "node_modules"}
# Data and texts that are copied from elsewhere, or are not ours to word.
SKIPPED_PREFIXES = ("tests/data/", "tests/fuzz/corpus/", "examples/", "LICENSE")

ROLES = ("dagmanager", "dispatcher", "worker", "query", "sink", "console")
CLOCK_WORDS = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock|random_device|clock_gettime|gettimeofday"
    r"|mt19937(_64)?|getentropy)\b|\bthis_thread::sleep_\w+"
)
SLEEP_WORDS = re.compile(
    r"\bthis_thread::sleep_\w+|\b(usleep|nanosleep|sleep)\s*\(|\btime\.sleep\s*\(|\bpg_sleep\b"
)
SHELL_SLEEP = re.compile(r"(^|[;&|]|\bdo\b|\bthen\b)\s*sleep\s")
UNORDERED = re.compile(
    r"\b(?:unordered|flat_hash|node_hash)_(?:map|set)\b\s*<[^;(){}]*>\s*&?\s*(\w+)"
)
MACHINE_PATH = re.compile(r"(?<![\w.-])/(home/\w|Users/\w|root/)")
# Written apart so that this file does not hold them.
NEVER_WORD = re.compile("FIX" + "ME")
LATER_WORD = re.compile("TO" + r"DO(?!\(#\d+\))")
TEST_NAME = re.compile(r"^\s*TEST(?:_[FP])?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    path: str
    line: int
    rule: str
    text: str
    size: int = 0

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


class File:
    """One file of the tree with what the rules ask about it."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.folder = self.path.rpartition("/")[0]
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.split("\n")
        self.is_cpp = path.suffix in CPP
        self.is_test = self.path.startswith("tests/")
        self.is_python = path.suffix == ".py" or self.lines[0].endswith("python3")
        self.is_shell = path.suffix == ".sh" or self.lines[0].endswith(("bash", "/bin/sh"))
        self.code = cpp_scan.code_only(self.text) if self.is_cpp else self.text

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


def read_tree(root):
    files = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if SKIPPED_FOLDERS & set(relative.parts) or not path.is_file() or path.is_symlink():
            continue
        if relative.as_posix().startswith(SKIPPED_PREFIXES):
            continue
        try:
            files.append(File(root, path))
        except UnicodeDecodeError:
            continue  # a binary file
    return files


def floor_of(path):
    """The floor a file of src/ stands on: its folder, with a role's own subfolders apart."""
    parts = path.split("/")
    if parts[0] in ("drivers", *ROLES) and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def may_include(floor, target):
    """Whether a file on `floor` may include a header of `target`: only what is below it."""
    if floor == target or target == "base" or floor == "cli":
        return True
    role = floor.split("/")[0]
    if role == "drivers":
        return target == "drivers/process"  # an engine that runs here is a program first
    if role == "server":
        return target == "graph" or target.startswith("drivers/")
    if floor.endswith(("/core", "/dagfile")):
        return target == "graph"
    if role == "storage":
        return target == "graph" or target.startswith("drivers/")
    if role == "operators":
        return target in ("graph", "storage") or target.startswith("drivers/")
    if role in ROLES:
        below = ("graph", "server", "storage", "operators")
        return target in below or target.startswith((role, "drivers/"))
    return False


def check_includes(tree, file):
    if not file.is_cpp:
        return
    headers = tree["headers"]
    matches = INCLUDE.finditer(file.text)
    includes = [(m.group(2), file.line_of(m.start()), m.group(1)) for m in matches]
    in_src = file.path.startswith("src/")
    floor = floor_of(file.path[4:]) if in_src else ""
    for name, line, mark in includes:
        if ".." in name.split("/"):
            yield Fault(file.path, line, "include", f"{name} climbs; paths start at src/")
        elif mark == '"' and name.endswith(".pb.h"):
            if in_src and floor.split("/")[0] not in (*ROLES, "cli") or floor.endswith("/core"):
                yield Fault(file.path, line, "floor", f"{floor} must not know the wire ({name})")
        elif mark == '"' and name not in headers and not (not in_src and name in tree["paths"]):
            yield Fault(file.path, line, "include", f"no src/{name}; other libraries stand in <>")
        elif mark == '"' and in_src and not may_include(floor, floor_of(name)):
            text = f"{floor} stands below or beside {floor_of(name)}"
            yield Fault(file.path, line, "floor", text)
        elif mark == "<" and name in headers:
            yield Fault(file.path, line, "include", f'our own headers stand in quotes: "{name}"')
    if in_src and file.path.endswith(".cc"):
        own = file.path[4:-3] + ".h"
        if own in headers and (not includes or includes[0][0] != own):
            yield Fault(file.path, 1, "own-header", f'"{own}" is not the first include')


def check_header(tree, file):
    if not file.path.endswith(".h"):
        return
    first = next((n for n, line in enumerate(file.code.split("\n"), 1) if line.strip()), 1)
    if file.lines[first - 1].strip() != "#pragma once":
        yield Fault(file.path, first, "pragma-once", "the first line of code is not #pragma once")


def check_licence(tree, file):
    comment = file.is_cpp or file.is_python or file.is_shell
    named = file.path.endswith((".cmake", ".sql", ".proto", "CMakeLists.txt"))
    if not comment and not named:
        return
    first = 1 if file.lines[0].startswith(("#!", "// api-version:")) else 0
    if not re.match(r"(//|#|--) SPDX-License-Identifier: Apache-2.0$", file.lines[first]):
        yield Fault(file.path, first + 1, "licence", "no SPDX-License-Identifier: Apache-2.0")


def check_sizes(tree, file):
    if not (file.is_cpp or file.is_python or file.is_shell):
        return
    bound = SOURCE_LINES_MAX
    if file.is_test:
        bound = TEST_LINES_MAX
    elif file.path.endswith(".h"):
        bound = HEADER_LINES_MAX
    count = len(file.lines) - 1
    if count > bound:
        yield Fault(file.path, bound, "file-lines", f"{count} lines, stop at {bound}", count)
    if not file.path.endswith(".proto"):
        for number, line in enumerate(file.lines, 1):
            if len(line) > COLUMNS_MAX and "http" not in line:
                text = f"{len(line)} columns, stop at {COLUMNS_MAX}"
                yield Fault(file.path, number, "columns", text, len(line))


def functions_of(file):
    """(name, first line, last line) of each function, and (name, line, count) of each port."""
    if file.is_cpp:
        for scope in cpp_scan.scopes(file.text):
            if scope.kind == "function":
                yield scope.name, scope.first_line, scope.last_line
    elif file.is_python:
        for node in ast.walk(ast.parse(file.text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, node.end_lineno
    elif file.is_shell:
        opened = None
        for number, line in enumerate(file.lines, 1):
            start = re.match(r"(\w+)\(\) \{", line)
            opened = (start.group(1), number) if start else opened
            if opened and line == "}":
                yield *opened, number


def check_functions(tree, file):
    for name, first, last in functions_of(file):
        count = last - first + 1
        if count > FUNCTION_LINES_MAX:
            text = f"{name} has {count} lines, stop at {FUNCTION_LINES_MAX}"
            yield Fault(file.path, first, "function-lines", text, count)
    if file.path.startswith("src/") and file.path.endswith(".h"):
        for scope in cpp_scan.scopes(file.text):
            if scope.pure_virtuals > PORT_METHODS_MAX:
                text = f"{scope.name} has {scope.pure_virtuals} methods, stop at {PORT_METHODS_MAX}"
                yield Fault(file.path, scope.first_line, "port-methods", text, scope.pure_virtuals)


def each_match(file, pattern, rule, text, within=None):
    body = file.code if within is None else within
    for match in pattern.finditer(body):
        yield Fault(file.path, body.count("\n", 0, match.start()) + 1, rule,
                    f"{match.group(0).strip()}: {text}")


def check_words(tree, file):
    if file.is_cpp:
        pattern = re.compile(r"\busing\s+namespace\b")
        yield from each_match(file, pattern, "using-namespace", "never")
        pattern = re.compile(r"\bfriend\s+class\s+\w*Test\b|\bFRIEND_TEST\b")
        yield from each_match(file, pattern, "friend-test", "a test uses the public parts")
    ours = file.path.endswith((".sql", ".proto", ".cmake", ".txt"))
    if file.is_cpp or file.is_python or file.is_shell or ours:
        written = cpp_scan.code_and_comments(file.text) if file.is_cpp else file.text
        yield from each_match(file, NEVER_WORD, "unfinished", "never in main", written)
        yield from each_match(file, LATER_WORD, "unfinished", "name the issue, (#n)", written)
    if "/tidy/" not in file.path:
        yield from each_match(file, MACHINE_PATH, "machine-path", "one machine's", file.text)


# Where the real clocks and random numbers are; a program is waited for by the kernel's own clock.
REAL_TIME = ("src/server/", "src/drivers/process/")


def check_time(tree, file):
    if file.path.startswith("src/") and file.is_cpp and not file.path.startswith(REAL_TIME):
        if file.path != "src/base/clock.h":  # names its time_point, and reads none
            text = "time and randomness come as Clock& and Random&; server/ has the real ones"
            yield from each_match(file, CLOCK_WORDS, "real-clock", text)
    if file.is_test and "/tidy/" not in file.path and (file.is_cpp or file.is_python):
        yield from each_match(file, SLEEP_WORDS, "sleep", "wait for a condition or a signal")
    if file.is_shell:
        for number, line in enumerate(file.lines, 1):
            if SHELL_SLEEP.search(line.partition("#")[0]):
                yield Fault(file.path, number, "sleep", "wait for a condition or a signal")


def check_unordered(tree, file):
    if not re.match(r"src/(graph|\w+/core)/", file.path) or not file.is_cpp:
        return
    beside = tree["paths"].get(file.path[:-3] + ".h") if file.path.endswith(".cc") else None
    declared = set(UNORDERED.findall(file.code + (beside.code if beside else "")))
    for match in re.finditer(r"\bfor\s*\([^;()]*:\s*([\w.>-]+?)\s*\)", file.code):
        if re.split(r"\.|->", match.group(1))[-1] in declared:
            yield Fault(file.path, file.code.count("\n", 0, match.start()) + 1, "unordered",
                        f"a decision must not follow the order of {match.group(1)}")


def check_names(tree, file):
    stem = file.path.rpartition("/")[2]
    if (file.is_cpp or file.is_python) and not re.fullmatch(r"[a-z0-9_]+(\.(h|cc|py))?", stem):
        yield Fault(file.path, 1, "file-name", "files are snake_case")
    if not (file.is_test and file.is_cpp):
        return
    for match in TEST_NAME.finditer(file.text):
        name = match.group(2)
        if "_" in name or len(re.findall(r"[A-Z][a-z0-9]*", name)) < 2:
            yield Fault(file.path, file.line_of(match.start()), "test-name",
                        f"{name} is not a sentence of behaviour in PascalCase")


def check_mirror(tree, file):
    match = re.fullmatch(r"tests/unit/(.+)/(\w+)_test\.cc", file.path)
    if not match:
        if re.match(r"tests/unit/.+_test\.", file.path) and file.is_cpp:
            yield Fault(file.path, 1, "mirror", "stands in no folder of src/")
        return
    folder, stem = match.groups()
    parts = stem.split("_")
    stems = ["_".join(parts[:count]) for count in range(len(parts), 0, -1)]
    if not any(f"src/{folder}/{s}{end}" in tree["paths"] for s in stems for end in (".cc", ".h")):
        yield Fault(file.path, 1, "mirror", f"no src/{folder}/{stem}.cc or .h")


def check_folders(tree):
    counts = {}
    edges = {}
    for file in tree["files"]:
        if file.is_cpp:
            counts[file.folder] = counts.get(file.folder, 0) + 1
        if file.is_cpp and file.path.startswith("src/"):
            for match in INCLUDE.finditer(file.text):
                target = match.group(2).rpartition("/")[0]
                if match.group(2) in tree["headers"] and target != file.folder[4:]:
                    edges.setdefault((file.folder[4:], target), file.path)
    for folder, count in sorted(counts.items()):
        if count > FOLDER_FILES_MAX:
            text = f"{count} headers and sources, stop at {FOLDER_FILES_MAX}"
            yield Fault(folder, 1, "folder-files", text, count)
    for (one, other), path in sorted(edges.items()):
        if one < other and (other, one) in edges:
            yield Fault(path, 1, "cycle", f"{one} and {other} include each other")


FILE_RULES = (check_includes, check_header, check_licence, check_sizes, check_functions,
              check_words, check_time, check_unordered, check_names, check_mirror,
              tidy_docs.check_page)
TREE_RULES = (check_folders, tidy_docs.check_readmes)


def find_faults(root):
    files = read_tree(root)
    paths = {file.path: file for file in files}
    headers = {p[4:] for p in paths if p.startswith("src/") and p.endswith(".h")}
    tree = {"root": root, "files": files, "paths": paths, "headers": headers, "fault": Fault}
    faults = [fault for file in files for rule in FILE_RULES for fault in rule(tree, file)]
    return files, faults + [fault for rule in TREE_RULES for fault in rule(tree)]


def apply_exceptions(faults, lines, listed="tests/tidy/exceptions.txt"):
    """Takes away what is excepted; `lines` are `<rule> <path> [<size>]  # reason`."""
    left = list(faults)
    entries = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    if len(entries) > EXCEPTIONS_MAX:
        text = f"{len(entries)} exceptions, more than {EXCEPTIONS_MAX}: the list can only shrink"
        left.append(Fault(listed, 1, "exceptions", text))
    for number, line in entries:
        entry, _, reason = line.partition("#")
        rule, path, *size = entry.split()
        met = [f for f in left if f.rule == rule and f.path == path]
        if not reason.strip():
            left.append(Fault(listed, number, "exceptions", "gives no reason"))
        if not met:
            left.append(Fault(listed, number, "exceptions", f"{rule} {path} is no longer needed"))
        elif size and max(f.size for f in met) < int(size[0]):
            text = f"{path} is down to {max(f.size for f in met)}: lower the figure"
            left.append(Fault(listed, number, "exceptions", text))
        left = [f for f in left if f not in met or (size and f.size > int(size[0]))]
    return left


def main():
    here = Path(__file__).resolve().parent
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else here.parent.parent
    files, faults = find_faults(root)
    listed = root / "tests/tidy/exceptions.txt"
    lines = listed.read_text(encoding="utf-8").split("\n") if listed.exists() else []
    left = apply_exceptions(faults, lines)
    for fault in left:
        print(fault)
    print(f"tidy_test: {len(files)} files, {len(left)} faults")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
