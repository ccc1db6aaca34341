# SPDX-License-Identifier: Apache-2.0
"""Recorded output of real agents, replayed through the whole system."""

import glob
import json
import os

import pytest

from vm0 import HERE

TRANSCRIPTS = sorted(glob.glob(os.path.join(HERE, "transcripts", "*", "*.jsonl")))
NAMES = [os.path.relpath(path, os.path.join(HERE, "transcripts")) for path in TRANSCRIPTS]


def test_there_are_recordings():
    assert len(TRANSCRIPTS) >= 12


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=NAMES)
def test_a_recording_comes_out_as_it_went_in(vm0, server, path):
    with open(path, "rb") as file:
        recording = file.read()
    replayed = vm0.write("recording.jsonl", recording)
    failed = json.loads(recording.splitlines()[-1]).get("is_error", False)
    done = vm0.run_agent([{"file": replayed}], dialect="claude-code")
    assert done.code == (1 if failed else 0), done
    assert done.stdout.startswith(b"[init] Starting Claude Code agent\n")
    run_id = vm0.only_run()
    assert vm0.raw(run_id) == recording
    assert vm0.run("logs", run_id).stdout == done.stdout, "live and later are the same"
