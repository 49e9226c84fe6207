# SPDX-License-Identifier: Apache-2.0
"""The rules of tidy_test.py for pages: what a page names exists, and each folder has its page."""

import re

README_LINES_MAX = 40
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TICKED = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"[\w./-]+\.(h|cc|py|sql|proto|json|cmake|yml|md|txt|b64)")
TOP_FOLDERS = ("src/", "tests/", "docs/", "scripts/", "proto/", "migrations/", "examples/",
               "bench/", "cmake/", ".ci/")


def _blank(match):
    return "\n" * match.group(0).count("\n")


def _exists(tree, page, name):
    """A name is looked for beside the page, from src/ and from the root."""
    root = tree["root"]
    bases = [root / page.folder, root / "src", root]
    return any((base / name).exists() for base in bases)


def check_page(tree, file):
    """Links lead somewhere, paths from a top folder exist, so do files in folder pages."""
    if not file.path.endswith(".md"):
        return
    fault = tree["fault"]
    text = FENCE.sub(_blank, file.text)
    own_folder = file.path.startswith("src/")
    for match in LINK.finditer(text):
        target = match.group(1).partition("#")[0]
        if target and "://" not in target and not target.startswith("mailto:"):
            if not (tree["root"] / file.folder / target).exists():
                yield fault(file.path, text.count("\n", 0, match.start()) + 1, "link",
                            f"{target} does not exist")
    for match in TICKED.finditer(text):
        name = match.group(1)
        if re.search(r"[<>*{}$\s…]", name):
            continue
        from_top = name.startswith(TOP_FOLDERS)
        named_file = own_folder and FILE_NAME.fullmatch(name)
        if (from_top or named_file) and not _exists(tree, file, name.rstrip("/")):
            yield fault(file.path, text.count("\n", 0, match.start()) + 1, "named-file",
                        f"{name} does not exist")


def check_readmes(tree):
    """Each folder of src/ with code opens with a README.md of at most 40 lines."""
    fault = tree["fault"]
    folders = {f.folder for f in tree["files"] if f.is_cpp and f.path.startswith("src/")}
    for folder in sorted(folders):
        page = tree["paths"].get(folder + "/README.md")
        if page is None:
            yield fault(folder + "/README.md", 1, "readme", "the folder has no README.md")
        elif len(page.lines) - 1 > README_LINES_MAX:
            count = len(page.lines) - 1
            yield fault(page.path, README_LINES_MAX, "readme",
                        f"{count} lines, stop at {README_LINES_MAX}", count)
