# SPDX-License-Identifier: Apache-2.0
"""Many runs at once, as fast as their agents can, while the server is killed again and again."""

import os

import pytest

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


BOXED_RUNS = 200


@pytest.mark.guard(600)
def test_two_hundred_boxed_runs_at_once_work(vm0):
    vm0.serve("--max-concurrent", BOXED_RUNS, binary=os.environ.get("VM0_LOAD_BINARY"))
    # Each waits until all of them are there.
    config_id = vm0.create_config(
        command=["/bin/sh", "-c", "mkfifo go; echo up; read word <go; echo $word"],
        sandbox="bubblewrap")
    runs = []
    for _ in range(BOXED_RUNS):
        answer = vm0.http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": "p"})
        assert answer.status == 201, answer
        runs.append(answer.json["runId"])
    for run_id in runs:
        vm0.wait_events(run_id, 1)
    for number, run_id in enumerate(runs):
        with open(os.path.join(vm0.run_dir(run_id), "workspace", "go"), "w",
                  encoding="ascii") as fifo:
            fifo.write(f"word {number}\n")
    for number, run_id in enumerate(runs):
        events, state = vm0.wait_end(run_id)
        assert state["status"] == "completed", state
        assert [event["eventData"]["text"] for event in events] == ["up", f"word {number}"]
