# SPDX-License-Identifier: Apache-2.0
"""A run of a round, from the request for it to its end: a thread asks for it, attaches readers, lets
the agent on whenever its output has come, and cancels where that is planned."""

import contextlib
import json
import os
import threading
import time

import readers
import waits
from agents import MARK

PAGES = ([1, 7, 100, 1000], [25, 100, 1000])  # events a page; for runs of many events
AGENT_SOURCES = ("agent", "stdout", "stderr")


class Run:
    bound = waits.HANG_SECONDS  # for its end, when nothing goes wrong any more

    def __init__(self, arena, plan, rng):
        self.arena = arena
        self.plan = plan
        self.run_id = None
        self.suffered = set()  # what was killed of it
        self.refusal = None    # an answer that should not have come
        self.readers = []
        self.logs = None
        self._rng = rng
        self.restored = False
        self.cancel_asked = plan.cancel_at is not None
        self._pacing = threading.Lock()
        self._seen = 0
        self._stage = 0
        self._hold = None  # the stage that it must not go beyond
        self._spools = {}  # inode → a second name of it
        self._cancelled = threading.Event()
        self.folder = os.path.join(arena.world.files, plan.name)
        self._gate = None
        self.mark = self._prepare_mark()
        self.thread = threading.Thread(target=self._run, daemon=True)

    # Before

    def _prepare_mark(self):
        """The file that each started agent adds a mark to; None when it could not be seen."""
        if self.plan.own_folder:
            return None
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        self._gate = waits.Gate(os.path.join(self.folder, "go"))
        return os.path.join(self.folder, "mark")

    def _request(self):
        body = {"agentConfigId": self.arena.config_id, "sandbox": "none", "network": "full",
                "timeout": self.plan.timeout, "secrets": {"CHAOS_TOKEN": self.plan.secret}}
        if self.plan.boxed:
            body |= {"sandbox": "bubblewrap", "network": "none"}
        if self.plan.own_folder:
            steps = self.plan.steps(None, "go")
        elif self.plan.boxed:
            body["workspace"] = {"path": self.folder, "mode": "rw"}
            steps = self.plan.steps("mark", "go")
        else:
            steps = self.plan.steps(self.mark, self._gate.path)
        return body | {"prompt": json.dumps(steps)}

    # Meanwhile

    def _run(self):
        body = self._request()
        headers = {"Idempotency-Key": f"{self.arena.world.root}-{self.plan.name}"}
        answer = self._insist("/api/agent/runs", body, headers)
        if answer is None:
            return
        if answer.status not in (200, 201):
            self.refusal = f"asked for: {answer}"
            return
        run_id = answer.json["runId"]
        if self.plan.cancel_at == 0:
            self._cancelled.set()
            self._cancel(run_id)
        self.run_id = run_id
        self.arena.progress.move()
        self._attach(run_id)
        if self.plan.cancel_at:
            self._cancelled.wait(waits.HANG_SECONDS)
            self._cancel(run_id)

    def _insist(self, path, body, headers=None):
        """Asks until there is an answer. None: there was none in all the time that a run has."""
        end = time.monotonic() + waits.HANG_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(*readers.LOST, ValueError):
                answer = self.arena.http().post(path, body, headers=headers)
                if answer.status < 500 and readers.is_whole(answer):
                    return answer
            self.arena.wait_moment()
        return None

    def cancel(self):
        self.cancel_asked = True
        self._cancel(self.run_id)

    def _cancel(self, run_id):
        answer = self._insist(f"/api/agent/runs/{run_id}/cancel", {})
        if answer is not None and answer.status != 200:
            self.refusal = f"cancelled: {answer}"

    def _attach(self, run_id):
        rng = self._rng
        if rng.random() < 0.1:
            self.logs = readers.LogsReader(self.arena, run_id)
        for number in range(rng.choice([1, 1, 2])):
            follow = self._let_on if number == 0 else self._ignore
            ended = self._end if number == 0 else self._ignore
            reader = readers.Reader(self.arena, run_id, follow, ended,
                                    limit=rng.choice(PAGES[self.plan.events > 100]),
                                    over_tcp=rng.random() < 0.5)
            self.readers.append(reader)

    def _ignore(self, *_):
        self.arena.progress.move()

    def _end(self, _):
        self._cancelled.set()
        self.arena.progress.run_ended()

    def _let_on(self, reader, source):
        """The first reader has seen one more event: on with the agent, when that was the last of
        its stage."""
        self.arena.progress.saw_event()
        self._seen += source in AGENT_SOURCES
        if self.plan.cancel_at and self._seen >= self.plan.cancel_at:
            self._cancelled.set()
        self._advance(reader.run_id)

    def _advance(self, run_id):
        with self._pacing:
            while self._stage_is_seen() and self._stage < len(self.plan.stages) - 1 and (
                    self._hold is None or self._stage < self._hold):
                self._stage += 1
                self.keep_spool()
                self._open_gate(run_id)

    def _stage_is_seen(self):
        return self._seen >= sum(stage.events for stage in self.plan.stages[:self._stage + 1])

    def hold_at(self, stage):
        """Lets the agent go as far as that stage and no further; None: to its end."""
        self._hold = stage
        if self.run_id is not None:
            self._advance(self.run_id)

    @property
    def is_held(self):
        return self.run_id is not None and self._stage == self._hold and self._stage_is_seen()

    def lose_power(self):
        """Its processes die with the machine, and so does a client that shows it."""
        self.suffered.add("power")
        self.logs = None

    def await_mark(self):
        """Until an agent was started for it."""
        waits.wait_path(self.mark)

    def may_be_ahead(self):
        """Its readers have seen more than the store will have for a while."""
        self.restored = True
        for reader in self.readers:
            reader.may_be_ahead = True

    def _open_gate(self, run_id):
        if self._gate is None:
            path = os.path.join(self.arena.world.run_dir(run_id), "workspace", "go")
            self._gate = waits.FoundGate(path)
        self._gate.open()

    def keep_spool(self):
        """A second name for the run's spool, so that what was in it can be compared at the end."""
        if self.run_id is None:
            return
        for folder in self._spool_folders():
            path = os.path.join(folder, "spool")
            with contextlib.suppress(OSError):
                inode = os.stat(path).st_ino
                if inode not in self._spools:
                    kept = os.path.join(self.arena.aside, f"{self.plan.name}.{len(self._spools)}")
                    os.link(path, kept)
                    self._spools[inode] = kept

    def _spool_folders(self):
        return [self.arena.world.run_dir(self.run_id)]

    # After

    def spooled(self):
        """The whole records of its spools, as lines."""
        for path in self._spools.values():
            with open(path, "rb") as file:
                lines = file.read().split(b"\n")
            yield from lines[1:-1]  # without the header and what is torn

    def marks(self):
        """How many agents were started for it; None when that can't be seen."""
        if self.mark is None:
            return None
        try:
            with open(self.mark, "rb") as file:
                return file.read().count(MARK.encode())
        except FileNotFoundError:
            return 0

    def await_end(self):
        """Whether it came within the bound."""
        self.thread.join(self.bound)
        return bool(self.readers) and all(readers.join(reader, self.bound) for reader in self.readers)

    def close(self):
        for reader in self.readers:
            reader.stopped.set()
        if self._gate is not None:
            self._gate.close()
        for path in self._spools.values():
            os.unlink(path)
