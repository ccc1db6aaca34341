# SPDX-License-Identifier: Apache-2.0
"""A server of https with a certificate that nobody trusts unless told to, for vm0.test and
localhost."""

import contextlib
import http.server
import json
import os
import ssl
import threading

from vm0 import HERE

CERTIFICATE = os.path.join(HERE, "tls", "certificate.pem")


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.headers["Host"], self.path))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def https_server(status, answer):
    """Gives this answer to everything; `asked` has each host and path."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked = []
    server.status = status
    server.body = json.dumps(answer).encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, os.path.join(HERE, "tls", "key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
