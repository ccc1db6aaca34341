# SPDX-License-Identifier: Apache-2.0
"""An older copy of a server's database, put back as `cp` does it, behind vm0's back (decision 15).
Runs go on meanwhile."""

import contextlib
import os
import shutil
import sqlite3

FILES = ("vm0.db", "vm0.db-wal", "vm0.db-shm")


class OlderDatabase:
    """The database as it was when this was made. The server must be stopped or killed."""

    def __init__(self, world):
        self._world = world
        self._path = os.path.join(world.root, "older.db")
        # Not a copy of the file: what is in its write-ahead log belongs to it.
        source = sqlite3.connect(os.path.join(world.data_dir, "vm0.db"))
        copy = sqlite3.connect(self._path)
        with contextlib.closing(source), contextlib.closing(copy):
            source.backup(copy)

    def edit(self, statement, *values):
        """Changes what it holds: what an earlier one would hold."""
        with contextlib.closing(sqlite3.connect(self._path)) as database:
            count = database.execute(statement, values).rowcount
            database.commit()
        assert count >= 1, statement

    def put_back(self):
        for name in FILES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._world.data_dir, name))
        path = os.path.join(self._world.data_dir, "vm0.db")
        shutil.copy(self._path, path)
        os.chmod(path, 0o600)


def run_key(run_id):
    """A run's id as the database has it."""
    return bytes.fromhex(run_id.replace("-", ""))
