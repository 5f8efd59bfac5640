#!/usr/bin/env python3
"""What docs/quickstart.md says, for its test: `commands PAGE FOLDER` writes each command to
FOLDER/N.sh and what it is said to print to FOLDER/N.txt; `readme PAGE README` compares the README's
quotation with the page."""

import pathlib
import re
import shlex
import sys

COMMANDS_MAXIMUM = 6
HEADING = "## Your own data in six commands"


def blocks(text):
    """(language, content) of each fenced block, in order."""
    return [(m[1], m[2]) for m in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)]


def steps(page):
    """(command, what it prints) of each step."""
    found = []
    for language, content in blocks(page):
        if language == "sh":
            found.append([content, ""])
        elif language == "text" and found:
            found[-1][1] += content
    return found


def is_one_command(text):
    """One call of tidal, without anything of the shell that would begin another."""
    lexer = shlex.shlex(text.rstrip("\n"), posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace_split = True
    lexer.whitespace = " \t"
    words = list(lexer)
    ends = [word for word in words if set(word) <= set(";&|()<>\n")]
    return words[0] == "tidal" and not ends and "`" not in text and "$(" not in text


def write_commands(page, folder):
    found = steps(page)
    wrong = [command for command, _ in found if not is_one_command(command)]
    for number, (command, output) in enumerate(found, 1):
        (folder / f"{number}.sh").write_text(command)
        (folder / f"{number}.txt").write_text(output)
    print(len(found), "commands;", len(wrong), "are not one call of tidal", *wrong)
    return 0 < len(found) <= COMMANDS_MAXIMUM and not wrong


def compare_readme(page, readme):
    """3: the README quotes nothing."""
    section = readme.partition(HEADING + "\n")[2].partition("\n## ")[0]
    quoted = blocks(section)
    if not quoted:
        return 3
    said = "".join(command for command, _ in steps(page))
    quoted_commands = "".join(content for language, content in quoted if language == "sh")
    outputs = "".join(output for _, output in steps(page))
    lines = [line for language, content in quoted if language != "sh"
             for line in content.splitlines() if line.strip() not in ("", "...")]
    strange = [line for line in lines if line not in outputs.splitlines()]
    if quoted_commands != said:
        print("the commands of README.md differ:", quoted_commands, "of the page:", said, sep="\n")
    for line in strange:
        print("README.md prints what the page does not:", line)
    return 0 if quoted_commands == said and not strange else 1


def main():
    what, page, other = sys.argv[1:]
    text = pathlib.Path(page).read_text(encoding="utf-8")
    if what == "commands":
        return 0 if write_commands(text, pathlib.Path(other)) else 1
    return compare_readme(text, pathlib.Path(other).read_text(encoding="utf-8"))


sys.exit(main())
