# SPDX-License-Identifier: Apache-2.0
"""How far a round is: what its faults wait for."""

import ctypes
import os
import threading

import waits

# Nothing at all moves for so long: whatever a fault waits for will not come by itself. Decides
# about no result.
SILENCE_SECONDS = 0.25

_LIBC = ctypes.CDLL(None, use_errno=True)
_IN_MOVED_TO = 0x80


class Progress:
    """Counts the events that readers have seen, and everything that moves."""

    def __init__(self, silence=SILENCE_SECONDS):
        self._silence = silence
        self._changed = threading.Condition()
        self._events = 0
        self._moves = 0
        self._live = 0
        self._fired = []  # pids of processes that fired an armed fault, not yet attended to

    def begin(self, runs):
        with self._changed:
            self._events, self._live = 0, runs

    def saw_event(self, weight=1):
        with self._changed:
            self._events += weight
            self._moves += 1
            self._changed.notify_all()

    def move(self):
        with self._changed:
            self._moves += 1
            self._changed.notify_all()

    def run_ended(self):
        with self._changed:
            self._live -= 1
            self._changed.notify_all()

    def fire(self, pid):
        with self._changed:
            self._fired.append(pid)
            self._changed.notify_all()

    def has_fired(self):
        return bool(self._fired)

    def await_all(self, reached):
        """Until reached(), which must come unless all runs end before."""
        with self._changed:
            if not self._changed.wait_for(lambda: reached() or self._live <= 0,
                                          waits.HANG_SECONDS):
                raise waits.Hang("a round does not get on")

    def take_fired(self):
        with self._changed:
            fired, self._fired = self._fired, []
            return fired

    def _until(self, reached):
        """Until reached(), or a fault fired, or all runs have ended, or nothing moves. Whether a
        fault fired."""
        with self._changed:
            while not (reached() or self._fired or self._live <= 0):
                before = self._moves
                self._changed.wait_for(lambda: self._moves != before or reached() or self._fired
                                       or self._live <= 0, self._silence)
                if self._moves == before:
                    break
            return bool(self._fired)

    def reach(self, events):
        """Until so many events of the round were seen, or no more will be. True: a fault fired
        before."""
        return self._until(lambda: self._events >= events)

    def let_move(self, moves):
        """Until so much more has moved."""
        with self._changed:
            goal = self._moves + moves
        self._until(lambda: self._moves >= goal)

    def await_move(self):
        """Until anything has moved, or nothing has for a moment."""
        with self._changed:
            before = self._moves
            self._changed.wait_for(lambda: self._moves != before, SILENCE_SECONDS)


def watch_renames(folder, renamed):
    """Calls renamed(name) from a thread of its own for each file that comes to be by a rename."""
    fd = _LIBC.inotify_init1(os.O_CLOEXEC)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    if _LIBC.inotify_add_watch(fd, folder.encode(), _IN_MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), f"watch {folder}")

    def read():
        while True:
            data = os.read(fd, 65536)
            while data:
                length = int.from_bytes(data[12:16], "little")
                name = data[16:16 + length].rstrip(b"\0").decode()
                data = data[16 + length:]
                if not name:  # the folder is gone, and with it the watch
                    os.close(fd)
                    return
                renamed(name)
    threading.Thread(target=read, daemon=True).start()
