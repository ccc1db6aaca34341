# SPDX-License-Identifier: Apache-2.0
"""What must be true after a round, with its faults over and the server up."""

import collections
import contextlib
import os
import re
import shutil
import signal
import sqlite3
import tempfile

import waits
from agents import line_of
from readers import canonical

BOUND_SECONDS = 20
SERVER_PEAK_KB = 400_000
DATABASE = ("vm0.db", "vm0.db-wal")
LEFT_FILES = ("spec.json", "token", "spool", "uid", "tmp")
# When power takes the removal back, and nobody can tell them from those that were left for people.
COMES_BACK = ("spool", "token")
KILLS_OF_SUPERVISOR = {"supervisor", "power", "sandbox"}
TAKES_SPOOL = {"power", "sandbox"}
KILLS_OF_AGENT = {"agent", "launcher", "inside", *KILLS_OF_SUPERVISOR}

Stored = collections.namedtuple("Stored", "events ends run")


class Verdict:
    """What was found wrong, by kind, with a text for each."""

    def __init__(self):
        self.counts = collections.Counter()
        self.texts = []
        self.events = self.workspaces = 0

    def found(self, kind, text, count=1):
        if count:
            self.counts[kind] += count
            self.texts.append(f"{kind}: {text}")


@contextlib.contextmanager
def open_store(arena):
    """The store as it is now, as a copy: SQLite can't open it on a small disk of others."""
    pid = arena.world.server.pid
    with tempfile.TemporaryDirectory(dir=arena.world.root) as folder:
        waits.kill(pid, signal.SIGSTOP)
        try:
            for name in DATABASE:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(os.path.join(arena.world.data_dir, name), folder)
        finally:
            waits.kill(pid, signal.SIGCONT)
        with contextlib.closing(sqlite3.connect(os.path.join(folder, DATABASE[0]))) as database:
            yield database


def read_stored(arena, database, run_id):
    blob = bytes.fromhex(run_id.replace("-", ""))
    events = database.execute("SELECT sequence, created_at, source, json FROM events "
                              "WHERE run_id = ? ORDER BY sequence", (blob,)).fetchall()
    ends = database.execute("SELECT status, last_sequence, output_complete FROM run_ends "
                            "WHERE run_id = ?", (blob,)).fetchall()
    answer = arena.http().get(f"/api/agent/runs/{run_id}")
    return Stored(events, ends, answer.json if answer.status == 200 else None)


def check_run(arena, database, run, verdict, unprepared_allowed):
    """A run that has ended."""
    name = f"run {run.plan.name} ({run.run_id})"
    if run.refusal:
        verdict.found("wrong", f"{name}: {run.refusal}")
    stored = read_stored(arena, database, run.run_id)
    if stored.run is None:
        verdict.found("lost", f"{name} itself")
        return
    verdict.events += len(stored.events)
    _check_numbers(name, stored, verdict)
    for reader in run.readers:
        _check_reader(name, reader, stored, verdict)
    if not run.suffered & TAKES_SPOOL:  # with what nobody was told
        _check_spool(name, run, stored, verdict)
    _check_end(name, run, stored, verdict, unprepared_allowed)
    _check_marks(name, run, stored, verdict)
    if run.logs is not None:
        _check_logs(name, run, stored, verdict)


def _check_numbers(name, stored, verdict):
    numbers = [event[0] for event in stored.events]
    verdict.found("lost", f"{name}: gaps in {numbers[-1:]}",
                  (numbers[-1] if numbers else 0) - len(set(numbers)))
    verdict.found("duplicated", f"{name}: numbers twice", len(numbers) - len(set(numbers)))
    if len(stored.ends) != 1:
        verdict.found("wrong", f"{name}: {len(stored.ends)} end records")
        return
    status, last, _ = stored.ends[0]
    verdict.found("lost", f"{name}: its end says {last}, but {len(numbers)} are stored",
                  max(0, last - len(numbers)))
    if last < len(numbers):
        verdict.found("wrong", f"{name}: its end says {last}, but {len(numbers)} are stored")
    if status != stored.run["status"]:
        verdict.found("wrong", f"{name}: end record {status}, row {stored.run['status']}")
    times = [event[1] for event in stored.events]
    if times != sorted(times):
        verdict.found("reordered", f"{name}: times go back")


def _check_reader(name, reader, stored, verdict):
    seen = reader.seen
    name = f"{name}: {type(reader).__name__}"
    if reader.refusal:
        verdict.found("wrong", f"{name}: {reader.refusal}")
    verdict.found("duplicated", f"{name} saw some twice", seen.duplicated)
    verdict.found("reordered", f"{name} saw some out of order", seen.reordered)
    verdict.found("lost", f"{name} missed some", seen.skipped)
    verdict.found("reordered", f"{name} saw some after the end", seen.after_end)
    if seen.end is not None and seen.end != stored.run["status"]:
        verdict.found("wrong", f"{name} saw the end {seen.end}, not {stored.run['status']}")
    kept = {number: (source, data) for number, _, source, data in stored.events}
    verdict.found("lost", f"{name} saw what is not stored",
                  sum(number not in kept for number, _, _ in seen.events))
    for number, source, data in seen.events:
        if number in kept and (kept[number][0] != source or canonical(kept[number][1]) != data):
            verdict.found("wrong", f"{name}: event {number} has other bytes than are stored")
            break
    if seen.end is not None and not reader.refusal:
        verdict.found("lost", f"{name} was told the end at {seen.cursor} of {len(kept)}",
                      max(0, len(kept) - seen.cursor))


def _check_spool(name, run, stored, verdict):
    kept = {b"%d %d %s %s" % (number, time, source.encode(), data)
            for number, time, source, data in stored.events}
    missing = [line for line in run.spooled() if line not in kept]
    verdict.found("lost", f"{name}: not all of its spool is stored: {missing[:1]!r:.200}",
                  len(missing))


def _streams(stored):
    out, err = [], []
    for _, _, source, data in stored.events:
        if source != "vm0":
            (err if source == "stderr" else out).append(line_of(source, data) + b"\n")
    return b"".join(out), b"".join(err)


def is_beginning(got, all_of_it):
    """Whether it is what an agent wrote that was killed: its last line may be cut."""
    return all_of_it.startswith(got) or all_of_it.startswith(got[:-1])


def _check_end(name, run, stored, verdict, unprepared_allowed):
    plan, row = run.plan, stored.run
    status, result = row["status"], row.get("result") or {}
    complete = result.get("outputComplete", True)
    allowed = {plan.status} if plan.ending != "hang" else set()
    if run.cancel_asked:
        allowed.add("cancelled")
    if run.suffered & KILLS_OF_AGENT or (
            unprepared_allowed and "startedAt" not in row):
        allowed.add("failed")
    if status not in allowed:
        verdict.found("wrong", f"{name}: {status}, not {allowed}: {row.get('error')}")
    if not complete and not run.suffered & KILLS_OF_SUPERVISOR:
        verdict.found("lost", f"{name}: its output is not complete: {row.get('error')}")
    ended_early = (status in ("cancelled", "timeout") or run.suffered & KILLS_OF_AGENT or
                   "startedAt" not in row)
    ended_by_itself = complete and result.get("exitCode") is not None
    excused = ended_early and not ended_by_itself
    for got, expected, stream in zip(_streams(stored), (plan.stdout, plan.stderr), ("out", "err")):
        if got == expected or (excused and is_beginning(got, expected)):
            continue
        missing = expected.count(b"\n") - got.count(b"\n")
        kind = "lost" if missing > 0 else "wrong"
        verdict.found(kind, f"{name} ({status}): std{stream} has {len(got)} bytes of "
                      f"{len(expected)}{'' if is_beginning(got, expected) else ', and others'}",
                      max(1, missing))


def _check_marks(name, run, stored, verdict):
    marks = run.marks()
    if marks is None:
        return
    started = "startedAt" in stored.run
    if marks > 1:
        verdict.found("duplicated", f"{name}: {marks} agents were started")
    elif marks and not started:
        verdict.found("wrong", f"{name}: an agent ran, but the run was never started")
    elif not marks and stored.run["status"] == "completed":
        verdict.found("wrong", f"{name}: completed, but no agent ran")


def _check_logs(name, run, stored, verdict):
    text, code = run.logs.finish()
    everything = _streams(stored)[0]
    # Without the server it gives up, in the middle of a line perhaps; or when it has seen more than
    # the store has by then.
    gave_up = code == 5 or (code == 2 and run.restored)
    good = everything.startswith(text) if gave_up else text == everything
    if not good:
        verdict.found("wrong", f"{name}: vm0 logs gave {len(text)} bytes of {len(everything)}, "
                      f"exit {code}")


def check_left(arena, runs, verdict, files=LEFT_FILES, bound=BOUND_SECONDS):
    """Nothing of the round is left: no process, no file, no control group."""
    for run in runs:
        folder = arena.world.run_dir(run.run_id)
        for name in files:
            if "power" in run.suffered and name in COMES_BACK:
                continue
            path = os.path.join(folder, name)
            try:
                if os.path.isdir(folder):
                    waits.wait_path(path, lambda path: not os.path.lexists(path), bound)
            except waits.Hang:
                verdict.found("wrong", f"{path} is left over")
    ids = [run.run_id for run in runs]
    for pid in waits.processes_with(arena.world.root):
        command = waits.describe_process(pid)
        if not any(run_id in command or mentions(pid, run_id) for run_id in ids):
            continue
        try:
            waits.wait_gone(pid, bound)
        except waits.Hang:
            verdict.found("survivors", f"process {pid}: {command}")
    for group in groups_of(ids):
        verdict.found("wrong", f"control group {group} is left over")


def mentions(pid, text):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        return text.encode() in file.read()
    return False


def groups_of(ids):
    """Control groups that are named after a run: boxes make theirs beside our own."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        tops = re.findall(r"^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2? ", file.read(), re.MULTILINE)
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        own = {line.rstrip("\n").split(":", 2)[2] for line in file}
    for top in tops:
        for group in own:
            folder = os.path.join(top, group.lstrip("/"))
            names = os.listdir(folder) if os.path.isdir(folder) else []
            yield from (os.path.join(folder, name) for name in names
                        if name.removeprefix("vm0-") in ids and name.startswith("vm0-"))


def check_server(arena, verdict):
    arena.note_peak()
    if arena.server_peak_kb > SERVER_PEAK_KB:
        verdict.found("wrong", f"the server took {arena.server_peak_kb} kB")
    for problem in arena.problems:
        verdict.found("wrong", problem)
    arena.problems.clear()


def check_proof(arena, verdict):
    """At the end of a world: vm0 itself proves every run of it."""
    done = arena.world.run("verify", "--all")
    if done.code != 0:
        verdict.found("wrong", f"vm0 verify --all: exit {done.code}: {done.stdout[:2000]!r} "
                      f"{done.stderr[:500]!r}")


def check_prune(arena, verdict):
    """Then all of it is pruned, by servers that die in the middle; the rest is still proved."""
    for point, at in (("prune.directory", 2), ("prune.piece", 3)):
        arena.arm(point, "crash", at, point)
        arena.world.run("prune", "--older-than", "1s")
        arena.disarm()
        arena.restart()
    left, after = [], None
    while True:
        body = {"olderThan": 0} if after is None else {"olderThan": 0, "after": after}
        answer = arena.http().post("/api/agent/prune", body)
        if answer.status != 200:
            verdict.found("wrong", f"prune: {answer}")
            return
        left += answer.json["left"]
        after = answer.json.get("after")
        if after is None:
            break
    for run_id in left:
        if not os.path.exists(os.path.join(arena.world.run_dir(run_id), "spool")):
            verdict.found("wrong", f"prune leaves run {run_id}, of which nothing else is left")
    with open_store(arena) as database:
        kept = {bytes.fromhex(run_id.replace("-", "")) for run_id in left}
        for run_id, count in database.execute("SELECT run_id, count(*) FROM events GROUP BY run_id"):
            if run_id not in kept:
                verdict.found("wrong", f"prune leaves {count} events of run {run_id.hex()}")
    check_proof(arena, verdict)
