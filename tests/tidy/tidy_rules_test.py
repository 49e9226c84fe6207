#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule of tidy_test.py finds what it should in a small tree, and lets the clean tree be."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cpp_scan  # noqa: E402
import tidy_test  # noqa: E402

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {
    "src/base/text.h": SPDX + "#pragma once\n#include <string>\nnamespace weir::base {}\n",
    "src/base/text.cc": SPDX + '#include "base/text.h"\nint length() { return 1; }\n',
    "src/base/README.md": "# base\n\nBegins in `text.h`.\n",
    "src/graph/dag.h": SPDX + '#pragma once\n#include "base/text.h"\n',
    "src/graph/README.md": "# graph\n\nSee [the floor below](../base/README.md).\n",
    "tests/unit/base/text_test.cc": SPDX + "TEST(Text, TrimsBothEnds) { run(); }\n",
    "scripts/run": "#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\n"
                   "main() {\n  wait\n}\n",
}
LATER = "TO" + "DO"


def rules_of(changes):
    """The rules that the clean tree breaks once `changes` (path to text) are written over it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in {**CLEAN, **changes}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return sorted({fault.rule for fault in tidy_test.find_faults(root)[1]})


def header(body):
    return SPDX + "#pragma once\n" + body


class Rules(unittest.TestCase):
    def breaks(self, rule, path, text):
        self.assertEqual(rules_of({path: text}), [rule])

    def keeps(self, path, text):
        self.assertEqual(rules_of({path: text}), [])

    def test_a_clean_tree_has_no_fault(self):
        self.assertEqual(rules_of({}), [])

    def test_includes_go_down_only(self):
        rules = rules_of({"src/base/up.h": header('#include "graph/dag.h"\n')})
        self.assertEqual(rules, ["cycle", "floor"])
        self.breaks("floor", "src/graph/wire.h", header('#include "dagmanager.pb.h"\n'))

    def test_roles_do_not_include_each_other(self):
        self.assertTrue(tidy_test.may_include("dagmanager", "dagmanager/core"))
        self.assertTrue(tidy_test.may_include("dagmanager", "drivers/postgres"))
        self.assertTrue(tidy_test.may_include("dagmanager/core", "graph"))
        self.assertTrue(tidy_test.may_include("cli", "dagmanager"))
        self.assertTrue(tidy_test.may_include("server", "drivers/postgres"))
        self.assertFalse(tidy_test.may_include("dagmanager", "dispatcher"))
        self.assertFalse(tidy_test.may_include("dagmanager/core", "dagmanager"))
        self.assertFalse(tidy_test.may_include("dagmanager/core", "server"))
        self.assertFalse(tidy_test.may_include("drivers/postgres", "graph"))
        self.assertFalse(tidy_test.may_include("drivers/postgres", "drivers/bolt"))
        self.assertTrue(tidy_test.may_include("drivers/postgres", "drivers/process"))
        self.assertFalse(tidy_test.may_include("drivers/process", "drivers/postgres"))
        self.assertFalse(tidy_test.may_include("server", "dagmanager"))
        self.assertFalse(tidy_test.may_include("graph", "server"))
        self.assertTrue(tidy_test.may_include("worker", "storage"))
        self.assertTrue(tidy_test.may_include("dispatcher", "storage"))
        self.assertFalse(tidy_test.may_include("storage", "dispatcher"))
        self.assertTrue(tidy_test.may_include("worker", "operators"))
        self.assertFalse(tidy_test.may_include("operators", "server"))

    def test_an_include_names_a_header_of_src(self):
        self.breaks("include", "src/graph/far.h", header('#include "nowhere/far.h"\n'))
        self.breaks("include", "src/graph/far.h", header('#include "../base/text.h"\n'))
        self.breaks("include", "src/graph/far.h", header("#include <base/text.h>\n"))

    def test_own_header_comes_first(self):
        text = SPDX + '#include <string>\n#include "base/text.h"\n'
        self.breaks("own-header", "src/base/text.cc", text)

    def test_folders_do_not_include_each_other(self):
        rules = rules_of({
            "src/dagmanager/README.md": "# role\n",
            "src/dagmanager/bus/README.md": "# bus\n",
            "src/dagmanager/role.h": header('#include "dagmanager/bus/bus.h"\n'),
            "src/dagmanager/bus/bus.h": header('#include "dagmanager/role.h"\n'),
        })
        self.assertIn("cycle", rules)

    def test_headers_are_guarded(self):
        self.breaks("pragma-once", "src/base/text.h", SPDX + "#include <string>\n")

    def test_licence_stands_first(self):
        self.breaks("licence", "src/base/text.h", "#pragma once\n")
        self.breaks("licence", "migrations/0001_first.sql", "create table nodes ();\n")

    def test_sizes_have_bounds(self):
        self.breaks("file-lines", "src/base/text.h", header("\n" * 300))
        self.keeps("src/base/text.h", header("\n" * 290))
        self.breaks("columns", "src/base/text.h", header("// " + "x" * 98 + "\n"))
        lines = "  run();\n"
        body = '#include "base/text.h"\nvoid long_one() {\n'
        self.keeps("src/base/text.cc", SPDX + body + lines * 68 + "}\n")
        self.breaks("function-lines", "src/base/text.cc", SPDX + body + lines * 69 + "}\n")

    def test_functions_of_scripts_have_bounds_too(self):
        self.breaks("function-lines", "scripts/run",
                    CLEAN["scripts/run"].replace("  wait\n", "  wait\n" * 69))
        code = "# SPDX-License-Identifier: Apache-2.0\ndef long_one():\n" + "    print()\n" * 70
        self.breaks("function-lines", "tests/e2e/run.py", code)

    def test_folders_have_bounds(self):
        rules = rules_of({f"src/base/part{n}.h": header("") for n in range(39)})
        self.assertEqual(rules, ["folder-files"])

    def test_ports_have_at_most_ten_methods(self):
        method = "  virtual int act() = 0;\n"
        self.keeps("src/graph/port.h", header("class Port {\n" + method * 10 + "};\n"))
        self.breaks("port-methods", "src/graph/port.h",
                    header("class Port {\n" + method * 11 + "};\n"))

    def test_words_that_never_reach_main(self):
        self.breaks("using-namespace", "src/base/text.h", header("using namespace std;\n"))
        self.breaks("unfinished", "src/base/text.h", header(f"// {LATER}: later\n"))
        self.keeps("src/base/text.h", header(f"// {LATER}(#12): later\n"))
        self.breaks("unfinished", "scripts/run", CLEAN["scripts/run"] + "# FIX" + "ME\n")
        self.breaks("friend-test", "src/base/text.h",
                    header("class A {\n  friend class DiffTest;\n};\n"))
        self.keeps("src/base/text.h", header("// using namespace is never written\n"))

    def test_clocks_and_randomness_are_injected(self):
        text = header("auto t = std::chrono::steady_clock::now();\n")
        self.breaks("real-clock", "src/graph/dag.h", text)
        self.keeps("src/graph/dag.h", header("// steady_clock is for server/\n"))
        rules = rules_of({"src/server/clock.h": text, "src/server/README.md": "# server\n"})
        self.assertEqual(rules, [])

    def test_tests_do_not_sleep(self):
        path = "tests/unit/base/text_test.cc"
        body = "TEST(Text, TrimsBothEnds) {\n  std::this_thread::sleep_for(1s);\n}\n"
        self.breaks("sleep", path, SPDX + body)
        self.keeps(path, SPDX + body.replace("std::this_thread::", "clock."))
        python = "# SPDX-License-Identifier: Apache-2.0\nimport time\ntime.sleep(1)\n"
        self.breaks("sleep", "tests/e2e/run.py", python)
        self.breaks("sleep", "scripts/run", CLEAN["scripts/run"].replace("wait", "sleep 1"))

    def test_decisions_do_not_follow_the_order_of_a_hash_table(self):
        table = "std::unordered_map<int, std::string> rows;\n"
        loop = "void decide() {\n  for (auto& row : rows) act(row);\n}\n"
        self.breaks("unordered", "src/graph/dag.h", header(table + loop))
        self.keeps("src/graph/dag.h", header(table.replace("unordered_", "") + loop))

    def test_tests_mirror_the_sources(self):
        self.breaks("mirror", "tests/unit/base/lost_test.cc", CLEAN["tests/unit/base/text_test.cc"])
        self.keeps("tests/unit/base/text_limits_test.cc", CLEAN["tests/unit/base/text_test.cc"])

    def test_test_names_are_sentences(self):
        path = "tests/unit/base/text_test.cc"
        self.breaks("test-name", path, SPDX + "TEST(Text, Trim) { run(); }\n")
        self.breaks("test-name", path, SPDX + "TEST(Text, trims_ends) { run(); }\n")

    def test_files_are_snake_case(self):
        self.breaks("file-name", "src/base/BigText.h", header(""))

    def test_no_path_of_one_machine(self):
        text = CLEAN["scripts/run"] + "cd /home/ann/weir\n"
        self.breaks("machine-path", "scripts/run", text)

    def test_folders_open_with_a_page(self):
        self.breaks("readme", "src/server/clock.h", header(""))
        self.breaks("readme", "src/base/README.md", "# base\n" + "line\n" * 40)

    def test_pages_name_what_exists(self):
        self.breaks("named-file", "src/base/README.md", "Begins in `gone.h`.\n")
        self.breaks("named-file", "docs/architecture.md", "From `src/base/gone.h` down.\n")
        self.breaks("link", "README.md", "[Read](docs/gone.md) on.\n")
        self.keeps("README.md", "[Read](src/base/README.md), `src/base/text.h`, `src/<floor>/`.\n")


class Exceptions(unittest.TestCase):
    def setUp(self):
        tidy_test.EXCEPTIONS_MAX, self.before = 1, tidy_test.EXCEPTIONS_MAX

    def tearDown(self):
        tidy_test.EXCEPTIONS_MAX = self.before

    def left(self, *lines):
        faults = [tidy_test.Fault("src/a.cc", 600, "file-lines", "700 lines", 700)]
        return [str(fault) for fault in tidy_test.apply_exceptions(faults, list(lines))]

    def test_an_exception_takes_its_fault_away(self):
        self.assertEqual(self.left("file-lines src/a.cc 700  # before the limit"), [])

    def test_growth_is_a_fault_again(self):
        self.assertEqual(len(self.left("file-lines src/a.cc 650  # before the limit")), 1)

    def test_the_figure_follows_the_file_down(self):
        self.assertIn("lower the figure", self.left("file-lines src/a.cc 800  # old")[0])

    def test_what_is_not_needed_or_has_no_reason_is_a_fault(self):
        self.assertIn("no longer needed", self.left("columns src/a.cc  # old")[1])
        self.assertIn("no reason", self.left("file-lines src/a.cc 700")[0])

    def test_the_list_can_only_shrink(self):
        left = self.left("file-lines src/a.cc 700  # old", "columns src/a.cc  # old")
        self.assertTrue(any("can only shrink" in fault for fault in left))


class Scan(unittest.TestCase):
    def functions(self, text):
        return [(s.name, s.first_line, s.last_line) for s in cpp_scan.scopes(text)
                if s.kind == "function"]

    def test_functions_are_told_from_tables_and_types(self):
        text = "namespace a {\nconst int kTable[] = {1, 2};\nstruct B {\n  int c() const {\n" \
               "    return 1;\n  }\n};\ntemplate <class T>\nauto d(T t) -> int {\n}\n}\n"
        self.assertEqual(self.functions(text), [("c", 4, 6), ("d", 8, 10)])

    def test_a_constructor_with_braces_in_its_list_is_one_function(self):
        text = "A::A(int b)\n    : b_{b},\n      c_(2) {\n  run();\n}\nvoid e() {}\n"
        self.assertEqual([(f, l) for _, f, l in self.functions(text)], [(1, 5), (6, 6)])

    def test_braces_in_text_and_comments_do_not_count(self):
        text = 'void a() {\n  b("{", \'{\', R"x({)x");  // {\n  /* { */ c(1\'000);\n}\n'
        text += "void d() {}\n"
        self.assertEqual(self.functions(text), [("a", 1, 4), ("d", 5, 5)])


if __name__ == "__main__":
    unittest.main()
