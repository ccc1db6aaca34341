# SPDX-License-Identifier: Apache-2.0
"""Readers that are attached to a run all the time: over every transport, and by the CLI. Each comes back by its
cursor whenever it was cut off, over another transport, and keeps what it has seen."""

import contextlib
import http.client
import itertools
import json
import threading

import vm0
import waits

LOST = (OSError, http.client.HTTPException)


def canonical(text):
    """JSON as a value in which nothing is lost: order, duplicates, digits."""
    return json.loads(text, object_pairs_hook=_Pairs, parse_int=_number, parse_float=_number)


def _number(text):
    return ("number", text)


class _Pairs(list):
    def get(self, name):
        return next((value for key, value in self if key == name), None)


class Seen:
    """What one reader has seen of a run."""

    def __init__(self):
        self.events = []  # (number, source, canonical data)
        self.end = None   # the status with which it ended
        self.duplicated = self.reordered = self.skipped = self.after_end = 0

    @property
    def cursor(self):
        return self.events[-1][0] if self.events else 0

    def add(self, envelope):
        number = int(envelope.get("sequenceNumber")[1])
        if self.end is not None:
            self.after_end += 1
        if number <= self.cursor:
            known = any(number == event[0] for event in self.events)
            self.duplicated += known
            self.reordered += not known
            return
        self.skipped += number - self.cursor - 1
        self.events.append((number, envelope.get("source"), envelope.get("eventData")))


class Reader:
    """A thread that reads a run from its beginning to its end, whatever comes between: after about
    `limit` events, or when it was cut off, by the next transport. `follow(reader, source)` hears of
    each event, and `ended(reader)` of the end."""

    def __init__(self, arena, run_id, follow, ended, *, limit, over_tcp):
        self.run_id = run_id
        self.seen = Seen()
        self.refusal = None  # an answer that no reader may get
        self.may_be_ahead = False  # an older store was put back
        self.stopped = threading.Event()
        self._arena = arena
        self._follow = follow
        self._ended = ended
        self._limit = limit
        self._over_tcp = over_tcp
        ways = (self._read_page, self._read_events, self._read_socket, self._poll)
        # The limit is chosen by the round's plan, and so this is.
        self._ways = itertools.islice(itertools.cycle(ways), limit % len(ways), None)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def done(self):
        return self.seen.end is not None or self.refusal is not None

    def _run(self):
        while not (self.done or self.stopped.is_set()):
            try:
                next(self._ways)()
            except LOST:
                self._arena.wait_moment()
            except ValueError as error:  # it came whole, but is no JSON
                self.refusal = f"{type(error).__name__}: {error}"
        self._ended(self)

    # Each reads some events, or to the end.

    def _read_page(self, wait="&wait=20"):
        answer = self._arena.http(self._over_tcp).get(self._path(f"&limit={self._limit}{wait}"))
        if not is_whole(answer):
            raise http.client.IncompleteRead(answer.body)
        if answer.status != 200:
            self._refused(answer)
            return
        page = canonical(answer.body)
        for envelope in page.get("events"):
            self._see(envelope)
        status = page.get("run").get("status")
        if status in vm0.TERMINAL and not page.get("hasMore"):
            self.seen.end = status

    def _poll(self):
        self._read_page(wait="")
        if not self.done:
            self._arena.wait_moment()

    def _read_events(self):
        with self._open(self._path(), {"Accept": "text/event-stream"}) as (response, _):
            if response.status != 200:
                return
            until = self.seen.cursor + self._limit
            while not self.done and self.seen.cursor < until:
                self._take_frame(response)

    def _take_frame(self, response):
        fields = {}
        while line := _line_of(response):
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        if b"id" in fields:
            envelope = canonical(fields[b"data"])
            if envelope.get("sequenceNumber")[1].encode() != fields[b"id"]:
                self.refusal = f"frame {fields[b'id']!r} holds {envelope.get('sequenceNumber')}"
            self._see(envelope)
        elif fields.get(b"event") == b"end":
            self.seen.end = canonical(fields[b"data"]).get("status")
        elif fields.get(b"event") == b"error":
            raise http.client.HTTPException(fields[b"data"])

    def _read_socket(self):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        path = self._path().replace("/events?", "/events/ws?")
        with self._open(path, headers) as (response, connection):
            if response.status != 101:
                return
            until = self.seen.cursor + self._limit
            while not self.done and self.seen.cursor < until:
                self._take_message(response.fp, connection)

    def _take_message(self, stream, connection):
        first, size = _bytes_of(stream, 2)
        if size >= 126:
            size = int.from_bytes(_bytes_of(stream, 2 if size == 126 else 8), "big")
        payload = _bytes_of(stream, size)
        if first == 0x89:  # a ping
            connection.sock.sendall(bytes([0x8a, 0x80 + size, 0, 0, 0, 0]) + payload)
        elif first == 0x88:
            raise http.client.HTTPException(f"closed: {payload!r}")
        elif first == 0x81:
            message = canonical(payload)
            if message.get("event"):
                self._see(message.get("event"))
            elif message.get("end"):
                self.seen.end = message.get("end").get("status")
            elif message.get("error"):
                raise http.client.HTTPException(payload)

    def _path(self, query=""):
        return f"/api/agent/runs/{self.run_id}/events?since={self.seen.cursor}{query}"

    @contextlib.contextmanager
    def _open(self, path, headers):
        """A stream; one that was refused has nothing to read any more."""
        response, connection = self._arena.http(self._over_tcp).open("GET", path, headers=headers)
        with contextlib.closing(connection):
            if response.status not in (101, 200):
                answer = vm0.Answer(response, response.read())
                if not is_whole(answer):
                    raise http.client.IncompleteRead(answer.body)
                self._refused(answer)
            yield response, connection

    def _refused(self, answer):
        ahead = answer.status == 409 and self.may_be_ahead
        if answer.status >= 500 or ahead:
            self._arena.wait_moment()
        else:
            self.refusal = f"{answer.status} {answer.body[:300]!r}"

    def _see(self, envelope):
        self.seen.add(envelope)
        self._follow(self, envelope.get("source"))


def _line_of(response):
    """A whole line of a stream, without its end."""
    line = response.readline()
    if not line.endswith(b"\n"):
        raise http.client.IncompleteRead(line)
    return line[:-1]


def _bytes_of(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise http.client.IncompleteRead(data)
    return data


def is_whole(answer):
    """Whether all of it came: http.client takes a head that was cut for a short one."""
    return "Content-Length" in answer.headers


class LogsReader:
    """`vm0 logs -f --raw`. It gives up when the server is away for long, which is no fault."""

    def __init__(self, arena, run_id):
        # Named, so that it starts no server of its own while ours is away.
        server = {"VM0_API_URL": f"http://127.0.0.1:{arena.gate.port}",
                  "VM0_TOKEN": arena.token}
        self._process = arena.world.start("logs", run_id, "-f", "--raw", env=server,
                                          own_data_dir=False)

    def finish(self):
        """Its output and exit code."""
        done = self._process.finish()
        return done.stdout, done.code


def join(reader, bound=waits.HANG_SECONDS):
    """Waits for its end; whether it came."""
    reader.thread.join(bound)
    reader.stopped.set()
    return reader.done
