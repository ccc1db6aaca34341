# SPDX-License-Identifier: Apache-2.0
"""E2B's own SDK, unmodified, against the server in e2b/: what shows that it speaks E2B's API."""

import os
import subprocess

import vm0 as vm0_module
from e2b.server import E2bServer

SDK = os.path.join(vm0_module.HERE, "e2b", "sdk")
SCRIPT = os.path.join(SDK, "check.mjs")
MOST_SANDBOXES = 4


def test_the_sdk_finds_what_it_expects(vm0):
    installed = subprocess.run([os.path.join(SDK, "install")], check=True, stdout=subprocess.PIPE, text=True)
    with E2bServer(os.path.join(vm0.root, "e2b"), most_sandboxes=MOST_SANDBOXES) as e2b:
        e2b.faults.add("POST", "/v2/sandboxes", status=429, headers={"Retry-After": "0"})
        command = ["node", SCRIPT, installed.stdout.strip(), str(MOST_SANDBOXES)]
        done = subprocess.run(command, env={**os.environ, **e2b.environment()}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        left = e2b.sandboxes()
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert [line for line in lines if not line.startswith("ok ")] == []
    with open(SCRIPT, encoding="utf-8") as file:
        assert len(lines) == file.read().count("\nawait check(")
    assert not left
