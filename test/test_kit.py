# SPDX-License-Identifier: Apache-2.0
"""The test kit itself."""

import base64
import http.client
import json
import os
import signal
import subprocess

import pytest

import small_disk
import waits
from mock_llm import MockLlm, text_turn, tool_turn
from nasty_lines import nasty_lines, raw_of
from vm0 import FAKE_AGENT, HERE, Process


def fake_agent(*steps, **options):
    return subprocess.run([FAKE_AGENT, json.dumps(steps)], capture_output=True, timeout=60,
                          check=False, **options)


def start_fake_agent(*steps):
    return Process([FAKE_AGENT, json.dumps(steps)], {}, "/")


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_nasty_lines_are_the_same_in_both_languages(seed):
    lines = nasty_lines(seed, 500)
    done = fake_agent({"nasty": {"seed": seed, "count": 500, "max": 100_000}})
    assert done.stdout == b"".join(line + b"\n" for line in lines)


def test_nasty_lines_hold_every_kind():
    lines = nasty_lines(1, 1000)
    assert b"" in lines
    assert any(len(line) > 50_000 for line in lines)
    assert any("\u2028".encode() in line for line in lines)
    assert any(line.endswith(b"\r") for line in lines)
    assert any(b"\0" in line for line in lines)
    assert not any(b"\n" in line for line in lines)
    assert raw_of([b"a", b"", b"b"]) == b"a\nb\n"


def test_the_fake_agent_writes_what_it_is_told():
    done = fake_agent({"emit": {"b": 1, "a": [None]}}, {"line": "text"}, {"text": "no "},
                      {"base64": base64.b64encode(b"\xff\0x").decode()}, {"stderr": "err"},
                      {"fill": {"count": 2, "size": 3}}, {"exit": 7})
    assert done.stdout == (b'{"b":1,"a":[null]}\ntext\nno \xff\0x'
                           b'{"type":"fill","n":1,"pad":"xxx"}\n'
                           b'{"type":"fill","n":2,"pad":"xxx"}\n')
    assert done.stderr == b"err\n"
    assert done.returncode == 7


def test_the_fake_agent_kills_itself():
    assert fake_agent({"kill": "SIGSEGV"}).returncode == -signal.SIGSEGV


def test_the_fake_agent_refuses_what_it_does_not_know():
    assert fake_agent({"dance": 1}).returncode == 70


def test_the_fake_agent_waits_and_tells(tmp_path):
    gate, bell = waits.Gate(str(tmp_path / "gate")), waits.Bell(str(tmp_path / "bell"))
    agent = start_fake_agent({"line": "a"}, {"tell": bell.path}, {"wait": gate.path}, {"line": "b"})
    assert bell.wait() == b"x"
    agent.expect("a\n")
    assert agent.stdout.data == b"a\n" and agent.running
    gate.open()
    assert agent.finish() == (b"a\nb\n", b"", 0)
    gate.close()
    bell.close()


def test_the_fake_agent_answers_a_signal_while_it_waits_and_while_it_writes(tmp_path):
    on = {"on": {"SIGINT": [{"line": "caught"}, {"exit": 3}]}}
    agent = start_fake_agent(on, {"line": "ready"}, {"hang": True})
    agent.expect("ready\n")
    agent.press_ctrl_c()
    assert agent.finish() == (b"ready\ncaught\n", b"", 3)
    agent = start_fake_agent(on, {"forever": [{"line": "more"}]})
    agent.expect("more\n")
    agent.press_ctrl_c()
    done = agent.finish()
    assert done.stdout.endswith(b"caught\n") and done.code == 3


def test_the_fake_agent_ignores_a_signal():
    agent = start_fake_agent({"ignore": ["SIGTERM"]}, {"line": "ready"}, {"hang": True})
    agent.expect("ready\n")
    agent.signal(signal.SIGTERM)
    agent.kill()
    assert agent.wait() == 128 + signal.SIGKILL


def test_the_fake_agent_leaves_a_child_in_a_session_of_its_own(tmp_path):
    bell = waits.Bell(str(tmp_path / "bell"))
    agent = start_fake_agent({"spawn": [{"tell": bell.path}, {"hang": True}], "setsid": True},
                             {"show_process": True})
    bell.wait()
    assert agent.wait() == 0
    left = [pid for pid in waits.processes_with(bell.path) if os.getsid(pid) == pid]
    for pid in left:
        waits.kill(pid)
    assert len(left) == 1
    bell.close()


def post(mock, body, path="/v1/messages"):
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection.getresponse()


def ask(answers=(), stream=False):
    messages = [{"role": "user", "content": "x"}]
    for answer in answers:
        messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "y"}]
    return {"model": "m", "tools": [{"name": "Bash"}], "messages": messages, "stream": stream}


def test_the_mock_answers_by_the_place_in_the_conversation():
    with MockLlm([tool_turn(("Bash", {"command": "ls"})), text_turn("done")]) as mock:
        first = json.load(post(mock, ask()))
        assert first["stop_reason"] == "tool_use" and first["content"][0]["name"] == "Bash"
        assert json.load(post(mock, ask(["a"])))["content"][0]["text"] == "done"
        assert json.load(post(mock, ask()))["content"][0]["type"] == "tool_use"
        assert len(mock.main_requests()) == 3


def test_the_mock_streams_and_waits_at_its_gate():
    with MockLlm([{"content": [{"text": "hello"}], "gate_after": [1, "go"]}]) as mock:
        response = post(mock, ask(stream=True))
        assert response.readline() == b"event: message_start\n"
        response.readline()
        response.readline()
        mock.gate("go").set()
        rest = response.read().decode()
        assert rest.endswith("event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n")
        assert "content_block_delta" in rest


def test_the_mock_fails_first_and_answers_then():
    turn = {"content": [{"text": "ok"}],
            "errors": [{"status": 429, "type": "rate_limit_error",
                        "headers": {"retry-after": "0"}}]}
    with MockLlm([turn]) as mock:
        response = post(mock, ask())
        assert response.status == 429 and response.headers["retry-after"] == "0"
        assert post(mock, ask()).status == 200


def test_the_mock_cuts_a_stream():
    with MockLlm([{"content": [{"text": "hello"}], "cut_after": 2}]) as mock:
        assert b"message_stop" not in post(mock, ask(stream=True)).read()


def test_the_mock_as_a_program(tmp_path):
    port_file = str(tmp_path / "port")
    program = Process([os.path.join(HERE, "mock_llm.py"), "--script", "plain", "--port-file",
                       port_file], {"PATH": "/usr/bin:/bin"}, "/")
    waits.wait_path(port_file)
    with open(port_file, encoding="ascii") as file:
        port = int(file.read())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/messages/count_tokens", b"{}")
    assert json.load(connection.getresponse())["input_tokens"] == 0
    program.kill()


def test_the_virtual_clock_moves_only_when_told(tmp_path):
    import socket
    clock = waits.VirtualClock(str(tmp_path / "clock"))
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(clock.path)
    lines = peer.makefile("rb")
    peer.sendall(b"hello 7 server\n")
    assert lines.readline() == b"now 1000000000 1763625600000000\n"
    peer.sendall(b"timer 1005000000\n")
    clock.wait_timer("server", within=5)

    def answer():
        assert lines.readline() == b"now 1002500000 1763625602500000\n"
        peer.sendall(b"idle 1002500000\n")
    thread = waits.threading.Thread(target=answer)
    thread.start()
    clock.advance(2.5)
    thread.join()
    assert clock.roles() == ["server"]
    peer.shutdown(socket.SHUT_RDWR)
    clock.wait_role("server", present=False)
    clock.close()


def test_wait_path_sees_a_file_that_comes(tmp_path):
    target = tmp_path / "x"
    thread = waits.threading.Thread(target=lambda: target.write_text("pid=7"))
    thread.start()
    waits.wait_path(str(target), waits.file_contains("pid="))
    thread.join()


def test_a_small_disk_fills_up_and_is_seen_by_nobody_else(tmp_path):
    disk = small_disk.SmallDisk(str(tmp_path / "disk"), 4)
    note = f"{disk.data_dir}/note"

    def inside(*words):
        return subprocess.run([*disk.enter, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert inside("/bin/sh", "-c", f"id -u; echo hi >{note}").stdout == f"{os.getuid()}\n".encode()
    with open(note, encoding="ascii") as file:
        assert file.read() == "hi\n"
    assert b"disk tmpfs" in inside("/bin/cat", "/proc/self/mounts").stdout
    with open("/proc/self/mounts", encoding="utf-8") as file:
        assert str(tmp_path) not in file.read()
    disk.fill(leave=4096)
    assert disk.free == 4096
    disk.fill()
    assert b"No space left" in inside("/bin/dd", "if=/dev/zero", f"of={note}", "bs=9k", "count=1").stderr
    disk.empty()
    assert inside("/bin/dd", "if=/dev/zero", f"of={note}", "bs=9k", "count=1").returncode == 0
    disk.close()
    assert not os.path.exists(disk.data_dir)
