# SPDX-License-Identifier: Apache-2.0
"""vm0 top: what it shows, and what it leaves of the terminal."""

import json
import os
import signal
import termios

import pytest

import waits
from vm0 import BINARY

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"


def server_pid(path):
    """As server.json tells; None where it is not whole."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["pid"]
    except (FileNotFoundError, ValueError):
        return None


def start_top(vm0, *options, **more):
    return vm0.start("top", *options, pty_size=(100, 30), **more)


def test_a_pipe_gets_one_frame_of_plain_text(vm0, server):
    gate = vm0.gate()
    run_id = vm0.detach([{"line": "one"}, {"line": "two"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 2)
    for options in ([], ["--once"]):
        shown = vm0.run("top", *options)
        assert (shown.code, shown.stderr) == (0, b"")
        lines = shown.stdout.decode().splitlines()
        assert lines[0].startswith("vm0 ") and vm0.data_dir in lines[0]
        assert lines[1] == "runs       0 queued, 0 held, 1 running, 0 external"
        assert ", 2 in all, " in lines[4]
        assert lines[-1].split()[:4] == [run_id, "my-agent", "running", "2"]
        assert "\x1b" not in shown.stdout.decode()
    gate.open()


@pytest.mark.parametrize("leave", ["q", "ctrl-c", "SIGTERM"])
def test_it_gives_the_terminal_back(vm0, server, leave):
    top = start_top(vm0)
    top.expect(ENTER)
    top.expect("descriptors")
    with open(f"/proc/{top.pid}/fd/0", "rb", buffering=0) as terminal:
        mode = termios.tcgetattr(terminal)
        assert not mode[3] & (termios.ICANON | termios.ECHO)
    if leave == "q":
        os.write(top.terminal, b"xq")
    elif leave == "ctrl-c":
        top.press_ctrl_c()
    else:
        top.signal(signal.SIGTERM)
    assert top.wait() == {"q": 0, "ctrl-c": 130, "SIGTERM": 143}[leave]
    top.expect(LEAVE)
    mode = termios.tcgetattr(top.terminal)
    assert mode[3] & termios.ICANON and mode[3] & termios.ISIG


def test_who_has_the_terminal_next_can_read_it(vm0, server):
    look = "import fcntl, os; print('next', fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK)"
    shell = vm0.start("-c", f'{BINARY} top; /usr/bin/python3 -c "{look}"', binary="/bin/sh",
                      pty_size=(100, 30))
    shell.expect("descriptors")
    os.write(shell.terminal, b"q")
    shell.expect("next 0\n")
    assert shell.wait() == 0


def test_it_shows_what_comes(vm0, clock, server):
    gate = vm0.gate()
    run_id = vm0.detach([{"line": "one"}, {"wait": gate.path}, {"line": "two"}])
    vm0.wait_events(run_id, 1)
    top = start_top(vm0, "--interval", "5")
    top.expect(", 1 in all, ")
    gate.open()
    vm0.wait_end(run_id)
    clock.advance(5)
    top.expect(", 2 in all, ")
    assert top.stdout.text.count("\x1b[H") == 2
    os.write(top.terminal, b"q")
    assert top.wait() == 0


def test_it_goes_on_when_the_server_comes_back(vm0, clock, server):
    top = start_top(vm0)
    top.expect("descriptors")
    server.kill9()
    clock.advance(1)
    top.expect("Connection refused")
    server.start()
    clock.advance(1)
    top.expect("up 1s")
    os.write(top.terminal, b"q")
    assert top.wait() == 0


def test_a_local_server_that_is_started_again_leaves_no_word_on_the_screen(vm0):
    top = start_top(vm0)
    top.expect("Started a local server")
    top.expect("descriptors")
    path = os.path.join(vm0.data_dir, "server.json")
    first = server_pid(path)
    waits.kill_and_wait(first)
    waits.wait_path(path, lambda _: server_pid(path) not in (None, first))
    frames = top.stdout.text.count("\x1b[H")
    waits.until("it goes on", lambda: top.stdout.text.count("\x1b[H") > frames)
    os.write(top.terminal, b"q")
    assert top.wait() == 0
    assert top.stdout.text.count("Started a local server") == 1


def test_a_small_terminal_gets_what_fits(vm0, server):
    top = vm0.start("top", pty_size=(20, 4))
    top.expect("\x1b[J")
    frame = top.stdout.text.split("\x1b[H")[1].split("\x1b[J")[0]
    assert frame.count("\n") == 3
    os.write(top.terminal, b"q")
    assert top.wait() == 0


def test_who_may_not_read_metrics_is_told(vm0, server):
    token = vm0.http.post("/api/tokens", {"name": "carols", "user": "carol"}).json["token"]
    shown = vm0.run("top", env={"VM0_API_URL": server.url, "VM0_TOKEN": token}, own_data_dir=False)
    assert shown.stdout == b""
    assert b"metrics.token" in shown.stderr
    assert shown.code not in (0, 141)
