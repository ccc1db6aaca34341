# SPDX-License-Identifier: Apache-2.0
"""`vm0 run`: what it prints where, byte for byte, and how it exits."""

import json
import os
import re
import socket

import pytest

import waits

UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

STORY = [
    {"claude": {"init": {}}},
    {"claude": {"thinking": "Let me see."}},
    {"claude": {"text": "Hello\nworld"}},
    {"claude": {"tool_use": {"id": "t1", "name": "Bash",
                             "input": {"command": "ls", "long": "L" * 101}}}},
    {"claude": {"tool_result": {"tool_use_id": "t1", "content": "R" * 201}}},
    {"claude": {"tool_result": {"tool_use_id": "t2", "content": "no", "is_error": True}}},
    {"claude": {"result": {"result": "Done."}}},
]
STORY_TEXT = """\
[init] Starting Claude Code agent
  Session: fake-session
  Model: fake-model
  Tools: Bash, Read
[thinking] Let me see.
[text] Hello
world
[tool_use] Bash
  command: ls
  long: {long}
[tool_result] Completed
  {result}
[tool_result] Error
  no
[result] ✓ completed successfully
  Duration: 1.5s
  Cost: $0.0123
  Turns: 2
  Tokens: input=1k output=20
"""
SHORT = {"long": "L" * 100 + "...", "result": "R" * 200 + "..."}
WHOLE = {"long": "L" * 101, "result": "R" * 201}
COLOURED = """\
\x1b[36m[init]\x1b[39m Starting Claude Code agent
  Session: \x1b[90mfake-session\x1b[39m
  Model: \x1b[90mfake-model\x1b[39m
  Tools: \x1b[90mBash, Read\x1b[39m
"""


def plain_story(numbers=SHORT):
    return STORY_TEXT.format(**numbers).encode()


def test_stdout_has_the_events_and_nothing_else(vm0, server):
    done = vm0.run_agent(STORY, dialect="claude-code")
    assert done.code == 0, done
    assert done.stdout == plain_story()
    assert b"Creating agent run..." in done.stderr


def test_full_cuts_nothing(vm0, server):
    done = vm0.run_agent(STORY, "--full", dialect="claude-code")
    assert (done.stdout, done.code) == (plain_story(WHOLE), 0)


def test_json_prints_the_events_as_the_api_gives_them(vm0, server):
    done = vm0.run_agent(STORY + [{"line": "no json"}, {"stderr": "err"}], "--json",
                         dialect="claude-code")
    assert done.code == 0
    body = vm0.http.get(f"/api/agent/runs/{vm0.only_run()}/events?limit=1000").body
    lines = done.stdout.splitlines()
    assert [json.loads(line) for line in lines] == json.loads(body)["events"]
    assert all(line in body for line in lines), "byte for byte"
    assert {json.loads(line)["source"] for line in lines} == {"agent", "stdout", "stderr"}


def test_raw_prints_the_bytes_of_the_agent(vm0, server):
    steps = STORY + [{"line": '{"n": 12345678901234567890123, "s":"\\ud800" }'},
                     {"line": "plain \u2028 text"}, {"base64": "//4AYQo="}, {"stderr": "err"}]
    done = vm0.run_agent(steps, "--raw", dialect="claude-code")
    assert done.code == 0
    assert done.stdout.endswith(b'{"n": 12345678901234567890123, "s":"\\ud800" }\n'
                                b"plain \xe2\x80\xa8 text\n\xff\xfe\0a\n")
    assert done.stdout.count(b"\n") == len(STORY) + 3


def test_quiet_prints_nothing_on_stdout(vm0, server):
    done = vm0.run_agent(STORY, "--quiet", dialect="claude-code")
    assert (done.stdout, done.code) == (b"", 0)


def test_verbose_prints_the_time_between_events(vm0, clock, server):
    gate = vm0.gate()
    run = vm0.start_agent([{"claude": {"text": "a"}}, {"wait": gate.path},
                           {"claude": {"text": "b"}}, {"claude": {"result": {}}}],
                          "-v", dialect="claude-code")
    run.expect("[text] a\n")
    clock.advance(2.3)
    gate.open()
    run.expect("[text] [+2.3s] b\n")
    assert run.wait() == 0


def test_detach_prints_the_id_and_leaves(vm0, server):
    gate = vm0.gate()
    done = vm0.run_agent([{"line": "a"}, {"wait": gate.path}, {"line": "b"}], "-d")
    assert done.code == 0
    assert re.fullmatch(UUID + rb"\n", done.stdout), done
    run_id = done.stdout.decode().strip()
    follow = vm0.start("logs", "-f", run_id)
    follow.expect("a\n")
    gate.open()
    follow.expect("b\n")
    assert follow.wait() == 0


def test_events_are_shown_as_they_come(vm0, server):
    gate = vm0.gate()
    run = vm0.start_agent([{"claude": {"text": "first"}}, {"wait": gate.path},
                           {"claude": {"text": "second"}}, {"claude": {"result": {}}}],
                          dialect="claude-code")
    run.expect("[text] first\n")
    assert b"second" not in run.stdout.data
    gate.open()
    run.expect("[text] second\n")
    assert run.wait() == 0


def test_stderr_of_the_agent_goes_to_stderr(vm0, server):
    done = vm0.run_agent([{"line": "out"}, {"stderr": "err"}])
    assert done.stdout == b"out\n"
    assert b"err\n" in done.stderr


def test_a_terminal_gets_colours_byte_for_byte(vm0, server):
    run = vm0.start_agent(STORY, pty_size=(80, 24), dialect="claude-code")
    assert run.wait() == 0
    data = run.stdout.wait_end()
    assert COLOURED.encode() in data
    assert b"\x1b[34m[text]\x1b[39m Hello\nworld\n" in data
    assert b"\x1b[31m[tool_result]\x1b[39m Error\n  \x1b[90mno\x1b[39m\n" in data
    assert "\x1b[32m[result]\x1b[39m ✓ completed successfully\n".encode() in data
    # Without the colours it is what a pipe gets.
    assert plain_story() in re.sub(rb"\x1b\[\d+m", b"", data)


def test_no_color_is_obeyed_on_a_terminal(vm0, server):
    run = vm0.start_agent(STORY, pty_size=(80, 24), env={"NO_COLOR": "1"}, dialect="claude-code")
    assert run.wait() == 0
    data = run.stdout.wait_end()
    assert b"\x1b" not in data
    assert plain_story() in data


def test_force_color_is_obeyed_on_a_pipe(vm0, server):
    done = vm0.run_agent(STORY, env={"FORCE_COLOR": "1"}, dialect="claude-code")
    assert done.stdout.startswith(COLOURED.encode())
    assert re.sub(rb"\x1b\[\d+m", b"", done.stdout) == plain_story()


@pytest.mark.parametrize("pty_size", [None, (80, 24)])
def test_escape_sequences_of_an_agent_are_harmless(vm0, server, pty_size):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\u202e"
    run = vm0.start_agent([{"claude": {"text": evil}}, {"line": evil}, {"stderr": evil},
                           {"claude": {"tool_use": {"id": "x", "name": evil,
                                                    "input": {evil: evil}}}},
                           {"claude": {"result": {"result": evil, "is_error": True}}}],
                          pty_size=pty_size, env={"NO_COLOR": "1"}, dialect="claude-code")
    run.wait()
    text = (run.stdout.wait_end() + run.stderr.wait_end()).decode()
    for bad in "\x1b\x07\x08\x9b\u202e":
        assert bad not in text, f"{bad!r} in {text!r}"
    assert "␛]0;owned␇" in text


# Exit codes


def test_exit_0_completed(vm0, server):
    assert vm0.run_agent([{"line": "x"}]).code == 0


def test_exit_1_the_agent_fails(vm0, server):
    done = vm0.run_agent([{"line": "x"}, {"exit": 3}])
    assert done.code == 1
    assert b"3" in done.stderr


def test_exit_1_the_result_says_failed_though_the_exit_code_is_0(vm0, server):
    done = vm0.run_agent([{"claude": {"result": {"is_error": True, "result": "broken"}}}],
                         dialect="claude-code")
    assert done.code == 1
    assert "[result] ✗ failed".encode() in done.stdout


def test_exit_1_no_result_though_the_dialect_has_one(vm0, server):
    done = vm0.run_agent([{"claude": {"init": {}}}], dialect="claude-code")
    assert done.code == 1


@pytest.mark.parametrize("args", [
    ["run"], ["run", "x"], ["run", "x", "p", "--no-such-option"],
    ["run", "x", "p", "-e", "novalue"],
    ["run", "x", "p", "-e", "=v"], ["run", "x", "p", "--timeout", "soon"],
    ["run", "x", "p", "--json", "--raw"], ["dance"], ["logs"], ["run", "x", "p", "extra"]])
def test_exit_2_usage(vm0, server, args):
    done = vm0.run(*args)
    assert (done.code, done.stdout) == (2, b""), done
    assert done.stderr


def test_exit_2_a_config_file_with_an_unknown_key_is_refused_by_name(vm0, server):
    path = vm0.config(colour="blue")
    done = vm0.run("run", path, "p")
    assert done.code == 2
    assert b"colour" in done.stderr


def test_exit_3_not_authenticated(vm0, server):
    done = vm0.run("ps", env={"VM0_API_URL": server.url, "VM0_TOKEN": "vm0_live_wrong"})
    assert done.code == 3
    assert b"vm0 auth login" in done.stderr


@pytest.mark.parametrize("args", [
    ["run", "no-such-agent", "p"], ["logs", "0192f3a4-0000-7000-8000-000000000000"],
    ["show", "0192f3a4-0000-7000-8000-000000000000"],
    ["cancel", "0192f3a4-0000-7000-8000-000000000000"], ["run", "no-such-file.yaml", "p"]])
def test_exit_4_not_found(vm0, server, args):
    done = vm0.run(*args)
    assert (done.code, done.stdout) == (4, b""), done


def test_exit_5_server_unreachable(vm0):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = vm0.run("ps", env={"VM0_API_URL": url, "VM0_TOKEN": "vm0_live_x"})
    assert done.code == 5
    assert url.encode() in done.stderr


def test_exit_6_sandbox_unavailable(vm0, server):
    done = vm0.run("run", vm0.config(), "p", "--sandbox", "gvisor")
    assert done.code == 6, done
    assert b"gvisor" in done.stderr


def test_exit_124_timeout(vm0, clock, server):
    bell = vm0.bell()
    run = vm0.start_agent([{"line": "x"}, {"tell": bell.path}, {"hang": True}], "--timeout", "30m")
    bell.wait()
    run.expect("x\n")
    clock.wait_timer("supervisor")
    clock.advance(30 * 60)
    with clock.flow():
        assert run.wait() == 124


def test_exit_130_ctrl_c_cancels_and_waits_for_the_end(vm0, server):
    run = vm0.start_agent([{"on": {"SIGINT": [{"line": "interrupted"}, {"exit": 0}]}},
                           {"line": "ready"}, {"hang": True}])
    run.expect("ready\n")
    run.press_ctrl_c()
    run.expect("interrupted\n")
    assert run.wait() == 130


def test_ctrl_c_in_a_terminal(vm0, server):
    run = vm0.start_agent([{"line": "ready"}, {"hang": True}], pty_size=(80, 24))
    run.expect("ready\n")
    run.press_ctrl_c()
    assert run.wait() == 130


def test_a_second_ctrl_c_leaves_at_once_and_says_how_to_come_back(vm0, clock, server):
    bell = vm0.bell()
    run = vm0.start_agent([{"on": {"SIGINT": [{"tell": bell.path}]}}, {"line": "ready"},
                           {"hang": True}])
    run.expect("ready\n")
    run.press_ctrl_c()
    bell.wait()  # the agent had its SIGINT and goes on
    run.press_ctrl_c()
    done = run.finish()
    assert done.code == 130
    assert re.search(rb"vm0 logs (-f )?" + UUID, done.stderr), done


# What the agent gets


@pytest.mark.parametrize("prompt", ["two words", "'quoted' \"$HOME\" `x`\nline\ttab", "-rf --help",
                                    "ünïcode \u2028 😀", " ", "--"])
def test_the_prompt_arrives_as_it_is(vm0, server, prompt):
    done = vm0.run("run", "--raw", "--sandbox", "none", "--", vm0.config(), prompt)
    assert done.code == 0, done
    assert json.loads(done.stdout) == {"type": "prompt", "text": prompt}


def test_the_agents_environment(vm0, server):
    steps = [{"show_env": ["GIVEN", "CONFIGURED", "VM0_RUN_ID", "VM0_TOKEN", "OUTER"]}]
    done = vm0.run_agent(steps, "-e", "GIVEN=a=b c", "--raw", environment={"CONFIGURED": "yes"},
                         env={"OUTER": "leak"})
    assert done.code == 0, done
    env = json.loads(done.stdout)["env"]
    assert (env["GIVEN"], env["CONFIGURED"]) == ("a=b c", "yes")
    assert re.fullmatch(UUID, env["VM0_RUN_ID"].encode())
    assert env["VM0_TOKEN"] is None and env["OUTER"] is None


def test_the_agent_starts_with_the_usual_signals(vm0, server):
    done = vm0.run_agent([{"run": ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]}], "--raw")
    assert re.findall(rb"\t(\w+)", done.stdout) == [b"0" * 16, b"0" * 16], done


def test_the_agent_has_no_descriptor_but_its_three(vm0, server):
    done = vm0.run_agent([{"run": ["sh", "-c", "ls /proc/$$/fd"]}], "--raw")
    assert done.stdout == b"0\n1\n2\n", done


def test_a_secret_reaches_the_agent_and_nobody_else(vm0, server):
    gate = vm0.gate()
    secret = "s3cr3t-Wert-7f"
    is_equal = 'test "$MY_SECRET" = s3cr3t"-Wert-7f" && echo equal'
    run = vm0.start_agent([{"show_env": ["MY_SECRET"]},
                           {"run": ["sh", "-c", "echo $MY_SECRET >&2"]},
                           {"run": ["sh", "-c", is_equal]},
                           {"line": "ready"}, {"wait": gate.path}],
                          "--secret", "MY_SECRET", "--raw", env={"MY_SECRET": secret})
    run.expect('"env":{"MY_SECRET":"***"}')
    run.expect("equal\n")
    run.expect("ready\n")
    assert vm0.files_with(b'"MY_SECRET":"***"'), "what is stored is looked through"
    assert vm0.files_with(secret.encode()) == []
    gate.open()
    done = run.finish()
    assert done.code == 0
    assert secret.encode() not in done.stdout + done.stderr
    assert vm0.files_with(secret.encode()) == []


# The workspace


def in_workspace(command):
    return [{"run": ["sh", "-c", command]}]


@pytest.fixture
def folder(vm0):
    vm0.write("project/input.txt", "in\n")
    os.chmod(vm0.path("project"), 0o777)
    return vm0.path("project")


def test_a_fresh_workspace_is_empty_and_writable(vm0, server):
    done = vm0.run_agent(in_workspace("ls -A; echo new > out.txt; cat out.txt"))
    assert (done.stdout, done.code) == (b"new\n", 0)


def test_a_copied_folder_is_worked_on_as_a_copy(vm0, server, folder):
    done = vm0.run_agent(in_workspace("cat input.txt; echo changed > input.txt; cat input.txt"),
                         "-w", f"{folder}:copy")
    assert (done.stdout, done.code) == (b"in\nchanged\n", 0)
    with open(f"{folder}/input.txt", encoding="ascii") as file:
        assert file.read() == "in\n"


def test_a_read_write_folder_is_worked_on_in_place(vm0, server, folder):
    done = vm0.run_agent(in_workspace("cat input.txt; echo out > output.txt"), "-w", f"{folder}:rw")
    assert (done.stdout, done.code) == (b"in\n", 0)
    with open(f"{folder}/output.txt", encoding="ascii") as file:
        assert file.read() == "out\n"


def test_a_folder_that_is_not_there_is_an_error_that_names_it(vm0, server):
    done = vm0.run_agent([], "-w", "/no/such/folder:copy")
    assert done.code != 0
    assert b"/no/such/folder" in done.stderr


def test_each_run_has_a_temporary_folder_of_its_own_that_goes_with_it(vm0, server):
    gate, bell = vm0.gate(), vm0.bell()
    run = vm0.start_agent([{"run": ["sh", "-c", 'echo "$TMPDIR"; touch "$TMPDIR/made"']},
                           {"tell": bell.path, "say": "x"}, {"wait": gate.path}])
    bell.wait()
    folder = os.path.join(vm0.run_dir(vm0.only_run()), "tmp")
    assert os.listdir(folder) == ["made"]
    gate.open()
    done = run.finish()
    assert done.code == 0, done
    assert done.stdout.strip() != b"/tmp"
    waits.wait_path(folder, lambda path: not os.path.exists(path))
