"""A person at a terminal: types lines into the shell and compares what it answers.  The argument is
the shell."""

import os
import pty
import re
import select
import signal
import sys
import time


class Terminal:
    def __init__(self, program, *arguments):
        self.child, self.file = pty.fork()
        if self.child == 0:
            os.execv(program, ["tidal", *arguments])
        self.seen = ""

    def until(self, pattern):
        """What is printed up to the pattern, for which it waits long: a machine may be busy."""
        deadline = time.monotonic() + 120
        while not (found := re.search(pattern, self.seen, re.S)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.file], [], [], left)[0]:
                sys.exit(f"no {pattern!r} in {self.seen!r}")
            try:
                self.seen += os.read(self.file, 4096).decode().replace("\r\n", "\n")
            except OSError:
                sys.exit(f"ended before {pattern!r}: {self.seen!r}")
        before, self.seen = self.seen[:found.end()], self.seen[found.end():]
        return before

    def type(self, text, pattern=r"tidal> "):
        os.write(self.file, text.encode())
        return self.until(pattern)

    def leave(self, text):
        """The exit code.  Typed again if nothing happens: a ^D that comes between the prompt and
        the editing of the line is taken for a character."""
        ended = 0
        while not ended:
            os.write(self.file, text.encode())
            for _ in range(20):
                if select.select([self.file], [], [], 0.02)[0]:
                    try:
                        os.read(self.file, 4096)
                    except OSError:
                        pass
                ended, status = os.waitpid(self.child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)


def expect(text, *parts):
    for part in parts:
        if part not in text:
            sys.exit(f"no {part!r} in {text!r}")


def main():
    shell = Terminal(sys.argv[1], ":memory:")
    expect(shell.until("tidal> "), ".help for help")
    expect(shell.type("DEFINE FIELD year ON item INTEGER;\r"), "ok, lsn 1, ")
    expect(shell.type('PUT item 1\r', r"\.\.\.> "))
    expect(shell.type('{"year": 2011};\r'), "ok, lsn 2, ")
    expect(shell.type("RETRIEVE items RETURNING id, year;\r"), "id  year\n--  ----\n 1  2011\n",
           "1 row, ")
    # An error does not end a shell.
    expect(shell.type("RETRIEVE items WHERE colour = 1;\r"),
           "line:1:22: item has no field 'colour'")
    expect(shell.type(".mode json\r"))
    expect(shell.type("RETRIEVE items RETURNING year;\r"), '[{"year": 2011}]')
    expect(shell.type(".mode xml\r"), "'.mode' takes table, json or csv")
    expect(shell.type(".nothing\r"), "'.nothing' is no command of the shell")
    expect(shell.type(".help\r"), ".read FILE")
    with open("more.tidal", "w") as file:
        file.write("PUT item 2 {};\nFOO")
    expect(shell.type(".read more.tidal\r"), "ok, lsn 3, ", "more.tidal:2:1: expected a statement")
    # ^C forgets what was typed of a statement.
    shell.type("RETRIEVE\r", r"\.\.\.> ")
    expect(shell.type("\x03"), "^C")
    expect(shell.type("SHOW PROFILES;\r"), "0 rows")
    if (code := shell.leave(".quit\r")) != 0:
        sys.exit(f"exit code {code}")
    history = open(os.path.join(os.environ["HOME"], ".tidal_history")).read()
    expect(history, "RETRIEVE")
    shell = Terminal(sys.argv[1], ":memory:")
    shell.until("tidal> ")
    if (code := shell.leave("\x15\x04")) != 0:
        sys.exit(f"exit code {code} of ^D")


signal.alarm(400)
main()
