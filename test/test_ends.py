# SPDX-License-Identifier: Apache-2.0
"""How runs end that do not simply end (docs/runs.md), and that nothing of them is left."""

import os

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
    assert bell.is_silent(), "it waits at its pipe"
    assert vm0.page(run_id)["run"]["status"] == "running"
    disk.empty()
    with clock.flow(speed=5):
        bell.wait()
        events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed", state
    waited = [e["eventData"]["seconds"] for e in events if e["eventData"].get("event") == "disk_full"]
    assert waited and waited[0] >= 7, events[:5]
    own = [e["eventData"] for e in events if e["source"] != "vm0"]
    assert own[0]["text"] == "ready" and own[-1]["text"] == "end"
    assert [e["n"] for e in own[1:-1]] == list(range(1, 3001))
    assert vm0.run("verify", run_id).code == 0


def test_a_run_tells_what_happened_and_what_to_do(vm0, server):
    done = vm0.run_agent([{"line": "x"}, {"exit": 3}])
    assert done.code == 1
    told = "the agent exited with code 3; its last output should say why: vm0 logs"
    assert told.encode() in done.stderr, done
    shown = vm0.run("show", vm0.only_run()).stdout.decode()
    assert f"error: {told}\n" in shown and "errorCode: AGENT_EXITED\n" in shown, shown
