"""A file that is written whole or not at all: what was there before stays until the new one is safe on the disk."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def replaced(path: str) -> Iterator[TextIO]:
    """Give a text file (UTF-8) to write to, which takes the place of `path` when the block ends without an error.

    It is written beside it, synced and renamed, and has the mode of the file it replaces. What is no plain file, such
    as a pipe or a device, is written to directly. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("w", encoding="utf-8") as out:
            yield out
        return
    if mode is not None:
        target.open("ab").close()  # a file that may not be written is refused, as it would be without the detour
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        os.fchmod(number, stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        with open(number, "w", encoding="utf-8") as out:
            yield out
            out.flush()
            os.fsync(number)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(target.parent)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut too, where folders can be synced."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
