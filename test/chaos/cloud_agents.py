# SPDX-License-Identifier: Apache-2.0
"""What the agents of a round do that run in sandboxes: the same as others, and they change a workspace."""

from agents import AgentPlan

FILE_SIZES = (0, 10, 3_000, 400_000)


class CloudPlan(AgentPlan):
    """`sent` is what is in the workspace that it is given, `made` what must be in it at its end: the contents of
    files by their paths."""

    def __init__(self, rng, name):
        super().__init__(rng, name)
        self.boxed = self.own_folder = False
        self.sent = {f"sent{n}": self._content(rng) for n in range(rng.randint(1, 3))}
        self.made = dict(self.sent)
        for number, stage in enumerate(self.stages):
            self._change(rng, number, stage)

    @staticmethod
    def _content(rng):
        """Text that does not compress well, so that archives have a size."""
        return f"{rng.getrandbits(8 * 400_000):x}"[:rng.choice(FILE_SIZES)] + "\n"

    def _change(self, rng, number, stage):
        text, path = f"{rng.getrandbits(40):x}", f"deep/{number}/made"
        commands = [f"mkdir -p deep/{number} && echo {text} > {path}"]
        self.made[path] = text + "\n"
        victim = rng.choice(sorted(self.made))
        if rng.random() < 0.5:
            commands.append(f"rm {victim}")
            del self.made[victim]
        else:
            commands.append(f"echo more{number} >> {victim}")
            self.made[victim] += f"more{number}\n"
        stage.steps.append({"run": ["sh", "-c", " && ".join(commands)]})
