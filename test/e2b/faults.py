# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between a client and E2B, as rules that a test sets."""

import re
import threading
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to the next `times` requests that match. One of:

    status        answered with that, and `message`; nothing is carried out
    lose          "request": the connection ends before anything was carried out; "answer": after it
    cut_request   the connection ends after so many bytes of the body
    cut_answer    … of the answer's
    hold          the request waits until that event is set
    """

    method: str
    path: str  # a regular expression, for all of the path with its query
    times: int = 1
    status: int = 0
    message: str = "out of order"
    headers: dict = field(default_factory=dict)
    lose: str = ""
    cut_request: int = -1
    cut_answer: int = -1
    hold: threading.Event | None = None

    def matches(self, method, path):
        return self.times > 0 and method == self.method and re.fullmatch(self.path, path)


class Faults:
    """The rules of one server, the first that matches counts. Any thread."""

    def __init__(self):
        self._rules = []
        self._lock = threading.Lock()

    def add(self, method, path, **what):
        fault = Fault(method, path, **what)
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self):
        with self._lock:
            for rule in self._rules:
                rule.times = 0
                if rule.hold:
                    rule.hold.set()
            self._rules = []

    def take(self, method, path):
        with self._lock:
            for rule in self._rules:
                if rule.matches(method, path):
                    rule.times -= 1
                    return rule
        return None
