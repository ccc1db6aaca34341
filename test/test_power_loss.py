# SPDX-License-Identifier: Apache-2.0
"""A machine that loses power, at any moment: what anybody was told is there when it is back."""

import contextlib
import http.client
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


# At the very points where something is about to become durable, or has.


@pytest.mark.parametrize("point", [
    "store.commit", "store.committed", "store.sync", "file.sync", "file.rename",
    "file.sync_directory", "run_dir.forget", "power.noted"])
@pytest.mark.parametrize("seed", range(3))
def test_what_readers_have_seen_survives_a_loss_of_power_at(power, vm0, point, seed):
    random = randoms.Random(f"{point}{seed}")
    server = vm0.serve()
    server.kill9()
    last = 40 if point == "power.noted" else 8
    with contextlib.suppress(waits.Hang):  # it may die while it starts
        server.start(env={"VM0_FAULT": f"{point}:crash@{random.randint(2, last)}"})
    readers = []
    with contextlib.suppress(OSError, http.client.HTTPException):  # or of the first request
        readers += start_runs(vm0)
    for reader in readers:
        reader.finish()
    power.cut(vm0, random)
    server.start()
    assert_all_is_kept(vm0, readers)


# What is answered, beside events.


def keep_a_secret(vm0):
    answer = vm0.http.request("PUT", "/api/agent/secrets/API_KEY", {"value": "a-secret-of-ours"})
    assert answer.status in (200, 201), answer


def assert_secret_is_kept(vm0):
    """An agent gets it."""
    shell = ["sh", "-c", '[ "$API_KEY" = a-secret-of-ours ] && echo the same']
    run_id = vm0.create_run([{"run": shell}], storedSecrets=["API_KEY"])
    events, state = vm0.wait_end(run_id)
    assert [event["eventData"].get("text") for event in events] == ["the same"], state


def create_external(vm0, **headers):
    config = vm0.http.get("/api/agent/configs?name=my-agent").json["id"]
    answer = vm0.http.post("/api/agent/runs", {"agentConfigId": config, "prompt": "x",
                                               "sandbox": "external"}, headers=headers)
    assert answer.status in (200, 201), answer
    return answer.json["runId"]


def post_event(vm0, run_id, number):
    return vm0.http.post("/api/webhooks/agent/events", {
        "runId": run_id, "events": [{"type": "x", "n": number}], "firstSequence": number})


def test_all_that_was_answered_is_there_after_a_loss_of_power(power, vm0):
    server = vm0.serve()
    admin = vm0.token
    vm0.create_config()
    keep_a_secret(vm0)
    token = vm0.http.post("/api/tokens", {"name": "laptop"}).json["token"]
    run_id = create_external(vm0, **{"Idempotency-Key": "once"})
    assert post_event(vm0, run_id, 1).status == 200
    cancelled = create_external(vm0)
    assert vm0.http.post(f"/api/agent/runs/{cancelled}/cancel").status == 200
    queued = vm0.create_run([{"line": "x"}])
    power.cut(vm0, power.LOSE_ALL)
    server.start()
    assert vm0.token == admin
    assert vm0.http.get("/api/agent/runs", token=token).status == 200
    assert create_external(vm0, **{"Idempotency-Key": "once"}) == run_id
    assert post_event(vm0, run_id, 2).json["lastSequence"] == 2
    assert vm0.http.get(f"/api/agent/runs/{cancelled}").json["status"] == "cancelled"
    assert vm0.wait_end(queued)[1]["status"] in ("completed", "failed")
    assert_secret_is_kept(vm0)


def test_a_run_whose_cancel_was_answered_is_not_run_again(power, vm0):
    server = vm0.serve()
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "started"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    asked = vm0.http.post(f"/api/agent/runs/{run_id}/cancel").json["cancelRequestedAt"]
    power.cut(vm0, power.LOSE_ALL)
    server.start()
    assert vm0.wait_end(run_id)[1]["status"] in ("failed", "cancelled")
    assert vm0.http.get(f"/api/agent/runs/{run_id}").json["cancelRequestedAt"] == asked


# A process that is killed leaves files written, and not synced, to the next one.


def test_a_commit_that_a_killed_server_did_not_sync_is_synced_before_it_is_shown(power, vm0):
    server = vm0.serve()
    vm0.create_config()
    run_id = create_external(vm0)
    server.crash_at_next("store.sync")
    with pytest.raises((OSError, http.client.HTTPException)):
        post_event(vm0, run_id, 1)
    server.process.wait()
    server.start()
    assert len(vm0.wait_events(run_id, 1)) == 1
    power.cut(vm0, power.LOSE_ALL)
    server.start()
    assert len(vm0.page(run_id)["events"]) == 1


@pytest.mark.parametrize("passes", range(1, 10))
def test_names_that_a_killed_server_did_not_sync_are_synced_before_they_count(power, vm0, passes):
    vm0.data_dir = os.path.join(vm0.root, "new", "d")
    with contextlib.suppress(waits.Hang):
        vm0.serve(env={"VM0_FAULT": f"file.sync_directory:crash@{passes}"})
    vm0.processes[0].kill()
    server = vm0.serve()
    admin = vm0.token
    keep_a_secret(vm0)
    power.cut(vm0, power.LOSE_ALL)
    server.start()
    assert vm0.token == admin
    assert_secret_is_kept(vm0)


def test_files_of_an_ended_run_that_a_loss_of_power_brings_back_go_again(power, vm0):
    """Their removal is not synced (decision 16)."""
    server = vm0.serve()
    run_id = vm0.create_run([{"line": "a"}, {"line": "b"}])
    events, state = vm0.wait_end(run_id)
    waits.wait_gone(vm0.supervisor_pid(run_id))
    spool = os.path.join(vm0.run_dir(run_id), "spool")
    spec = os.path.join(vm0.run_dir(run_id), "spec.json")
    assert not os.path.exists(spec)
    power.cut(vm0, power.LOSE_ALL)
    assert os.path.exists(spec), "it is back"
    server.start()
    waits.wait_path(spec, lambda path: not os.path.exists(path))
    assert not os.path.exists(spool)
    assert vm0.wait_end(run_id) == (events, state)
    assert vm0.run("verify", run_id).code == 0
