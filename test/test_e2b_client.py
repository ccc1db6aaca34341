# SPDX-License-Identifier: Apache-2.0
"""Our client of E2B (src/e2b), against the server that E2B's own SDK has shown to be right."""

import base64
import json
import os
import random

import pytest

import vm0 as vm0_module
from e2b.server import E2bServer

CLIENT = os.path.join(os.path.dirname(vm0_module.BINARY), "e2b_client")
MOST_SANDBOXES = 3


class Box:
    """One sandbox, as the client sees it: box("read", "/file") is its `read ID TOKEN /file`."""

    def __init__(self, account, made):
        self.account, self.id, self.token = account, made["id"], made["token"]

    def start(self, verb, *words):
        return self.account.start(verb, self.id, self.token, *words)

    def __call__(self, verb, *words):
        return self.account(verb, self.id, self.token, *words)

    def fails(self, verb, *words):
        return self.account.fails(verb, self.id, self.token, *words)

    def end_of(self, *command, tag="t"):
        """What a program prints, and how it ends."""
        events = self("start", tag, *command)
        assert "pid" in events[0], events
        return ["".join(event.get(pipe, "") for event in events) for pipe in ("stdout", "stderr")], events[-1]


class Account:
    """Runs the client: account("find", id) gives the objects that it prints."""

    def __init__(self, vm0, server):
        self.vm0, self.server = vm0, server

    def start(self, *words, env=None):
        return self.vm0.start(*words, binary=CLIENT, env={**self.server.environment(), **(env or {})})

    def __call__(self, *words):
        done = self.start(*words).finish()
        assert done.code == 0, done
        return objects(done)

    def fails(self, *words, env=None):
        done = self.start(*words, env=env).finish()
        assert done.code == 1, done
        return objects(done)[-1]

    def create(self, *metadata, seconds=60):
        return Box(self, self("create", "base", seconds, *metadata)[0])


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def account(vm0):
    with E2bServer(os.path.join(vm0.root, "e2b"), most_sandboxes=MOST_SANDBOXES) as server:
        yield Account(vm0, server)


@pytest.fixture
def box(account):
    return account.create()


def test_a_sandbox_is_made_found_given_time_and_deleted(account):
    box = account.create("a=b")
    made, = account.server.sandboxes()
    assert made.id == box.id and made.token == box.token and made.metadata == {"a": "b"}
    assert 50 < made.ends - made.started < 70
    account("find", box.id)
    account("timeout", box.id, 600)
    assert made.ends - made.started > 500
    account("delete", box.id)
    assert not account.server.sandboxes()
    assert account.fails("find", box.id)["code"] == "NOT_FOUND"
    assert account.fails("timeout", box.id, 600)["code"] == "NOT_FOUND"
    account("delete", box.id)


def test_metadata_of_any_characters_finds_its_sandboxes(account):
    name, value = "odd &%+ü/?#", "n 1&=%+ü"
    account.create("owner=me", f"{name}={value}")
    account.create("owner=me")
    account.create("owner=other")
    listed, = account("list", f"{name}={value}")
    assert listed["metadata"] == {"owner": "me", name: value}
    assert len(account("list", "owner=me")) == 2
    assert account("list", "owner=nobody") == []


def test_every_page_of_a_list_is_read(account):
    account.server.longest_page = 1
    ids = {account.create("owner=me").id for _ in range(MOST_SANDBOXES)}
    assert {sandbox["id"] for sandbox in account("list", "owner=me")} == ids
    assert account.server.count("GET", r"/v2/sandboxes\?.*") == MOST_SANDBOXES


def test_what_the_account_may_not_do_is_said(account):
    wrong = account.fails("list", env={"E2B_API_KEY": "e2b_" + "f" * 40})
    assert wrong["code"] == "UNAUTHORIZED" and "E2B refuses the API key" in wrong["error"], wrong
    unknown = account.fails("create", "no-such-template", 60)
    assert unknown["code"] == "NOT_FOUND" and "no-such-template" in unknown["error"], unknown
    long = account.fails("create", "base", 10**6)
    assert long["code"] == "BAD_REQUEST" and "Timeout cannot be greater" in long["error"], long
    for _ in range(MOST_SANDBOXES):
        account.create()
    full = account.fails("create", "base", 60)
    assert full["code"] == "TOO_MANY_REQUESTS" and "maximum number" in full["error"], full


@pytest.mark.parametrize("status, code", [(429, "TOO_MANY_REQUESTS"), (503, "UNAVAILABLE")])
def test_how_long_to_wait_is_told(account, status, code):
    account.server.faults.add("POST", "/sandboxes", status=status, message="later", headers={"Retry-After": "7"})
    answer = account.fails("create", "base", 60)
    assert (answer["code"], answer["number"]) == (code, 7) and "later" in answer["error"], answer


@pytest.mark.parametrize("size", [0, 1, 70_000, 5 << 20])
def test_files_of_every_size_go_there_and_come_back(box, vm0, size):
    content = random.Random(size).randbytes(size)
    box("upload", "/new/folder/file ü", vm0.write("there", content))
    assert box("download", "/new/folder/file ü", vm0.path("back")) == [{"size": size}]
    with open(vm0.path("back"), "rb") as file:
        assert file.read() == content
    if size < 1 << 20:
        assert base64.b64decode(box("read", "/new/folder/file ü")[0]["base64"]) == content
    else:
        assert box.fails("read", "/new/folder/file ü")["code"] == "PAYLOAD_TOO_LARGE"


def test_a_file_is_written_over(box):
    box("write", "/tmp/file", "a longer text")
    box("write", "/tmp/file", "short")
    assert base64.b64decode(box("read", "/tmp/file")[0]["base64"]) == b"short"
    assert box.end_of("/usr/bin/stat", "-c", "%a", "/tmp/file")[0] == ["644\n", ""]


def test_files_that_are_not_there_or_are_folders(box):
    missing = box.fails("read", "/none")
    assert missing["code"] == "NOT_FOUND" and "does not exist" in missing["error"], missing
    assert box.fails("read", "/tmp")["code"] == "BAD_REQUEST"
    assert box.fails("write", "/tmp", "x")["code"] == "BAD_REQUEST"


def test_a_program_prints_and_ends(box):
    printed, end = box.end_of("/bin/sh", "-c", "echo out $FROM_CALL; echo err >&2; exit 7")
    assert printed == ["out yes\n", "err\n"]
    assert (end["exitCode"], end["status"]) == (7, "exit status 7")
    assert box.end_of("/bin/true")[1] == {"exitCode": 0, "status": "exit status 0"}
    printed, _ = box.end_of("/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert len(printed[0]) == 3_000_000
    if os.getuid() == 0:
        assert box.end_of("/usr/bin/id", "-u")[0] == ["0\n", ""]
    assert box.fails("start", "t", "/none")["code"] == "BAD_REQUEST"


def test_programs_are_listed_connected_to_and_talked_to(box):
    first = box.start("start", "talk", "/bin/sh", "-c", "echo on; while read line; do echo got $line; done; exit 3")
    first.stdout.expect("on")
    listed, = box("processes")
    assert listed["tag"] == "talk"
    second = box.start("connect", "talk")
    second.stdout.expect(f'"pid":{listed["pid"]}')
    box("input", "talk", "one\n")
    first.stdout.expect("got one")
    second.stdout.expect("got one")
    box("kill", "talk")
    for stream in (first, second):
        done = stream.finish()
        assert done.code == 0 and objects(done)[-1] == {"exitCode": -1, "status": "signal: killed"}, done
    assert box("processes") == []
    for verb in (["connect", "talk"], ["kill", "talk"], ["input", "talk", "x"]):
        assert box.fails(*verb)["code"] == "NOT_FOUND"


def test_a_program_that_is_asked_to_end_is_heard_no_more(box):
    run = box.start("start", "t", "/bin/sh", "-c", "trap 'echo late; exit 4' TERM; echo on; while :; do read x; done")
    run.stdout.expect("on")
    box("terminate", "t")
    done = run.finish()
    assert objects(done)[-1] == {"exitCode": 4, "status": "exit status 4"}
    assert b"late" not in done.stdout  # envd stops to listen when it sends a signal


def test_a_client_that_goes_does_not_end_the_program(box):
    first = box.start("start", "t", "/bin/sh", "-c", "echo on; read line; echo got $line")
    first.stdout.expect("on")
    first.kill()
    second = box.start("connect", "t")
    second.stdout.expect("pid")
    box("input", "t", "more\n")
    done = second.finish()
    assert done.code == 0 and b"got more" in done.stdout, done


def test_nothing_is_done_without_the_token(account, box):
    stranger = Box(account, {"id": box.id, "token": "wrong"})
    for words in (["read", "/etc/passwd"], ["write", "/tmp/x", "x"], ["processes"], ["start", "t", "/bin/true"],
                  ["kill", "t"]):
        assert stranger.fails(*words)["code"] == "UNAUTHORIZED", words


def test_a_sandbox_that_ends_takes_its_streams_along(account, box):
    run = box.start("start", "t", "/bin/sh", "-c", "echo on; read line")
    run.stdout.expect("on")
    account("delete", box.id)
    done = run.finish()
    assert done.code == 1 and objects(done)[-1]["code"] == "UNREACHABLE", done
    for words in (["read", "/etc/passwd"], ["processes"], ["start", "t", "/bin/true"]):
        assert box.fails(*words)["code"] == "UNAVAILABLE", words


def test_a_sandbox_whose_time_is_up_is_gone(account, box):
    run = box.start("start", "t", "/bin/sh", "-c", "echo on; read line")
    run.stdout.expect("on")
    account("timeout", box.id, 1)
    assert run.finish().code == 1
    assert account.fails("find", box.id)["code"] == "NOT_FOUND"


@pytest.mark.parametrize("fault", [{"lose": "request"}, {"lose": "answer"}, {"cut_answer": 100}])
def test_an_answer_that_does_not_come_whole_is_said(account, box, fault):
    account.server.faults.add("POST", "/process.Process/Start", **fault)
    answer = box.fails("start", "t", "/bin/sh", "-c", "read line")
    assert answer["code"] == "UNREACHABLE", answer
    assert len(box("processes")) == (0 if fault == {"lose": "request"} else 1)
