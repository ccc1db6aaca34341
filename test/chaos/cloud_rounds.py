# SPDX-License-Identifier: Apache-2.0
"""A round whose runs go to sandboxes, and what must be true after it."""

import os

import cloud
from checks import KILLS_OF_AGENT, LEFT_FILES, check_left
from cloud_agents import CloudPlan
from cloud_arena import REQUEST_WEIGHT
from cloud_faults import CloudFaults, plan_cloud_faults
from cloud_runs import CloudRun
from rounds import Round

REQUESTS_OF_A_RUN = 16
LEFT = (*LEFT_FILES, *cloud.LEFT_FILES)
BOUND_SECONDS = 60


class CloudRound(Round):
    plan_type, run_type, faults_type = CloudPlan, CloudRun, CloudFaults
    runs_at_once = (8, 12)
    drama_chance = 0

    @staticmethod
    def plan_faults(rng, plans, kind):
        return plan_cloud_faults(rng, plans, moments_of(plans))

    def last_moment(self):
        return moments_of([run.plan for run in self.runs])

    def check_rest(self, ended, verdict):
        for run in ended:
            _check_workspace(run, verdict)
        check_left(self.arena, ended, verdict, LEFT, BOUND_SECONDS)


def moments_of(plans):
    return sum(plan.events + REQUESTS_OF_A_RUN * REQUEST_WEIGHT for plan in plans)


def _check_workspace(run, verdict):
    """Of an agent that came to its own end, and was heard."""
    row = run.arena.http().get(f"/api/agent/runs/{run.run_id}").json
    result = row.get("result") or {}
    whole = result.get("outputComplete", True) and result.get("exitCode") is not None
    if row["status"] != "completed" and (not whole or run.suffered & KILLS_OF_AGENT or run.cancel_asked):
        return
    if row["status"] == "timeout":
        return
    verdict.workspaces += 1
    found, made = run.workspace(), run.plan.made
    for name in sorted({*found, *made}):
        if found.get(name) != made.get(name):
            verdict.found("lost", f"run {run.plan.name} ({run.run_id}), {row['status']}: its workspace has "
                          f"{name} as {found.get(name)!r:.80}, not {made.get(name)!r:.80}")


def check_world(arena, verdict):
    """At the end of a world: nothing is left at E2B, nor in any run's directory."""
    for sandbox in arena.wait_empty():
        verdict.found("survivors", f"sandbox {sandbox.id} of {sandbox.metadata}")
    runs = os.path.join(arena.world.data_dir, "runs")
    for run_id in os.listdir(runs):
        for name in sorted({"sandbox.json", "spec.json", "token"} & set(os.listdir(os.path.join(runs, run_id)))):
            verdict.found("wrong", f"run {run_id} has {name} left")
