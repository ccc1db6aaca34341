# SPDX-License-Identifier: Apache-2.0
"""A world with a server whose runs go to sandboxes of our E2B (test/e2b)."""

import json
import os
import socket

import vm0 as vm0_module
import waits
from e2b.server import E2bServer, Template

# What no directory of a run that has ended may have.
LEFT_FILES = ("sandbox.json", "spec.json", "token", "workspace.tar.gz", "result.tar.gz")
AGENT = "/opt/vm0-test/agent"  # the scripted agent, in a sandbox


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def supervisors_in(sandbox):
    """Pids of the supervisor in a sandbox: the one that is no child of another."""
    found = [pid for pid in waits.processes_with("supervise") if in_box(pid, sandbox)]
    return [pid for pid in found if b"--remote" in cmdline(pid)]


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def in_box(pid, sandbox):
    try:
        return os.stat(f"/proc/{pid}/root").st_ino == os.stat(sandbox.box.root).st_ino
    except OSError:
        return False


class Cloud:
    """The E2B of a world and the world's server; `public_url` is what sandboxes reach it by."""

    def __init__(self, vm0, **options):
        self.vm0 = vm0
        # What the test has written is seen in sandboxes under its own path.
        template = Template(binds=[(vm0_module.FAKE_AGENT, AGENT), (vm0.files, vm0.files)])
        self.e2b = E2bServer(os.path.join(vm0.root, "e2b"), templates={"agent": template}, **options)
        self.port = free_port()
        self.public_url = f"http://127.0.0.1:{self.port}"

    def serve(self, *options, env=None, **more):
        return self.vm0.serve("--public-url", self.public_url, *options, listen=f"127.0.0.1:{self.port}",
                              env={**self.e2b.environment(), **(env or {})}, unsandboxed=False, **more)

    def create(self, steps, image="agent", dialect="plain", **fields):
        """A run in a sandbox; gives its id."""
        config_id = self.vm0.create_config(sandbox="e2b", image=image, command=[AGENT], dialect=dialect)
        answer = self.vm0.http.post("/api/agent/runs", {
            "agentConfigId": config_id, "prompt": json.dumps(steps), **fields})
        assert answer.status == 201, answer
        return answer.json["runId"]

    def only_sandbox(self):
        """The one that there is, or comes."""
        waits.until("a sandbox is there", lambda: len(self.e2b.sandboxes()) == 1)
        return self.e2b.sandboxes()[0]

    def wait_empty(self):
        waits.until("no sandbox is left", lambda: not self.e2b.sandboxes())

    def wait_tidy(self, run_id):
        """Nothing is left to do for a run, here or there."""
        self.wait_empty()
        folder = self.vm0.run_dir(run_id)
        waits.until("the directory is tidy", lambda: not set(LEFT_FILES) & set(os.listdir(folder)))

    def show(self, run_id):
        return self.vm0.http.get(f"/api/agent/runs/{run_id}").json

    def workspace(self, run_id, name):
        with open(os.path.join(self.vm0.run_dir(run_id), "workspace", name), encoding="utf-8") as file:
            return file.read()

    def close(self):
        folder = self.e2b.folder
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith(".log"):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    print(name, file.read()[-2000:])
        self.e2b.close()
