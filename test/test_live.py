# SPDX-License-Identifier: Apache-2.0
"""Live delivery: every transport, what may stand in their way, and readers that misbehave."""

import contextlib
import json
import os
import resource
import selectors
import socket

import pytest

import middlebox
import waits
from nasty_lines import nasty_lines, raw_of
from vm0 import BINARY, ServerSentEvents

TRANSPORTS = ("sse", "ws", "long-poll", "poll")


def reader_env(box, vm0):
    return {"VM0_API_URL": box.url, "VM0_TOKEN": vm0.token}


def follow(vm0, run_id, *options, env=None):
    return vm0.start("logs", run_id, "-f", *options, env=env, own_data_dir=env is None)


# Every transport


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_transport_shows_a_run_as_it_happens(vm0, server, transport):
    gate = vm0.gate()
    run = vm0.start_agent([{"line": "one"}, {"wait": gate.path}, {"line": "two"}],
                          "--transport", transport)
    run.expect("one\n")
    gate.open()
    run.expect("two\n")
    assert run.wait() == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_transport_gives_the_agents_bytes(vm0, server, transport):
    run_id = vm0.create_run([{"nasty": {"seed": 5, "count": 300, "max": 5000}}])
    shown = follow(vm0, run_id, "--raw", env={"VM0_TRANSPORT": transport,
                                              "VM0_DATA_DIR": vm0.data_dir}).finish()
    assert shown.code == 0
    assert shown.stdout == raw_of(nasty_lines(5, 300, 5000))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_reader_keeps_its_place_when_the_server_is_killed(vm0, server, transport):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "1"}, {"wait": gate.path}, {"line": "2"}, {"wait": gate.path},
                             {"line": "3"}])
    reader = follow(vm0, run_id, "--transport", transport)
    reader.expect("1\n")
    for number in ("2", "3"):
        server.restart()
        gate.open()
        reader.expect(f"{number}\n")
    done = reader.finish()
    assert (done.code, done.stdout) == (0, b"1\n2\n3\n")


def test_an_unknown_transport_is_named(vm0):
    for env, option in (({}, ["--transport", "pigeon"]), ({"VM0_TRANSPORT": "pigeon"}, [])):
        done = vm0.run("logs", "x", *option, env=env)
        assert done.code == 2
        assert b"sse, ws, long-poll, poll" in done.stderr, done


def test_an_ended_run_is_read_whole_by_every_transport(vm0, server):
    run_id = vm0.create_run([{"fill": {"count": 2500, "size": 100}}])
    vm0.wait_end(run_id)
    outputs = {t: follow(vm0, run_id, "--json", "--transport", t).finish() for t in TRANSPORTS}
    assert {done.code for done in outputs.values()} == {0}
    assert len({done.stdout for done in outputs.values()}) == 1
    assert outputs["sse"].stdout.count(b"\n") == 2500


# What is in the way


def run_through(vm0, way, *options, lines=3, clock=None):
    """Follows a run of some lines through a middlebox; gives the lines on stderr, and the box."""
    gate = vm0.gate()
    steps = [{"line": "0"}]
    for number in range(1, lines):
        steps += [{"wait": gate.path}, {"line": str(number)}]
    run_id = vm0.create_run(steps)
    with middlebox.Middlebox(vm0.server.url, way) as box:
        reader = follow(vm0, run_id, "-v", *options, env=reader_env(box, vm0))
        with clock.flow(20) if clock else contextlib.nullcontext():
            for number in range(lines):
                reader.expect(f"{number}")
                if number + 1 < lines:
                    gate.open()
            done = reader.finish()
    assert done.code == 0, done
    shown = done.stdout.decode().split()
    assert [word for word in shown if word.isdigit()] == [str(n) for n in range(lines)], shown
    return done.stderr.decode(), box


def test_nothing_in_the_way_needs_no_fallback(vm0, server):
    said, box = run_through(vm0, middlebox.passes)
    assert "Events come by" not in said
    assert box.streams == 1


def test_row_StreamHeldBack_the_cli_goes_on_with_long_polls(vm0, clock, server):
    said, _ = run_through(vm0, middlebox.buffers, clock=clock)
    assert "Events come by long-poll now" in said
    assert "before: sse: " in said and "no answer within 5s" in said


def test_row_StreamCut_the_cli_takes_the_next_where_this_one_ended(vm0, server):
    said, box = run_through(vm0, middlebox.cuts_streams_at(900), lines=8)
    assert box.streams > 1
    assert "Events come by" not in said, "it serves, in pieces"


def test_a_stream_that_never_gets_to_an_event_is_given_up(vm0, server):
    said, _ = run_through(vm0, middlebox.cuts_streams_at(300))
    assert "Events come by long-poll now" in said


@pytest.mark.parametrize("status", ["502 Bad Gateway", "403 Forbidden", "404 Not Found",
                                    "405 Method Not Allowed"])
def test_row_StreamRefused_the_cli_goes_on_with_long_polls(vm0, server, status):
    said, box = run_through(vm0, middlebox.refuses_streams_with(status))
    assert "Events come by long-poll now; before: sse: " in said
    assert f"HTTP status {status[:3]}" in said
    assert box.streams == 3


def test_a_stream_that_passes_again_is_used_again(vm0, clock, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "0"}, {"wait": gate.path}, {"line": "1"}])
    with middlebox.Middlebox(server.url, middlebox.refuses_streams) as box:
        reader = follow(vm0, run_id, "-v", env=reader_env(box, vm0))
        with clock.flow(20):
            reader.stderr.expect("Events come by long-poll now; before: sse: ")
            reader.expect("0\n")
            box.way = middlebox.passes
            reader.stderr.expect("Events come by sse now\n")
            gate.open()
            done = reader.finish()
    assert (done.code, done.stdout) == (0, b"0\n1\n"), done


def test_an_old_proxy_that_passes_everything_on_is_fine(vm0, server):
    said, box = run_through(vm0, middlebox.speaks_http_1_0)
    assert "Events come by" not in said
    assert box.streams == 1


def test_an_old_proxy_that_buffers_gets_long_polls(vm0, clock, server):
    said, _ = run_through(vm0, middlebox.speaks_http_1_0_and_buffers, clock=clock)
    assert "Events come by long-poll now" in said


def test_where_only_short_answers_pass_it_polls(vm0, clock, server):
    said, _ = run_through(vm0, middlebox.knows_only_short_answers, clock=clock)
    assert "Events come by poll now; before: long-poll: " in said


def test_nothing_is_said_without_v(vm0, server):
    run_id = vm0.create_run([{"line": "x"}])
    with middlebox.Middlebox(server.url, middlebox.refuses_streams) as box:
        done = follow(vm0, run_id, env=reader_env(box, vm0)).finish()
    assert (done.code, done.stdout, done.stderr) == (0, b"x\n", b"")


def test_a_forced_transport_does_not_give_way(vm0, server):
    run_id = vm0.create_run([{"line": "x"}])
    with middlebox.Middlebox(server.url, middlebox.refuses_streams) as box:
        reader = follow(vm0, run_id, "--transport", "ws", env=reader_env(box, vm0))
        box.wait_streams(5)
        assert reader.running
        box.way = middlebox.passes
        done = reader.finish()
    assert (done.code, done.stdout) == (0, b"x\n")


# Plain HTTP


def test_the_stream_of_a_browser(vm0, http):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    path = f"/api/agent/runs/{run_id}/events"
    vm0.wait_events(run_id, 1)
    with ServerSentEvents(http, path) as stream:
        status, first = stream.next(), stream.next()
        assert (status.event, json.loads(status.data)["status"]) == ("status", "running")
        assert (first.id, json.loads(first.data)["eventData"]["text"]) == ("1", "a")
    gate.open()
    vm0.wait_end(run_id)
    with ServerSentEvents(http, path, headers={"Last-Event-ID": "1"}) as stream:
        _, second, end = stream.rest()
        assert (second.id, end.event, end.id) == ("2", "end", None)
        assert json.loads(end.data)["status"] == "completed"
    with ServerSentEvents(http, path, headers={"Last-Event-ID": "2"}) as stream:
        assert stream.response.status == 204


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_row_CursorAhead_is_told_on_every_transport(vm0, http, transport):
    run_id = vm0.create_run([{"line": "a"}])
    vm0.wait_end(run_id)
    path = f"/api/agent/runs/{run_id}/events"
    headers = {}
    if transport == "sse":
        headers = {"Accept": "text/event-stream"}
    if transport == "ws":
        path += "/ws"
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    wait = "&wait=30" if transport == "long-poll" else ""
    answer = http.get(f"{path}?since=7{wait}", headers=headers)
    assert (answer.status, answer.error_code) == (409, "CURSOR_AHEAD")
    assert answer.json["error"]["number"] == 1
    done = vm0.run("logs", run_id, "-f", "--since", "7", "--transport", transport)
    assert done.code == 2
    assert b"last event is 1" in done.stderr


# Readers that misbehave


def open_stream(vm0, run_id, receive_buffer=None):
    """A socket over TCP on which a stream was asked for; nothing was read of it."""
    host, port = vm0.server.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.settimeout(waits.HANG_SECONDS)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((host, int(port)))
    connection.sendall(f"GET /api/agent/runs/{run_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       f"Accept: text/event-stream\r\nAuthorization: Bearer {vm0.token}\r\n\r\n"
                       .encode())
    return connection


def read_all(connection):
    text = b""
    while piece := connection.recv(1 << 20):
        text += piece
    return text


def numbers_in(text):
    """The ids of a chunked stream, whatever the chunks cut in two."""
    chunks, at = [], text.index(b"\r\n\r\n") + 4
    while at < len(text):
        begin = text.index(b"\r\n", at) + 2
        size = int(text[at:begin], 16)
        chunks.append(text[begin:begin + size])
        at = begin + size + 2
    return [int(line[4:]) for line in b"".join(chunks).split(b"\n") if line.startswith(b"id: ")]


def resident_kilobytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def fill_stream(vm0, clock):
    """A reader of a run that has ended, with more events than its connection takes."""
    run_id = vm0.create_run([{"fill": {"count": 1500, "size": 10_000}}])
    vm0.wait_end(run_id)
    stalled = open_stream(vm0, run_id, receive_buffer=4096)
    clock.wait_timer("server", within=1)  # it takes no more
    clock.advance(1)
    return stalled


def test_row_StreamStalled_a_reader_that_stops_goes_on_from_the_store(vm0, clock, server):
    with fill_stream(vm0, clock) as stalled:
        clock.wait_timer("server", within=29)
        clock.advance(28)
        text = read_all(stalled)
    assert numbers_in(text) == list(range(1, 1501))
    assert text.endswith(b"0\r\n\r\n")


def test_row_StreamUnread_a_reader_that_never_reads_is_cut_off(vm0, clock, server):
    with fill_stream(vm0, clock) as stalled:
        clock.wait_timer("server", within=29)
        clock.advance(29)
        text = b""
        with contextlib.suppress(ConnectionError):
            text = read_all(stalled)
    assert not text.endswith(b"0\r\n\r\n"), "it does not look whole"


LOAD_READERS = 10_000
SANITIZED_READERS = 500
BYTES_PER_READER = 4096


@pytest.mark.guard(300)
def test_many_idle_readers_cost_little_and_hear_the_news(vm0):
    binary = os.environ.get("VM0_LOAD_BINARY") or BINARY
    is_load = os.path.basename(os.path.dirname(binary)) != "debug"
    server = vm0.serve(binary=binary)
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    vm0.wait_events(run_id, 1)
    readers = LOAD_READERS if is_load else SANITIZED_READERS
    assert descriptors() >= readers + 200, "raise the limit of open files (ulimit -Hn)"
    crowd = Crowd(vm0, run_id)
    crowd.join(50)  # what the first ones cost is not theirs alone
    before = resident_kilobytes(server.pid)
    crowd.join(readers - 50)
    grown = (resident_kilobytes(server.pid) - before) * 1024 / (readers - 50)
    print(f"{readers} readers, {grown:.0f} bytes each")
    if is_load:  # a sanitizer's memory is its own
        assert grown <= BYTES_PER_READER, f"{grown:.0f} bytes each"
    gate.open()
    crowd.expect_end()
    crowd.close()


def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(hard, 1 << 20)


class Crowd:
    """Many readers of one run over the unix socket."""

    def __init__(self, vm0, run_id, since=0):
        self._path = os.path.join(vm0.data_dir, "server.sock")
        self._since = since
        self._run_id = run_id
        self._token = vm0.token
        self._selector = selectors.DefaultSelector()
        self._texts = {}

    def join(self, count, wanted=b"id: 1\n"):
        """So many more, each of which has got something."""
        request = (f"GET /api/agent/runs/{self._run_id}/events?since={self._since} HTTP/1.1\r\n"
                   "Host: x\r\nAccept: text/event-stream\r\n"
                   f"Authorization: Bearer {self._token}\r\n\r\n").encode()
        for _ in range(count):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(self._path)
            connection.sendall(request)
            connection.setblocking(False)
            self._texts[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)
        self._read_until(wanted)

    def expect_end(self, events=(1, 2)):
        """Waits for the end; each has got these events once, and no other."""
        self._read_until(b"event: end\n")
        wanted = [f"id: {number}".encode() for number in events]
        for text in self._texts.values():
            assert [line for line in text.split(b"\n") if line.startswith(b"id: ")] == wanted

    def _read_until(self, wanted):
        missing = {c for c, text in self._texts.items() if wanted not in text}
        while missing:
            ready = self._selector.select(waits.HANG_SECONDS)
            assert ready, f"{len(missing)} readers hear nothing"
            for key, _ in ready:
                piece = key.fileobj.recv(65536)
                self._texts[key.fileobj] += piece
                if wanted in self._texts[key.fileobj]:
                    missing.discard(key.fileobj)
                if not piece:
                    self._selector.unregister(key.fileobj)
                    assert key.fileobj not in missing, "cut off"

    def close(self):
        for connection in self._texts:
            connection.close()
        self._selector.close()


STORM_READERS = 300


def test_a_storm_of_readers_that_come_back_sees_every_event_once(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    vm0.wait_events(run_id, 1)
    crowd = Crowd(vm0, run_id)
    crowd.join(STORM_READERS)
    server.restart()
    crowd.close()
    again = Crowd(vm0, run_id, since=1)  # all at once, from where they were
    again.join(STORM_READERS, wanted=b"event: status\n")
    gate.open()
    again.expect_end(events=[2])
    again.close()
