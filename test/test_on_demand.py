# SPDX-License-Identifier: Apache-2.0
"""The user's own server: started when a command needs one, replaced by a newer one."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess

import pytest

import waits
from vm0 import BINARY


def server_info(vm0):
    with open(os.path.join(vm0.data_dir, "server.json"), encoding="utf-8") as file:
        return json.load(file)


def version_of(binary):
    output = subprocess.run([binary, "version"], capture_output=True, check=True).stdout
    return re.search(rb"\d+\.\d+\.\d+", output).group()


@pytest.fixture(scope="session")
def newer_binary(session_root):
    """The same program with a higher version in it."""
    version = version_of(BINARY)
    newer = str(int(version[:1]) + 1).encode() + version[1:]
    path = os.path.join(session_root, "newer-vm0")
    with open(BINARY, "rb") as file:
        data = file.read()
    # The text as a whole, wherever the linker put it; debug data may hold it too.
    data = data.replace(version + b"\0", newer + b"\0")
    with open(path, "wb") as file:
        file.write(data)
    shutil.copymode(BINARY, path)
    assert version_of(path) == newer
    return path


def test_the_first_command_starts_a_server_and_says_so(vm0):
    done = vm0.run_agent([{"line": "x"}])
    assert (done.stdout, done.code) == (b"x\n", 0), done
    assert b"Started a local server" in done.stderr
    pid = server_info(vm0)["pid"]
    again = vm0.run("ps")
    assert again.code == 0
    assert b"Started" not in again.stderr
    assert server_info(vm0)["pid"] == pid


def test_nothing_in_the_data_directory_is_for_others(vm0):
    assert vm0.run_agent([{"line": "x"}]).code == 0
    assert stat.S_IMODE(os.stat(vm0.data_dir).st_mode) == 0o700
    for name in ("admin.token", "secret.key", "server.sock", "vm0.db"):
        mode = stat.S_IMODE(os.stat(os.path.join(vm0.data_dir, name)).st_mode)
        assert mode & 0o077 == 0, (name, oct(mode))


def test_commands_at_once_share_one_server(vm0):
    commands = [vm0.start("ps") for _ in range(6)]
    finished = [command.finish() for command in commands]
    assert [done.code for done in finished] == [0] * 6, finished
    assert sum(done.stderr.count(b"Started") for done in finished) == 1
    serving = [pid for pid in waits.processes_with(vm0.root)
               if " serve " in waits.describe_process(pid)]
    assert serving == [server_info(vm0)["pid"]]


def test_a_server_that_was_killed_is_started_again(vm0):
    assert vm0.run("ps").code == 0
    first = server_info(vm0)["pid"]
    waits.kill(first)
    waits.wait_gone(first)
    done = vm0.run("ps")
    assert done.code == 0, done
    assert server_info(vm0)["pid"] != first


def test_a_command_that_waits_survives_its_server(vm0):
    gate = vm0.gate()
    run = vm0.start_agent([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    run.expect("a\n")
    pid = server_info(vm0)["pid"]
    waits.kill(pid)
    waits.wait_gone(pid)
    gate.open()
    done = run.finish()
    assert (done.stdout, done.code) == (b"a\nb\n", 0), done


def test_a_newer_command_replaces_the_server_and_runs_go_on(vm0, newer_binary):
    gate = vm0.gate()
    run_id = vm0.detach([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    vm0.wait_events(run_id, 1)
    old = server_info(vm0)
    follow = vm0.start("logs", "-f", run_id)
    follow.expect("a\n")
    assert vm0.run("run", vm0.config(), "[]", "--sandbox", "none", binary=newer_binary).code == 0
    waits.wait_gone(old["pid"])
    new = server_info(vm0)
    assert new["pid"] != old["pid"] and new["version"] == version_of(newer_binary).decode()
    gate.open()
    assert vm0.wait_end(run_id)[1]["status"] == "completed"
    assert follow.finish()[::2] == (b"a\nb\n", 0)


def test_an_older_command_leaves_a_newer_server_alone(vm0, newer_binary):
    assert vm0.run("ps", binary=newer_binary).code == 0
    newer = server_info(vm0)
    assert vm0.run_agent([{"line": "x"}]).code == 0
    assert server_info(vm0) == newer


def test_a_second_server_on_the_same_data_is_refused_naming_the_holder(vm0, server):
    done = vm0.run("serve", "--data-dir", vm0.data_dir, "--listen", "127.0.0.1:0")
    assert done.code != 0
    assert str(server.pid).encode() in done.stderr
    assert vm0.http.get("/healthz").json["pid"] == server.pid


def test_servers_of_one_machine_do_not_give_their_runs_the_same_uid(vm0, neighbour):
    # The first run has got all that it needs, but its agent does not run yet.
    vm0.serve(env={"VM0_FAULT": "supervisor.start:hang"})
    first = vm0.create_run([])
    vm0.supervisor_pid(first)
    neighbour.serve()
    gate = neighbour.gate()
    second = neighbour.create_run([{"line": "x"}, {"wait": gate.path}])
    neighbour.wait_events(second, 1)
    notes = [os.path.join(vm0.run_dir(first), "uid"), os.path.join(neighbour.run_dir(second), "uid")]
    if os.getuid() == 0:
        uids = []
        for note in notes:
            with open(note, encoding="ascii") as file:
                uids.append(int(file.read()))
        assert uids[0] != uids[1], "the end of one would kill the other"
    else:
        assert not any(map(os.path.exists, notes))
    gate.open()
    assert neighbour.wait_end(second)[1]["status"] == "completed"


def test_a_server_that_is_told_to_stop_leaves_its_runs(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "a"}, {"wait": gate.path}, {"line": "b"}])
    vm0.wait_events(run_id, 1)
    supervisor = vm0.supervisor_pid(run_id)
    assert server.stop() == 0
    assert not os.path.exists(server.socket_path)
    assert os.path.exists(f"/proc/{supervisor}")
    server.start()
    gate.open()
    events, state = vm0.wait_end(run_id)
    assert (len(events), state["status"]) == (2, "completed")


def test_a_server_stops_though_somebody_waits(vm0, server):
    gate = vm0.gate()
    run = vm0.start_agent([{"line": "a"}, {"wait": gate.path}])
    run.expect("a\n")
    server.process.signal(signal.SIGTERM)
    assert server.process.wait() == 0
    server.start()
    gate.open()
    assert run.wait() == 0
