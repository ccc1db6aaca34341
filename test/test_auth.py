# SPDX-License-Identifier: Apache-2.0
"""Who may do what: tokens, their ends, other people's runs."""

import json
import os
import stat

import pytest


def make_token(http, **fields):
    answer = http.post("/api/tokens", {"name": "test", **fields})
    assert answer.status == 201, answer
    return answer.json


@pytest.fixture
def eve(http):
    """The token of another user."""
    return make_token(http, user="eve", hostScope=True)["token"]


def test_a_token_is_shown_once_and_stored_nowhere(vm0, http):
    made = make_token(http, name="laptop")
    assert made["token"].startswith("vm0_live_")
    listed = http.get("/api/tokens").json["tokens"]
    assert made["id"] in [token["id"] for token in listed]
    assert made["token"] not in json.dumps(listed)
    assert vm0.files_with(made["token"].encode()) == []


def test_a_revoked_token_is_useless(http):
    made = make_token(http)
    assert http.get("/api/agent/runs", token=made["token"]).status == 200
    assert http.request("DELETE", f"/api/tokens/{made['id']}").status == 200
    assert http.get("/api/agent/runs", token=made["token"]).status == 401
    assert http.request("DELETE", f"/api/tokens/{made['id']}").status == 404


def test_a_token_expires(vm0, clock, http):
    made = make_token(http, expiresIn=3600)
    clock.advance(3599)
    assert http.get("/api/agent/runs", token=made["token"]).status == 200
    clock.advance(1)
    answer = http.get("/api/agent/runs", token=made["token"])
    assert answer.status == 401 and "expired" in answer.json["error"]["message"]


def test_tokens_survive_a_restart(server, http):
    made = make_token(http)
    server.restart()
    assert http.get("/api/agent/runs", token=made["token"]).status == 200


def test_somebody_elses_run_is_not_there(vm0, http, eve):
    gate = vm0.gate()
    run_id = vm0.create_run([{"wait": gate.path}])
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        answer = http.request(method, f"/api/agent/runs/{run_id}{path}", token=eve)
        assert (answer.status, answer.error_code) == (404, "NOT_FOUND"), answer
    assert http.get("/api/agent/runs", token=eve).json["runs"] == []
    gate.open()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"


def test_somebody_elses_config_is_not_there(vm0, http, eve):
    config_id = vm0.create_config()
    assert http.get(f"/api/agent/configs/{config_id}", token=eve).status == 404
    assert http.get("/api/agent/configs?name=my-agent", token=eve).status == 404
    answer = http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": "p",
                                           "sandbox": "none"}, token=eve)
    assert (answer.status, answer.error_code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method, path", [("POST", "/api/tokens"), ("POST", "/api/runner/claim"),
                                          ("GET", "/api/runner/runs?machine=m"),
                                          ("POST", "/api/server/handover")])
def test_what_is_the_administrators(http, eve, method, path):
    answer = http.request(method, path, body={}, token=eve)
    assert (answer.status, answer.error_code) == (403, "FORBIDDEN")


def test_a_run_token_is_good_for_its_run_only(vm0, http):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}])
    other = vm0.create_run([{"line": "b"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    with open(os.path.join(vm0.run_dir(run_id), "token"), encoding="ascii") as file:
        token = file.read().strip()
    assert token.startswith("vm0_run_")
    assert stat.S_IMODE(os.stat(os.path.join(vm0.run_dir(run_id), "token")).st_mode) == 0o600
    assert http.get("/api/agent/runs", token=token).status == 403
    assert http.get(f"/api/agent/runs/{run_id}", token=token).status == 403
    assert http.post("/api/webhooks/agent/heartbeat", {"runId": other}, token=token).status == 404
    assert http.post("/api/webhooks/agent/heartbeat", {"v": 1}, token=token).status == 200
    gate.open(2)
    vm0.wait_end(run_id)
    vm0.wait_end(other)


def test_without_host_scope_nobody_runs_without_a_sandbox(http):
    token = make_token(http, user="bob")["token"]
    answer = http.post("/api/agent/runs", {"agent": "claude-code", "prompt": "p", "sandbox": "none",
                                           "secrets": {"ANTHROPIC_API_KEY": "x"}}, token=token)
    assert answer.status in (403, 422), answer


def test_a_server_runs_nothing_unsandboxed_unless_told(vm0):
    vm0.serve(unsandboxed=False)
    answer = vm0.http.post("/api/agent/runs", {
        "agentConfigId": vm0.create_config(), "prompt": "p", "sandbox": "none"})
    assert answer.status in (403, 422), answer
    assert "sandbox" in answer.json["error"]["message"]


# The CLI


def remote(server, token):
    return {"VM0_API_URL": server.url, "VM0_TOKEN": token}


def test_a_token_from_the_environment_is_used(vm0, server, http):
    token = make_token(http, user="bob")["token"]
    done = vm0.run("ps", "-a", "--json", env=remote(server, token))
    assert done.code == 0, done
    done = vm0.run("ps", env=remote(server, token + "x"))
    assert done.code == 3
    assert b"Not authenticated" in done.stderr


def test_tokens_by_the_command_line(vm0, server):
    made = vm0.run("auth", "token", "create", "--name", "laptop", "--user", "bob")
    token = made.stdout.decode().strip()
    assert made.code == 0 and token.startswith("vm0_live_")
    assert vm0.run("ps", env=remote(server, token)).code == 0
    listed = vm0.run("auth", "token", "list")
    assert listed.code == 0 and b"laptop" in listed.stdout and b"bob" in listed.stdout
    assert token.encode() not in listed.stdout
    token_id = next(line.split()[0] for line in listed.stdout.decode().splitlines()
                    if "laptop" in line)
    assert vm0.run("auth", "token", "revoke", token_id).code == 0
    assert vm0.run("ps", env=remote(server, token)).code == 3
    assert vm0.run("auth", "token", "revoke", token_id).code == 4


def test_the_token_of_the_config_file_goes_to_its_server_only(vm0, server, http):
    token = make_token(http, user="bob")["token"]
    folder = os.path.join(vm0.home, ".vm0")
    os.mkdir(folder)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"token": token, "apiUrl": server.url}, file)
    assert vm0.run("ps", "-a", env={"VM0_DATA_DIR": "/no/such/dir"}).code == 0
    other = vm0.run("ps", env={"VM0_API_URL": server.url.replace("127.0.0.1", "localhost")})
    assert other.code == 3, other
