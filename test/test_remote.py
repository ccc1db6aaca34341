# SPDX-License-Identifier: Apache-2.0
"""`vm0 supervise --remote`: a supervisor on a machine that exists for one run (docs/protocol.md 7).
The test is the runner: it claims, uploads, starts it and takes the workspace."""

import json
import os
import shutil
import stat
import tarfile

import pytest

import waits
from https_server import CERTIFICATE, https_server

ROOT = os.geteuid() == 0
AGENT_UID = 60_321
OURS = ("token", "spec.json", "spool", "supervisor.log", "lock", "workspace.tar.gz")


class RemoteRun:
    """A run that the test has claimed, and its directory there."""

    def __init__(self, vm0, steps, **fields):
        self._vm0 = vm0
        # The server's own runner has one place, and this run has it.
        blocker = vm0.gate()
        vm0.create_run([{"line": "ready"}, {"wait": blocker.path}])
        vm0.events_until(vm0.only_run(), lambda events, _: events)
        self.run_id = vm0.create_run(steps, **fields)
        claim = vm0.http.post("/api/runner/claim",
                              {"v": 1, "machine": "elsewhere", "wait": 0}).json
        assert claim["runId"] == self.run_id, claim
        self.dir = os.path.join(vm0.files, self.run_id)
        os.mkdir(self.dir)
        self._upload("token", claim["token"])
        self._upload("spec.json", json.dumps({
            "v": 1, "runId": self.run_id, "attempt": claim["attempt"], "server": vm0.server.url,
            "spec": claim["spec"]}))

    def _upload(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o644)

    def use_server(self, url):
        with open(self.path("spec.json"), encoding="utf-8") as file:
            stored = json.load(file)
        self._upload("spec.json", json.dumps({**stored, "server": url}))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def upload_workspace(self, **files):
        with tarfile.open(self.path("workspace.tar.gz"), "w:gz") as archive:
            for name, text in files.items():
                source = self._vm0.write(f"source/{name}", text)
                archive.add(source, name)

    def start(self):
        read_end, self.words = os.pipe()
        process = self._vm0.start("supervise", "--remote", self.dir, stdin=read_end)
        os.close(read_end)
        return process

    def say(self, word):
        os.write(self.words, word)

    def hang_up(self):
        os.close(self.words)

    def result(self):
        """The files of the workspace that came back."""
        with tarfile.open(self.path("result.tar.gz")) as archive:
            return {member.name: archive.extractfile(member).read()
                    for member in archive if member.isfile()}

    def log(self):
        with open(self.path("supervisor.log"), encoding="utf-8") as file:
            return file.read()


@pytest.fixture(name="server")
def one_place(vm0):
    return vm0.serve("--max-concurrent", "1")


def make(name, text):
    return {"run": ["sh", "-c", f"echo {text} >{name}"]}


def test_row_RemotePrepared_a_workspace_comes_in_and_goes_home(vm0, server):
    run = RemoteRun(vm0, [{"file": "given"}, make("made", "it"), {"line": "done"}])
    run.upload_workspace(given="from home\n")
    process = run.start()
    process.expect("packed\n")
    assert run.result() == {"given": b"from home\n", "made": b"it\n"}
    assert vm0.page(run.run_id)["run"]["status"] == "running"
    run.say(b"taken\n")
    done = process.finish()
    assert (done.stdout, done.stderr, done.code) == (b"packed\n", b"", 0), run.log()
    events, state = vm0.wait_end(run.run_id)
    assert state["status"] == "completed"
    assert [e["eventData"]["text"] for e in events] == ["from home", "done"]
    assert "the end is acknowledged" in run.log()
    assert stat.S_IMODE(os.stat(run.path("supervisor.log")).st_mode) == 0o600


def test_row_RemotePrepared_the_agent_can_not_read_what_is_ours(vm0, server):
    run = RemoteRun(vm0, [{"wait": (gate := vm0.gate()).path}, {"run": ["sh", vm0.path("script")]}])
    files = [run.path(name) for name in OURS]
    vm0.write("script", "id -u\n" + "".join(f"cat {name} >/dev/null 2>&1 && echo read {name}\n" for name in files) +
              "echo mine >mine && echo mine >$HOME/mine && echo mine >$TMPDIR/mine && echo done\n")
    gate.open()
    run.upload_workspace(given="x")
    process = run.start()
    process.expect("packed\n")
    run.say(b"taken\n")
    assert process.finish().code == 0, run.log()
    events, _ = vm0.wait_end(run.run_id)
    lines = [e["eventData"].get("text") for e in events]
    if ROOT:
        assert lines == [str(AGENT_UID), "done"]
        assert os.stat(run.path("workspace", "mine")).st_uid == AGENT_UID
        assert stat.S_IMODE(os.stat(run.dir).st_mode) == 0o711
        with open(run.path("uid"), encoding="ascii") as file:
            assert file.read() == f"{AGENT_UID}\n"
    else:
        assert lines[0] == str(os.getuid()) and lines[-1] == "done"
        assert not os.path.exists(run.path("uid"))


def test_row_RemotePrepared_an_archive_that_leads_outside_starts_nothing(vm0, server):
    run = RemoteRun(vm0, [{"line": "never"}])
    with tarfile.open(run.path("workspace.tar.gz"), "w:gz") as archive:
        archive.add(vm0.write("source/x", "x"), "../escaped")
    done = run.start().finish()
    assert (done.stdout, done.code) == (b"", 1)
    assert "workspace.tar.gz: ../escaped: leads out of the folder" in run.log()
    assert not os.path.exists(run.path("started"))
    assert not os.path.exists(os.path.join(vm0.files, "escaped"))


def test_row_RemoteStartedBefore_a_killed_supervisor_is_never_followed_by_another(vm0, server):
    gate = vm0.gate()
    run = RemoteRun(vm0, [make("made", "it"), {"line": "ready"}, {"wait": gate.path}])
    process = run.start()
    assert len(vm0.wait_events(run.run_id, 1)) == 1
    agent = vm0.agent_processes(run.run_id)
    process.kill()
    for pid in agent:
        waits.wait_gone(pid)
    spool = open(run.path("spool"), "rb").read()
    again = run.start().finish()
    assert (again.stdout, again.code) == (b"", 1)
    assert "has run here already" in run.log()
    assert open(run.path("spool"), "rb").read() == spool
    assert open(run.path("workspace", "made"), encoding="ascii").read() == "it\n"
    assert not os.path.exists(run.path("result.tar.gz"))
    assert len(vm0.page(run.run_id)["events"]) == 1


def test_a_workspace_that_could_not_be_brought_home_is_told_of(vm0, server):
    run = RemoteRun(vm0, [{"line": "x"}])
    process = run.start()
    process.expect("packed\n")
    run.say(b"lost no room at home\n")
    assert process.finish().code == 0
    events, state = vm0.wait_end(run.run_id)
    assert state["status"] == "completed"
    assert events[-1]["source"] == "vm0"
    assert events[-1]["eventData"]["event"] == "workspace_lost"
    assert events[-1]["eventData"]["message"].endswith(": no room at home")
    shown = vm0.run("logs", run.run_id)
    assert b"no room at home" in shown.stdout + shown.stderr, shown


def test_nobody_listens_and_the_run_ends_all_the_same(vm0, server):
    run = RemoteRun(vm0, [{"line": "x"}])
    process = run.start()
    process.expect("packed\n")
    assert vm0.page(run.run_id)["run"]["status"] == "running"
    run.hang_up()
    assert process.finish().code == 0
    assert vm0.wait_end(run.run_id)[1]["status"] == "completed"
    assert run.result() == {}


def test_a_cancel_ends_the_agent_and_its_workspace_goes_home(vm0, server):
    gate = vm0.gate()
    run = RemoteRun(vm0, [make("made", "it"), {"line": "ready"}, {"wait": gate.path}])
    process = run.start()
    vm0.wait_events(run.run_id, 1)
    assert vm0.run("cancel", run.run_id).code == 0
    process.expect("packed\n")
    assert run.result() == {"made": b"it\n"}
    run.say(b"taken\n")
    assert process.finish().code == 0
    assert vm0.wait_end(run.run_id)[1]["status"] == "cancelled"


def test_row_RemotePrepared_the_certificate_that_came_along_is_trusted(vm0, server):
    run = RemoteRun(vm0, [{"line": "never"}])
    shutil.copy(CERTIFICATE, run.path("ca.pem"))
    ended = {"error": {"message": "it has ended", "code": "RUN_ENDED"}}
    with https_server(410, ended) as https:
        run.use_server(f"https://localhost:{https.server_port}")
        assert run.start().finish().code == 3, run.log()
        assert https.asked[0][1].endswith("/start"), https.asked
