# SPDX-License-Identifier: Apache-2.0
"""Rounds whose faults must come in a certain order to mean anything. Each takes plans that suit it,
and plays the middle of the round."""

import contextlib
import os
import shutil

import power_loss
import waits
from agents import Stage
from checks import DATABASE

ELDER_SECONDS = 5


class Drama:
    """What they have in common."""

    def __init__(self, arena, faults, runs):
        self.arena = arena
        self.faults = faults
        self.runs = runs

    @staticmethod
    def suit(plan, rng):
        """Makes a plan fit: so that nothing else ends the run meanwhile, and marks are seen."""
        plan.own_folder = False
        plan.cancel_at = plan.events if plan.ending == "hang" else None

    def before(self):
        """Before the runs are asked for."""

    def play(self):
        """While they run."""

    def stop_before_start(self):
        """The next supervisor that would ask to start stands still instead."""
        self.arena.arm("supervisor.start", "stop", 1, id(self))

    def await_stopped(self):
        """The run whose supervisor stopped, and its pid."""
        progress = self.arena.progress
        progress.await_all(progress.has_fired)
        pid = progress.take_fired()[0]
        progress.await_all(lambda: self.faults.run_of(pid))  # who asked for it may not know its id yet
        return self.faults.run_of(pid), pid


class ElderAttempt(Drama):
    """A supervisor sleeps before it asks to start, its run's directory is moved away, a new server
    gives the run another attempt; then the older one wakes up."""

    name = "an older attempt wakes up"

    @staticmethod
    def suit(plan, rng):
        plan.stages.append(plan.make_stage(rng))
        Drama.suit(plan, rng)

    def before(self):
        self.stop_before_start()
        for run in self.runs:
            run.hold_at(0)  # none ends before the older attempt had its chance

    def play(self):
        run, elder = self.await_stopped()
        folder = self.arena.world.run_dir(run.run_id)
        os.rename(folder, f"{self.arena.aside}/{run.run_id}")
        self.arena.restart()
        run.await_mark()
        self.faults.let_on(elder)
        with contextlib.suppress(waits.Hang):  # the checks will see what it does instead
            waits.wait_gone(elder, ELDER_SECONDS)
        for run in self.runs:
            run.hold_at(None)
        self.faults.counts[self.name] += 1


class CancelBeforeStart(Drama):
    """A run is cancelled while its supervisor sleeps before it asks to start."""

    name = "cancelled before its start"

    def before(self):
        self.stop_before_start()

    def play(self):
        run, supervisor = self.await_stopped()
        run.cancel()
        self.faults.let_on(supervisor)
        self.faults.counts[self.name] += 1


class Restore(Drama):
    """The database is put back to what it was a while ago, under live supervisors, some of which
    have nothing more to send."""

    name = "an older database is put back"

    @staticmethod
    def suit(plan, rng):
        plan.end_by(rng.choice(["exit", "fail", "children"]))
        plan.cancel_at = None
        last = Stage() if rng.random() < 0.7 else plan.make_stage(rng)
        plan.stages = [*(plan.make_stage(rng) for _ in range(3)), last]

    def before(self):
        for run in self.runs:
            run.hold_at(1)

    def play(self):
        self.arena.progress.await_all(lambda: all(run.is_held for run in self.runs))
        backup = os.path.join(self.arena.aside, "backup")
        os.mkdir(backup)
        self.arena.kill_server()
        self._copy(self.arena.world.data_dir, backup)
        self.arena.start()
        for run in self.runs:
            run.hold_at(2)
        self.arena.progress.await_all(lambda: all(run.is_held for run in self.runs))
        self.arena.kill_server()
        for run in self.runs:
            run.may_be_ahead()
        self._copy(backup, self.arena.world.data_dir)
        self.arena.start()
        for run in self.runs:
            run.hold_at(None)
        shutil.rmtree(backup)
        self.faults.counts[self.name] += 1

    def _copy(self, source, target):
        for name in (*DATABASE, "vm0.db-shm"):
            path = os.path.join(target, name)
            if os.path.exists(path):
                power_loss.forget(self.arena.world, path)
                os.unlink(path)
        for name in DATABASE:
            if os.path.exists(os.path.join(source, name)):
                shutil.copy(os.path.join(source, name), target)


DRAMAS = (ElderAttempt, CancelBeforeStart, Restore)
