# SPDX-License-Identifier: Apache-2.0
"""A world whose server sends its runs to sandboxes of our E2B (test/e2b). What the sandboxes send to the server goes
through the gate, too."""

import collections
import contextlib
import os
import threading

import vm0
import waits
from arena import Arena
from cloud import AGENT
from e2b.server import E2bServer, Template
from progress import Progress

SILENCE_SECONDS = 2  # a sandbox may take so long to start
REQUEST_WEIGHT = 10  # a request to E2B is as many moments as that number of events
FULL_ACCOUNT = 5     # sandboxes at once, in a world of that kind


class WatchedE2b(E2bServer):
    """One that tells of each request and counts the faults that came true."""

    def __init__(self, folder, asked, **options):
        self._asked = asked
        self._names = {}
        self._counting = threading.Lock()
        self.hits = collections.Counter()
        super().__init__(folder, **options)

    def add_fault(self, name, method, path, **what):
        fault = self.faults.add(method, path, **what)
        self._names[id(fault)] = (name, fault)  # kept, so that no other has its id

    def log(self, method, path, fault):
        super().log(method, path, fault)
        if fault:
            with self._counting:
                self.hits[self._names[id(fault)][0]] += 1
        self._asked()

    def take_hits(self):
        with self._counting:
            hits, self.hits = self.hits, collections.Counter()
            return hits


class CloudArena(Arena):
    """`kind`: "full account" may have a few sandboxes at once, "account" has no such limit."""

    def _make_progress(self):
        return Progress(SILENCE_SECONDS)

    def _serve(self):
        files = self.world.files
        template = Template(binds=[(vm0.FAKE_AGENT, AGENT), (files, files)])
        most = FULL_ACCOUNT if self.kind == "full account" else 1000
        self.e2b = WatchedE2b(os.path.join(self.world.root, "e2b"), lambda: self.progress.saw_event(REQUEST_WEIGHT),
                              templates={"agent": template}, most_sandboxes=most)
        self.world.serve("--public-url", f"http://127.0.0.1:{self.gate.port}", env=self.e2b.environment())

    def _create_config(self):
        return self.world.create_config(sandbox="e2b", image="agent", command=[AGENT])

    def sandboxes_of(self, run_id):
        return [sandbox for sandbox in self.e2b.sandboxes() if sandbox.metadata.get("vm0Run") == run_id]

    def wait_empty(self):
        """Nothing is left at E2B, also of what nobody knew: a server that starts looks for it."""
        self.restart()
        with contextlib.suppress(waits.Hang):
            waits.until("no sandbox is left", lambda: not self.e2b.sandboxes() or self.wait_moment())
        return self.e2b.sandboxes()

    def abandon(self):
        super().abandon()
        self._end_sandboxes()

    def close(self):
        self._end_sandboxes()
        super().close()

    def _end_sandboxes(self):
        self.e2b.faults.clear()
        for sandbox in self.e2b.sandboxes():
            self.e2b.end(sandbox.id)
