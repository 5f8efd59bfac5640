#!/usr/bin/env python3
"""The style test bites: a clean tree passes, and each planted violation is found by its rule."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import style  # noqa: E402

CLEAN = {
    "src/LAYERS": "base:\nos: base\nwal: base os\napi: base\n",
    "src/base/README.md": "# base\n| `memory.[ch]` | all heap |\n",
    "src/os/README.md": "# os\n| `*.c` | the clock |\n",
    "src/wal/README.md": "# wal\n| `log.[ch]` | see `docs/formats/log.h` |\n",
    "src/base/memory.h": "void memory_free(void *memory);\n",
    "src/base/memory.c": '#include "base/memory.h"\n\n#include <stdlib.h>\n\n'
                         "void memory_free(void *memory)\n{\n    free(memory);\n}\n",
    "src/os/clock.c": "#include <time.h>\n#include <unistd.h>\n",
    "src/wal/log.h": "struct log;\n",
    "src/wal/log.c": '#include "wal/log.h"\n\n#include "os/clock.h"\n\n#include <blake3.h>\n'
                     "/* free(x), log(y) in a comment; malloc(1) */\n"
                     'static const char text[] = "free(";\n'
                     "static void log_close(struct log *log)\n{\n    log->ops->free(log);\n}\n",
    "cli/main.c": '#include "table.h"\n\n#include <tidal/tidal.h>\n',
}


def long_function(lines):
    return "void f(void)\n{\n" + "    g();\n" * (lines - 2) + "}\n"


# What is planted -> the rule that must find it, how often.
PLANTED = [
    ("a_folder_without_a_line_in_layers", "layers_are_in_order",
     {"src/text/a.c": "int a;\n", "src/text/README.md": "# text\n"}, 1),
    ("a_cycle_of_layers", "layers_are_in_order",
     {"src/LAYERS": "base:\nos: base wal\nwal: base os\n"}, 1),
    ("an_include_of_a_higher_layer", "includes_follow_the_layers",
     {"src/base/hash.c": '#include "os/clock.h"\n'}, 1),
    ("an_include_of_a_higher_layer_in_a_header", "includes_follow_the_layers",
     {"src/os/disk.h": '#  include "wal/log.h"\n'}, 1),
    ("an_include_without_its_folder", "includes_follow_the_layers",
     {"src/wal/b.c": '#include "log.h"\n'}, 1),
    ("the_public_header_below_the_api", "includes_follow_the_layers",
     {"src/wal/b.c": "#include <tidal/tidal.h>\n"}, 1),
    ("an_internal_header_in_the_shell", "programs_include_only_the_public_header",
     {"cli/shell.c": '#include "base/memory.h"\n'}, 1),
    ("an_internal_header_in_the_server", "programs_include_only_the_public_header",
     {"server/http.c": '#include "../src/base/memory.h"\n#include <tidal/internal.h>\n'}, 2),
    ("rocksdb_outside_the_store", "libraries_have_one_owner",
     {"src/wal/b.c": "#include <rocksdb/c.h>\n"}, 1),
    ("a_header_before_the_own_one", "own_header_comes_first",
     {"src/wal/log.c": '#include <stdio.h>\n#include "wal/log.h"\n'}, 1),
    ("a_private_header_without_the_own_one", "own_header_comes_first",
     {"src/wal/log.c": '#include "wal/log_private.h"\n#include "wal/log.h"\n',
      "src/wal/log_private.h": "int a;\n"}, 1),
    ("each_call_of_the_heap", "only_memory_calls_the_heap",
     {"src/os/a.c": "void *p = malloc(1);\nint f(void)\n{\n    free (p);\n}\n"
                    "char *s = x ? strdup(y) : realloc(z, 1);\nvoid *q = calloc(1, 1);\n"}, 4),
    ("each_system_header_outside_os", "only_os_includes_the_system",
     {"src/wal/b.c": "#include <pthread.h>\n#include <time.h>\n#include <unistd.h>\n"
                     "#include <fcntl.h>\n#include <sys/stat.h>\n#include <string.h>\n"}, 5),
    ("libm_in_state", "state_uses_no_libm",
     {"src/wal/b.c": "double f(double x)\n{\n    return exp2(x) +\n        floorf(x);\n}\n"}, 2),
    ("a_module_without_a_readme", "modules_have_a_short_readme", {"src/wal/README.md": None}, 1),
    ("a_long_readme", "modules_have_a_short_readme", {"src/wal/README.md": "line\n" * 41}, 1),
    ("a_file_that_no_readme_names", "readmes_name_the_files_that_there_are",
     {"src/wal/log_row.c": "int a;\n"}, 1),
    ("a_name_of_no_file", "readmes_name_the_files_that_there_are",
     {"src/wal/README.md": "# wal\n`log.[ch]`, `gone.c`, `old_*.h`\n"}, 2),
    ("a_long_file", "files_are_of_reading_size", {"src/wal/b.c": "int a;\n" * 1001}, 1),
    ("too_many_long_functions", "few_functions_are_long",
     {"src/wal/b.c": long_function(71)}, 1),
    ("a_seventh_parameter", "functions_have_few_parameters",
     {"src/wal/b.c": "static int f(int a, int b, int (*c)(int, int), int d,\n"
                     "             int e, int f, int g)\n{\n}\n"}, 1),
    ("a_wide_line", "lines_are_narrow_and_without_tabs",
     {"src/wal/b.h": "/* " + "x" * 98 + "*/\n"}, 1),
    ("a_wide_line_in_a_test", "lines_are_narrow_and_without_tabs",
     {"tests/unit/wal/b_test.c": "/* " + "x" * 98 + "*/\n"}, 1),
    ("a_tab_in_a_script", "lines_are_narrow_and_without_tabs", {"scripts/a.sh": "\tls\n"}, 1),
    ("a_promise", "no_promises_in_the_code",
     {"src/wal/b.c": "/* TO" "DO: later */\n", "scripts/a.sh": "# FIX" "ME\n"}, 2),
    ("a_typedef_of_a_struct", "internal_structs_have_no_typedef",
     {"src/wal/b.h": "typedef struct log log_t;\n"}, 1),
    ("tests_that_a_page_made_up", "pages_name_tests_that_there_are",
     {"tests/unit/wal/b_test.c": "int main(void)\n{\n    RUN(CASE(a), CASE(b));\n}\n",
      "docs/a.md": "`unit/wal/b_test.c`: `a`, `c`; `unit/wal/c_test.c`: `a`\n"}, 2),
]

# What must not be found, though it looks like it.
ALLOWED = [
    ("the_own_header_through_a_private_one", "own_header_comes_first",
     {"src/wal/log.c": '#include "wal/log_private.h"\n',
      "src/wal/log_private.h": '#include "wal/log.h"\n'}),
    ("a_function_of_seventy_lines", "few_functions_are_long", {"src/wal/b.c": long_function(70)}),
    ("six_parameters", "functions_have_few_parameters",
     {"src/wal/b.c": "static int f(int a, int b, int (*c)(int, int), int d, int e,\n"
                     "             int f)\n{\n}\n"}),
    ("a_line_of_a_hundred_letters", "lines_are_narrow_and_without_tabs",
     {"src/wal/b.h": "/* " + "\u00e9" * 94 + " */\n"}),
    ("a_member_and_a_name_that_end_in_free", "only_memory_calls_the_heap",
     {"src/wal/b.c": "void f(void)\n{\n    log_free(a);\n    b.free(a);\n}\n"}),
]


def violations(rule, changes):
    """What the rule finds in the clean tree with the changes made; None removes a file."""
    files = {path: text for path, text in {**CLEAN, **changes}.items() if text is not None}
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(getattr(style, rule)(style.Tree(root)))


def main():
    cases = [("clean: " + rule.__name__, rule.__name__, {}, 0) for rule in style.RULES]
    cases += PLANTED
    cases += [(name, rule, changes, 0) for name, rule, changes in ALLOWED]
    failed = 0
    for name, rule, changes, want in cases:
        sys.stdout.flush()
        found = violations(rule, changes)
        if len(found) != want:
            print(f"FAILED {name}: {rule} found {len(found)}, want {want}")
            print("".join(f"    {text}\n" for text in found), end="")
            failed += 1
    unproved = {rule.__name__ for rule in style.RULES} - {rule for _, rule, _, _ in PLANTED}
    if unproved:
        print("FAILED every_rule_is_proved: nothing planted for", ", ".join(sorted(unproved)))
        failed += 1
    print(f"{len(cases) + 1 - failed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
