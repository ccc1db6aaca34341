#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mock of the Anthropic Messages API that says what a script tells it to.

As a program:  mock_llm.py --script FILE --port-file FILE [--requests FILE]
In a test:     with MockLlm(turns) as mock: … mock.url … mock.requests … mock.gate("name").set()

A script is a list of turns. A request gets the turn that its conversation is at: the number of
assistant messages that it holds. Asking again (a retry, another run) gives the same turn again; the
last turn answers everything beyond it. A turn is an object:

  "content"     list of {"text": …}, {"thinking": …}, {"tool_use": {"name": …, "input": {…}}}
  "stop_reason" "end_turn", or "tool_use" where there is one, unless given
  "errors"      list of {"status", "type", "message", "headers"?}: the first attempts at this turn
                get these, one each
  "status"      the same for every attempt, in place of content: {"status": 400, "type": …, …}
  "gate"        wait for the gate of that name before the answer's first byte
  "gate_after"  [n, name]: wait for that gate after n server-sent events of the answer
  "cut_after"   n: close the connection after n server-sent events

A gate is a threading.Event of the mock; as a program, the path of a fifo to read one byte from.
"""

import argparse
import collections
import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Recorded = collections.namedtuple("Recorded", "method path headers body side")


def text_turn(text):
    return {"content": [{"text": text}]}


def tool_turn(*tools, text=None):
    """A turn that calls tools: (name, input) each."""
    content = [{"text": text}] if text else []
    return {"content": content + [{"tool_use": {"name": n, "input": i}} for n, i in tools]}


# The conversations of test/transcripts.
SCENARIOS = {
    "plain": [text_turn("Hello from the mock model. This is a plain answer.")],
    "tools": [
        tool_turn(("Bash", {"command": "echo hi", "description": "mock command"}),
                  text="I will run a command."),
        tool_turn(("Write", {"file_path": "{cwd}/hello.txt", "content": "hello\nworld\n"}),
                  text="Now I write a file."),
        tool_turn(("Read", {"file_path": "{cwd}/hello.txt"})),
        tool_turn(("Edit", {"file_path": "{cwd}/hello.txt", "old_string": "world",
                            "new_string": "mock world"})),
        text_turn("All done: ran echo, wrote, read and edited hello.txt."),
    ],
    "parallel": [
        tool_turn(("Bash", {"command": "echo one", "description": "mock command"}),
                  ("Bash", {"command": "echo two", "description": "mock command"}),
                  text="Two commands at once."),
        text_turn("Both commands finished."),
    ],
    "thinking": [{"content": [
        {"thinking": "Let me think about this step by step. First, consider the question. "
                     "Second, answer it."},
        {"text": "The answer, after thinking, is 42."}]}],
    "toolfail": [
        tool_turn(("Bash", {"command": "echo out; echo oops >&2; exit 3",
                            "description": "mock command"}), text="This will fail."),
        tool_turn(("Read", {"file_path": "{cwd}/does-not-exist.txt"})),
        tool_turn(("NoSuchTool", {"x": 1})),
        text_turn("Three tools failed, as planned."),
    ],
    "err400": [{"status": {"status": 400, "type": "invalid_request_error",
                           "message": "mock: request is invalid"}}],
}


def is_side_request(body):
    """The requests that Claude Code 2.0.45 makes beside the conversation (quota, warm-up, titles,
    paths in outputs): none of them offers a tool, and the conversation always does."""
    return not body.get("tools")


def _fill_in(value, cwd):
    """{cwd} in tool inputs is the agent's working directory, as its system prompt tells it."""
    if isinstance(value, str):
        return value.replace("{cwd}", cwd)
    if isinstance(value, dict):
        return {key: _fill_in(member, cwd) for key, member in value.items()}
    if isinstance(value, list):
        return [_fill_in(member, cwd) for member in value]
    return value


def _working_directory(body):
    for line in json.dumps(body.get("system", "")).replace("\\n", "\n").split("\n") + json.dumps(
            body.get("messages", "")).replace("\\n", "\n").split("\n"):
        for mark in ("Primary working directory:", "Working directory:"):
            if mark in line:
                return line.split(mark, 1)[1].strip().split('"')[0]
    return "."


class _Answer:
    """One answer of the model: its message, and the same as server-sent events."""

    def __init__(self, turn, body, number):
        self._turn = turn
        cwd = _working_directory(body)
        identity = hashlib.sha256(f"{number}".encode()).hexdigest()
        self.blocks = []
        for index, part in enumerate(turn["content"]):
            if "text" in part:
                self.blocks.append({"type": "text", "text": part["text"]})
            elif "thinking" in part:
                self.blocks.append({"type": "thinking", "thinking": part["thinking"],
                                    "signature": "bW9jay1zaWduYXR1cmU="})
            else:
                tool = part["tool_use"]
                self.blocks.append({"type": "tool_use", "id": f"toolu_{identity[:20]}{index}",
                                    "name": tool["name"], "input": _fill_in(tool["input"], cwd)})
        has_tool = any(block["type"] == "tool_use" for block in self.blocks)
        self.stop_reason = turn.get("stop_reason", "tool_use" if has_tool else "end_turn")
        words = sum(len(json.dumps(block)) for block in self.blocks) // 4
        self.usage = {"input_tokens": 1000 + 20 * number, "cache_creation_input_tokens": 50,
                      "cache_read_input_tokens": 200, "output_tokens": words}
        self.head = {"id": f"msg_{identity[:24]}", "type": "message", "role": "assistant",
                     "model": body.get("model", "mock"), "content": [], "stop_reason": None,
                     "stop_sequence": None, "usage": dict(self.usage, output_tokens=1)}

    def message(self):
        return dict(self.head, content=self.blocks, stop_reason=self.stop_reason, usage=self.usage)

    def events(self):
        yield "message_start", {"message": self.head}
        for index, block in enumerate(self.blocks):
            yield from self._block_events(index, block)
        yield "message_delta", {"delta": {"stop_reason": self.stop_reason, "stop_sequence": None},
                                "usage": self.usage}
        yield "message_stop", {}

    @staticmethod
    def _block_events(index, block):
        kind = block["type"]
        empty = dict(block)
        if kind == "text":
            empty["text"] = ""
            pieces = [("text_delta", "text", block["text"])]
        elif kind == "thinking":
            empty.update(thinking="", signature="")
            pieces = [("thinking_delta", "thinking", block["thinking"]),
                      ("signature_delta", "signature", block["signature"])]
        else:
            empty["input"] = {}
            pieces = [("input_json_delta", "partial_json", json.dumps(block["input"]))]
        yield "content_block_start", {"index": index, "content_block": empty}
        for delta, key, text in pieces:
            # In pieces, as a model writes.
            step = max(1, len(text) // 3) if key != "signature" else len(text) or 1
            for start in range(0, len(text), step):
                yield "content_block_delta", {
                    "index": index, "delta": {"type": delta, key: text[start:start + step]}}
        yield "content_block_stop", {"index": index}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mock = None

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._send_json(200, {})

    def do_GET(self):
        self.mock.record(Recorded("GET", self.path, dict(self.headers), None, False))
        self._send_error(404, "not_found_error", "mock: no such route")

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            body = json.loads(data or b"{}")
        except ValueError:
            body = {}
        path = self.path.split("?")[0]
        side = is_side_request(body)
        self.mock.record(Recorded("POST", self.path, dict(self.headers), body, side))
        if path == "/v1/messages/count_tokens":
            self._send_json(200, {"input_tokens": len(data) // 4})
        elif path != "/v1/messages":
            self._send_error(404, "not_found_error", "mock: no such route")
        elif side:
            self._answer(text_turn('{"isNewTopic": true, "title": "Mock"}'), body, 0)
        else:
            self._turn(body)

    def _turn(self, body):
        number, turn, error = self.mock.next_turn(body)
        if turn.get("gate") and not self.mock.pass_gate(turn["gate"]):
            return
        error = error or turn.get("status")
        if error:
            self._send_error(error["status"], error.get("type", "api_error"),
                             error.get("message", "mock error"), error.get("headers", {}))
        else:
            self._answer(turn, body, number)

    def _answer(self, turn, body, number):
        answer = _Answer(turn, body, number)
        if not body.get("stream"):
            self._send_json(200, answer.message())
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.send_header("request-id", "req_mock")
        self.end_headers()
        self.close_connection = True
        gate_after, gate = turn.get("gate_after", (None, None))
        for count, (name, data) in enumerate(answer.events()):
            if count == gate_after and not self.mock.pass_gate(gate):
                return
            if count == turn.get("cut_after"):
                return
            data = {"type": name, **data}
            self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
            self.wfile.flush()

    def _send_error(self, status, kind, message, headers=None):
        body = {"type": "error", "error": {"type": kind, "message": message},
                "request_id": "req_mock"}
        self._send_json(status, body, headers)

    def _send_json(self, status, value, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("request-id", "req_mock")
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A client that goes away in mid-answer is part of many tests.
        if not isinstance(sys.exc_info()[1], (ConnectionError, OSError)):
            super().handle_error(request, client_address)


class MockLlm:
    def __init__(self, turns):
        self._turns = turns
        self._gates = {}
        self._attempts = collections.Counter()
        self._changed = threading.Condition()
        self._stopped = False
        self.requests = []
        handler = type("Handler", (_Handler,), {"mock": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopped = True
        for gate in self._gates.values():
            gate.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def keys_seen(self):
        """The API keys that the requests came with."""
        with self._changed:
            return {value for request in self.requests for name, value in request.headers.items()
                    if name.lower() == "x-api-key"}

    def gate(self, name):
        """The event that a gated turn waits for: gate("x").set() lets it go on."""
        with self._changed:
            return self._gates.setdefault(name, threading.Event())

    def pass_gate(self, name):
        """Waits for a gate; False when the mock stopped meanwhile."""
        if name.startswith("/"):
            with open(name, "rb", buffering=0) as fifo:
                fifo.read(1)
        else:
            self.gate(name).wait()
        return not self._stopped

    def record(self, request):
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def main_requests(self):
        """The requests of the conversation, side requests left out."""
        with self._changed:
            return [r for r in self.requests
                    if r.method == "POST" and r.path.split("?")[0] == "/v1/messages" and not r.side]

    def wait_main_requests(self, count, timeout=100):
        """Until so many requests of the conversation have come; they may still be gated."""
        def have():
            return sum(1 for r in self.requests
                       if r.method == "POST" and r.path.split("?")[0] == "/v1/messages"
                       and not r.side) >= count
        with self._changed:
            assert self._changed.wait_for(have, timeout), f"{len(self.requests)} requests came"

    def next_turn(self, body):
        """(number, turn, error) for a request."""
        number = sum(1 for m in body.get("messages", []) if m.get("role") == "assistant")
        number = min(number, len(self._turns) - 1)
        turn = self._turns[number]
        with self._changed:
            attempt = self._attempts[number]
            self._attempts[number] += 1
        errors = turn.get("errors", [])
        return number, turn, errors[attempt] if attempt < len(errors) else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", required=True,
                        help="file with a list of turns, or a scenario: " + ", ".join(SCENARIOS))
    parser.add_argument("--port-file", help="written, by rename, when the server listens")
    args = parser.parse_args()
    if args.script in SCENARIOS:
        turns = SCENARIOS[args.script]
    else:
        with open(args.script, encoding="utf-8") as file:
            turns = json.load(file)
    mock = MockLlm(turns)
    if args.port_file:
        with open(args.port_file + ".new", "w", encoding="utf-8") as file:
            file.write(f"{mock.port}\n")
        os.rename(args.port_file + ".new", args.port_file)
    print(mock.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
