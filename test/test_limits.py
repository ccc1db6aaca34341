# SPDX-License-Identifier: Apache-2.0
"""The limits of a run, from its config to what `vm0 show` tells, with the real sandbox."""

import json
import os

import pytest

import vm0 as vm0_module

IS_ROOT = os.getuid() == 0
DEFAULTS = ["memory", "pids", "disk", "files", "open_files"]


@pytest.fixture(scope="module")
def world(session_root):
    made = vm0_module.World(os.path.join(session_root, "limits"))
    made.serve()
    yield made
    made.close()


def run_boxed(world, script, **limits):
    """Runs a shell script in a box; gives how `vm0 run` ended, and the run as `vm0 show` tells it."""
    path = world.config("limited", command=["/bin/sh", "-c", script], sandbox="bubblewrap",
                        network="none", limits=limits)
    done = world.run("run", path, "x")
    listed = json.loads(world.run("ps", "-a", "--json").stdout)["runs"]
    shown = json.loads(world.run("show", listed[0]["id"], "--json").stdout) if listed else {}
    return done, shown


def test_an_unlimited_run_is_held_to_the_defaults_and_tells_what_it_used(world):
    done, run = run_boxed(world, "head -c 3000000 /dev/zero >f; sync; echo done")
    assert done.code == 0, done
    limits = run["limits"]
    assert limits["memoryBytes"] == 4 << 30 and limits["pids"] == 1024
    assert limits["diskBytes"] == 10 << 30 and limits["openFiles"] == 16384
    assert "cpu" not in limits and limits["named"] == []
    assert 3_000_000 <= run["usage"]["diskPeakBytes"] < 8_000_000
    assert run["usage"]["oomKills"] == 0
    if IS_ROOT:
        assert limits["unenforced"] == []
        assert run["usage"]["memoryPeakBytes"] > 100_000
        assert 1 <= run["usage"]["pidsPeak"] <= 10
        assert run["usage"]["cpuMs"] >= 1
    else:
        assert set(limits["unenforced"]) <= {"memory"}


def test_row_OutOfMemory_is_told_with_limit_and_peak(world):
    done, run = run_boxed(world, "echo started; head -c 900000000 /dev/zero | tail >/dev/null; exit $?",
                          memory="256MiB")
    if not IS_ROOT and done.code == 6:
        assert b"limits.memory can't be enforced with sandbox bubblewrap" in done.stderr, done
        assert b"started" not in done.stdout, done
        return
    reason = "killed by the kernel: memory limit 256 MiB, peak 256.0 MiB"
    assert done.code == 1 and reason.encode() in done.stderr, done
    assert b"the kernel killed a process of the run" in done.stderr, done
    assert run["error"] == reason + "; give it more with limits.memory"
    assert run["limits"]["named"] == ["memory"]
    assert run["usage"]["oomKills"] == 1
    assert 250 << 20 <= run["usage"]["memoryPeakBytes"] <= 256 << 20


@pytest.mark.skipif(not IS_ROOT, reason="memory is limited by control groups, which are root's")
def test_an_agent_that_survives_the_kernels_killing_is_not_failed(world):
    done, run = run_boxed(world, "(head -c 900000000 /dev/zero | tail >/dev/null) || echo went on",
                          memory="256MiB")
    assert done.code == 0 and b"went on" in done.stdout, done
    assert b"the kernel killed a process of the run: memory limit 256 MiB" in done.stderr, done
    assert run["status"] == "completed" and run["usage"]["oomKills"] == 1


def test_a_share_of_the_processor_is_held_or_refused(world):
    script = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; cut -d' ' -f14,15 /proc/$$/stat"
    done, run = run_boxed(world, script, cpu=0.5)
    if not IS_ROOT and done.code == 6:
        assert b"limits.cpu can't be enforced" in done.stderr, done
        return
    assert done.code == 0, done
    assert run["limits"]["cpu"] == 0.5
    # Never more than its share of the time, give or take a period and the start.
    assert run["usage"]["cpuMs"] <= run["result"]["executionTimeMs"] / 2 + 200


def test_a_fork_bomb_stops_at_the_limit(world):
    script = "i=0; while [ $i -lt 200 ]; do sleep 1000 >/dev/null & i=$((i+1)); done; echo all"
    done, run = run_boxed(world, script, pids=40)
    assert done.code == 1 and b"all" not in done.stdout, done
    assert b"Cannot fork" in done.stderr, done
    assert run["limits"]["pids"] == 40
    if IS_ROOT:
        assert 20 <= run["usage"]["pidsPeak"] <= 40


def test_open_files_and_the_size_of_a_file_are_held_for_everybody(world):
    done, run = run_boxed(world, "ulimit -n; ulimit -Hn; ulimit -f", open_files=64, disk="8MiB")
    assert done.stdout.split() == [b"64", b"64", b"16384"], done
    assert run["limits"]["openFiles"] == 64
    assert run["limits"]["named"] == ["disk", "open_files"]


def test_without_a_sandbox_no_limit_is_promised(world):
    path = world.config("free", command=["/bin/sh", "-c", "echo hi"], sandbox="none")
    done = world.run("run", path, "x", "--sandbox", "none")
    assert done.code == 0, done
    listed = json.loads(world.run("ps", "-a", "--json").stdout)["runs"]
    shown = json.loads(world.run("show", listed[0]["id"], "--json").stdout)
    assert shown["limits"]["unenforced"] == DEFAULTS
    path = world.config("free", command=["/bin/sh", "-c", "echo hi"], sandbox="none",
                        limits={"open_files": 64})
    refused = world.run("run", path, "x", "--sandbox", "none")
    assert refused.code == 6 and b"limits.open_files" in refused.stderr, refused
