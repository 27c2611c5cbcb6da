# SPDX-License-Identifier: GPL-2.0-only
"""Answers the guest's `hw`: the hands that plug cards and press buttons."""

import base64
import threading
import time

from .base import Failure, parse_size

USAGE = """usage: hw list
       hw plug NAME...
       hw unplug [--no-wait] [--timeout S] NAME...
       hw poison NAME OFFSET LENGTH
       hw expect-log REGEX
       hw log-check
       hw monitor LINE"""


class Agent(threading.Thread):
    def __init__(self, sock, qmp, machine, log):
        super().__init__(daemon=True)
        self.sock, self.qmp, self.machine, self.log = sock, qmp, machine, log
        self.verbs = {
            "list": self.list, "plug": self.plug, "unplug": self.unplug,
            "poison": self.poison,
            "expect-log": self.expect_log, "log-check": self.log_check,
            "clear-announced": self.log.announced.clear, "monitor": self.monitor,
        }
        self.leaving = set()    # names of expanders whose button was pressed

    def run(self):
        try:
            with self.sock.makefile("rb") as requests:
                for request in requests:
                    self.sock.sendall(self.answer(request))
        except (OSError, ValueError):
            pass

    def answer(self, request):
        """STATUS NUMBER-OF-LINES, then the lines."""
        try:
            words = base64.b64decode(request).decode().split("\0")[:-1]
            status, text = 0, self.perform(words)
        except Failure as failure:
            status, text = failure.status if hasattr(failure, "status") else 1, f"hw: {failure}"
        except (ValueError, TypeError, IndexError, KeyError):
            status, text = 2, USAGE
        lines = text.splitlines()
        return "".join([f"{status} {len(lines)}\n", *(f"{line}\n" for line in lines)]).encode()

    def perform(self, words):
        verb, *rest = words
        return self.verbs[verb](*rest) or ""

    def expander(self, name):
        for one in self.machine.expanders:
            if one.name == name:
                return one
        raise Failure(f"no expander {name}")

    def settle(self, one):
        """Notes that an expander whose button was pressed, or whose slot lost its
        power, has gone by now. QEMU's DEVICE_DELETED does not tell: it waits for the
        last user of the card's memory, and the direct mapping of a CXL region is one
        that stays."""
        if one.present and one.name not in self.peripherals():
            self.leaving.discard(one.name)
            one.present = False

    def peripherals(self):
        found = self.qmp.call("qom-list", {"path": "/machine/peripheral"})
        return {item["name"] for item in found}

    def list(self):
        lines = []
        for one in self.machine.expanders:
            self.settle(one)
            state = "leaving" if one.name in self.leaving else \
                "plugged" if one.present else "absent"
            lines.append(f"{one.name} {state} size={one.size} window={one.window} "
                         f"serial=0x{one.serial:x}")
        return "\n".join(lines)

    def plug(self, *names):
        for one in [self.expander(name) for name in needed(names)]:
            self.settle(one)
            if one.present:
                raise Failure(f"{one.name} is plugged already")
            backend = one.backend(self.machine.memory, self.machine.bench)
            self.qmp.call("object-add", backend, timeout=120)
            self.qmp.call("device_add", one.device())
            one.present = True

    def unplug(self, *words):
        words, names = list(words), []
        timeout, wait = 60.0, True
        while words:
            word = words.pop(0)
            if word == "--no-wait":
                wait = False
            elif word == "--timeout":
                timeout = float(words.pop(0))
            elif word.startswith("-"):
                raise ValueError(word)
            else:
                names.append(word)
        chosen = [self.expander(name) for name in needed(names)]
        for one in chosen:
            self.settle(one)
            if not one.present:
                raise Failure(f"{one.name} is not plugged")
            # Pressing again while the lamp blinks would cancel: once is enough.
            if one.name not in self.leaving:
                self.qmp.call("device_del", {"id": one.name})
                self.leaving.add(one.name)
        end = time.monotonic() + timeout
        for one in chosen if wait else ():
            while one.present:
                if time.monotonic() > end:
                    # The guest did not let go; the next unplug presses again.
                    self.leaving.discard(one.name)
                    raise Failure(f"{one.name} did not go within {timeout:g} s")
                time.sleep(0.1)
                self.settle(one)

    def poison(self, name, offset, length):
        self.qmp.call("cxl-inject-poison", self.poison_range(name, offset, length))

    def poison_range(self, name, offset, length):
        one = self.expander(name)
        start = int(offset, 0) if offset == "0" else parse_size(offset)
        size = parse_size(length)
        if start % 64 or size % 64:
            raise Failure("poison comes in units of 64 bytes")
        if start + size > one.size:
            raise Failure(f"{name} has only {one.size} bytes")
        return {"path": f"/machine/peripheral/{name}", "start": start, "length": size}

    def expect_log(self, expression):
        self.log.announce(expression)

    def log_check(self, mark):
        """The guest has written MARK to its kernel log; says what is before it."""
        self.wait_for_mark(int(mark))
        found = self.log.findings()
        if found:
            failure = Failure("the kernel complains:\n" +
                              "\n".join(line for block in found for line in block))
            failure.status = 3
            raise failure

    def wait_for_mark(self, number, timeout=120):
        end = time.monotonic() + timeout
        while not self.log.has_mark(number):
            if time.monotonic() > end:
                raise Failure("the kernel log does not reach the host")
            time.sleep(0.05)

    def monitor(self, *words):
        return self.qmp.hmp(" ".join(words)).replace("\r", "")


def needed(names):
    if not names:
        raise ValueError("no name")
    return names
