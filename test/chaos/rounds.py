# SPDX-License-Identifier: Apache-2.0
"""One round: a handful of runs, some faults in the middle of them, and the checks."""

import waits
from agents import AgentPlan, seeded
from arena import ServerDied
from checks import Verdict, check_left, check_run, check_server, open_store
from dramas import DRAMAS
from faults import Faults, plan_faults
from runs import Run

ATTENTION_MOVES = 6


class Round:
    """The plan is decided by seed and number alone; what the scheduler makes of it is not."""

    plan_type, run_type, faults_type = AgentPlan, Run, Faults
    runs_at_once = (3, 6)
    drama_chance = 0.1

    def __init__(self, arena, seed, number):
        rng = seeded(seed, number)
        drama = rng.choice(DRAMAS) if rng.random() < self.drama_chance else None
        plans = [self.plan_type(rng, f"{number}-{n}") for n in range(rng.randint(*self.runs_at_once))]
        if drama:
            for plan in plans:
                drama.suit(plan, rng)
        self.steps = [] if drama else self.plan_faults(rng, plans, arena.kind)
        self.arena = arena
        self.runs = [self.run_type(arena, plan, seeded(seed, plan.name)) for plan in plans]
        self.faults = self.faults_type(arena, self.runs)
        self._drama = drama(arena, self.faults, self.runs) if drama else None

    @staticmethod
    def plan_faults(rng, plans, kind):
        return plan_faults(rng, len(plans), sum(plan.events for plan in plans), kind)

    def play(self):
        """Plays it; gives the verdict."""
        try:
            self._disturb()
            return self._check()
        except (ServerDied, waits.Hang) as error:
            verdict = Verdict()
            verdict.found("stuck", str(error))
            return verdict

    def _disturb(self):
        self.arena.progress.begin(len(self.runs))
        early = [step for step in self.steps if step.due < 0]
        for step in early:
            self.faults.do(step)
        if self._drama:
            self._drama.before()
        for run in self.runs:
            run.thread.start()
        if self._drama:
            self._drama.play()
        for step in self.steps[len(early):]:
            self._reach(step.due)
            self.faults.do(step)
        self._reach(self.last_moment())
        self.faults.end()

    def last_moment(self):
        """When no more faults are due."""
        return sum(run.plan.events for run in self.runs)

    def _reach(self, events):
        while self.arena.progress.reach(events):
            self.faults.attend(ATTENTION_MOVES)

    def _check(self):
        verdict = Verdict()
        ended = []
        for run in self.runs:
            if run.await_end():
                ended.append(run)
                continue
            verdict.found("stuck", f"run {run.plan.name} ({run.run_id}) does not end "
                          f"within {run.bound} s")
        self.faults.end()  # what fired in the meantime
        with open_store(self.arena) as database:
            for run in ended:
                check_run(self.arena, database, run, verdict, self.faults.server_failed)
        self.check_rest(ended, verdict)
        check_server(self.arena, verdict)
        for run in self.runs:
            run.close()
        return verdict

    def check_rest(self, ended, verdict):
        check_left(self.arena, ended, verdict)
