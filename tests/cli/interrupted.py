"""interrupted.py SIGNAL TEXT COMMAND...: runs a command that reads the named pipe `pipe`, gives it
the text and leaves the pipe open, and, when the command has read all of it and waits for more,
sends it the signal.  What it prints is in out and err; ends with its exit code."""

import array
import fcntl
import signal
import subprocess
import sys
import termios
import time

PATIENCE_S = 120


def unread(pipe):
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def of_process(process, file):
    try:
        with open(f"/proc/{process.pid}/{file}", encoding="ascii", errors="replace") as opened:
            return opened.read()
    except OSError:
        return ""


def waits_for_the_pipe(process):
    """Does it sleep in a read of it?  Where the kernel does not say where it sleeps: for long."""
    where = of_process(process, "wchan")
    if where not in ("", "0"):
        return "pipe" in where
    for _ in range(10):
        if of_process(process, "stat").rpartition(")")[2].split()[:1] != ["S"]:
            return False
        time.sleep(0.05)
    return True


def main():
    number = getattr(signal, sys.argv[1])
    # Bash ignores ^C for what it runs behind; Python gives it back.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(2 * PATIENCE_S)
    command = subprocess.Popen(sys.argv[3:], stdout=open("out", "w"), stderr=open("err", "w"))
    until = time.monotonic() + PATIENCE_S
    with open("pipe", "w", encoding="utf-8") as pipe:
        pipe.write(sys.argv[2])
        pipe.flush()
        while command.poll() is None and (unread(pipe) > 0 or not waits_for_the_pipe(command)):
            if time.monotonic() > until:
                sys.exit(f"{unread(pipe)} bytes were not read")
            time.sleep(0.01)
        # Sent again: one that comes just before it waits for more is seen only after that.
        while command.poll() is None and time.monotonic() < until:
            command.send_signal(number)
            time.sleep(0.1)
    if command.poll() is None:
        command.kill()
        sys.exit(f"it does not end by {sys.argv[1]}")
    print("exit code", command.returncode)
    sys.exit(command.returncode if command.returncode >= 0 else 128 - command.returncode)


main()
