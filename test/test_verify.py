# SPDX-License-Identifier: Apache-2.0
"""`vm0 verify`: what it proves, and that no damage to the database escapes it."""

import contextlib
import json
import os
import re
import sqlite3

import pytest

import waits
from conftest import new_world

# Of three sources; numbered 1 to LAST.
STEPS = [{"emit": {"n": 1}}, {"emit": {"n": 2}}, {"emit": {"n": 3}}, {"emit": {"n": 4}},
         {"line": "five"}, {"emit": {"n": 6}}, {"line": "seven"}, {"emit": {"n": 8}}]
LAST = len(STEPS)


class Damage:
    """What a test does to the database of a world, and takes back after it."""

    def __init__(self, world):
        self._path = os.path.join(world.data_dir, "vm0.db")

    @contextlib.contextmanager
    def open(self):
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            yield database

    @contextlib.contextmanager
    def done(self, sql):
        with self.open() as database:
            tables = {name: database.execute(f"SELECT * FROM {name}").fetchall()
                      for name in ("events", "run_ends", "runs")}
            index = database.execute(
                "SELECT sql FROM sqlite_schema WHERE name = 'events_by_run'").fetchone()[0]
            before = database.total_changes
            for statement in sql.split(";"):
                database.execute(statement)
            assert database.total_changes > before, "this damages nothing"
            try:
                yield
            finally:
                for name, rows in tables.items():
                    database.execute(f"DELETE FROM {name}")
                    database.executemany(
                        f"INSERT INTO {name} VALUES ({','.join('?' * len(rows[0]))})", rows)
                database.execute(index.replace("INDEX", "INDEX IF NOT EXISTS"))


@pytest.fixture(scope="module")
def ended(session_root):
    """A world with one run that has ended: world, run's id."""
    world = new_world(session_root)
    world.serve()
    run_id = world.create_run(STEPS)
    _, state = world.wait_end(run_id)
    assert state["status"] == "completed"
    yield world, run_id
    world.close()


def verify_json(world, *arguments):
    done = world.run("verify", *arguments, "--json")
    return done.code, json.loads(done.stdout)


def test_a_good_run_is_one_line_and_exit_0(ended):
    world, run_id = ended
    done = world.run("verify", run_id)
    assert done.code == 0
    assert re.fullmatch(rf"✓ {run_id}: {LAST} events, hash [0-9a-f]{{16}}, completed\n",
                        done.stdout.decode())
    assert done.stderr == b""


def test_the_hash_that_is_shown_is_that_of_the_supervisor(ended):
    world, run_id = ended
    with Damage(world).open() as database:
        (kept, by), = database.execute("SELECT hash, hashed_by FROM run_ends").fetchall()
    code, verdict = verify_json(world, run_id)
    assert (code, verdict["hash"], verdict["hashedBy"], by) == (0, kept, "supervisor", "supervisor")


SWAP = ("UPDATE events SET sequence = 99 WHERE sequence = 3;"
        "UPDATE events SET sequence = 3 WHERE sequence = 4;"
        "UPDATE events SET sequence = 4 WHERE sequence = 99")
COPY = ("INSERT INTO events (run_id, sequence, created_at, source, type, json, checksum) "
        "SELECT run_id, {}, created_at, source, type, json, checksum FROM events "
        "WHERE sequence = 3")

# What was done: SQL, the first number that is wrong (None where none can be named), what is said.
DAMAGES = {
    "the first event removed": ("DELETE FROM events WHERE sequence = 1", 1, "is missing"),
    "an event removed in the middle": ("DELETE FROM events WHERE sequence = 4", 4, "is missing"),
    "the last event removed":
        (f"DELETE FROM events WHERE sequence = {LAST}", LAST, "is missing"),
    "all events removed": ("DELETE FROM events", 1, "is missing"),
    "one byte of JSON changed":
        ("UPDATE events SET json = CAST('{\"n\":7}' AS BLOB) WHERE sequence = 3", 3, "as it was"),
    "a line feed in the JSON":
        ("UPDATE events SET json = CAST('{\"n\":' || char(10) || '3}' AS BLOB) "
         "WHERE sequence = 3", 3, "as it was"),
    "a time changed": ("UPDATE events SET created_at = created_at + 1 WHERE sequence = 5", 5,
                       "as it was"),
    "a source changed": ("UPDATE events SET source = 'stderr' WHERE sequence = 2", 2, "as it was"),
    "a source that there is not":
        ("UPDATE events SET source = 'agenT' WHERE sequence = 2", 2, "no record"),
    "two events swapped": (SWAP, 3, "as it was"),
    "an event beyond the end": (COPY.format(LAST + 1), LAST + 1, "added after the end"),
    "an event far beyond the end": (COPY.format(LAST + 9), LAST + 9, "added after the end"),
    "an event twice": ("DROP INDEX events_by_run;" + COPY.format(3), 3, "stored twice"),
    "an event removed, and all after it renumbered":
        ("DELETE FROM events WHERE sequence = 3;"
         "UPDATE events SET sequence = sequence - 1 WHERE sequence > 3", 3, "as it was"),
    "no end record": ("DELETE FROM run_ends", None, "no end record"),
    "a smaller N": (f"UPDATE run_ends SET last_sequence = {LAST - 1}", LAST, "one too many"),
    "a greater N": (f"UPDATE run_ends SET last_sequence = {LAST + 1}", LAST + 1, "never there"),
    "another hash": ("UPDATE run_ends SET hash = replace(hash, substr(hash, 1, 1), "
                     "CASE substr(hash, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END)", None, "hash"),
    "another status of the end":
        ("UPDATE run_ends SET status = 'failed'", None, "its end record says failed"),
    "a run that lives again":
        ("UPDATE runs SET status = 'running', completed_at = NULL", None, "it is running"),
    "JSON and checksum changed together":
        ("UPDATE events SET json = CAST('{\"n\":7}' AS BLOB), checksum = NULL WHERE sequence = 3",
         None, "checksum"),
    "the last event removed, and N with it":
        (f"DELETE FROM events WHERE sequence = {LAST};"
         f"UPDATE run_ends SET last_sequence = {LAST - 1}", None, "hash"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_found_and_its_first_number_named(ended, kind):
    world, run_id = ended
    sql, number, word = DAMAGES[kind]
    with Damage(world).done(sql):
        code, verdict = verify_json(world, run_id)
        assert code == 1, verdict
        assert not verdict["ok"]
        assert verdict.get("sequence") == number, verdict
        assert word in verdict["fault"], verdict
        line = world.run("verify", run_id)
        assert (line.code, line.stdout.decode()) == (1, f"✗ {run_id}: {verdict['fault']}\n")
    assert world.run("verify", run_id).code == 0  # taken back


def test_a_wrong_checksum_of_right_bytes_is_no_damage(ended):
    world, run_id = ended
    with Damage(world).done("UPDATE events SET checksum = checksum + 1 WHERE sequence = 3"):
        assert verify_json(world, run_id)[0] == 0


def test_a_byte_of_the_file_itself_is_found(vm0, server):
    run_id = vm0.create_run([{"emit": {"text": f"word {number}"}} for number in range(1, 6)])
    vm0.wait_end(run_id)
    server.stop()
    path = os.path.join(vm0.data_dir, "vm0.db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as file:
        content = file.read()
        event = b'{"text":"word 4"}'  # the prompt has a space in it
        assert content.count(event) == 1
        file.seek(content.index(event) + event.index(b"w"))
        file.write(b"W")
    server.start()
    code, verdict = verify_json(vm0, run_id)
    assert (code, verdict["sequence"]) == (1, 4)


def test_a_run_that_has_not_ended_is_good_so_far_and_exit_7(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"emit": {"n": 1}}, {"emit": {"n": 2}}, {"wait": gate.path}])
    vm0.wait_events(run_id, 2)
    done = vm0.run("verify", run_id)
    assert done.code == 7
    assert done.stdout.decode() == (
        f"○ {run_id}: running, has not ended; 2 events so far, without gap\n")
    # Its damage is found all the same.
    with Damage(vm0).open() as database:
        database.execute("UPDATE events SET json = CAST('{\"n\":7}' AS BLOB) WHERE sequence = 2")
    code, verdict = verify_json(vm0, run_id)
    assert (code, verdict["sequence"]) == (1, 2)
    # So it is after the end, though the server has the bytes as they came in memory.
    gate.open()
    vm0.wait_end(run_id)
    code, verdict = verify_json(vm0, run_id)
    assert (code, verdict["sequence"]) == (1, 2)


def test_it_says_when_the_server_computed_the_hash(vm0, http):
    run_id = http.post("/api/agent/runs", {"agentConfigId": vm0.create_config(), "prompt": "p",
                                           "sandbox": "external"}).json["runId"]
    http.post("/api/webhooks/agent/events", {"runId": run_id, "events": [{"type": "a"}]})
    assert vm0.run("verify", run_id).code == 7
    http.post("/api/webhooks/agent/complete", {"runId": run_id, "exitCode": 0})
    done = vm0.run("verify", run_id)
    assert done.code == 0
    assert done.stdout.decode().endswith(", completed (hash computed by the server)\n")


def test_a_killed_supervisor_leaves_a_run_that_can_be_proved(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"emit": {"n": 1}}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    waits.kill(vm0.supervisor_pid(run_id))
    vm0.wait_end(run_id)
    done = vm0.run("verify", run_id)
    assert done.code == 0
    assert ", failed, output not complete" in done.stdout.decode()


def test_a_run_of_many_pages_is_proved(vm0, server):
    run_id = vm0.create_run([{"fill": {"count": 2500, "size": 100}}])
    vm0.wait_end(run_id)
    code, verdict = verify_json(vm0, run_id)
    assert (code, verdict["events"]) == (0, 2500)
    with Damage(vm0).open() as database:
        database.execute("DELETE FROM events WHERE sequence = 2001")  # the first of a page
    assert verify_json(vm0, run_id)[1]["sequence"] == 2001


def test_there_must_be_such_a_run(vm0, server):
    done = vm0.run("verify", "01930000-0000-7000-8000-000000000000")
    assert done.code == 4
    assert done.stdout == b""
    assert b"Run not found" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--all", "01930000-0000-7000-8000-000000000000"]])
def test_one_run_or_all_of_them(vm0, server, arguments):
    assert vm0.run("verify", *arguments).code == 2


def test_all_runs_at_once(vm0, http):
    gate = vm0.gate()
    good = [vm0.create_run([{"line": "a"}, {"line": "b"}]) for _ in range(3)]
    for run_id in good:
        vm0.wait_end(run_id)
    alive = vm0.create_run([{"line": "a"}, {"wait": gate.path}])
    vm0.wait_events(alive, 1)
    done = vm0.run("verify", "--all")
    assert done.code == 0
    assert done.stdout.decode() == "✓ 4 runs, 7 events; 1 has not ended\n"
    verbose = vm0.run("verify", "--all", "-v").stdout.decode().splitlines()
    assert [line.split()[1] for line in verbose[:-1]] == [
        f"{run_id}:" for run_id in [alive, *reversed(good)]]
    with Damage(vm0).open() as database:
        database.execute("DELETE FROM events WHERE sequence = 2 AND run_id = ?",
                         [bytes.fromhex(good[1].replace("-", ""))])
    done = vm0.run("verify", "--all")
    assert done.code == 1
    assert done.stdout.decode() == (
        f"✗ {good[1]}: event 2 is missing: the end record says 2\n"
        "✗ 1 of 4 runs is bad, 6 events; 1 has not ended\n")


def test_all_of_nothing(vm0, server):
    done = vm0.run("verify", "--all")
    assert (done.code, done.stdout.decode()) == (0, "✓ 0 runs, 0 events\n")


def test_the_admin_verifies_everybodys_runs_and_others_their_own(vm0, server):
    own = vm0.create_run([{"line": "a"}])
    vm0.wait_end(own)
    token = vm0.http.post("/api/tokens", {"name": "t", "user": "carol"}).json["token"]
    carol = {"VM0_TOKEN": token}
    assert vm0.run("verify", own, env=carol).code == 4
    assert vm0.run("verify", "--all", env=carol).stdout.decode() == "✓ 0 runs, 0 events\n"
    theirs = vm0.http.post("/api/agent/configs", {"config": {"version": "1.0", "agent": {
        "name": "theirs", "provider": "command", "command": ["x"]}}}, token=token).json["configId"]
    run_id = vm0.http.post("/api/agent/runs", {"agentConfigId": theirs, "prompt": "p",
                                               "sandbox": "external"}, token=token).json["runId"]
    vm0.http.post("/api/webhooks/agent/complete", {"runId": run_id, "exitCode": 0}, token=token)
    assert vm0.run("verify", run_id).code == 0
    assert vm0.run("verify", "--all").stdout.decode() == "✓ 2 runs, 1 event\n"
    assert vm0.run("verify", "--all", env=carol).stdout.decode() == "✓ 1 run, 0 events\n"
