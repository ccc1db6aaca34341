#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent without a model: looks around in its working directory with real commands, writes
report.md, and says what it does in the event format of Claude Code (stream-json)."""

import json
import os
import subprocess
import sys
import time
import uuid

SESSION = str(uuid.uuid4())
START = time.monotonic()
turns = 0


def emit(event):
    print(json.dumps({**event, "session_id": SESSION}, ensure_ascii=False), flush=True)


def say(kind, **block):
    global turns
    turns += 1
    emit({"type": "assistant", "parent_tool_use_id": None,
          "message": {"id": f"msg_{turns}", "role": "assistant", "model": "none",
                      "content": [{"type": kind, **block}]}})


def report_result(call, content, is_error):
    emit({"type": "user", "parent_tool_use_id": None, "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": call, "content": content, "is_error": is_error}]}})


def bash(command):
    """Runs a command as a tool call; gives its output."""
    call = f"tool_{turns + 1}"
    say("tool_use", id=call, name="Bash", input={"command": command})
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode(errors="replace").rstrip()
    report_result(call, output or "(no output)", done.returncode != 0)
    return output


def write_file(path, content):
    call = f"tool_{turns + 1}"
    say("tool_use", id=call, name="Write", input={"file_path": path, "content": content})
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        report_result(call, f"Wrote {len(content)} characters to {path}", False)
    except OSError as error:
        report_result(call, str(error), True)


def main():
    prompt = sys.argv[-1] if len(sys.argv) > 1 else ""
    emit({"type": "system", "subtype": "init", "cwd": os.getcwd(), "model": "none (a script)",
          "tools": ["Bash", "Write"]})
    say("thinking", thinking="No model is here to think. I list the folder, count its lines, look "
                             "at its history if it has one, and write down what I found.")
    say("text", text=f"You asked: {prompt}\nI look around first.")
    files = bash("ls -l")
    lines = bash("find . -type f -not -path '*/.git/*' -not -path './build/*' | head -n 200 | "
                 "tr '\\n' '\\0' | xargs -0 wc -l | sort -n | tail -n 5")
    history = bash("git log --oneline -n 5") if os.path.isdir(".git") else ""
    report = f"# Report\n\nFiles:\n\n{files}\n\nMost lines:\n\n{lines}\n"
    if history:
        report += f"\nLast changes:\n\n{history}\n"
    write_file("report.md", report)
    answer = f"Done: report.md has {report.count(chr(10))} lines about this folder."
    say("text", text=answer)
    emit({"type": "result", "subtype": "success", "is_error": False, "result": answer,
          "duration_ms": round((time.monotonic() - START) * 1000), "num_turns": turns,
          "total_cost_usd": 0, "usage": {"input_tokens": 0, "output_tokens": 0}})


main()
