"""Whether an SQLite file that is in use is still the file its path leads to.

SQLite asks its handles and never the path. When somebody removes, renames or replaces the file, a process goes on
reading and writing what nobody will find again. Two looks tell, after each write and every few seconds:

- The path, and those of the -wal and -shm files beside it, lead to the files that were opened, and the -wal file is as
  long as what was written to it.
- Only checkpoints write to the main file of a database in WAL mode. When its size or time has changed and there was no
  checkpoint, something else has written to it: somebody has copied a backup over it.
"""

from __future__ import annotations

import os
import sqlite3
from mmap import PROT_READ, mmap
from struct import Struct
from threading import Lock
from typing import NamedTuple

_Identity = tuple[int, int]

# Where the -shm file has what https://www.sqlite.org/walformat.html describes: the size of a page and the number of
# frames in the WAL (mxFrame), the salts of its header, the number of frames that were copied to the main file
# (nBackfill), and of those that a checkpoint has set out to copy. Numbers are in the machine's own order of bytes.
_WAL_LENGTH = Struct("=14xHI")
_SALTS_AT, _COPIED_AT, _ATTEMPTED_AT = 32, 96, 128
_SHM_HEAD = 136
_WAL_HEAD, _FRAME_HEAD = 32, 24


class FileLost(Exception):
    """The file in use is not the one its path leads to. One sentence for the operator."""


class _Checkpoints(NamedTuple):
    """What is different after each checkpoint: the WAL's salts, and the frames copied and to be copied."""

    salts: bytes
    copied: bytes
    attempted: bytes


class _Content(NamedTuple):
    """How the main file looked (size, time of its last change), and what checkpoints there had been."""

    look: tuple[int, int]
    checkpoints: _Checkpoints


_KEPT: list[mmap] = []
"""Never closed: see `OpenFile.close`."""


class OpenFile:
    """An SQLite database in WAL mode that is in use, watched through its path.

    It keeps a connection open, so that the -wal and -shm files stay the same ones as long as it is open.
    Its methods may be called from any thread.

    @param path: a file that exists and is in WAL mode.
    """

    def __init__(self, path: str) -> None:
        self._path, self._wal_path, self._shm_path = path, f"{path}-wal", f"{path}-shm"
        self._lock = Lock()
        self._overwritten = self._cut = False
        self._anchor = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._anchor.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # makes the files beside it
        self._identities = {name: _identity(os.stat(name)) for name in (path, self._wal_path, self._shm_path)}
        self._shm = os.open(self._shm_path, os.O_RDONLY)
        # Mapped, since a system call lets go of Python's lock, which a busy reactor is slow to give back.
        self._shm_head = mmap(self._shm, _SHM_HEAD, prot=PROT_READ)
        self._seen: _Content | None = None
        self.check()

    def check(self) -> None:
        """Raise FileLost when the main file or one of those beside it is lost."""
        with self._lock:
            self._check_wal()
            self._identified(self._shm_path)
            self._check_main()

    def check_wal(self) -> None:
        """Raise FileLost when the -wal file was cut short. Called before a write, which makes it long again."""
        with self._lock:
            self._check_wal()

    def close(self) -> None:
        """Let go of the file. Called when all other connections of this store are closed."""
        self._anchor.close()
        # Closing any descriptor of a file takes all of this process's POSIX locks on it. The last connection removes
        # the file; while it is there, somebody else in this process may rely on locks, and the descriptors are kept.
        if os.fstat(self._shm).st_nlink == 0:
            self._shm_head.close()
            os.close(self._shm)
        else:
            _KEPT.append(self._shm_head)

    def _check_wal(self) -> None:
        before = self._wal_length()
        length = self._identified(self._wal_path).st_size
        # A checkpoint may have made it shorter in between; then it says so.
        if length < before and self._wal_length() == before:
            self._cut = True
        if self._cut:
            raise FileLost(
                f"{self._wal_path} was cut short, and what stood there is lost:"
                " stop the daemon, keep a copy of the files, and start it again or put a backup in place"
            )

    def _wal_length(self) -> int:
        """Return how many bytes of the -wal file count."""
        page, frames = _WAL_LENGTH.unpack_from(self._shm_head)
        return _WAL_HEAD + frames * (_FRAME_HEAD + (page if page > 1 else 1 << 16)) if frames else 0

    def _check_main(self) -> None:
        before = self._checkpoints()
        stat = self._identified(self._path)
        after = self._checkpoints()
        look = (stat.st_size, stat.st_mtime_ns)
        if self._seen is not None and self._seen.checkpoints == after and self._seen.look != look:
            self._overwritten = True
        if self._overwritten:
            raise FileLost(
                f"something other than SQLite has written to {self._path}, such as a backup that was copied over it:"
                " stop the daemon, remove the -wal and -shm files beside it, and put the right file in place again"
            )
        # While a checkpoint runs the file changes, and nothing can be learnt from how it looks.
        settled = before == after and after.copied == after.attempted
        self._seen = _Content(look, after) if settled else None

    def _identified(self, path: str) -> os.stat_result:
        """Return what there is at a path; raise FileLost when it is not what was opened."""
        try:
            stat = os.stat(path)
        except OSError as error:
            raise FileLost(
                f"{path} is not there any more ({error.strerror}), and what is written would be lost:"
                " put it back, or restart the daemon to begin a new file"
            ) from None
        if _identity(stat) != self._identities[path]:
            raise FileLost(
                f"{path} was replaced by another file: restart the daemon to use that one, or put the old one back"
            )
        return stat

    def _checkpoints(self) -> _Checkpoints:
        head = self._shm_head
        return _Checkpoints(
            head[_SALTS_AT : _SALTS_AT + 8], head[_COPIED_AT : _COPIED_AT + 4], head[_ATTEMPTED_AT : _ATTEMPTED_AT + 4]
        )


def _identity(stat: os.stat_result) -> _Identity:
    return stat.st_dev, stat.st_ino
