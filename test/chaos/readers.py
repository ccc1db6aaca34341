# SPDX-License-Identifier: Apache-2.0
"""Readers that are attached to a run all the time: by long-poll and by the CLI. Each comes back by its
cursor whenever it was cut off, and keeps what it has seen."""

import http.client
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
    """A thread that reads a run from its beginning to its end, whatever comes between: it
    long-polls pages of `limit` events. `follow(reader, source)` hears of each event, and
    `ended(reader)` of the end."""

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
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def done(self):
        return self.seen.end is not None or self.refusal is not None

    def _run(self):
        while not (self.done or self.stopped.is_set()):
            try:
                self._read_page()
            except LOST:
                self._arena.wait_moment()
            except ValueError as error:  # it came whole, but is no JSON
                self.refusal = f"{type(error).__name__}: {error}"
        self._ended(self)

    def _read_page(self):
        answer = self._arena.http(self._over_tcp).get(
            f"/api/agent/runs/{self.run_id}/events?since={self.seen.cursor}&limit={self._limit}"
            "&wait=20")
        if not is_whole(answer):
            raise http.client.IncompleteRead(answer.body)
        ahead = answer.status == 409 and self.may_be_ahead
        if answer.status >= 500 or ahead:
            self._arena.wait_moment()
            return
        if answer.status != 200:
            self.refusal = f"{answer.status} {answer.body[:300]!r}"
            return
        page = canonical(answer.body)
        for envelope in page.get("events"):
            self.seen.add(envelope)
            self._follow(self, envelope.get("source"))
        status = page.get("run").get("status")
        if status in vm0.TERMINAL and not page.get("hasMore"):
            self.seen.end = status


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
