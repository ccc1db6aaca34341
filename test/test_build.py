# SPDX-License-Identifier: Apache-2.0
"""`vm0 build`, running what was built, and the tour of examples/."""

import os
import re
import shutil

import pytest

from vm0 import HERE


def test_build_says_created_then_updated(vm0, server):
    path = vm0.config("first-agent")
    done = vm0.run("build", path)
    assert done.code == 0, done
    text = done.stdout.decode()
    assert "Uploading configuration...\n✓ Config created: first-agent\n  Config ID: " in text
    assert text.endswith('\n\n  Run your agent:\n    vm0 run first-agent "your prompt"\n')
    assert "✓ Config updated: first-agent".encode() in vm0.run("build", path).stdout


def test_a_built_agent_runs_by_name_and_by_id(vm0, server):
    built = vm0.run("build", vm0.config("first-agent"))
    config_id = re.search(rb"Config ID: (\S+)", built.stdout).group(1).decode()
    for agent in ("first-agent", config_id):
        done = vm0.run("run", agent, '[{"line":"x"}]', "--sandbox", "none")
        assert (done.stdout, done.code) == (b"x\n", 0), done


def test_the_later_form_with_agents_is_taken_too(vm0, server):
    path = vm0.write("vm0.yaml", """\
version: "1.0"
agents:
  second-agent:
    provider: command
    command: ["/bin/echo"]
    sandbox: none
""")
    assert vm0.run("build", path).code == 0
    done = vm0.run("run", "second-agent", "hello", "--sandbox", "none")
    assert (done.stdout, done.code) == (b"hello\n", 0), done


def test_variables_are_expanded_from_the_environment(vm0, server):
    path = vm0.config(environment={"GREETING": "${HELLO} there"})
    prompt = '[{"show_env":["GREETING"]}]'
    done = vm0.run("run", path, prompt, "--sandbox", "none", "--raw", env={"HELLO": "hi"})
    assert b'"GREETING":"hi there"' in done.stdout, done
    missing = vm0.run("build", path)
    assert missing.code == 2
    assert b"HELLO" in missing.stderr


@pytest.mark.parametrize("text, wanted", [
    ("a: [", b"Invalid YAML"), ("", b""), ("- x\n", b""), ("version: '1.0'\n", b"agent"),
    ("version: '1.0'\nagent: {name: x y}\n", b"name"),
    ("version: '1.0'\nagent: {name: abc, provider: clod}\n", b"clod"),
    ("version: '1.0'\nagent: {name: abc, sandbox: none, lmits: {}}\n", b"lmits")])
def test_a_bad_file_is_refused_with_the_reason(vm0, server, text, wanted):
    done = vm0.run("build", vm0.write("bad.yaml", text))
    assert done.code == 2, done
    assert done.stdout == b"" and wanted in done.stderr and done.stderr


def test_the_tour_works_from_init_to_result(vm0, server):
    folder = vm0.path("tour")
    shutil.copytree(os.path.join(HERE, "..", "examples", "tour"), folder)
    done = vm0.run("run", os.path.join(folder, "vm0.yaml"), "What is here?", "-w", folder,
                   "--sandbox", "none", "--full")
    assert done.code == 0, done
    labels = re.findall(r"^\[(\w+)\]", done.stdout.decode(), re.MULTILINE)
    assert labels == ["init", "thinking", "text", "tool_use", "tool_result", "tool_use",
                      "tool_result", "tool_use", "tool_result", "text", "result"]
    assert b"[text] You asked: What is here?\n" in done.stdout
    assert b"[tool_result] Error" not in done.stdout
    assert not os.path.exists(os.path.join(folder, "report.md")), "it worked on a copy"
    report = os.path.join(vm0.run_dir(vm0.only_run()), "workspace", "report.md")
    if os.access(os.path.dirname(report), os.X_OK):
        with open(report, encoding="utf-8") as file:
            assert "agent.py" in file.read()
