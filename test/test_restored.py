# SPDX-License-Identifier: Apache-2.0
"""The rows Restored… of docs/protocol.md 5: the database is put back to an older copy while runs go on."""

import os

import pytest

import waits
from older_database import OlderDatabase, run_key
from test_protocol_deaths import start_run, texts, wait_spooled

MARK = "the-last-line"


def backup_of(vm0, server):
    """The server's database now; the server serves on."""
    server.stop()
    made = OlderDatabase(vm0)
    server.start()
    return made


def restore(server, backup):
    server.kill9()
    backup.put_back()
    server.start()


def shown(vm0, run_id):
    return vm0.http.get(f"/api/agent/runs/{run_id}").json


def start_behind_another(vm0, server, *steps):
    """A backup in which a run waits in the queue; then its agent runs, and rings a bell each time
    that it is started: backup, run id, gate, bell, and the run that was in front of it."""
    bell, gate, other_gate = vm0.bell(), vm0.gate(), vm0.gate()
    other = vm0.create_run([{"line": "other"}, {"wait": other_gate.path}])
    vm0.wait_events(other, 1)
    run_id = vm0.create_run([{"tell": bell.path}, {"line": "ready"}, {"wait": gate.path}, *steps])
    assert shown(vm0, run_id)["status"] == "pending"
    backup = backup_of(vm0, server)
    other_gate.open()
    vm0.wait_end(other)
    bell.wait()
    vm0.wait_events(run_id, 1)
    return backup, run_id, gate, bell, other


def test_row_RestoredCancelled_it_is_run_after_all(vm0):
    server = vm0.serve("--max-concurrent", 1)
    gate = vm0.gate()
    vm0.wait_events(vm0.create_run([{"line": "other"}, {"wait": gate.path}]), 1)
    run_id = vm0.create_run([{"line": "run after all"}])
    older = backup_of(vm0, server)
    assert vm0.http.post(f"/api/agent/runs/{run_id}/cancel").json["status"] == "cancelled"
    restore(server, older)
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["run after all"], "completed")


def test_row_RestoredPending_no_second_agent_starts(vm0):
    server = vm0.serve("--max-concurrent", 1)
    backup, run_id, gate, bell, other = start_behind_another(vm0, server, {"line": "end"})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    restore(server, backup)
    assert texts(vm0.wait_events(run_id, 1)) == ["ready"]
    assert vm0.agent_processes(run_id) == agents
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "end"], "completed")
    assert shown(vm0, run_id)["attempt"] == 1
    waits.wait_gone(supervisor)
    assert vm0.wait_end(other)[1]["status"] == "failed"
    assert bell.is_silent(), "its agent was started twice"
    assert vm0.run("verify", run_id).code == 0


def test_row_RestoredPending_with_a_dead_supervisor_is_buried_with_its_spool(vm0):
    server = vm0.serve("--max-concurrent", 1)
    backup, run_id, gate, bell, _ = start_behind_another(vm0, server, {"line": MARK},
                                                         {"hang": True})
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    supervisor = vm0.supervisor_pid(run_id)
    waits.kill(supervisor)
    waits.wait_gone(supervisor)
    restore(server, backup)
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", MARK], "failed")
    assert "the supervisor died" in state["error"]
    assert shown(vm0, run_id)["result"]["outputComplete"] is False
    assert bell.is_silent(), "its agent was started twice"


def test_row_RestoredPending_that_had_ended_is_never_started_again(vm0):
    server = vm0.serve("--max-concurrent", 1)
    backup, run_id, gate, bell, _ = start_behind_another(vm0, server, {"line": "end"})
    supervisor = vm0.supervisor_pid(run_id)
    gate.open()
    vm0.wait_end(run_id)
    waits.wait_gone(supervisor)
    restore(server, backup)
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == ([], "failed")
    assert "had ended before the server's database was put back" in state["error"]
    assert bell.is_silent(), "its agent was started twice"


def test_row_RestoredEnded_says_what_happened_and_keeps_what_it_has(vm0, server):
    run_id, gate = start_run(vm0, {"line": "end"})
    backup = backup_of(vm0, server)
    supervisor = vm0.supervisor_pid(run_id)
    gate.open()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"
    waits.wait_gone(supervisor)
    restore(server, backup)
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready"], "failed")
    assert "had ended before the server's database was put back" in state["error"]
    assert shown(vm0, run_id)["errorCode"] == "END_LOST"
    assert shown(vm0, run_id)["result"]["outputComplete"] is False


def test_row_RestoredFewerEvents_gets_the_others_again_at_once(vm0, clock, server):
    run_id, gate = start_run(vm0, {"line": "second"}, "gate", {"line": "end"})
    backup = backup_of(vm0, server)
    gate.open()
    vm0.wait_events(run_id, 2)
    restore(server, backup)
    with clock.flow(speed=10):  # its next heartbeat tells it, the agent prints nothing meanwhile
        assert texts(vm0.wait_events(run_id, 2)) == ["ready", "second"]
    gate.open()
    with clock.flow():
        events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "second", "end"], "completed")
    assert vm0.run("verify", run_id).code == 0


def test_row_RestoredFewerEvents_also_when_it_ends_meanwhile(vm0, server):
    run_id, gate = start_run(vm0, {"line": "second"}, "gate", {"line": "end"})
    backup = backup_of(vm0, server)
    gate.open()
    vm0.wait_events(run_id, 2)
    server.kill9()
    gate.open()
    wait_spooled(vm0, run_id, '"end"')
    restore(server, backup)
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", "second", "end"], "completed")


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "dead"])
def test_row_RestoredUnstarted_goes_on_as_started(vm0, server, alive):
    run_id, gate = start_run(vm0, {"line": MARK}, "gate")
    server.stop()
    backup = OlderDatabase(vm0)
    # As it was between its claim and its start.
    backup.edit("update runs set started = 0, started_at = null where id = ?", run_key(run_id))
    backup.edit("delete from events where run_id = ?", run_key(run_id))
    gate.open()
    wait_spooled(vm0, run_id, MARK)
    supervisor = vm0.supervisor_pid(run_id)
    if not alive:
        waits.kill(supervisor)
        waits.wait_gone(supervisor)
    backup.put_back()
    server.start()
    assert texts(vm0.wait_events(run_id, 2)) == ["ready", MARK]
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (texts(events), state["status"]) == (["ready", MARK], "completed" if alive else "failed")
    assert "startedAt" in shown(vm0, run_id)


def test_a_run_that_was_cancelled_in_the_restored_database_is_stopped(vm0, clock, server):
    run_id, _ = start_run(vm0, {"hang": True})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    server.stop()
    backup = OlderDatabase(vm0)
    backup.edit("delete from tokens where run_id is not null")
    backup.edit("delete from events")
    backup.edit("update runs set status = 'cancelled', started = 0, started_at = null, "
                "attempt = 0, completed_at = created_at")
    backup.put_back()
    server.start()
    with clock.flow(speed=5):
        for pid in [supervisor, *agents]:
            waits.wait_gone(pid)
    assert shown(vm0, run_id)["status"] == "cancelled"


def test_row_RestoredUnknownRun_is_stopped_and_its_events_are_kept(vm0, clock, server):
    vm0.create_config()
    backup = backup_of(vm0, server)
    run_id, gate = start_run(vm0, {"line": MARK}, {"hang": True})
    supervisor, agents = vm0.supervisor_pid(run_id), vm0.agent_processes(run_id)
    restore(server, backup)
    spool = os.path.join(vm0.run_dir(run_id), "spool")
    server.process.stderr.expect(f"its events are kept in {spool}")
    gate.open()
    with clock.flow():
        for pid in [supervisor, *agents]:
            waits.wait_gone(pid)
    assert vm0.http.get(f"/api/agent/runs/{run_id}").status == 404
    waits.wait_path(spool, waits.file_contains('"ready"'))
    # Nothing of it keeps others from running.
    with clock.flow():
        assert vm0.wait_end(vm0.create_run([{"line": "x"}]))[1]["status"] == "completed"


def test_row_RestoredUnknownRun_with_a_dead_supervisor_keeps_the_spool(vm0, server):
    vm0.create_config()
    backup = backup_of(vm0, server)
    run_id, _ = start_run(vm0)
    server.kill9()
    supervisor = vm0.supervisor_pid(run_id)
    waits.kill(supervisor)
    waits.wait_gone(supervisor)
    restore(server, backup)
    server.process.stderr.expect("the server knows no such run")
    folder = vm0.run_dir(run_id)
    waits.wait_path(os.path.join(folder, "spec.json"), lambda path: not os.path.exists(path))
    assert waits.file_contains('"ready"')(os.path.join(folder, "spool"))


def test_tokens_of_people_that_a_restored_database_does_not_know_are_refused(vm0, server):
    backup = backup_of(vm0, server)
    token = vm0.http.post("/api/tokens", {"name": "later"}).json["token"]
    assert vm0.http.get("/api/agent/runs", token=token).status == 200
    restore(server, backup)
    assert vm0.http.get("/api/agent/runs", token=token).status == 401
    assert vm0.http.get("/api/agent/runs").status == 200, "admin.token always counts"
