# SPDX-License-Identifier: Apache-2.0
"""Many runs at once, as fast as their agents can, while the server is killed again and again."""

import json
import os

import pytest

import waits
from nasty_lines import nasty_lines, raw_of

RUNS = 20
LINES = 1000
KILLS = 5
MAX_BYTES = 100_000


@pytest.mark.guard(600)
def test_no_event_is_lost_when_the_server_is_killed_five_times(vm0):
    server = vm0.serve(binary=os.environ.get("VM0_LOAD_BINARY"))
    part = LINES // (KILLS + 1)
    bell = vm0.bell()
    gates, runs = [vm0.gate() for _ in range(RUNS)], {}
    for number, gate in enumerate(gates):
        # Waits before each part, so that every kill hits runs that write.
        steps = []
        for piece in range(KILLS + 1):
            steps += [{"tell": bell.path}, {"wait": gate.path},
                      {"nasty": {"seed": number * 100 + piece, "count": part, "max": MAX_BYTES}}]
        runs[vm0.create_run(steps)] = number
    for _ in range(KILLS):
        bell.wait(RUNS)
        for gate in gates:
            gate.open()
        bell.wait(RUNS // 2)  # some are done with their part, some are in the middle
        server.kill9()
        server.start()
        bell.ring_back(RUNS // 2)
    bell.wait(RUNS)
    for gate in gates:
        gate.open()
    for run_id, number in runs.items():
        events, state = vm0.wait_end(run_id)
        assert state["status"] == "completed", state
        assert [e["sequenceNumber"] for e in events] == list(range(1, len(events) + 1))
        written = [line for piece in range(KILLS + 1)
                   for line in nasty_lines(number * 100 + piece, part, MAX_BYTES)]
        assert vm0.raw(run_id) == raw_of(written), f"run {number}"
    done = vm0.run("verify", "--all")
    assert done.code == 0, done


BOXED_RUNS = 300
BOXED_EVENTS = 1000


@pytest.mark.guard(600)
def test_three_hundred_boxed_runs_of_a_thousand_events_at_once(vm0):
    vm0.serve("--max-concurrent", BOXED_RUNS, binary=os.environ.get("VM0_LOAD_BINARY"))
    # Each waits until all of them are there.
    steps = [{"run": ["/usr/bin/mkfifo", "go"]}, {"line": "up"}, {"wait": "go"},
             {"fill": {"count": BOXED_EVENTS - 1, "size": 100}}]
    config_id = vm0.create_config(sandbox="bubblewrap")
    runs = []
    for _ in range(BOXED_RUNS):
        answer = vm0.http.post("/api/agent/runs",
                               {"agentConfigId": config_id, "prompt": json.dumps(steps)})
        assert answer.status == 201, answer
        runs.append(answer.json["runId"])
    for run_id in runs:
        vm0.wait_events(run_id, 1)
    supervisors = [vm0.supervisor_pid(run_id) for run_id in runs]
    for run_id in runs:
        with open(os.path.join(vm0.run_dir(run_id), "workspace", "go"), "wb") as fifo:
            fifo.write(b"x")
    for run_id in runs:
        events, state = vm0.wait_end(run_id)
        assert state["status"] == "completed", state
        assert len(events) == BOXED_EVENTS
    for pid in supervisors:
        waits.wait_gone(pid)
    assert waits.processes_with(vm0.root) == [vm0.server.pid]
    done = vm0.run("verify", "--all")
    assert done.code == 0, done
    assert done.stdout.decode() == f"✓ {BOXED_RUNS} runs, {BOXED_RUNS * BOXED_EVENTS} events\n"
