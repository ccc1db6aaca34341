# SPDX-License-Identifier: Apache-2.0
"""How runs end that do not simply end (docs/runs.md), and that nothing of them is left."""

import os
import re

import pytest

import vm0 as vm0_module
import waits

RESULT = {"claude": {"result": {"result": "42"}}}


def messages(events, name):
    """What vm0 itself says under that name."""
    return [e["eventData"]["message"] for e in events
            if e["source"] == "vm0" and e["eventData"]["event"] == name]


def test_row_AgentHangsAfterResult(vm0, clock, server):
    run_id = vm0.create_run([{"ignore": ["SIGINT", "SIGTERM"]}, {"claude": {"init": {}}}, RESULT,
                             {"hang": True}], dialect="claude-code")
    vm0.wait_events(run_id, 2)
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    clock.wait_timer("supervisor", within=10, pid=supervisor)
    clock.advance(9)
    assert len(vm0.page(run_id)["events"]) == 2
    clock.advance(1)
    clock.wait_timer("supervisor", within=5, pid=supervisor)
    clock.advance(5)
    with clock.flow():
        events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed" and state["result"]["output"] == "42", state
    assert len(messages(events, "hung_after_result")) == 1, events
    for pid in agents:
        waits.wait_gone(pid)


def test_row_StdoutClosed(vm0, clock, server):
    bell, gate = vm0.bell(), vm0.gate()
    run_id = vm0.create_run([{"line": "last"}, {"close": "stdout"}, {"tell": bell.path},
                             {"wait": gate.path}, {"stderr": "still here"}, {"exit": 3}])
    bell.wait()
    vm0.wait_events(run_id, 1)
    clock.wait_timer("supervisor", within=10, pid=vm0.supervisor_pid(run_id))
    clock.advance(10)
    with clock.flow():
        events = vm0.wait_events(run_id, 2)
        assert "can't be seen" in messages(events, "stdout_closed")[0]
        gate.open()
        events, state = vm0.wait_end(run_id)
    assert [e["source"] for e in events] == ["stdout", "vm0", "stderr"]
    assert (state["status"], state["errorCode"]) == ("failed", "AGENT_EXITED")


def launcher_of(vm0, run_id):
    """The supervisor's child."""
    supervisor = vm0.supervisor_pid(run_id)
    return next(pid for pid in waits.descendants(supervisor)
                if waits.parent_of(pid) == supervisor)


def refusing_binary(vm0):
    """vm0 on a machine that refuses user namespaces."""
    path = vm0.path("vm0-refused")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{vm0_module.HERE}/no_user_namespaces" '
                   f'"{vm0_module.BINARY}" "$@"\n')
    os.chmod(path, 0o755)
    return path


@pytest.mark.parametrize("namespaces", [True, False], ids=["namespaces", "no-namespaces"])
def test_row_LauncherKilled(vm0, namespaces):
    vm0.serve(binary=None if namespaces else refusing_binary(vm0))
    bell = vm0.bell()
    ring = f"echo x >{bell.path}"
    script = (f"setsid sh -c 'trap \"\" INT TERM HUP; {ring}; sleep 1000; :' &"
              f"(setsid -f sh -c '{ring}; sleep 1000; :');"
              f"(env -i /usr/bin/setsid -f /bin/sh -c '{ring}; /bin/sleep 1000; :');"
              "echo started; wait")
    config_id = vm0.create_config(command=["/bin/sh", "-c", script])
    run_id = vm0.http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": "p",
                                               "sandbox": "none"}).json["runId"]
    vm0.wait_events(run_id, 1)
    bell.wait(6)
    launcher = launcher_of(vm0, run_id)
    below = waits.descendants(vm0.supervisor_pid(run_id))
    assert len(below) >= 8, [waits.describe_process(pid) for pid in below]
    waits.kill(launcher)
    events, state = vm0.wait_end(run_id)
    assert [e["eventData"]["text"] for e in events] == ["started"]
    assert state["status"] == "failed" and "SIGKILL" in state["error"], state
    for pid in below:
        waits.wait_gone(pid)


def activity(vm0, run_id):
    return vm0.http.get(f"/api/agent/runs/{run_id}").json.get("activity", {})


def test_row_DiskFullSpool(vm0, clock):
    """What the agent prints meanwhile waits in the pipe, and nothing is lost."""
    disk = vm0.use_small_disk(64)
    vm0.serve()
    gate, bell = vm0.gate(), vm0.bell()
    run_id = vm0.create_run([{"line": "ready"}, {"wait": gate.path},
                             {"fill": {"count": 3000, "size": 1000}}, {"tell": bell.path},
                             {"line": "end"}])
    vm0.wait_events(run_id, 1)
    supervisor = vm0.supervisor_pid(run_id)
    disk.fill()
    gate.open()
    clock.wait_timer("supervisor", within=1, pid=supervisor)
    clock.advance(7)
    with clock.flow(speed=20):
        waits.until("waits", lambda: "waitsForDiskSeconds" in activity(vm0, run_id))
        assert b"running, waits for a full disk" in vm0.run("ps").stdout
    assert bell.is_silent(), "it waits at its pipe"
    disk.empty()
    with clock.flow(speed=20):
        bell.wait()
        events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed", state
    waited = [e["eventData"]["seconds"] for e in events if e["eventData"].get("event") == "disk_full"]
    assert waited and waited[0] >= 7, events[:5]
    own = [e["eventData"] for e in events if e["source"] != "vm0"]
    assert own[0]["text"] == "ready" and own[-1]["text"] == "end"
    assert [e["n"] for e in own[1:-1]] == list(range(1, 3001))
    assert vm0.run("verify", run_id).code == 0


def test_row_DiskFullSpool_timeouts_hold_and_the_end_waits_for_room(vm0, clock):
    disk = vm0.use_small_disk(64)
    vm0.serve()
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "ready"}, {"wait": gate.path},
                             {"forever": [{"fill": {"count": 100, "size": 1000}}]}], timeout=600)
    vm0.wait_events(run_id, 1)
    agents = vm0.agent_processes(run_id)
    disk.fill()
    gate.open()
    clock.wait_timer("supervisor", within=1, pid=vm0.supervisor_pid(run_id))
    clock.advance(600)
    with clock.flow(speed=20):
        for pid in agents:
            waits.wait_gone(pid)
        waits.until("waits long", lambda: activity(vm0, run_id).get("waitsForDiskSeconds", 0) >= 600)
    assert vm0.page(run_id)["run"]["status"] == "running"
    disk.empty()
    with clock.flow(speed=20):
        events, state = vm0.wait_end(run_id)
    assert (state["status"], state["errorCode"]) == ("timeout", "TIMEOUT")
    assert [e["sequenceNumber"] for e in events] == list(range(1, len(events) + 1))
    assert {e["eventData"]["event"] for e in events if e["source"] == "vm0"} == {"timeout", "disk_full"}
    assert vm0.run("verify", run_id).code == 0


def test_row_DiskFullServer(vm0, clock):
    """The database's disk alone; the spool lies on another."""
    disk = vm0.use_small_disk(16)
    runs = os.path.join(vm0.root, "runs")
    os.mkdir(runs, 0o700)
    os.symlink(runs, os.path.join(vm0.data_dir, "runs"))
    server = vm0.serve()
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "ready"}, {"wait": gate.path},
                             {"fill": {"count": 3000, "size": 1000}}, {"line": "the-last-line"}])
    vm0.wait_events(run_id, 1)
    agents = vm0.agent_processes(run_id)
    disk.fill()
    gate.open()
    for pid in agents:
        waits.wait_gone(pid)
    waits.wait_path(os.path.join(runs, run_id, "spool"), waits.file_contains("the-last-line"))
    refused = vm0.http.post("/api/agent/runs", {"agent": "my-agent", "prompt": "p", "sandbox": "none"})
    assert (refused.status, refused.error_code) == (503, "UNAVAILABLE"), refused
    assert "free some space" in refused.json["error"]["message"]
    with clock.flow(speed=20):
        waits.wait_path(os.path.join(runs, run_id, "supervisor.log"), waits.file_contains("free some space"))
        assert vm0.page(run_id)["run"]["status"] == "running"
        assert server.process.running
        disk.empty()
        events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed", state
    assert [e["eventData"]["n"] for e in events[1:-1]] == list(range(1, 3001))
    assert vm0.run("verify", run_id).code == 0


def test_a_silent_agent_is_told_from_a_supervisor_that_is_not_heard_of(vm0, clock, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "ready"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    with clock.flow(speed=50):
        waits.until("is silent", lambda: b"running, silent for " in vm0.run("ps").stdout)
        shown = vm0.run("show", run_id).stdout.decode()
    assert re.search(r"^activity: last event \d+m ago, supervisor heard of \d+s ago$", shown,
                     re.MULTILINE), shown
    server.restart()
    away = server.socket_path + ".away"
    os.rename(server.socket_path, away)  # its supervisor knows no other way
    by_tcp = {"VM0_API_URL": server.url, "VM0_TOKEN": vm0.token}
    unheard = b"running, supervisor not heard of since the server started"
    with clock.flow(speed=50):
        waits.until("is unheard", lambda: unheard in vm0.run("ps", env=by_tcp).stdout)
        os.rename(away, server.socket_path)
        waits.until("is silent", lambda: b"running, silent for " in vm0.run("ps").stdout)
        gate.open()
        assert vm0.wait_end(run_id)[1]["status"] == "completed"
    assert "activity" not in vm0.http.get(f"/api/agent/runs/{run_id}").json


def test_a_copy_of_a_folder_ends_at_the_runs_limits(vm0, server):
    for number in range(4):
        vm0.write(f"big/{number}", b"x" * (1 << 20))
    path = vm0.config(sandbox="bubblewrap", network="none", limits={"disk": "2MiB"},
                      command=["/bin/sh", "-c", "echo never"])
    done = vm0.run("run", path, "p", "-w", vm0.path("big"))
    assert done.code == 1 and b"never" not in done.stdout, done
    assert b"it takes more than the run's disk limit of 2 MiB: give it more" in done.stderr, done
    left = os.path.join(vm0.run_dir(vm0.only_run()), "workspace")
    assert sum(entry.stat().st_size for entry in os.scandir(left)) < 10 << 20


def test_a_config_says_how_often_to_try_to_start(vm0, server):
    config_id = vm0.create_config(max_attempts=7)
    body = {"agentConfigId": config_id, "prompt": "[]", "sandbox": "none"}
    for more, expected in (({}, 7), ({"maxAttempts": 2}, 2)):
        run_id = vm0.http.post("/api/agent/runs", {**body, **more}).json["runId"]
        assert vm0.http.get(f"/api/agent/runs/{run_id}").json["maxAttempts"] == expected


def test_a_run_tells_what_happened_and_what_to_do(vm0, server):
    done = vm0.run_agent([{"line": "x"}, {"exit": 3}])
    assert done.code == 1
    told = "the agent exited with code 3; its last output should say why: vm0 logs"
    assert told.encode() in done.stderr, done
    shown = vm0.run("show", vm0.only_run()).stdout.decode()
    assert f"error: {told}\n" in shown and "errorCode: AGENT_EXITED\n" in shown, shown
