# SPDX-License-Identifier: Apache-2.0
"""What users get by default: a box, and a network of listed hosts."""

import json
import os
import re

import pytest

from mock_llm import SCENARIOS, tool_turn, text_turn

KEY = "sk-ant-api03-mock-9f8e7d6c5b4a3f2e1d0c"


@pytest.fixture
def run_claude(vm0, server, claude):
    """Starts `vm0 run claude-code` under the defaults: run_claude(mock, *options)."""
    def start(mock, *options, **more):
        path = os.path.dirname(claude.path) + ":" + os.environ["PATH"]
        return vm0.start("run", "claude-code", "say something", "-e",
                         f"ANTHROPIC_BASE_URL={mock.url}", "-e", "CLAUDE_CODE_MAX_RETRIES=1",
                         *options, env={"PATH": path, "ANTHROPIC_API_KEY": KEY}, **more)
    return start


def labels(stdout):
    return re.findall(r"^\[(\w+)\]", stdout.decode(), re.MULTILINE)


def test_claude_code_completes_a_run_under_the_defaults(run_claude, mock):
    llm = mock(SCENARIOS["tools"])
    done = run_claude(llm).finish()
    assert done.code == 0, done
    assert b"[tool_result] Completed\n  hi\n" in done.stdout
    assert "[result] ✓ completed successfully\n".encode() in done.stdout
    assert b"without a sandbox" not in done.stderr


def test_a_copied_folder_is_what_claude_code_works_on(run_claude, mock, vm0):
    folder = vm0.path("project")
    os.makedirs(folder)
    with open(os.path.join(folder, "f.txt"), "w", encoding="ascii") as file:
        file.write("the content of the file\n")
    turns = [tool_turn(("Bash", {"command": "cat f.txt; pwd; echo more >>f.txt",
                                 "description": "x"})), text_turn("ok")]
    done = run_claude(mock(turns), "-w", folder).finish()
    assert done.code == 0, done
    assert b"the content of the file\n/workspace" in done.stdout
    with open(os.path.join(folder, "f.txt"), encoding="ascii") as file:
        assert file.read() == "the content of the file\n"
    copy = os.path.join(vm0.run_dir(vm0.only_run()), "workspace", "f.txt")
    with open(copy, encoding="ascii") as file:
        assert file.read().endswith("more\n")


# Looks for a key wherever a program inside can look: prints where it found it.
HUNT = r"""
key=THE_KEY
found() { echo FO""UND in $1; }
env | grep -q -- "$key" && found environment
for p in /proc/[0-9]*; do
  for f in environ cmdline maps; do
    tr '\0' '\n' <$p/$f 2>/dev/null | grep -q -- "$key" && found $p/$f
  done
done
grep -rqs -- "$key" /home /tmp /workspace /etc /run /dev/shm && found files
echo hunted
"""


def test_row_RequestToEndpoint_no_key_is_readable_inside(run_claude, mock, vm0):
    # The key in two halves: what looks for it must not be what is found.
    hunt = HUNT.replace("THE_KEY", KEY[:20] + '""' + KEY[20:])
    turns = [tool_turn(("Bash", {"command": hunt, "description": "hunt"})),
             tool_turn(("Bash", {"command": "echo key=$ANTHROPIC_API_KEY base=$ANTHROPIC_BASE_URL",
                                 "description": "show"})), text_turn("ok")]
    llm = mock(turns)
    done = run_claude(llm).finish()
    assert done.code == 0, done
    assert b"hunted" in done.stdout and b"FOUND" not in done.stdout, done
    shown = re.search(rb"key=(sk\S+) base=(\S+)", done.stdout)
    assert shown.group(1) != KEY.encode() and len(shown.group(1)) == len(KEY)
    assert shown.group(2) == b"http://127.0.0.1:3128"
    # And yet the LLM was asked with the real one.
    assert llm.keys_seen == {KEY}
    assert vm0.files_with(KEY.encode()) == []


def test_an_answer_that_echoes_the_key_does_not_bring_it_inside(run_claude, mock):
    """What stands in for an LLM may print the headers that it was sent."""
    llm = mock([{"status": {"status": 400, "type": "invalid_request_error",
                            "message": f"no model for {KEY}"}}])
    done = run_claude(llm, "--json").finish()
    assert done.code == 1, done
    assert KEY.encode() not in done.stdout
    assert re.search(rb"no model for sk-ant-api03-[A-Za-z0-9]+", done.stdout), (
        "the agent was given the placeholder")


def test_another_host_is_refused_and_seen_in_the_network_log(run_claude, mock, vm0):
    turns = [tool_turn(("Bash", {"command": "curl -sS -o /dev/null -w '%{http_code}' "
                                            "http://evil.example/x?y; curl -sS https://evil.example/",
                                 "description": "x"})), text_turn("ok")]
    done = run_claude(mock(turns)).finish()
    assert done.code == 0, done
    assert b"403" in done.stdout, done
    run_id = vm0.only_run()
    log = vm0.run("logs", run_id, "--network")
    assert log.code == 0, log
    lines = log.stdout.decode().splitlines()
    assert any("evil.example:80" in line and "refused" in line for line in lines), lines
    assert any("CONNECT" in line and "evil.example:443" in line for line in lines), lines
    assert any("/v1/messages" in line and " 200" in line for line in lines), lines
    entries = vm0.http.get(f"/api/agent/runs/{run_id}/network").json["entries"]
    # Old versions ask their maker's host about themselves, whatever their endpoint is.
    refused = [entry["host"] for entry in entries if entry.get("refusal")]
    assert [host for host in refused if not host.startswith("api.anthropic.com")] == [
        "evil.example:80", "evil.example:443"]


def test_a_folder_that_was_not_given_is_said(vm0, server, claude, run_claude, mock):
    folder = vm0.path("repository")
    os.makedirs(os.path.join(folder, ".git"))
    done = run_claude(mock(SCENARIOS["plain"]), cwd=folder).finish()
    assert done.code == 0, done
    assert b"-w" in done.stderr, done
