# SPDX-License-Identifier: Apache-2.0
"""The fault points of the code (src/os/fault.h), along the way of a run. `./dev lint` compares."""

CRASH = ("crash", "hang", "stop")
FAIL = (*CRASH, "fail")

# Who passes it, and what may happen there.
POINTS = {
    # The way into the queue and out of it.
    "run.created": ("server", CRASH),
    "run.claimed": ("server", CRASH),
    "run.released": ("server", CRASH),
    "run.cancelled": ("server", CRASH),
    # The runner, which is in the server's process.
    "runner.claimed": ("server", CRASH),
    "runner.prepare": ("server", CRASH),
    "runner.directory": ("server", CRASH),
    "runner.token": ("server", CRASH),
    "runner.prepared": ("server", CRASH),
    "runner.launched": ("server", CRASH),
    "runner.bury": ("server", CRASH),
    "runner.buried": ("server", CRASH),
    "runner.tidy": ("server", CRASH),
    # A supervisor, from its lock to its end.
    "supervisor.locked": ("supervisor", CRASH),
    "supervisor.start": ("supervisor", CRASH),
    "run.started": ("server", CRASH),
    "supervisor.started": ("supervisor", CRASH),
    "supervisor.launched": ("supervisor", CRASH),
    "supervisor.read": ("supervisor", CRASH),
    "supervisor.masked": ("supervisor", CRASH),
    "supervisor.append": ("supervisor", FAIL),
    "supervisor.spooled": ("supervisor", CRASH),
    "supervisor.ship": ("supervisor", CRASH),
    "feed.received": ("server", CRASH),
    "store.commit": ("server", FAIL),
    "store.committed": ("server", CRASH),
    "feed.stored": ("server", CRASH),
    "feed.woken": ("server", CRASH),
    "api.frames": ("server", CRASH),
    "supervisor.shipped": ("supervisor", CRASH),
    "supervisor.exited": ("supervisor", CRASH),
    "supervisor.completing": ("supervisor", CRASH),
    "run.completed": ("server", CRASH),
    "supervisor.complete": ("supervisor", CRASH),
    # Both.
    "run_dir.forget": ("both", CRASH),
    "run_dir.forgotten_token": ("both", CRASH),
    "file.write": ("both", FAIL),
    "file.sync": ("both", FAIL),
    "file.rename": ("both", FAIL),
    "file.sync_directory": ("both", FAIL),
}

# The way into a sandbox elsewhere and back.
POINTS_OF_SANDBOXES = {
    "cloud.created": ("server", CRASH),
    "cloud.noted": ("server", CRASH),
    "cloud.launched": ("server", CRASH),
    "supervisor.packed": ("supervisor", CRASH),
    "cloud.fetched": ("server", CRASH),
    "cloud.removed": ("server", CRASH),
}

# Passed only by commands that are no part of a run's way.
POINTS_OF_COMMANDS = {
    "store.copied": ("server", CRASH),
    "backup.piece": ("server", CRASH),
    "backup.write": ("client", FAIL),
    "prune.directory": ("server", CRASH),
    "prune.piece": ("server", CRASH),
    "restore.write": ("client", FAIL),
    "restore.staged": ("client", CRASH),
    "restore.ready": ("client", CRASH),
    "restore.aside": ("client", CRASH),
    "restore.placed": ("client", CRASH),
}

# Passed only where the loss of power is simulated (power_loss.py).
POINTS_WITH_POWER = {
    "store.sync": ("server", FAIL),
    "power.noted": ("both", CRASH),
}
