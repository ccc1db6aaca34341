# SPDX-License-Identifier: Apache-2.0
"""The HTTP API as a stranger sees it: what the CLI does by plain requests, and bad requests."""

import json
import socket

import pytest

from vm0 import TERMINAL

NOBODY = "0192f3a4-0000-7000-8000-000000000000"


def error_of(answer):
    """(status, code); every error has message and code."""
    error = answer.json["error"]
    assert isinstance(error["message"], str) and error["message"], answer
    assert "content-type" in answer.headers and "json" in answer.headers["content-type"]
    return answer.status, error["code"]


# What the CLI does


def test_a_run_from_config_to_end(vm0, http):
    config = {"config": {"version": "1.0", "agent": {
        "name": "by-hand", "provider": "command", "command": ["/bin/sh", "-c", "echo \"$1\"", "x"],
        "dialect": "plain", "sandbox": "none"}}}
    made = http.post("/api/agent/configs", config)
    assert (made.status, made.json["action"], made.json["name"]) == (201, "created", "by-hand")
    again = http.post("/api/agent/configs", config)
    assert (again.status, again.json["action"]) == (200, "updated")
    assert again.json["configId"] == made.json["configId"]
    config_id = made.json["configId"]

    found = http.get("/api/agent/configs?name=by-hand")
    assert (found.status, found.json["id"]) == (200, config_id)
    assert found.json["config"] == config["config"]

    run = http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": "hello",
                                        "sandbox": "none"})
    assert run.status == 201, run
    assert run.json["status"] in ("pending", "running")
    run_id = run.json["runId"]
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "completed"
    assert [(e["sequenceNumber"], e["eventType"], e["source"], e["eventData"]) for e in events] == [
        (1, "stdout", "stdout", {"type": "stdout", "text": "hello"})]

    shown = http.get(f"/api/agent/runs/{run_id}").json
    assert (shown["status"], shown["prompt"]) == ("completed", "hello")
    assert shown["agentConfigId"] == config_id
    assert shown["createdAt"] <= shown["startedAt"] <= shown["completedAt"]
    listed = http.get("/api/agent/runs?status=completed").json["runs"]
    assert [r["id"] for r in listed] == [run_id]
    assert http.get("/api/agent/runs?status=running").json["runs"] == []


def test_the_same_over_tcp(vm0, tcp):
    run_id = vm0.create_run([{"line": "x"}])
    vm0.wait_end(run_id)
    page = tcp.get(f"/api/agent/runs/{run_id}/events")
    assert page.status == 200
    assert page.body == vm0.http.get(f"/api/agent/runs/{run_id}/events").body


def test_pages_lose_and_repeat_nothing(vm0, http):
    run_id = vm0.create_run([{"fill": {"count": 25, "size": 10}}])
    vm0.wait_end(run_id)
    since, numbers, statuses = 0, [], []
    while True:
        page = vm0.page(run_id, since, limit=10)
        numbers += [e["sequenceNumber"] for e in page["events"]]
        statuses.append(page["run"]["status"])
        since = page["nextSequence"]
        if not page["hasMore"]:
            break
    assert numbers == list(range(1, 26))
    assert statuses == ["running", "running", "completed"], "terminal only on the last page"
    empty = vm0.page(run_id, 25)
    assert (empty["events"], empty["nextSequence"], empty["hasMore"]) == ([], 25, False)
    exact = vm0.page(run_id, 15, limit=10)
    assert (exact["hasMore"], exact["run"]["status"]) == (False, "completed")


def test_a_long_poll_answers_when_an_event_comes(vm0, http):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}, {"line": "b"},
                             {"wait": gate.path}])
    assert len(vm0.wait_events(run_id, 1)) == 1
    connection = http._connect()
    connection.request("GET", f"/api/agent/runs/{run_id}/events?since=1&wait=60",
                       headers={"Authorization": f"Bearer {vm0.token}"})
    gate.open()
    page = json.loads(connection.getresponse().read())
    connection.close()
    assert [e["eventData"]["text"] for e in page["events"]] == ["b"]
    assert page["run"]["status"] == "running"
    gate.open()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"


def test_views(vm0, http):
    run_id = vm0.create_run([{"claude": {"text": "hi"}}, {"claude": {"result": {}}}],
                            dialect="claude-code")
    vm0.wait_end(run_id)
    raw = vm0.page(run_id)["events"][0]
    parsed = vm0.page(run_id, view="parsed")["events"][0]
    both = vm0.page(run_id, view="both")["events"][0]
    assert "parsed" not in raw and "eventData" not in parsed
    assert [p["type"] for p in parsed["parsed"]] == ["text"]
    assert parsed["parsed"][0]["data"]["text"] == "hi"
    assert both["eventData"] == raw["eventData"] and both["parsed"] == parsed["parsed"]


def test_cancel_by_http(vm0, http):
    bell = vm0.bell()
    run_id = vm0.create_run([{"tell": bell.path}, {"hang": True}])
    bell.wait()
    answer = http.post(f"/api/agent/runs/{run_id}/cancel")
    assert (answer.status, answer.json["status"]) == (200, "running")
    assert vm0.wait_end(run_id)[1]["status"] == "cancelled"
    answer = http.post(f"/api/agent/runs/{run_id}/cancel")
    assert (answer.status, answer.json["status"]) == (200, "cancelled")


def test_an_idempotency_key_makes_one_run(vm0, http):
    body = {"agentConfigId": vm0.create_config(), "prompt": "[]", "sandbox": "none"}
    first = http.post("/api/agent/runs", body, headers={"Idempotency-Key": "k1"})
    again = http.post("/api/agent/runs", body, headers={"Idempotency-Key": "k1"})
    other = http.post("/api/agent/runs", body, headers={"Idempotency-Key": "k2"})
    assert first.json["runId"] == again.json["runId"] != other.json["runId"]
    changed = http.post("/api/agent/runs", {**body, "prompt": "[ ]"},
                        headers={"Idempotency-Key": "k1"})
    assert error_of(changed) == (409, "IDEMPOTENCY_MISMATCH")


def test_an_external_run_is_fed_by_its_owner(vm0, http):
    made = http.post("/api/agent/runs", {"agentConfigId": vm0.create_config(), "prompt": "p",
                                         "sandbox": "external"})
    assert (made.status, made.json["status"]) == (201, "pending"), made
    run_id = made.json["runId"]
    events = [{"type": "a", "n": 1}, {"type": "b"}]
    for path in ("/api/webhooks/agent/events", "/api/webhooks/agent-events"):
        answer = http.post(path, {"runId": run_id, "events": events})
        assert answer.status == 200 and answer.json["received"] == 2, answer
    assert (answer.json["firstSequence"], answer.json["lastSequence"]) == (3, 4)
    ndjson = http.post(f"/api/webhooks/agent/events?runId={run_id}&firstSequence=5",
                       b'{"type":"c","big":12345678901234567890}\n{"type":"d"}\n',
                       headers={"Content-Type": "application/x-ndjson"})
    assert (ndjson.status, ndjson.json["lastSequence"]) == (200, 6), ndjson
    done = http.post("/api/webhooks/agent/complete", {"runId": run_id, "exitCode": 0})
    assert done.json == {"success": True, "status": "completed"}
    got, state = vm0.wait_end(run_id)
    assert [e["eventType"] for e in got] == ["a", "b", "a", "b", "c", "d"]
    assert state["status"] == "completed"
    assert error_of(http.post("/api/webhooks/agent/events", {"runId": run_id, "events": events})
                    ) == (410, "RUN_ENDED")


def test_events_of_a_supervised_run_from_outside_are_refused(vm0, http):
    gate = vm0.gate()
    run_id = vm0.create_run([{"wait": gate.path}])
    answer = http.post("/api/webhooks/agent/events", {"runId": run_id, "events": [{"type": "x"}]})
    assert error_of(answer) == (409, "RUN_SUPERVISED")
    gate.open()
    assert vm0.wait_end(run_id)[0] == []


def test_health_and_readiness_need_no_token(http, tcp):
    for client in (http, tcp):
        assert client.get("/healthz", token=None).json["ok"] is True
        assert client.get("/readyz", token=None).status == 200
    assert http.get("/openapi.json", token=None).json["openapi"].startswith("3.")


def test_the_openapi_document_names_every_route(http):
    paths = http.get("/openapi.json", token=None).json["paths"]
    for path in ("/api/agent/runs", "/api/agent/runs/{id}/events", "/api/webhooks/agent/complete"):
        assert path in paths


# Bad requests


@pytest.mark.parametrize("query", [
    "since=-1", "since=x", "since=1.5", "since=", "since=99999999999999999999", "limit=0",
    "limit=1001", "limit=-1", "limit=ten", "wait=61", "wait=-1", "view=all"])
def test_a_bad_query_is_400_naming_the_field(vm0, http, query):
    run_id = vm0.create_run([])
    answer = http.get(f"/api/agent/runs/{run_id}/events?{query}")
    assert error_of(answer) == (400, "BAD_REQUEST")
    assert query.split("=")[0] in answer.json["error"]["message"]


def test_a_cursor_ahead_of_the_log_says_where_the_log_ends(vm0, http):
    run_id = vm0.create_run([{"line": "a"}])
    vm0.wait_end(run_id)
    answer = http.get(f"/api/agent/runs/{run_id}/events?since=7")
    assert error_of(answer) == (409, "CURSOR_AHEAD")
    assert answer.json["error"]["number"] == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"x"', b'{"a":1,}',
                                  b"[" * 100_000])
@pytest.mark.parametrize("path", ["/api/agent/configs", "/api/agent/runs", "/api/tokens",
                                  "/api/runner/claim"])
def test_a_body_that_is_no_json_object_is_400(http, path, body):
    assert error_of(http.post(path, body)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("change", [
    {"prompt": None}, {"prompt": 7}, {"prompt": ""}, {"agentConfigId": None},
    {"agentConfigId": "x"}, {"sandbox": 1}, {"sandbox": "moon"}, {"timeout": "soon"},
    {"env": []}, {"env": {"A": 1}}, {"env": {"1A": "x"}}, {"timeout": 0}, {"secrets": {"A": ""}},
    {"workspace": {"path": "relative"}}, {"network": "lan"}, {"colour": "blue"}])
def test_a_bad_run_is_refused(vm0, http, change):
    body = {"agentConfigId": vm0.create_config(), "prompt": "p", "sandbox": "none", **change}
    answer = http.post("/api/agent/runs", {k: v for k, v in body.items() if v is not None})
    assert error_of(answer)[0] in (400, 422), answer
    assert http.get("/api/agent/runs").json["runs"] == []


@pytest.mark.parametrize("path, status", [
    (f"/api/agent/runs/{NOBODY}", 404), (f"/api/agent/runs/{NOBODY}/events", 404),
    ("/api/agent/runs/x", 400), ("/api/agent/runs/x/events", 400),
    ("/api/agent/configs", 400), ("/api/agent/configs?name=none", 404),
    (f"/api/agent/configs/{NOBODY}", 404), ("/api/no/such/route", 404),
    ("/api/agent/runs/%zz", 400), ("//", 404), ("/api/agent/runs/..%2f..", 400)])
def test_what_is_not_there(http, path, status):
    assert error_of(http.get(path))[0] == status


def test_an_unknown_method_is_405_and_names_the_known(http):
    answer = http.request("DELETE", "/api/agent/runs")
    assert error_of(answer) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer.headers["allow"]


def test_no_or_a_bad_token_is_401(http, tcp):
    for client in (http, tcp):
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"},
                        {"Authorization": "Bearer"}):
            answer = client.get("/api/agent/runs", token=None, headers=headers)
            assert error_of(answer) == (401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_foreign_host_name_is_refused_on_tcp(tcp):
    answer = tcp.get("/healthz", headers={"Host": "evil.example"})
    assert error_of(answer) == (421, "MISDIRECTED_REQUEST")


def send_raw(server, data):
    """The first bytes that come back for raw bytes over TCP; the rest until close."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize("data, status", [
    (b"garbage\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
    (b"POST /api/agent/runs HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", b"400"),
    (b"POST /api/agent/runs HTTP/1.1\r\n" + HOST + b"Content-Length: 40000000\r\n\r\n", b"413"),
    (b"POST /api/agent/runs HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"400"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
])
def test_what_is_no_http_is_answered_and_harms_nobody(server, http, data, status):
    answer = send_raw(server, data)
    if status:
        assert answer.startswith(b"HTTP/1.1 " + status), answer
        head, _, body = answer.partition(b"\r\n\r\n")
        assert json.loads(body)["error"]["code"], head
    assert http.get("/healthz").status == 200


def test_pipelined_requests_are_answered_in_order(server):
    request = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /no-such HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    answer = send_raw(server, request * 5 + last)
    assert answer.count(b"HTTP/1.1 200") == 5
    assert answer.rfind(b"HTTP/1.1 404") > answer.rfind(b"HTTP/1.1 200")


def test_a_client_that_goes_away_in_a_long_poll_harms_nobody(vm0, http):
    gate = vm0.gate()
    run_id = vm0.create_run([{"wait": gate.path}, {"line": "x"}])
    for _ in range(20):
        connection = http._connect()
        connection.request("GET", f"/api/agent/runs/{run_id}/events?wait=60",
                           headers={"Authorization": f"Bearer {vm0.token}"})
        connection.close()
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (len(events), state["status"]) == (1, "completed")
    assert state["status"] in TERMINAL
