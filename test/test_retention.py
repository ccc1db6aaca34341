# SPDX-License-Identifier: Apache-2.0
"""`vm0 backup` and `vm0 restore`: what they hold, and what becomes of them in the middle. What becomes
of runs of a restored database is in test_restored.py."""

import contextlib
import glob
import json
import os
import signal
import sqlite3
import stat

import pytest

import waits
from test_protocol_deaths import start_run, texts

FILL = {"fill": {"count": 300, "size": 2000}}


@pytest.fixture
def backup(vm0):
    """The path of the backup that a test makes."""
    folder = os.path.join(vm0.root, "backups")
    os.mkdir(folder)
    return os.path.join(folder, "b")


def end_run(vm0, *steps, **fields):
    run_id = vm0.create_run([{"line": "ready"}, *steps], **fields)
    _, state = vm0.wait_end(run_id)
    assert state["status"] == "completed"
    return run_id


def back_up(vm0, path, *options, **more):
    done = vm0.run("backup", path, *options, **more)
    assert done.code == 0, done
    return done


def restore(vm0, path, *options, **more):
    return vm0.run("restore", path, *options, **more)


def kept(vm0):
    """What restores have kept of what was there."""
    return sorted(glob.glob(os.path.join(vm0.data_dir, "*before-restore-*")))


def run_ids(vm0):
    return {run["id"] for run in vm0.http.get("/api/agent/runs").json["runs"]}


def leftovers(vm0):
    return [name for name in os.listdir(vm0.data_dir)
            if name.endswith((".restore", ".copy", ".tmp")) or name == "restore.ready"]


def test_row_BackupWhileWriting_holds_a_whole_state_and_disturbs_no_run(vm0, server, backup):
    ended = end_run(vm0, FILL)
    run_id, gate = start_run(vm0, {"forever": [FILL]})
    gate.open()
    vm0.wait_events(run_id, 100)
    done = back_up(vm0, backup)
    assert vm0.http.post(f"/api/agent/runs/{run_id}/cancel").status == 200
    assert b"Backed up to" in done.stderr and b"key of the secrets" in done.stderr
    assert stat.S_IMODE(os.stat(backup).st_mode) == 0o600
    events, state = vm0.wait_end(run_id)
    assert state["status"] == "cancelled"
    assert vm0.run("verify", "--all").code == 0
    assert leftovers(vm0) == []
    server.stop()
    assert restore(vm0, backup).code == 0
    server.start()
    assert run_ids(vm0) == {ended, run_id}
    assert vm0.run("verify", ended).code == 0
    restored = vm0.wait_end(run_id)[0]
    assert 100 <= len(restored) < len(events)
    assert restored == events[:len(restored)]
    assert vm0.run("verify", "--all").code == 0


def test_a_backup_goes_over_tcp_and_only_to_the_admin(vm0, server, backup):
    end_run(vm0)
    over_tcp = {"VM0_API_URL": server.url, "VM0_TOKEN": vm0.token}
    back_up(vm0, backup, env=over_tcp)
    assert restore(vm0, backup, "--check").code == 0
    user = vm0.http.post("/api/tokens", {"name": "u", "user": "bob"}).json["token"]
    done = vm0.run("backup", backup + "2", env={**over_tcp, "VM0_TOKEN": user})
    assert done.code == 3 and b"admin's token" in done.stderr, done
    assert os.listdir(os.path.dirname(backup)) == ["b"]


def test_a_file_that_is_there_is_replaced_only_by_force(vm0, server, backup):
    with open(backup, "w", encoding="utf-8") as file:
        file.write("mine")
    done = vm0.run("backup", backup)
    assert done.code == 1 and b"is there already" in done.stderr, done
    with open(backup, encoding="utf-8") as file:
        assert file.read() == "mine"
    back_up(vm0, backup, "--force")
    assert restore(vm0, backup, "--check").code == 0


@pytest.mark.parametrize("how", ["server dies", "client dies", "ctrl-c", "disk full"])
def test_row_BackupInterrupted_leaves_no_file_of_that_name(vm0, server, backup, how):
    end_run(vm0, FILL)
    if how == "server dies":
        server.restart(env={"VM0_FAULT": "backup.piece:crash@3"})
        done = vm0.run("backup", backup)
        assert done.code == 5 and b"did not come whole" in done.stderr, done
        server.restart()
    elif how == "disk full":
        done = vm0.run("backup", backup, env={"VM0_FAULT": "backup.write:fail"})
        assert done.code == 5, done
        assert f"{backup}: write: No space left on device; free some".encode() in done.stderr, done
    else:
        server.restart(env={"VM0_FAULT": "backup.piece:hang@3"})
        process = vm0.start("backup", backup)
        waits.wait_path(backup, lambda path: os.listdir(os.path.dirname(path)))
        if how == "client dies":
            process.kill()
        else:
            process.press_ctrl_c()
            assert process.wait() == 130
        server.restart()
    if how != "client dies":
        assert os.listdir(os.path.dirname(backup)) == []
    assert not os.path.exists(backup)
    back_up(vm0, backup)
    assert leftovers(vm0) == []


def test_a_server_that_dies_while_it_copies_leaves_nothing_for_long(vm0, server, backup):
    end_run(vm0)
    server.restart(env={"VM0_FAULT": "store.copied:crash"})
    assert vm0.run("backup", backup).code == 5
    assert leftovers(vm0) == ["vm0.db.copy"]
    server.restart()
    assert leftovers(vm0) == []
    back_up(vm0, backup)
    assert leftovers(vm0) == []


def test_row_RestoreWhileServed_is_refused_with_what_to_do(vm0, server, backup):
    end_run(vm0)
    back_up(vm0, backup)
    done = restore(vm0, backup)
    assert done.code == 1 and b"stop it, restore, start it again" in done.stderr, done
    assert f"pid={server.pid}".encode() in done.stderr
    assert kept(vm0) == [] and leftovers(vm0) == []
    end_run(vm0)


def test_row_RestoreOnDemand_makes_the_server_go_and_the_next_command_starts_one(vm0, backup):
    before = vm0.detach([{"line": "a"}])
    vm0.wait_end(before)
    back_up(vm0, backup)
    later = vm0.detach([{"line": "b"}])
    vm0.wait_end(later)
    assert restore(vm0, backup).code == 0
    listed = vm0.run("ps", "-a", "--json")
    assert [run["id"] for run in json.loads(listed.stdout)["runs"]] == [before]


def on_demand_server(vm0):
    with open(os.path.join(vm0.data_dir, "server.json"), encoding="utf-8") as file:
        return json.load(file)["pid"]


def test_row_RestoreOnDemand_asks_the_next_one_too_that_a_command_has_started(vm0, clock, backup):
    assert vm0.run("ps").code == 0
    back_up(vm0, backup)
    first = on_demand_server(vm0)
    process = vm0.start("restore", backup)
    waits.wait_gone(first)  # time stands still: the restore has not looked again
    assert vm0.run("ps").code == 0
    second = on_demand_server(vm0)
    assert second != first
    with clock.flow():
        assert process.finish().code == 0
    waits.wait_gone(second)


def test_row_RestoreOnDemand_does_not_mind_a_server_that_goes_by_itself(vm0, clock, backup):
    assert vm0.run("ps").code == 0
    back_up(vm0, backup)
    server = on_demand_server(vm0)
    os.unlink(os.path.join(vm0.data_dir, "server.sock"))  # as one does that is about to exit
    process = vm0.start("restore", backup)
    clock.wait_timer("cli", within=1)
    waits.kill_and_wait(server)
    with clock.flow():
        assert process.finish().code == 0


def test_row_RestoreKeepsTheOld_database_under_another_name(vm0, server, backup):
    first = end_run(vm0)
    back_up(vm0, backup)
    second = end_run(vm0)
    server.kill9()  # its last events are in the log alone
    done = restore(vm0, backup)
    assert done.code == 0 and done.stderr.splitlines()[0].endswith(b", 1 run"), done
    database = [path for path in kept(vm0) if not path.endswith(("-wal", "-shm"))]
    assert len(database) == 1 and database[0].encode() in done.stderr
    with contextlib.closing(sqlite3.connect(database[0])) as old:
        assert old.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    server.start()
    assert run_ids(vm0) == {first}
    assert vm0.run("verify", "--all").code == 0
    assert vm0.run("show", second).code == 4


@pytest.mark.parametrize("point", ["restore.ready", "restore.aside", "restore.placed"])
@pytest.mark.parametrize("next_one", ["server", "restore"])
def test_row_RestoreKilled_is_finished_by_whoever_comes_next(vm0, server, backup, point, next_one):
    first = end_run(vm0)
    back_up(vm0, backup)
    second = end_run(vm0)
    server.kill9()
    done = restore(vm0, backup, env={"VM0_FAULT": f"{point}:crash"})
    assert done.code == 128 + signal.SIGKILL
    if next_one == "restore":
        assert restore(vm0, backup).code == 0
    server.start()
    assert run_ids(vm0) == {first}
    assert leftovers(vm0) == []
    assert vm0.run("verify", "--all").code == 0
    counts = set()
    for path in kept(vm0):
        if path.endswith(("-wal", "-shm")):
            continue
        with contextlib.closing(sqlite3.connect(path)) as old:
            counts.add(old.execute("SELECT count(*) FROM runs").fetchone()[0])
    assert 2 in counts, f"the old database with {second} is lost: {kept(vm0)}"


@pytest.mark.parametrize("point", ["restore.ready", "restore.aside", "restore.placed"])
def test_row_RestoreKilled_by_a_loss_of_power_is_finished(power, vm0, server, backup, point):
    first = end_run(vm0)
    back_up(vm0, backup)
    second = end_run(vm0)
    server.stop()
    assert restore(vm0, backup, env={"VM0_FAULT": f"{point}:crash"}).code == 128 + signal.SIGKILL
    power.cut(vm0, power.LOSE_ALL)
    server.start()
    assert run_ids(vm0) == {first}, f"with {second} nothing is restored"
    assert leftovers(vm0) == []
    with contextlib.closing(sqlite3.connect(kept(vm0)[0])) as old:
        assert old.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    assert vm0.run("verify", "--all").code == 0


def test_a_restore_that_is_killed_while_it_stages_has_changed_nothing(vm0, server, backup):
    first = end_run(vm0)
    back_up(vm0, backup)
    second = end_run(vm0)
    server.stop()
    done = restore(vm0, backup, env={"VM0_FAULT": "restore.staged:crash"})
    assert done.code == 128 + signal.SIGKILL
    assert leftovers(vm0) == ["vm0.db.restore"]
    server.start()
    assert leftovers(vm0) == [] and kept(vm0) == []
    assert run_ids(vm0) == {first, second}


def damage(path, how):
    with open(path, "rb") as file:
        content = file.read()
    middle = len(content) // 2
    changed = {
        "a bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:],
        "cut": content[:middle],
        "cut in the header": content[:40],
        "cut before the checksum": content[:-65],
        "longer": content + b"x",
        "another version": content.replace(b"v=1", b"v=2", 1),
        "empty": b"",
        "something else": b"SQLite format 3\0" + content,
    }[how]
    with open(path, "wb") as file:
        file.write(changed)


@pytest.mark.parametrize("how, what", [
    ("a bit", b"its checksum is another one"), ("cut", b"it is cut off"),
    ("cut in the header", b"cut off in its header"),
    ("cut before the checksum", b"its checksum is missing"),
    ("longer", b"added to its end"), ("another version", b"of another version than v=1"),
    ("empty", b"cut off in its header"), ("something else", b"no backup of vm0")])
def test_row_RestoreDamaged_is_refused_before_anything_is_touched(vm0, server, backup, how, what):
    run_id = end_run(vm0)
    back_up(vm0, backup)
    damage(backup, how)
    server.stop()
    for options in ([], ["--check"]):
        done = restore(vm0, backup, *options)
        assert done.code == 2 and what in done.stderr and backup.encode() in done.stderr, done
    assert kept(vm0) == [] and leftovers(vm0) == []
    server.start()
    assert run_ids(vm0) == {run_id}


def test_a_backup_that_is_not_there_is_not_found(vm0, backup):
    done = restore(vm0, backup)
    assert done.code == 4 and b"No such file" in done.stderr, done


def test_a_restore_on_a_full_disk_changes_nothing(vm0, server, backup):
    run_id = end_run(vm0)
    back_up(vm0, backup)
    server.stop()
    done = restore(vm0, backup, env={"VM0_FAULT": "restore.write:fail"})
    assert done.code == 5 and b"nothing was changed" in done.stderr, done
    assert leftovers(vm0) == [] and kept(vm0) == []
    server.start()
    assert run_ids(vm0) == {run_id}


def test_a_restore_that_can_not_be_committed_is_taken_back(vm0, server, backup):
    run_id = end_run(vm0)
    back_up(vm0, backup)
    server.stop()
    done = restore(vm0, backup, env={"VM0_FAULT": "file.write:fail"})  # of the marker
    assert done.code == 5 and b"restore.ready" in done.stderr, done
    assert leftovers(vm0) == [] and kept(vm0) == []
    server.start()
    assert run_ids(vm0) == {run_id}


def test_a_restore_leaves_nothing_or_says_that_it_is_begun(vm0, server, backup):
    end_run(vm0)
    back_up(vm0, backup)
    server.stop()
    outcomes = set()
    for passes in range(1, 100):
        done = restore(vm0, backup, env={"VM0_FAULT": f"file.sync_directory:fail@{passes}"})
        if done.code == 0:
            break
        is_begun = b"The restore is begun" in done.stderr
        is_unchanged = b"nothing was changed" in done.stderr
        outcomes.add((is_begun, is_unchanged))
        assert b"Restore failed" in done.stderr and not (is_begun and is_unchanged), done
        if is_begun:
            assert restore(vm0, backup).code == 0
        assert leftovers(vm0) == [], (passes, done)
    assert outcomes == {(False, True), (False, False), (True, False)}


def test_the_key_of_a_database_that_is_elsewhere_is_not_replaced(vm0, server, backup):
    run_id = end_run(vm0)
    back_up(vm0, backup)
    server.stop()
    for name in ("vm0.db", "vm0.db-wal"):  # it is lost: its own key is in no way
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(vm0.data_dir, name))
    assert restore(vm0, backup).code == 0
    vm0.data_dir = os.path.join(vm0.root, "e")
    vm0.serve("--store", f"sqlite:{vm0.path('elsewhere.db')}").stop()
    done = restore(vm0, backup)
    assert done.code == 1 and b"a database that is not here" in done.stderr, done
    assert kept(vm0) == [] and leftovers(vm0) == []
    os.unlink(os.path.join(vm0.data_dir, "secret.key"))
    assert restore(vm0, backup).code == 0
    vm0.serve()
    assert run_ids(vm0) == {run_id}


def test_secrets_of_a_run_that_waits_can_be_read_in_another_data_directory(vm0, backup):
    server = vm0.serve("--max-concurrent", 1)
    gate = vm0.gate()
    other = vm0.create_run([{"line": "other"}, {"wait": gate.path}])
    vm0.wait_events(other, 1)
    waiting = vm0.create_run([{"run": ["sh", "-c", 'test "$API_KEY" = "12345678" && echo same']}],
                             secrets={"API_KEY": "12345678"})
    back_up(vm0, backup)
    server.kill9()
    waits.kill(vm0.supervisor_pid(other))
    vm0.data_dir = os.path.join(vm0.root, "e")
    assert restore(vm0, backup).code == 0
    vm0.serve()
    assert texts(vm0.wait_end(waiting)[0]) == ["same"]
    # Its machine is the one that the backup speaks of, so that somebody ends what ran there.
    assert vm0.wait_end(other)[1]["error"].startswith("the run's directory was moved away")
    assert vm0.run("verify", "--all").code == 0
