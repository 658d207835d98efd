"""What things cost."""

import json
import os
import platform
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICES = {"anchor": 249.0, "compass": 39.5, "lantern": 18.0}


class Pricing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer({"status": "ok"})
        self.answer(
            {
                "service": os.environ.get("SLIPWAY_SERVICE"),
                "instance": os.environ.get("SLIPWAY_INSTANCE"),
                "revision": os.environ.get("SLIPWAY_REVISION"),
                "pid": os.getpid(),
                "language": "Python " + platform.python_version(),
                "prices": PRICES,
            }
        )

    def answer(self, content):
        body = (json.dumps(content) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    port = int(os.environ["PORT"])
    server = ThreadingHTTPServer(("127.0.0.1", port), Pricing)
    # shutdown() waits for the loop that this handler interrupts, so it needs a thread of its own.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("pricing listens on", port)
    server.serve_forever(poll_interval=0.1)


main()
