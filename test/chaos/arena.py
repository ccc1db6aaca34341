# SPDX-License-Identifier: Apache-2.0
"""A world in which rounds take place: its server behind a gate, its armed fault, and what became of
its processes."""

import contextlib
import functools
import http.client
import os
import re
import threading

import power_loss
import vm0
import waits
from checks import groups_of
from gate import Gate
from progress import Progress, watch_renames

START_TRIES = 5
DISK_MEGABYTES = 192


class ServerDied(AssertionError):
    """It does not start any more."""


def _remove_group(path):
    """Also what is still dying in it: processes in boxes do not mention the world."""
    with open(os.path.join(path, "cgroup.procs"), encoding="ascii") as file:
        pids = [int(line) for line in file]
    for pid in pids:
        waits.kill(pid)
        waits.wait_gone(pid)
    os.rmdir(path)


class Arena:
    """One world over many rounds."""

    def __init__(self, root, kind):
        """`kind`: "power" notes what a loss of power can take, "small disk" is on a disk that can
        be filled, "plain" is faster than both."""
        self.world = vm0.World(root)
        self.kind = kind
        if kind == "power":
            power_loss.simulate(self.world)
        elif kind == "small disk":
            self.world.use_small_disk(DISK_MEGABYTES)
        self._disk_is_full = False
        self._fault_folder = os.path.join(root, "faults")
        os.mkdir(self._fault_folder)
        self._fault_file = os.path.join(self._fault_folder, "armed")
        self.world.env["VM0_FAULT_FILE"] = self._fault_file
        self._armed_action = None
        self.progress = self._make_progress()
        self.problems = []  # of the server: it died without being killed
        watch_renames(self._fault_folder, self._take_fired)
        self._serving = threading.RLock()  # held while the server is away on purpose
        self._up = False
        self._down_on_purpose = set()
        self.server_peak_kb = 0
        if kind != "small disk":
            os.mkdir(self.world.data_dir, 0o700)
        # On the same disk: second names of spools, directories that were moved away.
        self.aside = os.path.join(self.world.data_dir, "aside")
        os.mkdir(self.aside)
        self.gate = Gate(self.world.data_dir, self.progress.move)
        self._serve()
        self.token = self.world.token
        self._stand()
        self.config_id = self._create_config()

    # What is different where runs go to sandboxes elsewhere (cloud_arena.py).

    @staticmethod
    def _make_progress():
        return Progress()

    def _serve(self):
        self.world.serve()

    def _create_config(self):
        return self.world.create_config()

    # The armed fault

    def arm(self, point, action, at, salt):
        """The process that passes `point` for the `at`-th time from now on does `action`."""
        self._armed_action = action
        temporary = self._fault_file + ".new"
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{point}:{action}@{at} {salt}")
        # Not by rename: that is how a process takes it.
        os.link(temporary, self._fault_file)
        os.unlink(temporary)

    def disarm(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._fault_file)

    def has_fired(self, pid):
        """Whether that process took an armed fault."""
        return os.path.exists(f"{self._fault_file}.{pid}")

    def _take_fired(self, name):
        self.progress.fire(int(name.rsplit(".", 1)[1]))

    # The server

    def _stand(self):
        """It serves: stands in front of it, and watches it."""
        self.gate.take_place()
        pid = self.world.server.pid
        self._up = True
        self.progress.move()
        threading.Thread(target=self._watch, args=(pid,), daemon=True).start()

    def _watch(self, pid):
        with contextlib.suppress(waits.Hang):
            waits.wait_gone(pid, timeout=None)
        with self._serving:
            if pid in self._down_on_purpose or self.world.server.pid != pid:
                return
            self._up = False
            self.world.server.process.wait()
            if not self.has_fired(pid):
                self.problems.append("the server died by itself")
            self.start()

    def kill_server(self):
        with self._serving:
            pid = self.world.server.pid
            self._down_on_purpose.add(pid)
            self._up = False
            self._note_peak(pid)
            self.world.server.kill9()

    def stop_server(self):
        with self._serving:
            pid = self.world.server.pid
            self._down_on_purpose.add(pid)
            self._up = False
            self._note_peak(pid)
            waits.kill(pid, 18)  # SIGCONT: it may stand still
            self.world.server.stop()

    def start(self):
        """Starts it if it is down. A fault that is armed may hit the start, too: then once more."""
        with self._serving:
            if self._up:
                return
            if self._armed_action in ("hang", "stop"):
                self.disarm()  # nobody could wait for such a start
            for _ in range(START_TRIES):
                try:
                    self.world.server.start()
                    break
                except waits.Hang:
                    pid = self.world.server.process.pid
                    self.world.server.process.wait()
                    if self._disk_is_full:
                        self.empty_disk()  # which it needs some room of
                    elif not self.has_fired(pid):
                        self.problems.append("the server does not start")
            else:
                raise ServerDied(self.world.server.process.describe())
            self._stand()

    def restart(self):
        self.kill_server()
        self.start()

    def fill_disk(self, leave):
        self._disk_is_full = True
        self.world.disk.fill(leave)

    def empty_disk(self):
        with self._serving:
            if self._disk_is_full:
                self._disk_is_full = False
                self.world.disk.empty()

    @property
    def _groups(self):
        """Control groups of all its runs."""
        runs = os.path.join(self.world.data_dir, "runs")
        return list(groups_of(os.listdir(runs))) if os.path.isdir(runs) else []

    def lose_power(self, rng):
        """The machine dies, and boots again."""
        with self._serving:
            self._down_on_purpose.add(self.world.server.pid)
            self._up = False
            self.disarm()
            power_loss.cut(self.world, rng)
            for group in self._groups:
                _remove_group(group)  # no boot keeps them
            self.start()

    def wait_moment(self):
        """Until something has moved, or a moment has passed."""
        self.progress.await_move()

    def _note_peak(self, pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as file:
            peak = re.search(r"VmHWM:\s+(\d+)", file.read())
            if peak:
                self.server_peak_kb = max(self.server_peak_kb, int(peak.group(1)))

    def note_peak(self):
        self._note_peak(self.world.server.pid)

    def http(self, over_tcp=False):
        """A client whose way leads through the gate. It was given its token once, and keeps it."""
        connect = self.world.connect
        if over_tcp:
            connect = functools.partial(http.client.HTTPConnection, "127.0.0.1", self.gate.port,
                                        timeout=waits.HANG_SECONDS)
        return vm0.Http(connect, lambda: self.token)

    def abandon(self):
        """Ends its processes, and leaves its files."""
        with self._serving:
            self._down_on_purpose.add(self.world.server.pid)
        self.disarm()
        power_loss.kill_all(self.world)

    def close(self):
        with self._serving:
            self._down_on_purpose.add(self.world.server.pid)
            self._up = False
        self.gate.release()
        self.world.close()
        self.gate.close()
