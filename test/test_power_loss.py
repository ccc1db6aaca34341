# SPDX-License-Identifier: Apache-2.0
"""A machine that loses power, at any moment: what anybody was told is there when it is back."""

import http.client
import json
import os
import random as randoms
import sqlite3
import threading

import pytest

import vm0 as vm0_module
import waits

LINES = 400


class Reader:
    """Reads a run from its first event on, until the power is cut; keeps what it has seen."""

    def __init__(self, world, run_id):
        self.run_id = run_id
        self.seen = []
        self.status = None
        self._world = world
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        since = 0
        while self.status not in vm0_module.TERMINAL:
            try:
                page = self._world.page(self.run_id, since, limit=50, wait=30)
            except (OSError, ValueError, AssertionError, http.client.HTTPException):
                break
            since = page["nextSequence"]
            with self._changed:
                self.seen += page["events"]
                self.status = page["run"]["status"]
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    ended = False

    def wait_seen(self, count):
        """Until so many events, or the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.ended or len(self.seen) >= count,
                                          waits.HANG_SECONDS):
                raise waits.Hang(f"run {self.run_id}: {len(self.seen)} events of {count}")

    def finish(self):
        self._thread.join(waits.HANG_SECONDS)
        assert not self._thread.is_alive()
        return self.seen


def start_runs(vm0, count=2):
    steps = [{"fill": {"count": LINES, "size": 60}}, {"line": "last"}]
    return [Reader(vm0, vm0.create_run(steps)) for _ in range(count)]


def assert_all_is_kept(vm0, readers):
    """What the readers saw is stored as they saw it; every run ends, gapless."""
    for reader in readers:
        seen = reader.finish()
        events, state = vm0.wait_end(reader.run_id)
        assert [event["sequenceNumber"] for event in events] == list(range(1, len(events) + 1))
        assert events[:len(seen)] == seen
        if reader.status in vm0_module.TERMINAL:
            assert (state["status"], len(events)) == (reader.status, len(seen))
        if state["status"] == "completed":
            assert len(events) == LINES + 1
    with sqlite3.connect(f"file:{vm0.data_dir}/vm0.db?mode=ro", uri=True) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("seed", range(20))
def test_what_readers_have_seen_survives_a_loss_of_power_at_any_moment(power, vm0, seed):
    random = randoms.Random(seed)
    server = vm0.serve()
    readers = start_runs(vm0)
    random.choice(readers).wait_seen(random.randrange(LINES))
    power.cut(vm0, random)
    server.start()
    assert_all_is_kept(vm0, readers)
