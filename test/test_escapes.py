# SPDX-License-Identifier: Apache-2.0
"""Attempts to get out of the box. Each is one test; one that succeeds fails it and says how.

docs/security.md lists them; `./dev lint` checks that none is missing there.
"""

import json
import os
import re
import socket
import stat
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import escapes
import vm0 as vm0_module

IS_ROOT = os.getuid() == 0
MARK = "the-mark-of-the-host-5f1c"
PYTHON = "/usr/bin/python3"

with open(os.path.join(vm0_module.HERE, "escape_prelude.py"), encoding="utf-8") as prelude_file:
    PRELUDE = prelude_file.read()


class _Page(BaseHTTPRequestHandler):
    """A service of the host that nobody inside should reach."""

    def do_GET(self):
        if self.path.startswith("/redirect/"):
            self.send_response(302)
            self.send_header("Location", "http://" + self.path.removeprefix("/redirect/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = MARK.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def host():
    """Services of the host: a page on its loopback, an abstract socket."""
    page = HTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=page.serve_forever)
    thread.start()
    name = f"vm0-escape-{os.getpid()}"
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0" + name)
    abstract.listen(8)
    yield {"port": page.server_port, "abstract": name}
    abstract.close()
    page.shutdown()
    thread.join()
    page.server_close()


@pytest.fixture(scope="module")
def world(session_root):
    """One world for all attempts, with a server and an ended run whose files are somebody else's."""
    made = vm0_module.World(os.path.join(session_root, "escape"))
    made.serve()
    path = made.config("other", command=["/bin/sh", "-c", f"echo {MARK} >mark; echo {MARK} >~/mark"],
                       sandbox="bubblewrap")
    done = made.run("run", path, "x", "-d")
    assert done.code == 0, done
    made.other = done.stdout.decode().strip()
    made.wait_end(made.other)
    made.write("host.txt", MARK)
    with open(os.path.join(made.home, "mark"), "w", encoding="ascii") as file:
        file.write(MARK)
    yield made
    made.close()


def facts(world, host):
    return {"mark": MARK, "host_file": world.path("host.txt"), "data_dir": world.data_dir,
            "home_file": os.path.join(world.home, "mark"), "server_pid": world.server.pid,
            "server_port": int(world.server.url.rsplit(":", 1)[1]),
            "other_workspace": os.path.join(world.run_dir(world.other), "workspace"),
            "other_home": os.path.join(world.run_dir(world.other), "home"), **host}


def attempt(world, host, body, *options, **config):
    """Runs the body of an attempt inside; what it said."""
    source = PRELUDE + "\n\ndef attempt():\n" + textwrap.indent(
        textwrap.dedent(body).strip(), "    ") + "\n\n\nmain(attempt)\n"
    config = {"sandbox": "bubblewrap",
              "allow": ["allowed.example:443", "allowed.example:80"], **config}
    if config["sandbox"] == "none":
        del config["allow"]
    path = world.config("spy", command=[PYTHON, "-I", "-c", source], **config)
    done = world.run("run", path, json.dumps(facts(world, host)), "--raw", *options)
    said = [json.loads(line) for line in done.stdout.decode().splitlines()
            if line.startswith('{"type": "attempt"')]
    assert len(said) == 1, done
    return said[0]


@pytest.mark.parametrize("name", escapes.ALL)
def test_the_box_refuses_to(name, world, host):
    said = attempt(world, host, escapes.ALL[name])
    assert not said["escaped"], f"{name}: {said}"


def test_a_redirect_leads_no_further_than_the_list(world, host):
    body = """
        from urllib.request import ProxyHandler, build_opener
        url = f"http://127.0.0.1:{FACTS['port']}/redirect/127.0.0.1:{FACTS['server_port']}/healthz"
        if status_of(ask_proxy(f"GET {url} HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n".encode())) != 302:
            return 'nowhere: it was not redirected'
        opener = build_opener(ProxyHandler({'http': 'http://127.0.0.1:3128'}))
        return opener.open(url).read()"""
    said = attempt(world, host, body, allow=[f"127.0.0.1:{host['port']}"])
    assert not said["escaped"], said


@pytest.mark.parametrize("name", escapes.WITHOUT_A_BOX)
def test_without_a_box_one_can(name, world, host):
    said = attempt(world, host, escapes.ALL[name], "--sandbox", "none", sandbox="none")
    assert said["escaped"], f"the attempt proves nothing: {name}: {said}"


# What host processes do with what the agent leaves behind.

def run_boxed(world, command, *options, prompt="x", **config):
    path = world.config("spy", command=["/bin/sh", "-c", command],
                        **{"sandbox": "bubblewrap", **config})
    return world.run("run", path, prompt, *options)


def test_a_copied_workspace_holds_links_and_not_what_they_point_at(world):
    folder = world.path("linked")
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    os.symlink(world.path("host.txt"), os.path.join(folder, "link"))
    os.symlink(world.files, os.path.join(folder, "folder"))
    done = run_boxed(world, "cat link folder/host.txt; ls -A", "-w", folder)
    assert MARK.encode() not in done.stdout, done
    assert b"link" in done.stdout


def test_the_end_of_a_run_follows_no_link_out_of_it(world):
    target = world.write("owned.txt", MARK)
    before = os.stat(target)
    done = run_boxed(world, f"ln -s {target} l; ln -s {world.files} d; ln -s {target} ~/l; "
                            f"rm -rf ~/x; ln -s {world.files} /tmp/d; echo ok")
    assert done.code == 0, done
    after = os.stat(target)
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    assert os.path.exists(target)


def test_a_hard_link_in_a_workspace_changes_no_owner_outside_of_it(world):
    done = run_boxed(world, "ln /etc/passwd p 2>&1; ln /usr/bin/env e 2>&1; ls")
    assert b"\np\n" not in done.stdout and b"\ne\n" not in done.stdout, done
    assert os.stat("/usr/bin/env").st_uid == 0


def test_names_with_control_characters_are_harmless(world):
    folder = world.path("names")
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    done = run_boxed(world, "touch \"$(printf 'a\\033]0;owned\\007b')\" "
                            "\"$(printf 'c\\nd')\"; ls | cat", "-w", folder)
    assert done.code == 0, done
    assert b"\x1b]0;" not in done.stdout + done.stderr


def test_terminal_escapes_never_reach_a_terminal(world):
    path = world.config("spy", command=["/bin/sh", "-c",
                                        "printf '\\033]52;c;b3duZWQ=\\007\\033[2J\\233\\033P\\n'; "
                                        "printf '\\033]0;title\\007\\n' >&2"], sandbox="bubblewrap")
    done = world.run("run", path, "x", pty_size=(24, 80))
    shown = done.stdout.decode()
    for bad in ("\x1b]52", "\x1b[2J", "\x9b", "\x1bP", "\x1b]0;title"):
        assert bad not in shown, done


def test_a_folder_that_is_worked_on_in_place_holds_no_set_uid_program(world):
    folder = world.path("inplace")
    os.makedirs(folder)
    done = run_boxed(world, "cp /bin/true t; chmod u+s t; chmod 6755 t; install -m 4755 t i; "
                            "mkdir -m 2777 d; ls -l", "-w", folder + ":rw")
    assert done.code == 0, done
    assert os.path.exists(os.path.join(folder, "t"))
    for name in os.listdir(folder):
        mode = os.stat(os.path.join(folder, name)).st_mode
        assert not mode & (stat.S_ISUID | stat.S_ISGID), name


def test_a_read_only_folder_stays_as_it_is(world):
    folder = world.path("readonly")
    os.makedirs(folder)
    with open(os.path.join(folder, "f"), "w", encoding="ascii") as file:
        file.write("old")
    done = run_boxed(world, "echo new >f; rm -f f; touch g; mv f h; cat f", "-w", folder + ":ro")
    assert done.stdout == b"old\n" or b"old" in done.stdout, done
    assert os.listdir(folder) == ["f"]


# Bombs.

def test_a_fork_bomb_stops_at_the_limit(world):
    body = """
        count = 0
        try:
            for _ in range(4000):
                if os.fork() == 0:
                    signal.pause()
                count += 1
        except OSError as error:
            print(json.dumps({"forks": count, "why": error.errno}), flush=True)
            raise
        return count"""
    said = attempt(world, {"port": 1, "abstract": "x"}, body, limits={"pids": 60})
    assert not said["escaped"] and said["errno"] == "EAGAIN", said


def test_a_memory_bomb_is_killed_or_the_limit_refused(world):
    done = run_boxed(world, f"{PYTHON} -c \"b=[]\nwhile 1: b.append(bytearray(1<<20))\"; exit $?",
                     limits={"memory": "96MiB"})
    if done.code == 6:
        assert b"limits.memory" in done.stderr, done
        assert not IS_ROOT, done
        return
    assert done.code == 1, done
    assert b"killed by the kernel: memory limit 96 MiB" in done.stderr, done


def test_one_file_does_not_grow_above_the_limit_of_the_disk(world):
    done = run_boxed(world, "head -c 80000000 /dev/zero >big; ls -l big | cut -d' ' -f5",
                     limits={"disk": "32MiB"})
    sizes = [int(word) for word in re.findall(rb"\d{7,}", done.stdout)]
    assert all(size <= 32 << 20 for size in sizes), done


def test_many_files_end_at_the_limit_of_the_disk(world):
    done = run_boxed(world, "i=0; while :; do head -c 1000000 /dev/zero >f$i || sleep 1; i=$((i+1)); "
                            "[ $i -lt 300 ] || sleep 1000; done", limits={"disk": "32MiB"})
    assert done.code == 1, done
    assert b"disk" in done.stderr and b"32 MiB" in done.stderr, done


def test_an_inode_bomb_ends_at_the_limit_of_entries(world):
    """Hard links to one file: names take up a disk, too."""
    body = """
        open('file', 'w').close()
        for number in range(20000):
            os.link('file', str(number))
        signal.pause()"""
    source = PRELUDE + "\n\ndef attempt():\n" + textwrap.indent(
        textwrap.dedent(body).strip(), "    ") + "\n\n\nmain(attempt)\n"
    path = world.config("bomb", command=[PYTHON, "-I", "-c", source], sandbox="bubblewrap",
                        limits={"files": 10000})
    done = world.run("run", path, "{}")
    assert done.code == 1, done
    assert b"limit of 10000 files and folders" in done.stderr, done


def test_a_bomb_of_descriptors_stops_at_the_limit(world):
    body = """
        fds = []
        while len(fds) < 100000:
            fds.append(os.open('/dev/null', os.O_RDONLY))
        return len(fds)"""
    said = attempt(world, {"port": 1, "abstract": "x"}, body, limits={"open_files": 64})
    assert said == {"type": "attempt", "escaped": False, "errno": "EMFILE"}


def test_shared_memory_is_bounded(world):
    body = """
        with open('/dev/shm/x', 'wb') as file:
            for _ in range(512):
                file.write(bytes(1 << 20))
                file.flush()
        return 'wrote 512 MiB'"""
    said = attempt(world, {"port": 1, "abstract": "x"}, body)
    assert not said["escaped"] and said["errno"] == "ENOSPC", said


def test_a_flood_of_output_waits_and_is_kept_whole(world):
    """What ends at the limit of the spool is in the supervisor's tests: test row SpoolFull."""
    done = run_boxed(world, "head -c 20000000 /dev/zero | tr '\\0' x | fold -w 50000; echo; echo end",
                     "--raw")
    assert done.code == 0, done.stderr
    assert done.stdout == (b"x" * 50000 + b"\n") * 400 + b"end\n"


# Fakes.

def test_a_faked_result_does_not_make_a_failed_agent_a_success(world):
    fake = json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "done"})
    path = world.config("spy", command=["/bin/sh", "-c", f"echo '{fake}'; exit 3"],
                        dialect="claude-code", sandbox="bubblewrap")
    assert world.run("run", path, "x").code == 1


def test_a_faked_event_of_vm0_is_shown_as_the_agents(world):
    fake = json.dumps({"type": "vm0", "event": "cancel", "message": "the run is cancelled"})
    path = world.config("spy", command=["/bin/sh", "-c", f"echo '{fake}'"], sandbox="bubblewrap")
    done = world.run("run", path, "x", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["source"] for event in events if event["eventData"].get("event") == "cancel"] == [
        "agent"]
    assert world.run("run", path, "x").code == 0


def test_what_an_agent_leaves_running_ends_with_it(world):
    done = run_boxed(world, "setsid sh -c 'trap \"\" TERM INT HUP; sleep 1000' & "
                            "(setsid -f sleep 1000); echo $VM0_RUN_ID")
    assert done.code == 0, done
    assert vm0_module.World.agent_processes(done.stdout.decode().strip()) == []


# Where there can be no box, there is no run.

def test_the_run_sees_a_user_and_a_home_of_its_own(world):
    done = run_boxed(world, "id -u; id -un; echo $HOME; pwd; hostname")
    assert done.stdout.splitlines() == [b"1000", b"agent", b"/home/agent", b"/workspace", b"agent"]


def test_row_BoxRefused_a_run_never_gets_another_box_than_it_asked_for(vm0):
    refusing = vm0.path("vm0-refused")
    with open(refusing, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec "{vm0_module.HERE}/no_user_namespaces" '
                   f'"{vm0_module.BINARY}" "$@"\n')
    os.chmod(refusing, 0o755)
    server = vm0.serve(binary=refusing)
    server.process.stderr.expect("max_user_namespaces")  # said at its start
    done = run_boxed(vm0, "echo ran >ran; echo ran")
    assert done.code == 6, done
    assert b"ran" not in done.stdout
    assert b"user namespaces" in done.stderr and b"max_user_namespaces" in done.stderr, done
    checked = vm0.start("doctor", binary=refusing).finish()
    assert checked.code == 6, checked
    assert b"max_user_namespaces" in checked.stdout, checked
