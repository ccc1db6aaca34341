# SPDX-License-Identifier: Apache-2.0
"""The queue: who comes next, how many at once, what a run that can't be started does to others."""

import json
import sqlite3

import pytest

import waits
from vm0 import FAKE_AGENT


@pytest.fixture
def token_of(vm0):
    """The token of another user who may run without a sandbox."""
    def make(user):
        answer = vm0.http.post("/api/tokens", {"name": user, "user": user, "hostScope": True})
        assert answer.status == 201, answer
        return answer.json["token"]
    return make


def create(vm0, steps, token=..., **fields):
    """A run of that user; gives its id."""
    config = {"version": "1.0", "agent": {"name": "my-agent", "provider": "command",
                                          "command": [FAKE_AGENT], "sandbox": "none"}}
    assert vm0.http.post("/api/agent/configs", {"config": config}, token=token).status in (200, 201)
    answer = vm0.http.post("/api/agent/runs", {
        "agent": "my-agent", "prompt": json.dumps(steps), "sandbox": "none", **fields}, token=token)
    assert answer.status == 201, answer
    return answer.json["runId"]


def wait_page(vm0, run_id, token=..., wait=60):
    """Long-polls a run's page once."""
    answer = vm0.http.get(f"/api/agent/runs/{run_id}/events?wait={wait}&limit=1000", token=token)
    assert answer.status == 200, answer
    return answer.json


def end_of(vm0, run_id, token=...):
    """The status of a run of any user, once it has ended."""
    page, since = {"run": {"status": ""}}, 0
    while page["run"]["status"] not in ("completed", "failed", "timeout", "cancelled"):
        answer = vm0.http.get(f"/api/agent/runs/{run_id}/events?wait=60&since={since}", token=token)
        assert answer.status == 200, answer
        page, since = answer.json, answer.json["nextSequence"]
    return page["run"]


def busy(vm0, token=...):
    """A run whose agent waits: its id, its gate."""
    gate = vm0.gate()
    run_id = create(vm0, [{"line": "ready"}, {"wait": gate.path}], token)
    assert wait_page(vm0, run_id, token)["events"]
    return run_id, gate


def shown(vm0, run_id, token=...):
    return vm0.http.get(f"/api/agent/runs/{run_id}", token=token).json


def test_row_ClaimFair_somebody_elses_long_queue_is_no_reason_to_wait(vm0, token_of):
    vm0.serve("--max-concurrent", 1)
    a, b = token_of("a"), token_of("b")
    first, gate = busy(vm0, a)
    more = [create(vm0, [{"line": "x"}], a) for _ in range(5)]
    other = create(vm0, [{"line": "x"}], b)
    assert shown(vm0, other, b)["queuePosition"] == 1
    assert [shown(vm0, run, a)["queuePosition"] for run in more] == [2, 3, 4, 5, 6]
    gate.open()
    for run in more:
        assert end_of(vm0, run, a)["status"] == "completed"
    assert end_of(vm0, other, b)["status"] == "completed"
    started = {run: shown(vm0, run, token)["startedAt"]
               for run, token in [(other, b), *((run, a) for run in more)]}
    assert sorted(started, key=started.get) == [other, *more]


def test_row_ClaimUserFull_the_others_wait_for_one_of_that_users(vm0, token_of):
    vm0.serve("--max-concurrent-per-user", 1)
    a, b = token_of("a"), token_of("b")
    _, gate = busy(vm0, a)
    waiting = create(vm0, [{"line": "x"}], a)
    _, other_gate = busy(vm0, b)
    assert shown(vm0, waiting, a)["queuePosition"] == 1
    gate.open()
    assert end_of(vm0, waiting, a)["status"] == "completed"
    other_gate.open()


def test_row_CreateOverLimit_is_429_for_curl_and_a_message_on_the_command_line(vm0):
    vm0.serve("--max-unfinished-per-user", 1)
    run_id, gate = busy(vm0)
    done = vm0.run_agent([{"line": "x"}])
    assert done.code == 1
    assert b"You have reached the concurrent agent run limit." in done.stderr
    gate.open()
    vm0.wait_end(run_id)
    assert vm0.run_agent([{"line": "x"}]).code == 0


def test_a_run_that_waits_says_so_and_where(vm0, clock):
    vm0.serve("--max-concurrent", 1)
    run_id, gate = busy(vm0)
    clock.advance(1)  # the other one is created later
    waiting = vm0.start_agent([{"line": "x"}])
    waiting.stderr.expect("Run ")
    clock.wait_timer("cli", within=1, pid=waiting.pid)
    clock.advance(1)
    waiting.stderr.expect("Waiting in the queue: 1st in line\n")
    listed = vm0.run("ps").stdout.decode()
    assert "pending (1st)" in listed and "running" in listed
    runs = json.loads(vm0.run("ps", "--json").stdout)["runs"]
    assert [run.get("queuePosition") for run in runs] == [1, None]
    assert "queuePosition: 1\n" in vm0.run("show", runs[0]["id"]).stdout.decode()
    gate.open()
    done = waiting.finish()
    assert (done.code, done.stdout) == (0, b"x\n")
    assert vm0.wait_end(run_id)[1]["status"] == "completed"


def test_a_run_that_starts_at_once_says_nothing_of_a_queue(vm0, server):
    assert b"queue" not in vm0.run_agent([{"line": "x"}]).stderr


def test_a_cancelled_run_leaves_the_queue(vm0):
    vm0.serve("--max-concurrent", 1)
    _, gate = busy(vm0)
    first, second = (create(vm0, [{"line": "x"}]) for _ in range(2))
    assert shown(vm0, second)["queuePosition"] == 2
    assert vm0.run("cancel", first).code == 0
    assert shown(vm0, second)["queuePosition"] == 1
    gate.open()
    assert vm0.wait_end(second)[1]["status"] == "completed"


def test_row_RunnerFull_a_restarted_server_counts_what_goes_on(vm0):
    server = vm0.serve("--max-concurrent", 1)
    run_id, gate = busy(vm0)
    waiting = create(vm0, [{"line": "x"}])
    server.restart()
    assert shown(vm0, waiting)["status"] == "pending"
    gate.open()
    assert vm0.wait_end(waiting)[1]["status"] == "completed"
    assert shown(vm0, run_id)["completedAt"] <= shown(vm0, waiting)["startedAt"]


def test_row_PoisonedSpec_of_a_newer_version_fails_and_others_go_on(vm0, token_of):
    server = vm0.serve("--max-concurrent", 1)
    a, b = token_of("a"), token_of("b")
    _, gate = busy(vm0)
    poisoned, behind = (create(vm0, [{"line": "x"}], a) for _ in range(2))
    other = create(vm0, [{"line": "x"}], b)
    server.stop()
    with sqlite3.connect(f"{vm0.data_dir}/vm0.db") as database:
        database.execute("update runs set spec = '{\"v\":9}' where id = ?",
                         (bytes.fromhex(poisoned.replace("-", "")),))
    database.close()
    server.start()
    gate.open()
    assert end_of(vm0, behind, a)["status"] == "completed"
    assert end_of(vm0, other, b)["status"] == "completed"
    end = end_of(vm0, poisoned, a)
    assert end["status"] == "failed" and "this vm0 knows version 1 only" in end["error"]


def test_row_PoisonedPreparation_hangs_alone(vm0, token_of):
    vm0.serve("--max-concurrent", 2, env={"VM0_FAULT": "runner.prepare:hang@1"})
    a, b = token_of("a"), token_of("b")
    poisoned, behind = (create(vm0, [{"line": "x"}], a) for _ in range(2))
    other = create(vm0, [{"line": "x"}], b)
    assert end_of(vm0, behind, a)["status"] == "completed"
    assert end_of(vm0, other, b)["status"] == "completed"
    assert shown(vm0, poisoned, a)["status"] == "running"
    assert "startedAt" not in shown(vm0, poisoned, a)


def wait_preparing(vm0, run_id):
    """Until the runner has a run's directory, which it then fills on another thread."""
    waits.wait_path(vm0.run_dir(run_id))


def test_row_PoisonedPreparation_a_cancel_makes_room(vm0, clock):
    vm0.serve("--max-concurrent", 1, env={"VM0_FAULT": "runner.prepare:hang@1"})
    poisoned, behind = (create(vm0, [{"line": "x"}]) for _ in range(2))
    wait_preparing(vm0, poisoned)
    assert vm0.http.post(f"/api/agent/runs/{poisoned}/cancel").json["status"] == "cancelled"
    with clock.flow(speed=5):
        assert end_of(vm0, behind)["status"] == "completed"


def test_row_PreparationTimeout(vm0, clock):
    vm0.serve("--max-concurrent", 1, env={"VM0_FAULT": "runner.prepare:hang@1"})
    poisoned, behind = (create(vm0, [{"line": "x"}]) for _ in range(2))
    wait_preparing(vm0, poisoned)
    clock.advance(599)
    assert shown(vm0, poisoned)["status"] == "running"
    with clock.flow(speed=5):
        end = end_of(vm0, poisoned)
        assert end["status"] == "failed"
        assert "the workspace was not ready after 10m" in end["error"]
        assert end_of(vm0, behind)["status"] == "completed"


def test_a_server_stops_though_a_preparation_hangs(vm0):
    server = vm0.serve(env={"VM0_FAULT": "runner.prepare:hang@1"})
    first, second = (create(vm0, [{"line": "x"}]) for _ in range(2))
    assert end_of(vm0, second)["status"] == "completed"
    assert server.stop() == 0
    server.environment.clear()
    server.start()
    assert end_of(vm0, first)["status"] == "completed"
    assert shown(vm0, first)["attempt"] == 2


def test_row_ReleaseLast_says_how_the_last_attempt_ended(vm0, clock):
    vm0.serve("--max-concurrent", 1, env={"VM0_FAULT": "supervisor.start:crash"})
    run_id = create(vm0, [{"line": "x"}], maxAttempts=2)
    with clock.flow():
        end = end_of(vm0, run_id)
    assert end["status"] == "failed"
    assert end["error"].startswith("the supervisor could not be started 2 times; the last time: it "
                                   "ended before it could start the agent, by signal 9")
    run = shown(vm0, run_id)
    assert (run["attempt"], run["maxAttempts"]) == (2, 2)


@pytest.mark.parametrize("attempts", [0, 11, "3", 1.5])
def test_a_run_says_how_often_to_try_from_1_to_10(vm0, http, attempts):
    vm0.create_config()
    answer = http.post("/api/agent/runs", {"agent": "my-agent", "prompt": "p", "sandbox": "none",
                                           "maxAttempts": attempts})
    assert answer.status == 400 and "maxAttempts must be" in answer.json["error"]["message"]
