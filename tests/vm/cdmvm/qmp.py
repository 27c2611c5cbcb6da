# SPDX-License-Identifier: GPL-2.0-only
"""Talks to QEMU over its monitor."""

import json
import threading
import time

from .base import Failure


class Gone(Failure):
    """QEMU has ended."""


class Qmp:
    """Commands block until answered, and may come from several threads."""

    def __init__(self, sock):
        self.sock = sock
        self.news = threading.Condition()
        self.answers = {}
        self.closed = False
        self.number = 0
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        try:
            with self.sock.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line)
                    with self.news:
                        if "id" in message:
                            self.answers[message["id"]] = message
                        self.news.notify_all()
        except (OSError, ValueError):
            pass
        with self.news:
            self.closed = True
            self.news.notify_all()

    def call(self, name, arguments=None, timeout=120):
        with self.news:
            self.number += 1
            mine = self.number
        message = {"execute": name, "id": mine}
        if arguments:
            message["arguments"] = arguments
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            raise Gone("QEMU has ended") from None
        end = time.monotonic() + timeout
        with self.news:
            while mine not in self.answers:
                if self.closed:
                    raise Gone("QEMU has ended")
                left = end - time.monotonic()
                if left <= 0:
                    raise Failure(f"QEMU does not answer {name}")
                self.news.wait(left)
            answer = self.answers.pop(mine)
        if "error" in answer:
            raise Failure(answer["error"]["desc"])
        return answer["return"]

    def hmp(self, line):
        return self.call("human-monitor-command", {"command-line": line})
