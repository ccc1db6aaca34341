# SPDX-License-Identifier: Apache-2.0
"""A run in a sandbox: like other runs, with a workspace that goes there and comes back."""

import contextlib
import json
import os

import waits
from runs import Run

AHEAD_SECONDS = 2  # a supervisor may stand still


class CloudRun(Run):
    bound = 240  # E2B is asked again after up to half a minute

    def _prepare_mark(self):
        """A fifo, as what is shown in sandboxes can't be written to."""
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        self._gate = waits.Gate(os.path.join(self.folder, "go"))
        self._bell = waits.Bell(os.path.join(self.folder, "mark"))
        self._marks = 0
        self._sent = os.path.join(self.folder, "sent")
        for name, content in self.plan.sent.items():
            self.arena.world.write(os.path.join(self._sent, name), content)
        return self._bell.path

    def _request(self):
        return {"agentConfigId": self.arena.config_id, "timeout": self.plan.timeout,
                "secrets": {"CHAOS_TOKEN": self.plan.secret},
                "maxAttempts": 10,  # servers die often, and each may have been about to start it
                "workspace": {"path": self._sent, "mode": "copy"},
                "prompt": json.dumps(self.plan.steps(self.mark, self._gate.path))}

    def _spool_folders(self):
        return [os.path.join(sandbox.box.root, "vm0", self.run_id)
                for sandbox in self.arena.sandboxes_of(self.run_id)]

    def get_ahead(self):
        """Lets the agent on to a stage before its last one was seen, and waits for more in its spool: whether it came."""
        spools = [os.path.join(folder, "spool") for folder in self._spool_folders()]
        spools = [path for path in spools if os.path.exists(path)]
        with self._pacing:
            if not spools or self._stage >= len(self.plan.stages) - 1:
                return False
            self._stage += 1
            size = os.path.getsize(spools[0])
            self._open_gate(self.run_id)
        with contextlib.suppress(waits.Hang, OSError):
            waits.wait_path(spools[0], lambda path: os.path.getsize(path) > size, AHEAD_SECONDS)
            return True
        return False

    def marks(self):
        self._marks += self._bell.count()
        return self._marks

    def workspace(self):
        """What came home: the contents of files by their paths."""
        top = os.path.join(self.arena.world.run_dir(self.run_id), "workspace")
        found = {}
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    found[os.path.relpath(path, top)] = file.read()
        return found

    def close(self):
        super().close()
        self._bell.close()
