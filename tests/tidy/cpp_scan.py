# SPDX-License-Identifier: Apache-2.0
"""Just enough reading of C++ for tidy_test.py: text without comments and literals, and scopes."""

import re
from dataclasses import dataclass

# Comments, string and character literals; a raw string's delimiter is matched by its group. A quote
# between digits (1'000) is not a literal.
_NOT_CODE = re.compile(
    r"//[^\n]*"
    r"|/\*.*?\*/"
    r'|R"(?P<raw>[^()\s\\]{0,16})\(.*?\)(?P=raw)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-FxX])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_TOKEN = re.compile(r"[{}();=\[\],]|\w+|\S")
_SCOPE_WORDS = {"namespace", "extern"}
_TYPE_WORDS = {"class", "struct", "union"}


def _blank(match):
    """As many line ends as the match had, so that line numbers stay."""
    text = match.group(0)
    mark = '""' if text[0] in "R\"'" else " "
    return mark + "\n" * text.count("\n")


def code_only(text):
    """The text with comments blanked and literals emptied, line for line."""
    return _NOT_CODE.sub(_blank, text)


def _only_comments(match):
    text = match.group(0)
    return text if text[0] not in "R\"'" else _blank(match)


def code_and_comments(text):
    """The text with literals emptied; comments stay."""
    return _NOT_CODE.sub(_only_comments, text)


@dataclass
class Scope:
    """A pair of braces at file, namespace or class level."""

    kind: str  # "space", "type", "function" or "value"
    name: str
    first_line: int
    last_line: int
    pure_virtuals: int = 0


class _Statement:
    """What stands between the last `;`, `{` or `}` and here."""

    def __init__(self):
        self.words = []
        self.first_line = 0
        self.parens = 0
        self.assigns = False

    def add(self, word, line):
        if not self.words:
            self.first_line = line
        if word in "([":
            self.parens += 1
        elif word in ")]":
            self.parens -= 1
        elif word == "=" and self.parens == 0 and "operator" not in self.words:
            self.assigns = True
        self.words.append(word)

    def kind(self):
        words = self.words
        if _SCOPE_WORDS & set(words[:2]):
            return "space"
        if self.parens > 0:
            return "value"
        if "enum" in words:
            return "value"
        if self._declares_type():
            return "type"
        if self.assigns and "[" not in words:
            return "value"
        return "function" if ")" in words else "value"

    def _declares_type(self):
        """A type word that is not the parameter of a template."""
        pairs = zip([""] + self.words, self.words)
        return any(word in _TYPE_WORDS and before not in ("<", ",") for before, word in pairs)

    def name(self):
        words = self.words
        if "(" in words:
            before = words[: words.index("(")]
            if before and before[-1].startswith("TEST") or before[-1:] == ["FUZZ"]:
                return "".join(words[words.index("(") - 1 : words.index(")") + 1])
            return before[-1] if before else "?"
        named = [word for word in words if re.match(r"[A-Za-z_]\w*$", word)]
        return named[-1] if named else "?"


def _lines_of(text):
    """Yields (token, line) of the code, preprocessor lines left out."""
    code = _DIRECTIVE.sub(lambda m: "\n" * m.group(0).count("\n"), code_only(text))
    line = 1
    at = 0
    for match in _TOKEN.finditer(code):
        line += code.count("\n", at, match.start())
        at = match.start()
        yield match.group(0), line


def scopes(text):
    """All namespaces, types and functions of a file; what is inside a function is not looked at."""
    found = []
    stack = []
    statement = _Statement()
    inside = 0  # depth of braces within a function or a value
    last = None  # the function or value just closed: `: a_{1}, b_(2) {` goes on with its statement
    for word, line in _lines_of(text):
        if inside:
            inside += {"{": 1, "}": -1}.get(word, 0)
            if inside == 0:
                stack[-1].last_line = line
                last = stack.pop()
            continue
        if last and not statement.words and word in (",", "{"):
            statement.add(")", last.first_line)  # the rest of a constructor's initialiser list
            found.remove(last)
        last = None
        if word == "{":
            scope = Scope(statement.kind(), statement.name(), statement.first_line or line, line)
            found.append(scope)
            stack.append(scope)
            inside = 1 if scope.kind in ("function", "value") else 0
            statement = _Statement()
        elif word == "}":
            if stack:
                stack.pop().last_line = line
            statement = _Statement()
        elif word == ";":
            pure = statement.words[-2:] == ["=", "0"] and "virtual" in statement.words
            if pure and stack and stack[-1].kind == "type":
                stack[-1].pure_virtuals += 1
            statement = _Statement()
        else:
            statement.add(word, line)
    return found
