"""Standard streams that may be closed or full: a command does its work all the same, and says at the end what was lost.

Python gives a program whose standard output is closed no `sys.stdout` at all, and one whose output cannot be written
an error in the middle of its work, or at its very end, where nobody can handle it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any


class Sink(FileIO):
    """The descriptor of an output stream, which keeps the first error of a write instead of raising it.

    @ivar failure: that error; None while everything could be written.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write what can be written. Once a write failed, nothing more is tried."""
        if self.failure is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def prepare() -> Sink:
    """Make the standard streams fit to be used, and return what standard output ends in.

    A closed one becomes `/dev/null`. A character that the output's encoding lacks is written as an escape.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:  # the lowest number that is free, so it is the one
                os.dup2(nowhere, number)
                os.close(nowhere)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # it stays open, as the stream it stands for
    out, err = Sink(1), Sink(2)
    sys.stdout, sys.stderr = _text(out, sys.stdout), _text(err, sys.stderr)
    return out


def _text(sink: Sink, replaced: Any) -> TextIOWrapper:
    encoding = getattr(replaced, "encoding", None) or "utf-8"
    # Standard error goes out line by line also where it is a file, as Python has it.
    by_line = sink.isatty() or sink.fileno() == 2
    return TextIOWrapper(BufferedWriter(sink), encoding, errors="backslashreplace", line_buffering=by_line)


def lost() -> OSError | None:
    """Return why standard output takes nothing more, or None. What is printed without end should stop then."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, Sink) else None


def flush() -> None:
    """Let everything out."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):  # it was closed
            stream.flush()
