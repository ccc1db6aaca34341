# SPDX-License-Identifier: Apache-2.0
"""What the suite prints."""

import collections
import os
import time

COUNTED = ("lost", "duplicated", "reordered", "stuck", "survivors", "wrong")


class Report:
    def __init__(self, options):
        self._options = options
        self._start = time.monotonic()
        self._rounds = self._runs = self._events = self._workspaces = 0
        self.failed = False
        self._faults = collections.Counter()
        self._counts = collections.Counter()

    def add(self, number, round_, verdict):
        self._rounds += 1
        self._runs += len(round_.runs)
        self._events += verdict.events
        self._workspaces += verdict.workspaces
        self._faults += round_.faults.counts
        self._counts += verdict.counts
        if self._options.verbose or verdict.counts:
            did = ", ".join(f"{kind}" for kind in round_.faults.counts) or "no fault"
            print(f"round {number}: {len(round_.runs)} runs, {verdict.events} events; {did}",
                  flush=True)
        for text in verdict.texts:
            print(f"  {text}", flush=True)
        if verdict.counts:
            self.broke(number)

    def broke(self, number):
        self.failed = True
        print(f"round {number} failed; again: ./dev chaos {'--e2b ' * self._options.e2b}--seed {self._options.seed} "
              f"--first {number} --rounds 1", flush=True)

    @staticmethod
    def keep(arena):
        """The world of a failure, with what its processes said."""
        with open(os.path.join(arena.world.root, "processes.log"), "w", encoding="utf-8") as file:
            file.write(arena.world.describe())
        arena.abandon()
        print(f"its world is kept: {arena.world.root}", flush=True)

    def print_summary(self):
        seconds = time.monotonic() - self._start
        print(f"chaos: seed {self._options.seed}, {self._rounds} rounds in {seconds:.0f} s, "
              f"{self._runs} runs, {sum(self._faults.values())} faults, "
              f"{self._events} events"
              f"{f' and {self._workspaces} workspaces' * self._options.e2b} checked")
        for kind, count in sorted(self._faults.items()):
            print(f"  {count:5} {kind}")
        print(", ".join(f"{self._counts[kind]} {kind}" for kind in COUNTED))
        if self._options.count:
            failed = 1 if self.failed else 0
            print(f"{self._rounds - failed} passed, {failed} failed")
