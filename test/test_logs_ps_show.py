# SPDX-License-Identifier: Apache-2.0
"""The commands that look at runs: logs, ps, show, cancel."""

import json
import subprocess

import pytest

from nasty_lines import nasty_lines, raw_of
from vm0 import BINARY


@pytest.fixture
def finished(vm0, server):
    """A run that has ended: its id."""
    run_id = vm0.create_run([{"claude": {"init": {}}}, {"claude": {"text": "one"}}, {"line": "two"},
                             {"stderr": "three"}, {"claude": {"text": "four"}},
                             {"claude": {"result": {"result": "four"}}}], dialect="claude-code")
    vm0.wait_end(run_id)
    return run_id


@pytest.fixture
def waiting(vm0, server):
    """A run that has printed "a" and waits at a gate: its id, the gate."""
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    vm0.wait_events(run_id, 1)
    return run_id, gate


def numbers(stdout):
    return [json.loads(line)["sequenceNumber"] for line in stdout.splitlines()]


def test_logs_of_a_finished_run(vm0, finished):
    done = vm0.run("logs", finished)
    assert done.code == 0
    assert done.stdout.startswith(b"[init] Starting Claude Code agent\n")
    assert b"[text] one\ntwo\n[text] four\n" in done.stdout
    assert b"three\n" in done.stderr


def test_logs_since_and_limit(vm0, finished):
    everything = numbers(vm0.run("logs", finished, "--json").stdout)
    assert everything == sorted(everything) and everything[0] == 1
    assert numbers(vm0.run("logs", finished, "--json", "--since", "2").stdout) == everything[2:]
    assert numbers(vm0.run("logs", finished, "--json", "--limit", "2").stdout) == everything[:2]
    assert numbers(vm0.run("logs", finished, "--json", "--since", "1", "--limit", "2").stdout
                   ) == everything[1:3]


@pytest.mark.parametrize("option", [["--since", "-1"], ["--limit", "0"], ["--limit", "x"],
                                    ["--json", "--raw"]])
def test_logs_refuses_bad_options(vm0, finished, option):
    assert vm0.run("logs", finished, *option).code == 2


def test_logs_follow_shows_events_as_they_come_and_ends_with_the_run(vm0, waiting):
    run_id, gate = waiting
    follow = vm0.start("logs", "-f", run_id)
    follow.expect("a\n")
    gate.open()
    follow.expect("b\n")
    assert follow.finish()[::2] == (b"a\nb\n", 0)


def test_logs_follow_just_leaves_on_ctrl_c(vm0, waiting):
    run_id, gate = waiting
    follow = vm0.start("logs", "-f", run_id)
    follow.expect("a\n")
    follow.press_ctrl_c()
    assert follow.wait() == 130
    gate.open()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"


def test_logs_without_follow_gives_what_is_there(vm0, waiting):
    run_id, gate = waiting
    done = vm0.run("logs", run_id)
    assert (done.stdout, done.code) == (b"a\n", 0)
    gate.open()


def test_raw_logs_are_the_bytes_of_the_agent(vm0, server):
    run_id = vm0.create_run([{"nasty": {"seed": 7, "count": 300, "max": 100_000}}])
    assert vm0.wait_end(run_id)[1]["status"] == "completed"
    assert vm0.raw(run_id) == raw_of(nasty_lines(7, 300, 100_000))


def test_nasty_lines_are_harmless_on_a_terminal(vm0, server):
    run_id = vm0.create_run([{"nasty": {"seed": 8, "count": 300, "max": 2000}}])
    vm0.wait_end(run_id)
    done = vm0.run("logs", run_id, "--full")
    assert done.code == 0
    assert b"\x1b" not in done.stdout and b"\0" not in done.stdout and b"\r" not in done.stdout
    done.stdout.decode()  # well-formed


def test_logs_into_a_pipe_that_closes_early(vm0, server):
    run_id = vm0.create_run([{"fill": {"count": 3000, "size": 1000}}])
    vm0.wait_end(run_id)
    script = f'"{BINARY}" logs {run_id} --full | head -n 1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script], env={**vm0.env, "VM0_DATA_DIR": vm0.data_dir},
                          capture_output=True, timeout=100, check=False)
    assert done.stdout.splitlines()[-1] == b"141", done
    assert done.stderr == b""


def test_json_logs_are_one_event_a_line(vm0, server):
    run_id = vm0.create_run([{"nasty": {"seed": 9, "count": 200, "max": 5000}}])
    vm0.wait_end(run_id)
    stdout = vm0.run("logs", run_id, "--json").stdout
    lines = stdout.split(b"\n")[:-1]
    assert [json.loads(line)["sequenceNumber"] for line in lines] == list(range(1, len(lines) + 1))


def test_ps_shows_what_runs_and_with_a_all(vm0, waiting, http):
    run_id, gate = waiting
    other = vm0.create_run([{"line": "x"}])
    vm0.wait_end(other)
    assert run_id.encode() in vm0.run("ps").stdout
    assert other.encode() not in vm0.run("ps").stdout
    both = vm0.run("ps", "-a").stdout
    assert run_id.encode() in both and other.encode() in both
    runs = json.loads(vm0.run("ps", "-a", "--json").stdout)["runs"]
    assert {run["id"]: run["status"] for run in runs} == {run_id: "running", other: "completed"}
    gate.open()
    vm0.wait_end(run_id)


def test_ps_of_nothing(vm0, server):
    assert vm0.run("ps", "-a").code == 0
    assert json.loads(vm0.run("ps", "-a", "--json").stdout)["runs"] == []


def test_show(vm0, finished, http):
    done = vm0.run("show", finished)
    assert done.code == 0
    assert finished.encode() in done.stdout and b"completed" in done.stdout
    shown = json.loads(vm0.run("show", finished, "--json").stdout)
    assert shown == http.get(f"/api/agent/runs/{finished}").json


def test_show_says_why_a_run_failed(vm0, server):
    run_id = vm0.create_run([{"exit": 9}])
    vm0.wait_end(run_id)
    done = vm0.run("show", run_id)
    assert b"failed" in done.stdout and b"9" in done.stdout


def test_cancel(vm0, waiting):
    run_id, _ = waiting
    done = vm0.run("cancel", run_id)
    assert done.code == 0, done
    assert vm0.wait_end(run_id)[1]["status"] == "cancelled"
    assert vm0.run("cancel", run_id).code == 0, "a second one is fine"
    assert vm0.run("logs", run_id).stdout == b"a\n"


def test_version_and_help(vm0):
    assert vm0.run("version").stdout.startswith(b"vm0 ")
    helped = vm0.run("help")
    assert helped.code == 0
    for command in (b"run", b"logs", b"ps", b"show", b"cancel", b"serve", b"auth"):
        assert command in helped.stdout
    for command in ("run", "logs", "ps", "serve"):
        done = vm0.run(command, "--help")
        assert done.code == 0 and done.stdout and not done.stderr
