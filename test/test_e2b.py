# SPDX-License-Identifier: Apache-2.0
"""Runs in sandboxes of E2B, against a server that speaks its API (test/e2b)."""

import json
import os

import pytest

import waits
from cloud import AGENT
from mock_llm import SCENARIOS

KEY = "sk-ant-mock-9f8e7d6c5b4a"


def sources(events):
    return [event["source"] for event in events]


def test_a_run_from_the_sandbox_to_its_result(cloud, vm0):
    cloud.serve()
    vm0.write("work/in.txt", "from here\n")
    run_id = cloud.create([{"run": ["sh", "-c", "cat in.txt; echo made > out.txt; rm in.txt; pwd"]},
                           {"claude": {"init": {}}}, {"claude": {"result": {"result": "42"}}}],
                          dialect="claude-code", workspace={"path": vm0.path("work"), "mode": "copy"})
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed" and state["result"]["output"] == "42", state
    assert events[0]["eventData"]["text"] == "from here"
    # The end means that all of it is here.
    assert cloud.workspace(run_id, "out.txt") == "made\n"
    assert not os.path.exists(os.path.join(vm0.run_dir(run_id), "workspace", "in.txt"))
    assert os.listdir(vm0.path("work")) == ["in.txt"]
    cloud.wait_tidy(run_id)
    assert vm0.run("verify", run_id).code == 0


def test_the_agent_is_nobody_in_its_sandbox_and_sees_no_token(cloud, vm0):
    cloud.serve()
    run_id = cloud.create([{"run": ["sh", "-c", "id -u; cat /vm0/*/token /vm0/*/spec.json; ls /vm0/*"]},
                           {"show_env": ["HOME", "E2B_API_KEY", "VM0_RUN_ID"]}],
                          secrets={"MY_TOKEN": "hush-hush-value"})
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed", state
    text = json.dumps(events)
    uid = events[0]["eventData"]["text"]
    assert uid == ("60321" if os.getuid() == 0 else str(os.getuid())), events
    if os.getuid() == 0:
        assert text.count("Permission denied") == 3, text
    assert cloud.e2b.api_key not in text and "hush-hush-value" not in text
    cloud.wait_tidy(run_id)


def test_secrets_reach_the_agent_and_nobody_else(cloud, vm0):
    cloud.serve()
    run_id = cloud.create([{"show_env": ["MY_TOKEN"]}], secrets={"MY_TOKEN": "hush-hush-value"})
    events, _ = vm0.wait_end(run_id)
    assert "***" in json.dumps(events), events
    cloud.wait_tidy(run_id)
    assert not vm0.files_with(b"hush-hush-value")


def test_the_cli_runs_in_a_sandbox_and_says_where_the_workspace_is(cloud, vm0):
    cloud.serve()
    path = vm0.config(sandbox="e2b", image="agent", command=[AGENT])
    done = vm0.run("run", path, json.dumps([{"line": "hi"}, {"run": ["touch", "made"]}]))
    assert done.code == 0, done
    assert done.stdout == b"hi\n"
    folder = done.stderr.decode().split("Workspace: ")[1].strip()
    assert os.listdir(folder) == ["made"]


def test_claude_code_in_a_sandbox(cloud_with_claude, vm0, mock):
    llm = mock(SCENARIOS["tools"])
    done = vm0.run("run", "claude-code", "say something", "--sandbox", "e2b",
                   "-e", f"ANTHROPIC_BASE_URL={llm.url}", "-e", f"ANTHROPIC_API_KEY={KEY}",
                   "-e", "CLAUDE_CODE_MAX_RETRIES=1")
    assert done.code == 0, done
    assert b"[init] Starting Claude Code agent\n" in done.stdout
    assert "[result] ✓ completed successfully\n".encode() in done.stdout
    run_id = vm0.only_run()
    assert cloud_with_claude.workspace(run_id, "hello.txt") == "hello\nmock world\n"
    assert vm0.run("verify", run_id).code == 0
    cloud_with_claude.wait_tidy(run_id)


def test_row_SandboxRefused(cloud, vm0):
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", times=10**6, status=429, message="Rate limit exceeded",
                         headers={"Retry-After": "1"})
    run_id = cloud.create([{"line": "hi"}])
    waits.until("it says what it waits for", lambda: "preparing" in cloud.show(run_id).get("activity", {}))
    waits.until("and why", lambda: "Rate limit exceeded" in cloud.show(run_id)["activity"]["preparing"])
    assert "Rate limit exceeded" in vm0.run("ps").stdout.decode()
    cloud.e2b.faults.clear()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"
    assert "preparing" not in json.dumps(cloud.show(run_id))
    assert cloud.show(run_id)["attempt"] == 1


def test_row_SandboxServerDiesWaiting(cloud, vm0):
    """It is no attempt that has failed, however often it happens."""
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", times=10**6, status=429, message="no more",
                         headers={"Retry-After": "1"})
    vm0.write("work/in.txt", "from here\n")
    run_id = cloud.create([{"run": ["cat", "in.txt"]}], workspace={"path": vm0.path("work"), "mode": "copy"})
    for asked in range(1, 6):
        waits.until("E2B is asked", lambda n=asked: cloud.e2b.count("POST", "/sandboxes") >= n)
        vm0.server.restart()
        assert cloud.show(run_id)["status"] == "running"
    cloud.e2b.faults.clear()
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed" and events[0]["eventData"]["text"] == "from here", state
    assert cloud.show(run_id)["attempt"] == 1
    cloud.wait_tidy(run_id)


def test_a_run_that_is_cancelled_while_it_waits_leaves_nothing(cloud, vm0):
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", times=10**6, status=429, message="no more",
                         headers={"Retry-After": "1"})
    vm0.write("work/in.txt", "from here\n")
    run_id = cloud.create([{"line": "hi"}], workspace={"path": vm0.path("work"), "mode": "copy"})
    waits.until("E2B is asked", lambda: cloud.e2b.count("POST", "/sandboxes"))
    assert vm0.run("cancel", run_id).code == 0
    assert vm0.wait_end(run_id)[1]["status"] == "cancelled"
    cloud.wait_tidy(run_id)


def test_the_cli_tells_of_the_wait(cloud, vm0):
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", times=10**6, status=503,
                         message="no capacity", headers={"Retry-After": "1"})
    path = vm0.config(sandbox="e2b", image="agent", command=[AGENT])
    run = vm0.start("run", path, json.dumps([{"line": "hi"}]))
    run.stderr.expect("Waiting: making a sandbox of template agent at E2B: E2B: no capacity")
    cloud.e2b.faults.clear()
    assert run.finish().code == 0


def test_more_runs_than_sandboxes_wait_for_one_another(full_cloud, vm0):
    full_cloud.serve()
    gate = vm0.gate()
    first = full_cloud.create([{"line": "one"}, {"wait": gate.path}])
    vm0.wait_events(first, 1)
    second = full_cloud.create([{"line": "two"}])
    waits.until("it waits", lambda: "maximum number" in json.dumps(full_cloud.show(second)))
    gate.open()
    for run_id in (first, second):
        events, state = vm0.wait_end(run_id)
        assert state["status"] == "completed", (state, events)
    full_cloud.wait_empty()


def test_a_cancelled_run_ends_and_its_workspace_comes_home(cloud, vm0):
    cloud.serve()
    run_id = cloud.create([{"run": ["touch", "made"]}, {"line": "on"}, {"hang": True}])
    vm0.wait_events(run_id, 1)
    assert vm0.run("cancel", run_id).code == 0
    assert vm0.wait_end(run_id)[1]["status"] == "cancelled"
    assert cloud.workspace(run_id, "made") == ""
    cloud.wait_tidy(run_id)


def test_a_run_is_cancelled_while_it_waits_for_a_sandbox(cloud, vm0):
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", times=10**6, status=503, headers={"Retry-After": "1"})
    run_id = cloud.create([{"line": "never"}])
    waits.until("it waits", lambda: "preparing" in cloud.show(run_id).get("activity", {}))
    assert vm0.run("cancel", run_id).code == 0
    assert vm0.wait_end(run_id) == ([], vm0.page(run_id)["run"])
    assert cloud.show(run_id)["status"] == "cancelled"
    cloud.wait_tidy(run_id)


@pytest.mark.parametrize("fault, words", [
    ({"status": 401, "message": "Invalid API key"}, "E2B refuses the API key"),
    ({"status": 400, "message": "no such thing"}, "no such thing"),
])
def test_what_e2b_refuses_for_good_ends_the_run(cloud, vm0, fault, words):
    cloud.serve()
    cloud.e2b.faults.add("POST", "/sandboxes", **fault)
    run_id = cloud.create([{"line": "never"}])
    _, state = vm0.wait_end(run_id)
    assert (state["status"], state["errorCode"]) == ("failed", "NOT_STARTED")
    assert words in state["error"], state


def test_an_unknown_template_ends_the_run(cloud, vm0):
    cloud.serve()
    _, state = vm0.wait_end(cloud.create([], image="no-such"))
    assert state["errorCode"] == "NOT_STARTED" and "template 'no-such' not found" in state["error"], state


def test_a_template_without_the_agent_ends_the_run(cloud, vm0):
    cloud.serve()
    _, state = vm0.wait_end(cloud.create([], image="base"))
    assert state["status"] == "failed" and AGENT in state["error"], state
    cloud.wait_empty()


@pytest.mark.parametrize("fields, status, words", [
    ({"workspace": {"path": "/tmp", "mode": "rw"}}, 400, "workspace.mode must be copy"),
    ({"network": "allowlist"}, 422, "can't be enforced with sandbox e2b"),
    ({"allow": ["example.com:443"]}, 422, "can't be enforced with sandbox e2b"),
    ({"binary": "/usr/bin/true"}, 400, "binary"),
])
def test_what_a_sandbox_elsewhere_can_not_do_is_refused(cloud, vm0, fields, status, words):
    cloud.serve()
    config_id = vm0.create_config(sandbox="e2b", command=[AGENT])
    answer = vm0.http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": "x", **fields})
    assert answer.status == status and words in answer.json["error"]["message"], answer


def test_a_server_without_a_key_says_what_it_needs(vm0, server):
    done = vm0.run("run", vm0.config(sandbox="e2b"), "x", "--sandbox", "e2b")
    assert done.code == 6, done
    assert b"E2B_API_KEY" in done.stderr and b"--public-url" in done.stderr


def test_doctor_asks_e2b(cloud, vm0):
    env = cloud.e2b.environment()
    good = vm0.run("doctor", env=env)
    assert f"Sandbox e2b: {cloud.e2b.api_url} takes the API key".encode() in good.stdout, good
    bad = vm0.run("doctor", env={**env, "E2B_API_KEY": "e2b_wrong"})
    assert bad.code != 0 and b"E2B refuses the API key" in bad.stdout, bad
    cloud.e2b.close()
    gone = vm0.run("doctor", env=env)
    assert gone.code != 0 and cloud.e2b.api_url.encode() in gone.stdout, gone
    assert b"e2b" not in vm0.run("doctor").stdout


def test_row_SandboxLease(clock, cloud, vm0):
    cloud.serve()
    gate = vm0.gate()
    run_id = cloud.create([{"line": "on"}, {"wait": gate.path}])
    with clock.flow():
        vm0.wait_events(run_id, 1)
    sandbox = cloud.only_sandbox()
    asked = f"/sandboxes/{sandbox.id}/timeout"
    waits.until("it was asked", lambda: cloud.e2b.count("POST", asked) >= 1)
    before = cloud.e2b.count("POST", asked)
    clock.wait_timer("server", within=60)
    clock.advance(60)
    waits.until("it is asked again", lambda: cloud.e2b.count("POST", asked) > before)
    gate.open()
    with clock.flow():
        assert vm0.wait_end(run_id)[1]["status"] == "completed"
