#!/usr/bin/env python3
"""The rules of the code that a machine can check, each a test: style.py [ROOT].

Prints every violation as path:line: what, then "N passed, N failed, 0 skipped" over the rules.
style_test.py plants violations of each rule and expects them to be found."""

import fnmatch
import os
import re
import sys

LINE_COLUMNS = 100
FILE_LINES = 1000
FUNCTION_LINES = 70
FUNCTION_LONG_PERCENT = 7
README_LINES = 40
PARAMETERS = 6

C_FOLDERS = ("include", "src", "cli", "server", "tests", "fuzz", "bench", "examples", "tools")
SCRIPT_NAMES = (".sh", ".py", ".cmake", "CMakeLists.txt", "Makefile", "pre-commit", ".ci/run")
SKIPPED_FOLDERS = {"build", ".git", "node_modules", "corpus", "data"}

# The only callers of the C heap; what frees memory of RocksDB's goes through rocksdb_free.
HEAP_FILES = {"src/base/memory.c"}
HEAP_CALLS = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|strdup|"
    r"strndup|asprintf|vasprintf|getline|getdelim|open_memstream)\s*\(")
OS_HEADERS = re.compile(
    r"<(pthread|threads|time|unistd|fcntl|dirent|poll|sched|signal|sys/[a-z]+)\.h>")
# State must be the same on every machine: no libm.  What IEEE 754 fixes to the bit and compilers
# make instructions of (sqrt, fabs, isfinite) is not libm.
NO_LIBM_FOLDERS = {"schema", "entities", "signals", "relations", "behaviour", "wal", "storage"}
LIBM_CALLS = re.compile(
    r"(?<![\w.>])(exp|exp2|expm1|exp10|log|log2|log10|log1p|pow|cbrt|hypot|sin|cos|tan|asin|"
    r"acos|atan|atan2|sinh|cosh|tanh|erf|erfc|tgamma|lgamma|floor|ceil|round|trunc|rint|nearbyint|"
    r"lround|llround|lrint|llrint|fmod|remainder|fma|ldexp|frexp|scalbn)[fl]?\s*\(")
OWNED_HEADERS = {"rocksdb/c.h": "storage", "blake3.h": "wal"}


class Source:
    """A C file: its lines, and the same with comments and literals blanked out."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.code = blank(text).splitlines()
        self.includes = []
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
            if match and self.code[number - 1].lstrip().startswith("#"):
                self.includes.append((number, match.group(1), match.group(2)))

    def folder(self):
        """base for src/base/x.c, None outside src."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def blank(text):
    """Comments and the insides of literals become spaces; lines stay where they are."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def spaces(match):
        found = match.group()
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[0]
        return re.sub(r"[^\n]", " ", found)

    return token.sub(spaces, text)


class Tree:
    def __init__(self, root):
        self.root = root
        self.sources = []
        self.scripts = []
        self.pages = []
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            for name in sorted(files):
                path = os.path.relpath(os.path.join(folder, name), root)
                top = path.split("/")[0]
                if top in C_FOLDERS and name.endswith((".c", ".h", ".cc")):
                    self.sources.append(Source(path, self.read(path)))
                elif path.endswith(SCRIPT_NAMES):
                    self.scripts.append((path, self.read(path).splitlines()))
                elif path.endswith(".md"):
                    self.pages.append((path, self.read(path).splitlines()))
        self.by_path = {source.path: source for source in self.sources}
        self.layers, self.layer_order = self.read_layers()

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def read_layers(self):
        layers, order = {}, []
        path = os.path.join(self.root, "src/LAYERS")
        for line in self.read("src/LAYERS").splitlines() if os.path.exists(path) else []:
            match = re.match(r"([a-z]+):(.*)$", line)
            if match:
                layers[match.group(1)] = match.group(2).split()
                order.append(match.group(1))
        return layers, order

    def module_folders(self):
        return sorted({s.folder() for s in self.sources if s.folder()})

    def functions(self):
        """(path, first line, lines, signature): bodies from "{" to "}" in column 0."""
        for source in self.sources:
            start = None
            for number, line in enumerate(source.code, 1):
                if line.rstrip() == "{" and start is None:
                    start = number
                elif line.rstrip() == "}" and start is not None:
                    yield source.path, start, number - start + 1, signature(source.code, start)
                    start = None


def signature(code, brace):
    """The text before the opening brace on line `brace`, back to the end of what comes before."""
    first = brace - 1
    while first > 0 and code[first - 1].strip() and not re.search(r"[;}]\s*$|^#", code[first - 1]):
        first -= 1
    return " ".join(line.strip() for line in code[first:brace - 1])


def parameter_count(text):
    """Commas at depth 1 of the last outermost parentheses, plus 1."""
    depth, commas, last = 0, 0, 0
    for character in text:
        if character == "(":
            depth += 1
            if depth == 1:
                commas = 0
        elif character == ")":
            depth -= 1
            if depth == 0:
                last = commas + 1
        elif character == "," and depth == 1:
            commas += 1
    return last


def layers_are_in_order(tree):
    seen = set()
    for name in tree.layer_order:
        for used in tree.layers[name]:
            if used not in seen:
                yield f"src/LAYERS:1: '{name}' may use '{used}', which does not stand above it"
        seen.add(name)
    for folder in tree.module_folders():
        if folder not in tree.layers:
            yield f"src/LAYERS:1: src/{folder} has no line"


def includes_follow_the_layers(tree):
    for source in tree.sources:
        folder = source.folder()
        if not folder:
            continue
        allowed = set(tree.layers.get(folder, [])) | {folder}
        for number, own, system in source.includes:
            where = f"{source.path}:{number}"
            if own and own.split("/")[0] not in allowed:
                yield f"{where}: {folder} may not include \"{own}\" (src/LAYERS)"
            elif own and "/" not in own:
                yield f"{where}: \"{own}\" is not a full path from src/"
            elif system and system.startswith("tidal/") and folder != "api":
                yield f"{where}: only api includes <{system}>"


def programs_include_only_the_public_header(tree):
    for source in tree.sources:
        top = source.path.split("/")[0]
        if top not in ("cli", "server"):
            continue
        for number, own, system in source.includes:
            where = f"{source.path}:{number}"
            if own and not own.startswith(top + "/") and "/" in own:
                yield f"{where}: {top} may include <tidal/tidal.h>, not \"{own}\""
            elif system and system.startswith("tidal/") and system != "tidal/tidal.h":
                yield f"{where}: {top} may include <tidal/tidal.h>, not <{system}>"


def libraries_have_one_owner(tree):
    for source in tree.sources:
        for number, own, system in source.includes:
            owner = OWNED_HEADERS.get(own or system)
            if source.folder() and owner and source.folder() != owner:
                yield f"{source.path}:{number}: only {owner} includes <{own or system}>"


def own_header_comes_first(tree):
    """Or the folder's private header, which includes it."""
    for source in tree.sources:
        header = source.path[:-2] + ".h"
        if not source.path.endswith(".c") or not source.folder() or header not in tree.by_path:
            continue
        wanted = header[len("src/"):]
        first = source.includes[0][1] if source.includes else None
        private = tree.by_path.get(f"src/{first}")
        through = private and private.folder() == source.folder() and any(
            own == wanted for _, own, _ in private.includes)
        if first != wanted and not through:
            yield f"{source.path}:1: the first include is not \"{wanted}\""


def only_memory_calls_the_heap(tree):
    for source in tree.sources:
        if not source.folder() or source.path in HEAP_FILES:
            continue
        for number, line in enumerate(source.code, 1):
            match = HEAP_CALLS.search(line)
            if match:
                yield f"{source.path}:{number}: {match.group(1)}() goes through base/memory.h"


def only_os_includes_the_system(tree):
    for source in tree.sources:
        if not source.folder() or source.folder() == "os":
            continue
        for number, _, system in source.includes:
            if system and OS_HEADERS.match(f"<{system}>"):
                yield f"{source.path}:{number}: only os may include <{system}>"


def state_uses_no_libm(tree):
    for source in tree.sources:
        if source.folder() not in NO_LIBM_FOLDERS:
            continue
        for number, line in enumerate(source.code, 1):
            match = LIBM_CALLS.search(line)
            if match:
                yield f"{source.path}:{number}: {match.group(1)}() is not the same everywhere"


def modules_have_a_short_readme(tree):
    for folder in tree.module_folders():
        path = f"src/{folder}/README.md"
        if not os.path.exists(os.path.join(tree.root, path)):
            yield f"{path}:1: missing"
        elif len(tree.read(path).splitlines()) > README_LINES:
            yield f"{path}:1: over {README_LINES} lines"


def readmes_name_the_files_that_there_are(tree):
    """`x.c`, `x.[ch]`, `x_*.c`: what a module's README says of its own files."""
    for folder in tree.module_folders():
        path = f"src/{folder}/README.md"
        if not os.path.exists(os.path.join(tree.root, path)):
            continue
        named = re.findall(r"`([\w*]+\.(?:[ch]|\[ch\]))`", tree.read(path))
        files = [os.path.basename(s.path) for s in tree.sources if s.folder() == folder]
        for name in files:
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in named):
                yield f"{path}:1: does not name {name}"
        for pattern in named:
            if not fnmatch.filter(files, pattern):
                yield f"{path}:1: names {pattern}, which is not there"


def files_are_of_reading_size(tree):
    for source in tree.sources:
        if len(source.lines) > FILE_LINES:
            yield f"{source.path}:1: {len(source.lines)} lines, the limit is {FILE_LINES}"


def few_functions_are_long(tree):
    count, long = 0, []
    for path, line, lines, _ in tree.functions():
        count += 1
        if lines > FUNCTION_LINES:
            long.append(f"{path}:{line}: {lines} lines")
    if long:
        print(f"{len(long)} of {count} functions are over {FUNCTION_LINES} lines:")
        print("\n".join("  " + text for text in long))
    if len(long) * 100 > count * FUNCTION_LONG_PERCENT:
        yield f"src:1: more than {FUNCTION_LONG_PERCENT} % of the functions are that long"


def functions_have_few_parameters(tree):
    for path, line, _, text in tree.functions():
        if parameter_count(text) > PARAMETERS:
            yield f"{path}:{line}: over {PARAMETERS} parameters: use an options struct"


def lines_are_narrow_and_without_tabs(tree):
    scripts = [(p, lines) for p, lines in tree.scripts if not p.endswith("Makefile")]
    for path, lines in [(s.path, s.lines) for s in tree.sources] + scripts:
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_COLUMNS:
                yield f"{path}:{number}: {len(line)} columns, the limit is {LINE_COLUMNS}"
            if "\t" in line:
                yield f"{path}:{number}: a tab"


def no_promises_in_the_code(tree):
    promise = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
    for path, lines in [(s.path, s.lines) for s in tree.sources] + tree.scripts:
        for number, line in enumerate(lines, 1):
            if promise.search(line):
                yield f"{path}:{number}: debt goes into an issue, not into a comment"


def internal_structs_have_no_typedef(tree):
    for source in tree.sources:
        if not source.folder():
            continue
        for number, line in enumerate(source.code, 1):
            if re.match(r"\s*typedef\s+(struct|union)\b", line):
                yield f"{source.path}:{number}: internal structs are not typedefed"


def pages_name_tests_that_there_are(tree):
    """`query/x_test.c`: `a_case`, `another`."""
    named = re.compile(r"`([a-z0-9_/]+_test\.c)`: ((?:`[a-z0-9_]+`(?:, )?)+)")
    for path, lines in tree.pages:
        for number, line in enumerate(lines, 1):
            for test, cases in named.findall(line):
                source = tree.by_path.get("tests/" + test)
                for case in re.findall(r"`([a-z0-9_]+)`", cases):
                    if not source or f"CASE({case})" not in re.sub(r"\s", "", source.text):
                        yield f"{path}:{number}: tests/{test} has no case {case}"


RULES = (
    layers_are_in_order, includes_follow_the_layers, programs_include_only_the_public_header,
    libraries_have_one_owner, own_header_comes_first, only_memory_calls_the_heap,
    only_os_includes_the_system, state_uses_no_libm, modules_have_a_short_readme,
    readmes_name_the_files_that_there_are, files_are_of_reading_size, few_functions_are_long,
    functions_have_few_parameters,
    lines_are_narrow_and_without_tabs, no_promises_in_the_code, internal_structs_have_no_typedef,
    pages_name_tests_that_there_are,
)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    tree = Tree(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../.."))
    failed = 0
    for rule in RULES:
        violations = list(rule(tree))
        for violation in violations:
            print(violation)
        if violations:
            print(f"FAILED {rule.__name__}")
            failed += 1
    print(f"{len(RULES) - failed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
