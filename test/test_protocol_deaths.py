# SPDX-License-Identifier: Apache-2.0
"""The rows Deaths, Timeouts and Limits of docs/protocol.md 5, with real processes that are killed
for real. The rows of messages have their tests in src/run and src/api."""

import json
import os
import shutil
import signal
import sqlite3

import pytest

import waits

MARK = "the-last-line"


def texts(events):
    """The lines of a run's events, in order; their numbers must be 1..N."""
    assert [e["sequenceNumber"] for e in events] == list(range(1, len(events) + 1))
    return [e["eventData"].get("text") for e in events if e["source"] in ("stdout", "stderr")]


def vm0_events(events):
    return [json.dumps(e["eventData"]) for e in events if e["source"] == "vm0"]


def wait_spooled(vm0, run_id, text):
    """Until the supervisor has written it to its spool."""
    waits.wait_path(os.path.join(vm0.run_dir(run_id), "spool"), waits.file_contains(text))


def is_forgotten(vm0, run_id):
    """Nothing of the run is left to ship."""
    return not any(os.path.exists(os.path.join(vm0.run_dir(run_id), name))
                   for name in ("spec.json", "token", "spool"))


def start_run(vm0, *steps, **fields):
    """A run whose agent has printed "ready" and waits: its id, its gate. The step "gate" waits at
    the same gate again."""
    gate = vm0.gate()
    wait = {"wait": gate.path}
    steps = [wait if step == "gate" else step for step in steps]
    run_id = vm0.create_run([{"line": "ready"}, wait, *steps], **fields)
    vm0.wait_events(run_id, 1)
    return run_id, gate


# Deaths


def test_row_ServerKilledWhileRunning(vm0, server):
    bell = vm0.bell()
    run_id, gate = start_run(vm0, {"fill": {"count": 500, "size": 100}}, {"tell": bell.path},
                             "gate", {"line": "end"})
    server.kill9()
    gate.open()
    bell.wait()
    server.start()
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed"
    assert texts(events) == ["ready", "end"]
    assert [e["eventData"]["n"] for e in events if e["eventType"] == "fill"] == list(range(1, 501))


def test_row_ServerKilledBeforeAck(vm0, server):
    run_id, gate = start_run(vm0, {"line": "once"}, "gate")
    server.crash_at_next("store.committed")
    gate.open()
    assert server.process.wait() == 128 + signal.SIGKILL
    server.start()
    assert texts(vm0.wait_events(run_id, 2)) == ["ready", "once"]
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "once"], "completed")


@pytest.mark.parametrize("point", ["store.commit", "store.committed"])
def test_row_ServerKilledWhileCompleting(vm0, server, point):
    run_id, gate = start_run(vm0)
    supervisor = vm0.supervisor_pid(run_id)
    server.crash_at_next(point)
    gate.open()
    assert server.process.wait() == 128 + signal.SIGKILL
    server.start()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready"], "completed")
    waits.wait_gone(supervisor)
    assert is_forgotten(vm0, run_id)
    with sqlite3.connect(f"file:{vm0.data_dir}/vm0.db?mode=ro", uri=True) as database:
        assert database.execute("select count(*) from run_ends").fetchone() == (1,)


def test_row_ServerAwayAtEnd(vm0, server):
    run_id, gate = start_run(vm0, {"line": MARK})
    supervisor = vm0.supervisor_pid(run_id)
    agents = vm0.agent_processes(run_id)
    server.kill9()
    gate.open()
    for pid in agents:
        waits.wait_gone(pid)
    wait_spooled(vm0, run_id, MARK)
    assert os.path.exists(f"/proc/{supervisor}")
    server.start()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", MARK], "completed")
    waits.wait_gone(supervisor)
    assert is_forgotten(vm0, run_id)


def start_unstarted(vm0, steps):
    """A run that was claimed and has its directory, but whose agent was never allowed to start,
    since server and supervisor died before: its server, its id."""
    server = vm0.serve(env={"VM0_FAULT": "supervisor.start:hang"})
    run_id = vm0.create_run(steps)
    supervisor = vm0.supervisor_pid(run_id)
    server.kill9()
    waits.kill(supervisor)
    waits.wait_gone(supervisor)
    server.environment.clear()
    return server, run_id


def assert_second_attempt(vm0, run_id):
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["x"], "completed")
    assert vm0.http.get(f"/api/agent/runs/{run_id}").json["attempt"] == 2


def test_row_RunnerKilledAfterClaim(vm0):
    server, run_id = start_unstarted(vm0, [{"line": "x"}])
    shutil.rmtree(vm0.run_dir(run_id))
    server.start()
    assert_second_attempt(vm0, run_id)


def test_row_RunnerKilledAfterDirectory(vm0):
    server, run_id = start_unstarted(vm0, [{"line": "x"}])
    assert os.path.exists(os.path.join(vm0.run_dir(run_id), "spec.json"))
    server.start()
    assert_second_attempt(vm0, run_id)


def test_row_RunnerAdopts(vm0, server):
    run_id, gate = start_run(vm0, {"line": "after"})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    server.restart()
    assert vm0.supervisor_pid(run_id) == supervisor
    assert vm0.agent_processes(run_id) == agents
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "after"], "completed")


def test_row_RunnerAdopts_and_buries_what_it_adopted(vm0, server):
    run_id, _ = start_run(vm0)
    server.restart()
    waits.kill(vm0.supervisor_pid(run_id))
    assert vm0.wait_end(run_id)[1]["status"] == "failed"


def assert_buried(vm0, run_id, expected, agents):
    """The run has failed for the loss of its supervisor, with all that was spooled."""
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "failed"
    assert "supervisor" in state["error"]
    assert texts(events) == expected
    for pid in agents:
        waits.wait_gone(pid)
    run = vm0.http.get(f"/api/agent/runs/{run_id}").json
    assert run["result"]["outputComplete"] is False, run


def test_row_SupervisorKilled(vm0, server):
    run_id, _ = start_run(vm0)
    agents = vm0.agent_processes(run_id)
    assert agents
    waits.kill(vm0.supervisor_pid(run_id))
    assert_buried(vm0, run_id, ["ready"], agents)


def kill_both(vm0, server):
    """Server and supervisor are dead, a marked line is in the spool only: run id, agents."""
    run_id, gate = start_run(vm0, {"line": MARK}, {"hang": True})
    agents = vm0.agent_processes(run_id)
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    supervisor = vm0.supervisor_pid(run_id)
    waits.kill(supervisor)
    waits.wait_gone(supervisor)
    return run_id, agents


def test_row_SupervisorKilledServerAway(vm0, server):
    run_id, agents = kill_both(vm0, server)
    server.start()
    assert_buried(vm0, run_id, ["ready", MARK], agents)


@pytest.mark.parametrize("torn", [b"3", b"3 1763625600000000 stdout",
                                  b'3 1763625600000000 agent {"a":'])
def test_row_SupervisorKilledTornSpool(vm0, server, torn):
    run_id, agents = kill_both(vm0, server)
    with open(os.path.join(vm0.run_dir(run_id), "spool"), "ab") as spool:
        spool.write(torn)
    server.start()
    assert_buried(vm0, run_id, ["ready", MARK], agents)


def test_a_runner_killed_before_it_tidies_up_does_so_when_it_is_back(vm0):
    server = vm0.serve(env={"VM0_FAULT": "runner.tidy:crash"})
    run_id = vm0.create_run([{"line": "x"}])
    assert server.process.wait() == 128 + signal.SIGKILL
    assert os.path.exists(os.path.join(vm0.run_dir(run_id), "tmp"))
    server.environment.clear()
    server.start()
    for name in ("tmp", "uid"):
        path = os.path.join(vm0.run_dir(run_id), name)
        waits.wait_path(path, lambda path: not os.path.exists(path))


def test_row_SupervisorKilledBeforeStart(vm0):
    vm0.serve(env={"VM0_FAULT": "supervisor.start:crash", "VM0_FAULT_ONCE_FILE": vm0.path("fired")})
    run_id = vm0.create_run([{"line": "x"}])
    assert_second_attempt(vm0, run_id)


def test_row_SupervisorKilledAfterComplete(vm0, server):
    run_id, gate = start_run(vm0)
    supervisor = vm0.supervisor_pid(run_id)
    # The end is committed, but the answer never comes.
    server.crash_at_next("store.committed")
    gate.open()
    assert server.process.wait() == 128 + signal.SIGKILL
    waits.kill(supervisor)
    waits.wait_gone(supervisor)
    assert not is_forgotten(vm0, run_id)
    server.start()
    spool = os.path.join(vm0.run_dir(run_id), "spool")
    waits.wait_path(spool, lambda path: not os.path.exists(path))
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready"], "completed")


def test_row_SpoolShorterThanStore(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"line": "b"}, {"line": "c"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 3)
    agents = vm0.agent_processes(run_id)
    supervisor = vm0.supervisor_pid(run_id)
    server.kill9()
    waits.kill(supervisor)
    waits.wait_gone(supervisor)
    path = os.path.join(vm0.run_dir(run_id), "spool")
    with open(path, "rb") as spool:
        lines = spool.read().splitlines(keepends=True)
    with open(path, "wb") as spool:
        spool.writelines(lines[:2])  # header and one record
    server.start()
    assert_buried(vm0, run_id, ["a", "b", "c"], agents)


@pytest.mark.parametrize("code, status", [(0, "completed"), (1, "failed"), (255, "failed")])
def test_row_AgentExits(vm0, server, code, status):
    run_id = vm0.create_run([{"line": "x"}, {"exit": code}])
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["x"], status)
    if code:
        assert str(code) in state["error"]


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGTERM"])
def test_row_AgentKilled(vm0, server, name):
    run_id = vm0.create_run([{"line": "x"}, {"kill": name}])
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["x"], "failed")
    assert name in state["error"] or str(int(signal.Signals[name])) in state["error"]


def test_row_AgentLeavesChildren(vm0, server):
    gate, bell = vm0.gate(), vm0.bell()
    everything = ["SIGINT", "SIGTERM", "SIGHUP"]
    child = [{"ignore": everything}, {"line": "from the child"}, {"tell": bell.path},
             {"hang": True}]
    grandchild = [{"spawn": child, "setsid": True}]
    run_id = vm0.create_run([{"spawn": child, "setsid": True},
                             {"spawn": grandchild, "setsid": True}, {"wait": gate.path},
                             {"line": "agent"}])
    supervisor = vm0.supervisor_pid(run_id)
    bell.wait(2)
    pids = vm0.agent_processes(run_id)
    assert len(pids) >= 3
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed"
    assert sorted(texts(events)) == ["agent", "from the child", "from the child"]
    for pid in [*pids, supervisor]:
        waits.wait_gone(pid)


def test_row_LaunchFails(vm0, server):
    config_id = vm0.create_config(command=["/no/such/program"])
    run_id = vm0.http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": "p",
                                               "sandbox": "none"}).json["runId"]
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == ([], "failed")
    assert "/no/such/program" in state["error"]


# Timeouts


def test_row_RunTimeout(vm0, clock, server):
    run_id, _ = start_run(vm0, timeout=600)
    agents = vm0.agent_processes(run_id)
    clock.wait_timer("supervisor")
    clock.advance(599)
    assert vm0.page(run_id)["run"]["status"] == "running"
    clock.advance(1)
    with clock.flow():
        events, state = vm0.wait_end(run_id)
    assert state["status"] == "timeout"
    assert any("timeout" in text for text in vm0_events(events)), events
    for pid in agents:
        waits.wait_gone(pid)


def test_row_IdleTimeout(vm0, clock, server):
    gate = vm0.gate()
    config = vm0.config(limits={"idle_timeout": "5m"}, dialect="plain")
    steps = [{"line": "a"}, {"wait": gate.path}, {"line": "b"}, {"hang": True}]
    run = vm0.start("run", config, json.dumps(steps), "--sandbox", "none", "--json")
    run.expect('"text":"a"')
    clock.wait_timer("supervisor")
    clock.advance(290)
    with clock.flow():
        gate.open()
        run.expect('"text":"b"')
    clock.advance(290)
    assert run.running
    clock.advance(10)
    with clock.flow():
        done = run.finish()
    assert done.code == 124
    assert b"idle_timeout" in done.stdout


def test_row_CancelEscalates(vm0, clock, server):
    first, second = vm0.bell(), vm0.bell()
    run_id = vm0.create_run([{"on": {"SIGINT": [{"tell": first.path}],
                                     "SIGTERM": [{"tell": second.path}]}},
                             {"line": "ready"}, {"hang": True}])
    vm0.wait_events(run_id, 1)
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    assert vm0.http.post(f"/api/agent/runs/{run_id}/cancel").status == 200
    first.wait()
    clock.wait_timer("supervisor", within=10, pid=supervisor)
    clock.advance(9)
    assert second.is_silent()
    clock.advance(1)
    second.wait()
    clock.wait_timer("supervisor", within=5, pid=supervisor)
    clock.advance(5)
    with clock.flow():
        for pid in agents:
            waits.wait_gone(pid)
        assert vm0.wait_end(run_id)[1]["status"] == "cancelled"


def test_row_Unauthorized10Min(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": MARK}, {"hang": True})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    # Behind the server's back: at its start the runner would notice, and get a new token.
    with sqlite3.connect(os.path.join(vm0.data_dir, "vm0.db")) as database:
        assert database.execute("delete from tokens where run_id is not null").rowcount == 1
    # The server remembers tokens until it writes one itself.
    assert vm0.run("auth", "token", "create").code == 0
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    assert clock.advance_until_gone(supervisor) >= 600
    for pid in agents:
        waits.wait_gone(pid)
    with clock.flow():
        assert_buried(vm0, run_id, ["ready", MARK], [])


def test_row_LongPollDeadline(vm0, clock, server):
    run_id, gate = start_run(vm0)
    response = {}

    def poll():
        response["page"] = vm0.page(run_id, since=1, wait=60)
    thread = waits.threading.Thread(target=poll)
    thread.start()
    clock.wait_timer("server", within=60)
    vm0.http.get("/healthz")
    while thread.is_alive():
        clock.advance(5)
        thread.join(0.02)
    page = response["page"]
    assert (page["events"], page["nextSequence"], page["hasMore"]) == ([], 1, False)
    assert page["run"]["status"] == "running"
    gate.open()
    vm0.wait_end(run_id)


def test_row_IdleServerExits(vm0, clock):
    assert vm0.run("ps").code == 0
    with open(os.path.join(vm0.data_dir, "server.json"), encoding="utf-8") as file:
        pid = json.load(file)["pid"]
    clock.wait_timer("server")
    clock.advance(14 * 60)
    assert os.path.exists(f"/proc/{pid}")
    assert clock.advance_until_gone(pid) >= 60
    assert not os.path.exists(os.path.join(vm0.data_dir, "server.json"))
    assert vm0.run("ps").code == 0
    assert clock.has_role("server")


# Limits


def test_row_LineTooLong(vm0, server):
    length = 9 << 20
    run_id = vm0.create_run([{"line": "before"}, {"bytes": {"count": length, "byte": "x"}},
                             {"line": ""}, {"line": "after"}])
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed"
    assert texts(events) == ["before", "after"]
    cut = [e for e in events if e["source"] == "vm0"]
    assert [e["sequenceNumber"] for e in cut] == [2]
    text = json.dumps(cut[0]["eventData"])
    assert "line_cut" in text and str(length) in text
    assert "x" * 64_000 in text and len(text) < 70_000


def test_row_SpoolFull(vm0):
    limit = 300_000
    forever = [{"forever": [{"fill": {"count": 1, "size": 1000}}]}]
    server, run_id = start_unstarted(vm0, forever)
    # What the spec says now is what the next supervisor gets. No API sets this.
    with sqlite3.connect(os.path.join(vm0.data_dir, "vm0.db")) as database:
        (spec,), = database.execute("select spec from runs")
        spec = json.loads(spec)
        assert spec["spoolLimitBytes"] > limit
        spec["spoolLimitBytes"] = limit
        database.execute("update runs set spec = ?", [json.dumps(spec)])
    server.start()
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "failed" and "spool" in state["error"], state
    assert "spool_full" in vm0_events(events)[0]
    filled = [e["eventData"]["n"] for e in events if e["source"] == "agent"]
    assert filled == [1] * (len(events) - 1)
    assert limit * 0.8 < sum(len(json.dumps(e["eventData"])) for e in events) < limit * 1.2
    assert vm0.agent_processes(run_id) == []


def test_row_BatchLimits(vm0, server):
    bell = vm0.bell()
    run_id, gate = start_run(vm0, {"fill": {"count": 2500, "size": 10}},
                             {"fill": {"count": 12, "size": 1 << 20}}, {"tell": bell.path})
    server.kill9()
    gate.open()
    bell.wait()  # all of it is pending now
    server.start()
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed"
    assert texts(events) == ["ready"]
    assert [e["eventData"]["n"] for e in events[1:]] == [*range(1, 2501), *range(1, 13)]


def test_row_OneHugeRecord(vm0, server):
    run_id = vm0.create_run([{"line": "a"}, {"fill": {"count": 2, "size": 6 << 20}}, {"line": "b"}])
    assert vm0.wait_end(run_id)[1]["status"] == "completed"
    pad = "x" * (6 << 20)
    expected = "a\n" + "".join(f'{{"type":"fill","n":{n},"pad":"{pad}"}}\n' for n in (1, 2)) + "b\n"
    assert vm0.raw(run_id) == expected.encode()


def test_row_PageLimits(vm0, server):
    run_id = vm0.create_run([{"fill": {"count": 5, "size": 3 << 20}}])
    vm0.wait_end(run_id)
    since, sizes = 0, []
    while True:
        page = vm0.page(run_id, since)
        sizes.append(len(page["events"]))
        since = page["nextSequence"]
        if not page["hasMore"]:
            break
        assert page["run"]["status"] == "running", "not terminal before the end"
    assert sum(sizes) == 5 and len(sizes) >= 2 and all(sizes)
    assert page["run"]["status"] == "completed"
