# SPDX-License-Identifier: Apache-2.0
"""Real Claude Code, the pinned versions, against the mock LLM."""

import json
import os
import re

import pytest

from mock_llm import SCENARIOS, text_turn, tool_turn

KEY = "sk-ant-mock-9f8e7d6c5b4a"


@pytest.fixture
def run_claude(vm0, server, claude):
    """Starts `vm0 run claude-code`: run_claude(mock, *options)."""
    def start(mock, *options, **more):
        path = os.path.dirname(claude.path) + ":" + os.environ["PATH"]
        return vm0.start("run", "claude-code", "say something", "--sandbox", "none",
                         "-e", f"ANTHROPIC_BASE_URL={mock.url}", "-e", f"ANTHROPIC_API_KEY={KEY}",
                         "-e", "CLAUDE_CODE_MAX_RETRIES=1", *options,
                         env={"PATH": path, **more.pop("env", {})}, **more)
    return start


def labels(stdout):
    return re.findall(r"^\[(\w+)\]", stdout.decode(), re.MULTILINE)


def test_a_plain_answer(run_claude, mock):
    done = run_claude(mock(SCENARIOS["plain"])).finish()
    assert done.code == 0, done
    assert labels(done.stdout) == ["init", "text", "result"]
    assert b"[init] Starting Claude Code agent\n" in done.stdout
    assert b"[text] Hello from the mock model. This is a plain answer.\n" in done.stdout
    assert "[result] ✓ completed successfully\n".encode() in done.stdout


def test_tools_work_on_the_workspace(run_claude, mock):
    done = run_claude(mock(SCENARIOS["tools"])).finish()
    assert done.code == 0, done
    assert labels(done.stdout) == ["init", "text"] + ["tool_use", "tool_result", "text"] + [
        "tool_use", "tool_result"] * 3 + ["text", "result"]
    assert b"  command: echo hi\n" in done.stdout
    assert b"[tool_result] Completed\n  hi\n" in done.stdout
    assert b"[tool_result] Error" not in done.stdout


def test_tools_called_in_parallel(run_claude, mock):
    done = run_claude(mock(SCENARIOS["parallel"])).finish()
    assert done.code == 0, done
    assert labels(done.stdout).count("tool_use") == 2
    assert b"[tool_result] Completed\n  one\n" in done.stdout
    assert b"[tool_result] Completed\n  two\n" in done.stdout


def test_thinking_is_shown(run_claude, mock):
    done = run_claude(mock(SCENARIOS["thinking"])).finish()
    assert done.code == 0, done
    assert labels(done.stdout) == ["init", "thinking", "text", "result"]
    assert b"[thinking] Let me think about this step by step." in done.stdout


def test_tools_that_fail_are_errors_of_the_tool_only(run_claude, mock):
    done = run_claude(mock(SCENARIOS["toolfail"])).finish()
    assert done.code == 0, done
    assert done.stdout.count(b"[tool_result] Error\n") == 3
    assert "[result] ✓ completed successfully\n".encode() in done.stdout


def test_an_error_of_the_model_is_a_failed_run(run_claude, mock):
    done = run_claude(mock(SCENARIOS["err400"])).finish()
    assert done.code == 1, done
    assert "[result] ✗ failed\n".encode() in done.stdout
    assert b"mock: request is invalid" in done.stdout


def test_each_event_is_shown_as_it_is_emitted(run_claude, mock):
    turns = [tool_turn(("Bash", {"command": "echo early", "description": "x"})),
             {**text_turn("late"), "gate": "second"}]
    model = mock(turns)
    run = run_claude(model)
    run.expect("[tool_result] Completed\n  early\n")
    model.wait_main_requests(2)
    assert b"late" not in run.stdout.data and run.running
    model.gate("second").set()
    run.expect("[text] late\n")
    assert run.wait() == 0


def test_ctrl_c_ends_the_agent(run_claude, mock, vm0):
    model = mock([tool_turn(("Bash", {"command": "echo early", "description": "x"})),
                  {**text_turn("late"), "gate": "second"}])
    run = run_claude(model, pty_size=(100, 30))
    run.expect("early")
    model.wait_main_requests(2)
    run.press_ctrl_c()
    assert run.wait() == 130
    assert b"late" not in run.stdout.data


def test_the_key_is_nowhere_in_the_data_directory(run_claude, mock, vm0):
    model = mock([{**text_turn("answer"), "gate": "go"}])
    run = run_claude(model)
    model.wait_main_requests(1)
    assert model.main_requests()[0].headers["x-api-key"] == KEY
    assert vm0.files_with(KEY.encode()) == []
    model.gate("go").set()
    done = run.finish()
    assert done.code == 0, done
    assert KEY.encode() not in done.stdout + done.stderr
    assert vm0.files_with(KEY.encode()) == []


def test_raw_is_what_claude_code_printed(run_claude, mock, vm0, claude):
    done = run_claude(mock(SCENARIOS["tools"]), "--raw").finish()
    assert done.code == 0, done
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["claude_code_version"] == claude.version
    assert events[-1]["type"] == "result"


def test_without_a_key_the_run_is_refused_with_the_remedy(vm0, server, claude):
    done = vm0.run("run", "claude-code", "p", "--sandbox", "none",
                   env={"PATH": os.path.dirname(claude.path) + ":" + os.environ["PATH"]})
    assert done.code != 0
    assert b"ANTHROPIC_API_KEY" in done.stderr and b"setup-token" in done.stderr
