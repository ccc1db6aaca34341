# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with runs in sandboxes elsewhere (docs/protocol.md 5): E2B, the way to it, the way
back, the server."""

import json
import os
import signal
import threading

import pytest

import waits
from cloud import supervisors_in
from middlebox import Middlebox, passes

UPLOADS = r"/files\?path=%2Fvm0%2F.*"


def lines(events):
    return [event["eventData"].get("text") for event in events if event["source"] == "stdout"]


def messages(events, name):
    return [e["eventData"]["message"] for e in events
            if e["source"] == "vm0" and e["eventData"]["event"] == name]


def check_whole(cloud, vm0, run_id, count):
    """Everything that the agent wrote is there, once and in order."""
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed", (state, events)
    assert lines(events) == [str(n) for n in range(count)]
    assert vm0.run("verify", run_id).code == 0
    cloud.wait_tidy(run_id)


def count_to(count, gate=None):
    steps = [{"line": str(n)} for n in range(count)]
    if gate:
        steps.insert(count // 2, {"wait": gate.path})
    return steps


def test_row_SandboxGone(cloud, vm0):
    cloud.serve()
    run_id = cloud.create([{"line": "kept"}, {"hang": True}])
    vm0.wait_events(run_id, 1)
    cloud.e2b.end(cloud.only_sandbox().id)
    vm0.server.restart()  # it finds out at once, not after a minute
    events, state = vm0.wait_end(run_id)
    assert (state["status"], state["errorCode"]) == ("failed", "SANDBOX_LOST"), state
    assert lines(events) == ["kept"] and not state["result"]["outputComplete"]
    cloud.wait_tidy(run_id)


def test_a_sandbox_that_dies_ends_its_run_by_itself(cloud, vm0):
    cloud.serve()
    run_id = cloud.create([{"line": "kept"}, {"hang": True}])
    vm0.wait_events(run_id, 1)
    cloud.e2b.end(cloud.only_sandbox().id)
    assert vm0.wait_end(run_id)[1]["errorCode"] == "SANDBOX_LOST"


def test_row_SandboxSupervisorKilled(cloud, vm0):
    """What it had read is in its spool, what the agent made in its workspace: both come home."""
    with Middlebox(cloud.public_url, passes) as way:
        cloud.public_url, server_url = way.url, cloud.public_url
        cloud.serve()
        gate = vm0.gate()
        run_id = cloud.create([{"run": ["touch", "made"]}, {"line": "0"}, {"wait": gate.path},
                               {"line": "1"}, {"hang": True}])
        vm0.wait_events(run_id, 1)
        way.way = lambda exchange: None  # the server does not hear of it any more
        gate.open()
        sandbox = cloud.only_sandbox()
        spool = os.path.join(sandbox.box.root, "vm0", run_id, "spool")
        waits.wait_path(spool, waits.file_contains(b'"text":"1"'))
        [pid] = supervisors_in(sandbox)
        os.kill(pid, signal.SIGKILL)
        events, state = vm0.wait_end(run_id)
    assert (state["status"], state["errorCode"]) == ("failed", "SUPERVISOR_DIED"), (state, server_url)
    assert lines(events) == ["0", "1"]
    assert cloud.workspace(run_id, "made") == ""
    cloud.wait_tidy(run_id)


def test_row_SandboxServerRestarts(cloud, vm0):
    cloud.serve()
    gate = vm0.gate()
    run_id = cloud.create(count_to(20, gate))
    vm0.wait_events(run_id, 10)
    vm0.server.restart()
    gate.open()
    check_whole(cloud, vm0, run_id, 20)


def test_row_SandboxServerAway(cloud, vm0):
    """The agent goes on and ends; the supervisor waits for the server, and for the runner."""
    cloud.serve()
    gate = vm0.gate()
    run_id = cloud.create(count_to(2000, gate) + [{"run": ["touch", "made"]}])
    vm0.wait_events(run_id, 1)
    vm0.server.kill9()
    gate.open()
    result = os.path.join(cloud.only_sandbox().box.root, "vm0", run_id, "result.tar.gz")
    waits.until("it has packed", lambda: os.path.exists(result))
    vm0.server.start()
    check_whole(cloud, vm0, run_id, 2000)
    assert cloud.workspace(run_id, "made") == ""


@pytest.mark.parametrize("point", ["cloud.created", "cloud.noted", "cloud.launched", "cloud.fetched",
                                   "cloud.removed", "runner.prepared"])
def test_row_SandboxServerDies(cloud, vm0, point):
    server = cloud.serve(env={"VM0_FAULT": f"{point}:crash"})
    run_id = cloud.create(count_to(5) + [{"run": ["touch", "made"]}])
    assert server.process.wait() == 128 + signal.SIGKILL
    server.environment.pop("VM0_FAULT")
    server.start()
    check_whole(cloud, vm0, run_id, 5)
    assert cloud.workspace(run_id, "made") == ""


def test_row_SandboxCreateLost(cloud, vm0):
    """Two sandboxes were made, one is known: the other one is found and removed."""
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", lose="answer")
    gate = vm0.gate()
    run_id = cloud.create([{"line": "0"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    assert len(cloud.e2b.sandboxes()) == 2
    vm0.server.restart()  # looks at once, else each minute
    waits.until("it is removed", lambda: len(cloud.e2b.sandboxes()) == 1)
    gate.open()
    check_whole(cloud, vm0, run_id, 1)


def test_orphans_are_looked_for_each_minute(clock, cloud, vm0):
    cloud.serve()
    asked = r"/v2/sandboxes\?.*"
    waits.until("it has looked", lambda: cloud.e2b.count("GET", asked) == 1)
    waits.until("it looks again", lambda: cloud.e2b.count("GET", asked) == 2 or clock.advance(5))


def test_a_sandbox_of_another_server_is_let_alone(cloud, vm0):
    cloud.e2b.answer("POST", "/sandboxes", {"X-API-Key": cloud.e2b.api_key}, json.dumps(
        {"templateID": "base", "timeout": 600, "metadata": {"vm0Machine": "another"}}).encode())
    cloud.serve()
    run_id = cloud.create([{"line": "0"}])
    vm0.wait_end(run_id)
    waits.until("its own is removed", lambda: len(cloud.e2b.sandboxes()) == 1)
    assert cloud.e2b.sandboxes()[0].metadata == {"vm0Machine": "another"}


@pytest.mark.parametrize("fault", [
    {"cut_request": 1 << 20}, {"status": 500}, {"status": 502}, {"lose": "request"}, {"lose": "answer"}])
def test_row_SandboxUploadFails(cloud, vm0, fault):
    cloud.serve()
    cloud.e2b.faults.add("POST", UPLOADS, times=3, **fault)
    vm0.write("work/in.txt", "from here\n")
    run_id = cloud.create([{"run": ["cat", "in.txt"]}], workspace={"path": vm0.path("work"), "mode": "copy"})
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed" and lines(events) == ["from here"], state
    cloud.wait_tidy(run_id)


@pytest.mark.parametrize("method, path, fault", [
    ("POST", "/sandboxes", {"status": 500}),
    ("POST", "/sandboxes", {"lose": "request"}),
    ("POST", "/process.Process/Start", {"status": 500}),
    ("POST", "/process.Process/Start", {"lose": "answer"}),
    ("POST", "/process.Process/Start", {"lose": "request"}),
    ("POST", "/process.Process/Connect", {"status": 502}),
    ("POST", "/process.Process/Connect", {"cut_answer": 100}),
    ("GET", r"/files\?path=.*result.*", {"status": 500}),
    ("GET", r"/files\?path=.*result.*", {"cut_answer": 200}),
    ("POST", "/process.Process/SendInput", {"lose": "answer"}),
    ("POST", "/process.Process/SendInput", {"status": 500}),
    ("POST", "/sandboxes/.*/timeout", {"status": 500}),
    ("POST", "/sandboxes/.*/timeout", {"status": 404}),  # it was paused: connecting wakes it
    ("DELETE", "/sandboxes/.*", {"status": 500}),
    ("DELETE", "/sandboxes/.*", {"lose": "answer"}),
])
def test_row_SandboxCallFails(cloud, vm0, method, path, fault):
    cloud.serve()
    made = cloud.e2b.faults.add(method, path, times=2, **fault)
    run_id = cloud.create(count_to(3) + [{"run": ["touch", "made"]}])
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed" and lines(events) == ["0", "1", "2"], (state, events)
    assert cloud.workspace(run_id, "made") == ""
    # A second start finds the lock, or that the agent has run.
    folder = vm0.run_dir(run_id)
    waits.until("it is tidy", lambda: not os.path.exists(os.path.join(folder, "sandbox.json")))
    assert made.times == 0 or "Start" in path or "timeout" in path


def test_e2b_that_does_not_answer_is_asked_again(clock, cloud, vm0):
    cloud.serve()
    held = cloud.e2b.faults.add("POST", "/sandboxes", hold=threading.Event(), lose="request")
    run_id = cloud.create(count_to(2))
    waits.until("it was asked", lambda: held.times == 0)
    clock.advance(60)
    with clock.flow():
        assert lines(vm0.wait_end(run_id)[0]) == ["0", "1"]
    held.hold.set()


def test_row_SandboxStreamCut(cloud, vm0):
    cloud.serve()
    gate = vm0.gate()
    cloud.e2b.faults.add("POST", "/process.Process/Connect", times=3, cut_answer=100)
    run_id = cloud.create(count_to(4, gate))
    vm0.wait_events(run_id, 2)
    waits.until("it was heard again", lambda: cloud.e2b.count("POST", ".*/Connect") >= 4)
    gate.open()
    check_whole(cloud, vm0, run_id, 4)


def test_row_SandboxHookUnreachable(cloud, vm0):
    """The sandbox can't reach the server: nothing is lost, and the end comes when it can."""
    with Middlebox(cloud.public_url, passes) as way:
        cloud.public_url = way.url
        cloud.serve()
        gate = vm0.gate()
        run_id = cloud.create(count_to(2000, gate))
        vm0.wait_events(run_id, 1)
        refused = []
        way.way = refused.append
        gate.open()
        waits.until("the agent has ended", lambda: any(
            waits.file_contains(b"the agent has ended")(os.path.join(s.box.root, "vm0", run_id,
                                                                     "supervisor.log"))
            for s in cloud.e2b.sandboxes()))
        waits.until("it was refused for a while", lambda: len(refused) > 8)
        assert cloud.show(run_id)["status"] == "running"
        way.way = passes
        check_whole(cloud, vm0, run_id, 2000)


def test_row_SandboxCancelUnheard(clock, cloud, vm0):
    """A supervisor that can't reach the server is told of a cancel by its runner."""
    with Middlebox(cloud.public_url, passes) as way:
        cloud.public_url = way.url
        cloud.serve()
        run_id = cloud.create([{"on": {"SIGINT": [{"line": "told"}, {"exit": 0}]}}, {"line": "0"},
                               {"hang": True}])
        with clock.flow():
            vm0.wait_events(run_id, 1)
        way.way = lambda exchange: None
        assert vm0.run("cancel", run_id).code == 0
        waits.until("it is told", lambda: cloud.e2b.count("POST", ".*/SendSignal") or clock.advance(1))
        way.way = passes
        with clock.flow():
            events, state = vm0.wait_end(run_id)
    assert state["status"] == "cancelled", (state, events)


def test_row_WorkspaceLost(cloud, vm0):
    """An archive that is no archive: the run says so, and ends as it would have."""
    cloud.serve()
    gate = vm0.gate()
    run_id = cloud.create([{"line": "0"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    folder = os.path.join(cloud.only_sandbox().box.root, "vm0", run_id)
    with open(os.path.join(folder, "result.tar.gz"), "wb") as file:
        file.write(b"this is no archive, but made to look like a result")
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed", state
    assert "no gzip file" in messages(events, "workspace_lost")[0], events
    cloud.wait_tidy(run_id)
