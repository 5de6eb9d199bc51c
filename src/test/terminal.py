"""Runs a program on a terminal of its own, types, and prints all that it shows: terminal.py TYPED COMMAND...

TYPED has Python's escapes. After a line the next one is typed at the prompt that it brings, and after a tab once something has been shown."""
import os
import pty
import re
import select
import sys
import time

typed = sys.argv[1].encode().decode("unicode_escape").encode("latin1")
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

shown = b""
deadline = time.monotonic() + 25


PROMPT = re.compile(rb"(?:^|[\r\n])[^\r\n]*[#$%:] $")


def clean(text):
    """Without escape sequences."""
    return re.sub(rb"\x1b(?:\[[0-9;?]*[a-zA-Z]|[=>])", b"", text)


def read(done):
    """Takes what is shown until `done` says so of it and nothing more comes. Whether the program is still there."""
    global shown
    start = len(shown)
    while time.monotonic() < deadline:
        ready, _, _ = select.select([fd], [], [], 0.15)
        if not ready:
            if done(shown[start:]):
                return True
            continue
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            return False
        if not chunk:
            return False
        shown += chunk
    return False


def at_prompt(text):
    return PROMPT.search(clean(text)) is not None


alive = read(at_prompt)
for byte in typed:
    if not alive:
        break
    if byte == 9:
        alive = read(lambda _: True)  # the echo of what was typed before
    os.write(fd, bytes([byte]))
    if byte == 10:
        alive = read(at_prompt)
    elif byte == 9:
        alive = read(lambda text: len(clean(text)) > 0)
if alive:
    deadline = min(deadline, time.monotonic() + 5)
    read(lambda _: False)  # to its end
sys.stdout.buffer.write(shown)
sys.stdout.flush()
try:
    os.kill(pid, 9)
except ProcessLookupError:
    pass
_, status = os.waitpid(pid, 0)
sys.stderr.write(f"exit {os.waitstatus_to_exitcode(status)}\n")
