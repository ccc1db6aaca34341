# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/protocol.md 5 about what is lost, moved, replaced, away or asleep."""

import json
import os
import shutil
import signal
import sqlite3
import uuid

import pytest

import power_loss
import waits
from test_protocol_deaths import (assert_second_attempt, is_forgotten, start_run, start_unstarted,
                                  texts, vm0_events, wait_spooled)
from vm0 import BINARY

MARK = "the-last-line"
HOUR = 3600


def shown(vm0, run_id):
    return vm0.http.get(f"/api/agent/runs/{run_id}").json


def assert_lost(vm0, run_id, expected, reason):
    """The run has failed, with what the server had, and says so."""
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (expected, "failed")
    assert reason in state["error"], state
    assert shown(vm0, run_id)["result"]["outputComplete"] is False


def kill(pid):
    waits.kill(pid)
    waits.wait_gone(pid)


def kill_supervisor(vm0, run_id):
    """And what it supervised, which must go with it."""
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    kill(supervisor)
    for pid in agents:
        waits.wait_gone(pid)


# What is lost of a run's directory


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_row_DirectoryLost(vm0, server, moved):
    run_id, _ = start_run(vm0)
    server.kill9()
    kill_supervisor(vm0, run_id)
    if moved:
        os.rename(vm0.run_dir(run_id), vm0.path("moved"))
    else:
        shutil.rmtree(vm0.run_dir(run_id))
    server.start()
    assert_lost(vm0, run_id, ["ready"], "the run's directory was moved away or deleted")


def test_row_DirectoryLost_of_all_runs_under_a_live_server(vm0, server):
    run_id, _ = start_run(vm0)
    supervisor = vm0.supervisor_pid(run_id)
    shutil.rmtree(os.path.join(vm0.data_dir, "runs"))
    kill(supervisor)
    assert_lost(vm0, run_id, ["ready"], "the run's directory was moved away or deleted")
    assert vm0.wait_end(vm0.create_run([{"line": "x"}]))[1]["status"] == "completed"


def test_row_DirectoryLostUnderSupervisor(vm0, server):
    run_id, gate = start_run(vm0, {"line": "end"})
    supervisor = vm0.supervisor_pid(run_id)
    shutil.rmtree(vm0.run_dir(run_id))
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "end"], "completed")
    waits.wait_gone(supervisor)


def test_row_DirectoryLostUnderSupervisor_that_was_adopted(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": "end"})
    supervisor = vm0.supervisor_pid(run_id)
    server.restart()
    server.process.stderr.expect("its supervisor lives and goes on")
    shutil.rmtree(vm0.run_dir(run_id))
    for _ in range(10):
        clock.advance(10)
        vm0.http.get("/healthz")
    gate.open()
    with clock.flow():
        events, state = vm0.wait_end(run_id)
        waits.wait_gone(supervisor)
    assert (texts(events), state["status"]) == (["ready", "end"], "completed")


def test_row_DirectoryLostUnderSupervisor_and_the_server_restarts(vm0, clock, server):
    run_id, _ = start_run(vm0, {"hang": True})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    shutil.rmtree(vm0.run_dir(run_id))
    server.restart()
    assert_lost(vm0, run_id, ["ready"], "the run's directory was moved away or deleted")
    with clock.flow(speed=5):
        for pid in [supervisor, *agents]:
            waits.wait_gone(pid)


def test_row_DirectoryLostUnstarted(vm0):
    server, run_id = start_unstarted(vm0, [{"line": "x"}])
    os.rename(vm0.run_dir(run_id), vm0.path("moved"))
    server.start()
    assert_second_attempt(vm0, run_id)


@pytest.mark.parametrize("lost", ["spec.json", "token", "lock", "elapsed", "started"])
def test_row_DirectoryPartLost(vm0, clock, server, lost):
    run_id, gate = start_run(vm0, {"line": MARK}, {"hang": True})
    path = os.path.join(vm0.run_dir(run_id), lost)
    if lost == "elapsed":  # it comes with the first heartbeat
        clock.wait_timer("supervisor", within=10, pid=vm0.supervisor_pid(run_id))
        clock.advance(10)
        waits.wait_path(path)
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    kill_supervisor(vm0, run_id)
    os.unlink(path)
    server.start()
    assert_lost(vm0, run_id, ["ready", MARK], "everything it had read is kept")


@pytest.mark.parametrize("name, garbage", [
    ("token", b""), ("token", b"\xff\x00\n\n"), ("token", b"vm0_run_of-another"),
    ("token", b"x" * 5000), ("elapsed", b"-5"), ("elapsed", b"9" * 30), ("elapsed", b"\xff"),
    ("started", b""), ("started", b"\xff"), ("spec.json", b"{"), ("lock", b"\xff pid=x")],
    ids=range(11))
def test_row_DirectoryPartLost_or_garbage(vm0, server, name, garbage):
    run_id, gate = start_run(vm0, {"line": MARK}, {"hang": True})
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    kill_supervisor(vm0, run_id)
    with open(os.path.join(vm0.run_dir(run_id), name), "wb") as file:
        file.write(garbage)
    server.start()
    assert_lost(vm0, run_id, ["ready", MARK], "everything it had read is kept")


def test_row_SpoolLost(vm0, server):
    run_id, _ = start_run(vm0)
    server.kill9()
    kill_supervisor(vm0, run_id)
    os.unlink(os.path.join(vm0.run_dir(run_id), "spool"))
    server.start()
    assert_lost(vm0, run_id, ["ready"], "spool is not there")


@pytest.mark.parametrize("name", ["spec.json", "spool"])
def test_row_UnknownVersion_in_a_directory_is_left_alone(vm0, server, name):
    run_id, _ = start_run(vm0)
    server.kill9()
    kill_supervisor(vm0, run_id)
    path = os.path.join(vm0.run_dir(run_id), name)
    with open(path, "rb") as file:
        text = file.read()
    newer = {"spec.json": text.replace(b'"v": 1', b'"v": 2'),
             "spool": text.replace(b" v=1", b" v=2")}[name]
    assert newer != text
    with open(path, "wb") as file:
        file.write(newer)
    if name == "spec.json":  # of a run that this database knows nothing of
        with sqlite3.connect(os.path.join(vm0.data_dir, "vm0.db")) as database:
            for table in ("tokens where run_id is not null", "events", "runs"):
                database.execute(f"delete from {table}")
        server.start()
        server.process.stderr.expect("is left alone")
    else:
        server.start()
        assert_lost(vm0, run_id, ["ready"], "a spool of another version")
    with open(path, "rb") as file:
        assert file.read() == newer


def test_a_run_of_another_version_is_shown_and_does_not_break_the_list(vm0, server):
    run_id, gate = start_run(vm0)
    server.kill9()
    with sqlite3.connect(os.path.join(vm0.data_dir, "vm0.db")) as database:
        database.execute("update runs set spec = '{\"v\":9}'")
    server.start()
    run = shown(vm0, run_id)
    assert run["status"] == "running" and "version" in run["specProblem"], run
    done = vm0.run("show", run_id)
    assert done.code == 0 and b"specProblem" in done.stdout, done
    assert vm0.run("ps").code == 0
    gate.open()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"


# The data directory


def move_data_dir(vm0, name):
    moved = os.path.join(vm0.root, name)
    os.rename(vm0.data_dir, moved)
    vm0.data_dir = moved


def test_row_DataDirMovedAndBack(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": "away"}, "gate", {"line": "end"})
    supervisor, home = vm0.supervisor_pid(run_id), vm0.data_dir
    move_data_dir(vm0, "elsewhere")
    clock.advance(5)
    assert server.process.wait() == 5
    assert b"was moved away or deleted" in server.process.stderr.wait_end()
    gate.open()
    wait_spooled(vm0, run_id, "away")
    assert not os.path.exists(home)
    move_data_dir(vm0, os.path.basename(home))
    server.start()
    assert vm0.supervisor_pid(run_id) == supervisor
    gate.open()
    with clock.flow():
        events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "away", "end"], "completed")
    waits.wait_gone(supervisor)
    assert is_forgotten(vm0, run_id)


def test_row_DataDirMoved(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": "there"}, "gate", {"line": "end"})
    supervisor, home = vm0.supervisor_pid(run_id), vm0.data_dir
    move_data_dir(vm0, "elsewhere")
    clock.advance(5)
    assert server.process.wait() == 5
    server.start()  # at the new place
    gate.open()
    with clock.flow():
        assert texts(vm0.wait_events(run_id, 2)) == ["ready", "there"]
    assert vm0.supervisor_pid(run_id) == supervisor
    gate.open()
    with clock.flow():
        events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "there", "end"], "completed")
    waits.wait_gone(supervisor)
    assert is_forgotten(vm0, run_id)
    assert not os.path.exists(home), "nobody made the old one anew"


def test_row_DataDirMoved_and_another_is_at_its_place(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": "end"})
    old = server.process
    home = vm0.data_dir
    move_data_dir(vm0, "elsewhere")
    moved, vm0.data_dir = vm0.data_dir, home
    server = vm0.serve()  # a new, empty one
    info = os.path.join(home, "server.json")
    with open(info, encoding="utf-8") as file:
        text = file.read()
    clock.advance(5)
    assert old.wait() == 5
    with open(info, encoding="utf-8") as file:
        assert file.read() == text, "the old server took the new one's"
    assert vm0.http.get("/api/agent/runs").json["runs"] == []
    server.stop()
    vm0.data_dir = moved
    server.start()
    gate.open()
    with clock.flow():
        assert vm0.wait_end(run_id)[1]["status"] == "completed"


def test_row_DataDirDeleted(vm0, clock, server):
    run_id, _ = start_run(vm0, {"hang": True})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    shutil.rmtree(vm0.data_dir)
    clock.advance(5)
    assert server.process.wait() == 5
    assert b"was moved away or deleted" in server.process.stderr.wait_end()
    with clock.flow(speed=5):
        for pid in [supervisor, *agents]:
            waits.wait_gone(pid)
    assert not os.path.exists(vm0.data_dir)


def test_row_DataDirDeleted_while_an_end_waits_for_a_server(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": MARK})
    supervisor = vm0.supervisor_pid(run_id)
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    shutil.rmtree(vm0.data_dir)
    assert clock.advance_until_gone(supervisor) <= 60


# The machine


def reboot(vm0, server):
    """All processes die at once, the uids of runs are free, and the boot id is another."""
    server.kill9()
    power_loss.kill_all(vm0)
    power_loss.forget_uids(vm0)
    vm0.env["VM0_TEST_BOOT_ID"] = str(uuid.uuid4())
    server.start()


def test_row_MachineRestarted(vm0, server):
    run_id, gate = start_run(vm0, {"line": MARK}, {"hang": True})
    waiting = [vm0.create_run([{"line": "x"}]) for _ in range(2)]
    for other in waiting:
        vm0.wait_end(other)
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    with open(os.path.join(vm0.run_dir(run_id), "spool"), "ab") as spool:
        spool.write(b'3 17636256')  # torn by the loss of power
    reboot(vm0, server)
    assert_lost(vm0, run_id, ["ready", MARK], "the machine restarted")
    for name in ("tmp", "uid", "spec.json"):
        path = os.path.join(vm0.run_dir(run_id), name)
        waits.wait_path(path, lambda path: not os.path.exists(path))
    for name in ("workspace", "home"):
        assert os.stat(os.path.join(vm0.run_dir(run_id), name)).st_uid == os.geteuid()
    assert vm0.wait_end(vm0.create_run([{"line": "x"}]))[1]["status"] == "completed"


def test_row_MachineRestarted_before_the_agent_was_started(vm0):
    server, run_id = start_unstarted(vm0, [{"line": "x"}])
    reboot(vm0, server.start())
    assert_second_attempt(vm0, run_id)


def test_row_MachineSlept(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": "end"}, timeout=600)
    clock.wait_timer("supervisor")
    clock.jump_wall(10 * HOUR)  # the monotonic clock stands still meanwhile
    clock.advance(300)
    assert vm0.page(run_id)["run"]["status"] == "running"
    gate.open()
    with clock.flow():
        events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "end"], "completed")
    assert shown(vm0, run_id)["result"]["executionTimeMs"] < 400_000, "sleep is no work"


def times(events):
    return [event["createdAt"] for event in events]


@pytest.mark.parametrize("hours", [30, -30])
def test_row_ClockJumped(vm0, clock, server, hours):
    run_id, gate = start_run(vm0, {"line": "a"}, "gate", {"line": "end"})
    supervisor = vm0.supervisor_pid(run_id)
    clock.jump_wall(hours * HOUR)
    gate.open()
    vm0.wait_events(run_id, 2)
    clock.advance(60)  # heartbeats, the control stream
    clock.jump_wall(-hours * HOUR)
    with clock.flow():
        vm0.http.get("/healthz")
        gate.open()
        events, state = vm0.wait_end(run_id)
        waits.wait_gone(supervisor)
    assert (texts(events), state["status"]) == (["ready", "a", "end"], "completed")
    assert times(events) == sorted(times(events)), "createdAt never goes backward"
    run = shown(vm0, run_id)
    assert run["createdAt"] <= run["startedAt"] <= run["completedAt"]
    assert run["result"]["executionTimeMs"] < 400_000


def test_row_ClockJumped_while_the_answer_to_the_end_is_lost(vm0, clock, server):
    run_id, gate = start_run(vm0)
    supervisor = vm0.supervisor_pid(run_id)
    server.crash_at_next("store.committed")
    gate.open()
    with clock.flow():
        assert server.process.wait() == 128 + signal.SIGKILL
    clock.jump_wall(3 * HOUR)  # to the server its token has expired
    server.start()
    assert clock.advance_until_gone(supervisor) <= 700
    with clock.flow():
        events, state = vm0.wait_end(run_id)
        spec = os.path.join(vm0.run_dir(run_id), "spec.json")
        waits.wait_path(spec, lambda path: not os.path.exists(path))
    assert (texts(events), state["status"]) == (["ready"], "completed")
    assert is_forgotten(vm0, run_id)


@pytest.mark.parametrize("hours", [30, -30])
def test_row_ClockJumped_does_not_end_waits_or_idle_servers(vm0, clock, hours):
    assert vm0.run("ps").code == 0
    with open(os.path.join(vm0.data_dir, "server.json"), encoding="utf-8") as file:
        pid = json.load(file)["pid"]
    clock.jump_wall(hours * HOUR)
    clock.advance(14 * 60)
    assert os.path.exists(f"/proc/{pid}")
    assert clock.advance_until_gone(pid) >= 60


def wait_lines(vm0, run_id, count):
    """Until so many records are in the spool."""
    def has_all(path):
        with open(path, "rb") as file:
            return file.read().count(b"\n") == count + 1  # and the header
    waits.wait_path(os.path.join(vm0.run_dir(run_id), "spool"), has_all)


def test_row_ServerAwayAnHour(vm0, clock, server):
    bell = vm0.bell()
    alone = [{"line": "alone"}, {"tell": bell.path}, "gate"]
    run_id, gate = start_run(vm0, *alone, *alone, *alone, {"line": MARK}, timeout=2 * HOUR)
    other, _ = start_run(vm0, {"hang": True}, timeout=1800)
    supervisors = [vm0.supervisor_pid(run) for run in (run_id, other)]
    agents = vm0.agent_processes(other)
    server.kill9()
    for lines in range(3):
        gate.open()
        bell.wait()
        wait_lines(vm0, run_id, lines + 2)
        for _ in range(20):
            clock.advance(60)
    for pid in agents:  # its own timeout holds meanwhile
        waits.wait_gone(pid)
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    assert all(os.path.exists(f"/proc/{pid}") for pid in supervisors)
    server.start()
    with clock.flow(speed=5):
        events, state = vm0.wait_end(run_id)
        timed_out = vm0.wait_end(other)
        for pid in supervisors:
            waits.wait_gone(pid)
    assert (texts(events), state["status"]) == (["ready", "alone", "alone", "alone", MARK], "completed")
    assert timed_out[1]["status"] == "timeout"
    assert any("timeout" in text for text in vm0_events(timed_out[0]))


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_row_AgentKilled_while_the_server_is_away(vm0, server, name):
    run_id, gate = start_run(vm0, {"line": MARK}, {"kill": name})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    server.kill9()
    gate.open()
    for pid in agents:
        waits.wait_gone(pid)
    server.start()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", MARK], "failed")
    assert name in state["error"], state
    waits.wait_gone(supervisor)
    assert is_forgotten(vm0, run_id)


@pytest.mark.skipif(os.getuid() != 0, reason="memory is limited by control groups, which are root's")
def test_row_OutOfMemory_while_the_server_is_away(vm0, server):
    gate = vm0.gate()
    wait = f"head -c 1 {os.path.basename(gate.path)} >/dev/null"
    script = f"echo ready; {wait}; head -c 900000000 /dev/zero | tail >/dev/null; exit $?"
    config_id = vm0.create_config(command=["/bin/sh", "-c", script], sandbox="bubblewrap",
                                  network="none", limits={"memory": "256MiB"})
    run_id = vm0.http.post("/api/agent/runs", {
        "agentConfigId": config_id, "prompt": "x",
        "workspace": {"path": vm0.files, "mode": "rw"}}).json["runId"]
    vm0.wait_events(run_id, 1)
    agents = vm0.agent_processes(run_id)
    server.kill9()
    gate.open()
    for pid in agents:
        waits.wait_gone(pid)
    server.start()
    state = vm0.wait_end(run_id)[1]
    assert state["status"] == "failed" and "memory limit 256 MiB" in state["error"], state
    assert shown(vm0, run_id)["errorCode"] == "OUT_OF_MEMORY"


# The binary


@pytest.fixture
def copied(vm0):
    """A copy of the binary, for a test to replace."""
    path = vm0.path("vm0")
    shutil.copy(BINARY, path)
    return path


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_row_BinaryReplaced(vm0, copied, how):
    server = vm0.serve(binary=copied)
    run_id, gate = start_run(vm0, {"line": "end"})
    if how == "replaced":
        other = vm0.write("other", "#!/bin/sh\nexit 77\n")
        os.chmod(other, 0o755)
        os.rename(other, copied)
    else:
        os.unlink(copied)
    # Server and supervisors start the program that they are, not the file of that name.
    assert vm0.wait_end(vm0.create_run([{"line": "x"}]))[1]["status"] == "completed"
    server.kill9()
    vm0.serve()  # from another file
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "end"], "completed")


def test_row_NewerDatabase(vm0, server):
    run_id, gate = start_run(vm0, {"line": "end"})
    supervisor = vm0.supervisor_pid(run_id)
    server.kill9()
    path = os.path.join(vm0.data_dir, "vm0.db")
    with sqlite3.connect(path) as database:
        (version,), = database.execute("select version from schema_version")
        database.execute("update schema_version set version = 999")
    done = vm0.run("serve", "--data-dir", vm0.data_dir, "--listen", "127.0.0.1:0",
                   own_data_dir=False)
    assert done.code == 5
    assert b"written by a newer vm0 (schema 999" in done.stderr
    assert b"use that version, or another data directory" in done.stderr
    assert os.path.exists(f"/proc/{supervisor}")
    with sqlite3.connect(path) as database:
        database.execute("update schema_version set version = ?", [version])
    server.start()
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "end"], "completed")
