# SPDX-License-Identifier: Apache-2.0
"""`vm0 prune`: what it removes, what stays, and what becomes of it in the middle."""

import contextlib
import fcntl
import json
import os
import signal
import sqlite3

import pytest

import waits
from test_live import numbers_in, open_stream, read_all
from test_protocol_deaths import start_run, texts

FILL = {"fill": {"count": 1200, "size": 100}}  # in pieces of 500
MUCH = {"fill": {"count": 1200, "size": 2000}}
PARTS = ("workspace", "home", "supervisor.log")


def wait_tidy(vm0, run_id):
    """Until nobody has anything to do with the run's directory."""
    folder = vm0.run_dir(run_id)
    for name in ("spec.json", "spool", "tmp", "uid"):
        waits.wait_path(os.path.join(folder, name), lambda path: not os.path.exists(path))
    with open(os.path.join(folder, "lock"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def end_run(vm0, *steps, **fields):
    run_id = vm0.create_run([{"line": "ready"}, *steps], **fields)
    assert vm0.wait_end(run_id)[1]["status"] == "completed"
    wait_tidy(vm0, run_id)
    return run_id


def prune(vm0, *options, **more):
    """Of all that has ended: the answer of --json."""
    done = vm0.run("prune", "--older-than", "1s", "--json", *options, **more)
    assert done.code == 0, done
    return json.loads(done.stdout)


def names(vm0, run_id):
    return sorted(os.listdir(vm0.run_dir(run_id)))


def stored(vm0, run_id):
    """The numbers of the events that the database has."""
    with contextlib.closing(sqlite3.connect(os.path.join(vm0.data_dir, "vm0.db"))) as database:
        rows = database.execute("SELECT sequence FROM events WHERE run_id = ? ORDER BY sequence",
                                (bytes.fromhex(run_id.replace("-", "")),)).fetchall()
    return [row[0] for row in rows]


def test_what_ended_long_ago_goes_and_its_row_stays(vm0, clock, server):
    old = end_run(vm0, {"run": ["sh", "-c", "echo much > file"]}, {"line": "end"})
    clock.advance(3600)
    with clock.flow():  # the runner's wait has been cut off
        young = end_run(vm0)
    done = vm0.run("prune", "--older-than", "30m", "--dry-run")
    assert done.code == 0 and done.stdout.startswith(b"Would prune 1 run: 2 events, "), done
    assert stored(vm0, old) == [1, 2] and set(PARTS) < set(names(vm0, old))
    again = vm0.run("prune", "--older-than", "30m")
    assert again.stdout == done.stdout.replace(b"Would prune", "✓ Pruned".encode()), again
    assert stored(vm0, old) == [] and names(vm0, old) == ["lock", "started"]
    assert stored(vm0, young) == [1] and set(PARTS) < set(names(vm0, young))
    listed = vm0.run("ps", "-a").stdout.decode().splitlines()
    assert [line.split("  ")[2].strip() for line in listed[1:]] == ["completed", "completed, pruned"]
    shown = vm0.run("show", old).stdout.decode()
    assert "pruned: its directory and all of its 2 events, 0s ago\n" in shown
    assert "lastSequence: 2\n" in shown


def test_what_was_pruned_says_so_and_is_no_fault(vm0, clock, server):
    run_id = end_run(vm0, {"line": "end"})
    clock.advance(1)
    other = end_run(vm0)
    clock.advance(2)
    assert prune(vm0, "--keep", 1)["runs"] == 1
    verified = vm0.run("verify", run_id)
    assert verified.code == 7 and b"2 events removed, nothing is left to prove" in verified.stdout
    whole = vm0.run("verify", "--all")
    assert whole.code == 0 and b"2 runs, 1 event; 1 was pruned" in whole.stdout, whole
    assert vm0.run("verify", other).code == 0
    assert vm0.run("cancel", run_id).code == 0


@pytest.mark.parametrize("how", [(), *(("-f", "--transport", transport)
                                       for transport in ("sse", "ws", "long-poll", "poll"))])
def test_row_CursorPruned_is_told_by_every_transport(vm0, clock, server, how):
    run_id = end_run(vm0, {"line": "end"})
    clock.advance(2)
    assert prune(vm0)["runs"] == 1
    logs = vm0.run("logs", run_id, *how)
    assert (logs.code, logs.stdout) == (4, b"")
    assert b"Pruned: " in logs.stderr and b"events 1 to 2 were pruned; none is left" in logs.stderr
    assert vm0.run("logs", run_id, *how, "--since", 2).code == 0


@pytest.mark.parametrize("point, gone", [("prune.directory", 0), ("prune.piece", 500),
                                         ("prune.piece@2", 1000)])
def test_row_PruneKilled_the_next_one_goes_on(vm0, clock, server, point, gone):
    run_id = end_run(vm0, FILL)
    clock.advance(2)
    fault = point.replace("@", ":crash@") if "@" in point else f"{point}:crash"
    server.restart(env={"VM0_FAULT": fault})
    done = vm0.run("prune", "--older-than", "1s")
    assert done.code == 5, done
    server.restart()
    last = gone or None
    assert stored(vm0, run_id) == list(range(gone + 1, 1202))
    assert names(vm0, run_id) == ["lock", "started"]
    pruned = vm0.http.get(f"/api/agent/runs/{run_id}").json.get("pruned")
    assert pruned == (last and {"lastSequence": last})
    assert vm0.run("verify", "--all").code == 0
    rest = vm0.run("logs", run_id, "--since", gone, "--raw").stdout
    assert len(rest.splitlines()) == 1201 - gone
    again = prune(vm0)
    assert (again["runs"], again["events"], again["left"]) == (1, 1201 - gone, [])
    assert stored(vm0, run_id) == []
    assert vm0.run("verify", "--all").code == 0


@pytest.mark.parametrize("point", ["prune.directory", "prune.piece", None])
def test_row_PruneKilled_by_a_loss_of_power(power, vm0, clock, server, point):
    run_id = end_run(vm0)
    clock.advance(2)
    if point:
        server.restart(env={"VM0_FAULT": f"{point}:crash"})
    vm0.run("prune", "--older-than", "1s")
    power.cut(vm0, power.LOSE_ALL)
    server.start()
    assert not stored(vm0, run_id) or point == "prune.directory"
    assert names(vm0, run_id) == ["lock", "started"], "before its events"
    assert vm0.run("verify", "--all").code == 0
    assert prune(vm0)["runs"] == (1 if point == "prune.directory" else 0)


def test_row_PruneTwice_does_nothing_again(vm0, clock, server):
    run_id = end_run(vm0)
    clock.advance(2)
    assert prune(vm0)["runs"] == 1
    before = vm0.http.get(f"/api/agent/runs/{run_id}").json["pruned"]
    clock.advance(60)
    nothing = {"dryRun": False, "runs": 0, "events": 0, "bytes": 0, "left": []}
    assert prune(vm0) == nothing
    assert vm0.http.get(f"/api/agent/runs/{run_id}").json["pruned"] == before


def test_row_PruneTwice_at_once_counts_each_run_once(vm0, clock, server):
    runs = [end_run(vm0, FILL), end_run(vm0, FILL), end_run(vm0)]
    clock.advance(2)
    both = [vm0.start("prune", "--older-than", "1s", "--json") for _ in range(2)]
    answers = [json.loads(one.finish().stdout) for one in both]
    assert sum(answer["runs"] for answer in answers) == 3, answers
    assert sum(answer["events"] for answer in answers) == 2403, answers
    for run_id in runs:
        assert stored(vm0, run_id) == [] and names(vm0, run_id) == ["lock", "started"]


def test_row_PruneUnderReader_hears_what_is_gone_and_gets_no_holes(vm0, server):
    run_id = end_run(vm0, {"fill": {"count": 1500, "size": 10_000}})
    with open_stream(vm0, run_id, receive_buffer=4096) as reader:
        begin = reader.recv(100)
        assert begin.startswith(b"HTTP/1.1 200")
        answer = vm0.http.post("/api/agent/prune", {"olderThan": 0}).json
        while "after" in answer:
            answer = vm0.http.post("/api/agent/prune", {"olderThan": 0, "after": answer["after"]}).json
        text = begin + read_all(reader)
    numbers = numbers_in(text)
    assert 0 < len(numbers) < 1501 and numbers == list(range(1, len(numbers) + 1))
    assert b'event: error\ndata: {"message":"events 1 to 1501 were pruned; none is left",' \
           b'"code":"EVENTS_PRUNED","number":1502}' in text


def test_a_prune_of_much_holds_up_no_live_run(vm0, clock, server):
    old = [end_run(vm0, FILL) for _ in range(3)]
    run_id, gate = start_run(vm0, FILL, {"line": "end"})
    clock.advance(2)
    process = vm0.start("prune", "--older-than", "1s", "--json")
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (len(events), state["status"]) == (1202, "completed")
    assert json.loads(process.finish().stdout)["runs"] == 3
    assert [stored(vm0, pruned) for pruned in old] == [[], [], []]
    assert vm0.run("verify", run_id).code == 0


def test_row_PruneWhileEnding_leaves_a_run_that_somebody_is_not_done_with(vm0):
    once = vm0.path("once")
    vm0.serve(env={"VM0_FAULT": "run_dir.forget:hang", "VM0_FAULT_ONCE_FILE": once})
    run_id = vm0.create_run([{"line": "ready"}])
    vm0.wait_end(run_id)
    waits.wait_path(once)
    before = names(vm0, run_id)
    for dry_run in (True, False):
        answer = vm0.http.post("/api/agent/prune", {"olderThan": 0, "dryRun": dry_run}).json
        assert (answer["runs"], answer["events"], answer["left"]) == (0, 0, [run_id])
    assert (names(vm0, run_id), stored(vm0, run_id)) == (before, [1])
    waits.kill(vm0.supervisor_pid(run_id))
    wait_tidy(vm0, run_id)
    assert vm0.http.post("/api/agent/prune", {"olderThan": 0}).json["runs"] == 1
    assert names(vm0, run_id) == ["lock", "started"]


def test_a_run_that_is_left_is_named(vm0, clock, server):
    run_id = end_run(vm0)
    spool = os.path.join(vm0.run_dir(run_id), "spool")
    with open(spool, "wb") as file:
        file.write(b"vm0-spool v=2\n")
    clock.advance(2)
    done = vm0.run("prune", "--older-than", "1s")
    assert done.code == 0 and run_id.encode() in done.stderr, done
    assert b"1 run left: somebody uses the directory" in done.stderr
    assert os.path.exists(spool) and stored(vm0, run_id) == [1]


@pytest.mark.parametrize("then", ["waits", "runs"])
def test_row_PruneRestored_never_runs_an_agent_again(vm0, clock, then):
    server = vm0.serve("--max-concurrent", 1)
    bell, gate = vm0.bell(), vm0.gate()
    other = vm0.create_run([{"line": "other"}, {"wait": gate.path}])
    vm0.wait_events(other, 1)
    own = vm0.gate()
    run_id = vm0.create_run([{"tell": bell.path}, {"line": "ready"}, {"wait": own.path}])
    backup = vm0.path("backup")
    if then == "waits":
        assert vm0.run("backup", backup).code == 0
    gate.open()
    bell.wait()
    vm0.wait_events(run_id, 1)
    if then == "runs":
        assert vm0.run("backup", backup).code == 0
    own.open()
    vm0.wait_end(run_id)
    wait_tidy(vm0, run_id)
    wait_tidy(vm0, other)
    clock.advance(2)
    assert prune(vm0)["runs"] == 2
    server.stop()
    assert vm0.run("restore", backup).code == 0
    server.start()
    state = vm0.wait_end(run_id)[1]
    assert (state["status"], state["errorCode"]) == ("failed", "END_LOST")
    assert bell.is_silent()
    assert vm0.run("verify", "--all").code == 0
    vm0.wait_end(other)
    wait_tidy(vm0, run_id)
    clock.advance(2)
    assert prune(vm0)["runs"] == 2


def test_row_PruneRestored_brings_events_back(vm0, clock, server):
    run_id = end_run(vm0, {"line": "end"})
    backup = vm0.path("backup")
    assert vm0.run("backup", backup).code == 0
    clock.advance(2)
    assert prune(vm0)["runs"] == 1
    server.stop()
    assert vm0.run("restore", backup).code == 0
    server.start()
    assert texts(vm0.wait_end(run_id)[0]) == ["ready", "end"]
    assert vm0.run("verify", run_id).code == 0
    assert prune(vm0)["runs"] == 1


def database_size(vm0):
    return sum(os.path.getsize(os.path.join(vm0.data_dir, name))
               for name in os.listdir(vm0.data_dir) if name in ("vm0.db", "vm0.db-wal"))


def test_the_database_uses_its_room_again_and_a_restored_one_is_small(vm0, clock, server):
    end_run(vm0, MUCH)
    clock.advance(2)
    server.stop()
    full = database_size(vm0)
    server.start()
    assert prune(vm0)["events"] == 1201
    end_run(vm0, MUCH)
    server.stop()
    assert database_size(vm0) < full * 1.2, "the room is used again"
    server.start()
    clock.advance(2)
    assert prune(vm0)["events"] == 1201
    backup = vm0.path("backup")
    assert vm0.run("backup", backup).code == 0
    server.stop()
    assert database_size(vm0) > full * 0.8, "it does not shrink by itself"
    assert vm0.run("restore", backup).code == 0
    server.start()
    assert vm0.run("verify", "--all").code == 0
    server.stop()
    assert database_size(vm0) < full / 4, (database_size(vm0), full)


def test_a_user_prunes_his_own_runs_alone(vm0, clock, server):
    run_id = end_run(vm0)
    created = vm0.run("auth", "token", "create", "--user", "bob")
    bob = {"VM0_API_URL": server.url, "VM0_TOKEN": created.stdout.decode().strip()}
    clock.advance(2)
    assert prune(vm0, env=bob)["runs"] == 0
    assert stored(vm0, run_id) == [1]
    assert prune(vm0)["runs"] == 1


@pytest.mark.parametrize("options, said", [
    ((), "--older-than is missing"), (("--older-than", "soon"), "--older-than: "),
    (("--older-than", "0s"), "--older-than: "), (("--older-than", "-1d"), "older-than"),
    (("--older-than", "1d", "--keep", "-1"), "--keep"),
    (("--older-than", "1d", "--keep", "1001"), "keep must be a whole number from 0 to 1000")])
def test_a_bad_value_is_named_and_removes_nothing(vm0, server, options, said):
    done = vm0.run("prune", *options)
    assert done.code == 2 and said in done.stderr.decode(), done


def test_prune_starts_a_server_where_none_is(vm0):
    done = vm0.run("prune", "--older-than", "30d")
    assert (done.code, done.stdout) == (0, "✓ Pruned 0 runs: 0 events, 0 B\n".encode()), done
    with open(os.path.join(vm0.data_dir, "server.json"), encoding="utf-8") as file:
        waits.kill(json.load(file)["pid"], signal.SIGTERM)
