# SPDX-License-Identifier: Apache-2.0
"""The table of a comparison: peers measured in turn, medians of the rounds, ratios round by round."""

import datetime
import json
import os
import platform
import statistics
import subprocess

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")


class Row:
    """One figure of vm0 and of its peers."""

    def __init__(self, name, unit):
        self.name = name
        self.unit = unit
        self.values = {}
        self._goals = []

    def add(self, peer, value):
        """A round's value. Each peer has as many as vm0, in the same order."""
        self.values.setdefault(peer, []).append(value)

    def at_most(self, ratio, peer):
        """The goal: vm0 has no more than `ratio` times the peer's figure."""
        self._goals.append((peer, "≤", ratio))
        return self

    def at_least(self, ratio, peer):
        self._goals.append((peer, "≥", ratio))
        return self

    def no_more_than(self, limit):
        """The goal: vm0's own figure."""
        self._goals.append((None, "≤", limit))
        return self

    def median(self, peer):
        return statistics.median(self.values[peer])

    def ratio(self, peer):
        return statistics.median(own / other for own, other in
                                 zip(self.values["vm0"], self.values[peer]))

    def goals(self):
        """(text, reached) of each goal."""
        for peer, sign, bound in self._goals:
            figure = self.median("vm0") if peer is None else self.ratio(peer)
            reached = figure <= bound if sign == "≤" else figure >= bound
            what = f"{show(figure)} {self.unit}" if peer is None else f"{show(figure)} × {peer}"
            yield f"{what} (goal {sign} {show(bound)})", reached

    def as_json(self):
        return {"name": self.name, "unit": self.unit, "rounds": self.values,
                "medians": {peer: self.median(peer) for peer in self.values},
                "goals": [{"text": text, "reached": reached} for text, reached in self.goals()]}


def show(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.1 else f"{value:.2g}"


def text_of(rows):
    lines = []
    for row in rows:
        figures = "   ".join(f"{peer} {show(row.median(peer))}" for peer in row.values)
        lines.append(f"{row.name} [{row.unit}]")
        lines.append(f"    {figures}")
        lines += [f"    {'✓' if reached else '✗'} {text}" for text, reached in row.goals()]
    return "\n".join(lines) + "\n"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=os.path.dirname(RESULTS), check=False,
                            stdout=subprocess.PIPE, text=True).stdout.strip()
    return {"cpu": model, "processors": os.cpu_count(), "memory_gib": memory,
            "kernel": platform.release(), "commit": commit,
            "load_before": round(os.getloadavg()[0], 2),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")}


def write(name, about, rows):
    """The files of the results, text and JSON; gives the text."""
    head = (f"{about['cpu']}, {about['processors']} processors, {about['memory_gib']} GiB, "
            f"Linux {about['kernel']}\ncommit {about['commit']}, {about['date']}, "
            f"load average before: {about['load_before']}\n\n")
    text = head + text_of(rows)
    os.makedirs(RESULTS, exist_ok=True)
    stem = os.path.join(RESULTS, f"{name}-{about['date'][:10]}")
    with open(stem + ".txt", "w", encoding="utf-8") as file:
        file.write(text)
    with open(stem + ".json", "w", encoding="utf-8") as file:
        json.dump({"machine": about, "rows": [row.as_json() for row in rows]}, file, indent=1,
                  ensure_ascii=False)
        file.write("\n")
    return text
