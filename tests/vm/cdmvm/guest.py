# SPDX-License-Identifier: GPL-2.0-only
"""One run of a guest, from the first file to the verdict."""

import contextlib
import ctypes
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

from . import image, kernel, layer, machine, tree
from .agent import Agent
from .base import Failure, cache_root, locked, say, source_root
from .build import Build, home_of
from .qmp import Gone, Qmp
from .verdict import KernelLog

NO_VERDICT = 125
BOOT_TIMEOUT = 600
BOOT_TIMEOUT_BUILT = 1200   # of kernels that look at everything they do
CHANNELS = ("qmp", "control", "out", "err", "hw", "console")


class Guest:
    """What is asked for, and the run of it."""

    def __init__(self, options, command, output=None):
        self.options, self.command = options, command
        self.output = output            # where the command's stdout goes, else ours
        self.interactive = options.interactive
        self.tree = tree.get()
        self.kernel = kernel.find(self.tree, options.kernel)
        self.news = queue.Queue()
        self.boot_seconds = None
        self.process = None
        self.folder = None
        self.report = []                # what a person should know when it went wrong

    # Preparation --------------------------------------------------------------

    def prepare(self):
        runs = cache_root() / "run"
        runs.mkdir(exist_ok=True)
        drop_dead_runs(runs)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=runs))
        self.memory = pathlib.Path("/dev/shm") / f"cdm-vm-{self.folder.name}"
        self.memory.mkdir()
        self.console = self.folder / "console.log"
        self.log = KernelLog(self.console)
        build = Build(self.tree)
        with build.lock():
            files = build.kernel_modules(self.kernel)
            if not self.options.no_cdm:
                files.update(build.user_space())
                files.update(build.modules_folder(self.kernel))
            files.update(build.test_programs(self.kernel))
            layer.write(self.folder / "layer.tar", files, self.command,
                        self.options.copy, self.interactive)
        options = self.options
        self.machine = machine.Machine(
            kernel=self.kernel.image,
            initrd=f"/mnt/cache/{image.initramfs(self.tree, self.kernel).name}",
            disk=f"/mnt/cache/{image.disk(self.tree).name}",
            layer="/mnt/run/layer.tar", console="/mnt/run/console.log",
            memory="/mnt/memory", ram=options.ram, cpus=options.cpus,
            cpu=options.cpu or (machine.BENCH_CPU if options.bench else machine.CPU),
            bench=options.bench, append=self.kernel.line(options.append),
            soft_reserved=tuple(options.soft_reserved), iommu=options.iommu,
            expanders=tuple(machine.expanders(options.expander, options.absent)))
        for one in self.machine.expanders:
            with open(self.memory / one.name, "wb") as backing:
                backing.truncate(one.size)

    def start(self):
        names = CHANNELS + (("tty",) if self.interactive else ())
        self.ours, theirs = {}, {}
        for name in names:
            self.ours[name], theirs[name] = socket.socketpair()
            theirs[name].set_inheritable(True)
        fds = {name: sock.fileno() for name, sock in theirs.items()}
        argv = self.tree.chroot_argv(
            self.machine.argv(fds),
            [(cache_root(), "/mnt/cache"), (self.folder, "/mnt/run"),
             (self.memory, "/mnt/memory")])
        self.qemu_log = self.folder / "qemu.log"
        with open(self.qemu_log, "wb") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=tuple(fds.values()), preexec_fn=die_with_parent,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
        for sock in theirs.values():
            sock.close()
        self.qmp = Qmp(self.ours["qmp"])
        self.agent = Agent(self.ours["hw"], self.qmp, self.machine, self.log)
        self.agent.start()
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=drain, args=(self.ours["console"],), daemon=True).start()
        self.relays = [self.relay("out", self.output or sys.stdout.buffer),
                       self.relay("err", sys.stderr.buffer)]
        self.qmp.call("qmp_capabilities")

    def relay(self, name, target):
        thread = threading.Thread(target=copy_through, args=(self.ours[name], target),
                                  daemon=True)
        thread.start()
        return thread

    def listen(self):
        """Passes on what the guest says of itself; None when it has ended."""
        try:
            with self.ours["control"].makefile("r") as lines:
                for line in lines:
                    self.news.put(line.split())
        except (OSError, ValueError):
            pass
        self.news.put(None)

    # The run ------------------------------------------------------------------

    def turn(self):
        """One guest at a time: emulated CPUs that share a host's run into their own
        time limits. A person's shell, which mostly waits, takes no turn, nor does
        a run with CDM_VM_TURN=no."""
        if self.interactive or os.environ.get("CDM_VM_TURN") == "no":
            return contextlib.nullcontext()
        return locked(cache_root() / "guest.lock", waiting="waiting for another guest")

    def run(self):
        """Returns the exit status that the whole has."""
        began = time.monotonic()
        sys.stdout.flush()
        try:
            self.prepare()
            with self.turn():
                began = time.monotonic()
                try:
                    self.start()
                    status = self.follow(began)
                except Gone:
                    status = "QEMU ended"
                self.stop()
            return self.conclude(status)
        finally:
            self.stop()
            self.clean()

    def follow(self, began):
        """Waits for the command; its exit status, or why there is none (a string)."""
        limit = BOOT_TIMEOUT if self.kernel.packaged else BOOT_TIMEOUT_BUILT
        if self.expect(limit) != ["ready"]:
            return "the guest did not come up"
        self.boot_seconds = time.monotonic() - began
        if self.options.verbose:
            say(f"guest is up after {self.boot_seconds:.1f} s")
        if self.interactive:
            with raw_terminal(self.ours["tty"]):
                news = self.expect(None)
        else:
            news = self.expect(self.options.timeout)
        if news is None:
            return "the guest died"
        if news == "time":
            self.show_blocked()
            return f"no end within {self.options.timeout:g} s (--timeout)"
        self.agent.wait_for_mark(int(news[2]))
        return int(news[1])

    def expect(self, timeout):
        try:
            return self.news.get(timeout=timeout)
        except queue.Empty:
            return "time"

    def show_blocked(self):
        """Has the hung kernel write its blocked and running tasks to the log."""
        try:
            for key in b"w", b"l":
                self.qmp.call("chardev-send-break", {"id": "console"}, timeout=5)
                self.ours["console"].sendall(key)
                time.sleep(2)
        except (Failure, OSError):
            pass

    def stop(self):
        if not self.process:
            return
        if self.process.poll() is None:
            try:
                self.qmp.call("quit", timeout=5)
                self.process.wait(5)
            except (Failure, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        for thread in self.relays:
            thread.join(5)
        self.process = None

    def conclude(self, status):
        findings = self.log.findings()
        if isinstance(status, int) and not findings:
            return status
        tell = self.report.append
        if isinstance(status, str):
            tell(status)
            tail = self.qemu_log.read_text(errors="replace").strip()
            for line in tail.splitlines()[-5:] or self.log.lines()[-12:]:
                tell("| " + line)
        for block in findings[:3]:
            tell("the kernel log holds a report that nobody announced:")
            for line in block:
                tell("| " + line)
        tell(f"kernel log kept: {self.kept_log()}")
        return NO_VERDICT

    def kept_log(self):
        logs = cache_root() / "logs"
        logs.mkdir(exist_ok=True)
        old = sorted(logs.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in old[:-30]:
            path.unlink(missing_ok=True)
        target = logs / f"{self.options.kernel}-{self.folder.name}.log"
        if self.console.exists():
            shutil.copyfile(self.console, target)
        return target

    def clean(self):
        if not self.folder:
            return
        if self.console.exists():
            shutil.copyfile(self.console, home_of(source_root()) / "last-console.log")
        shutil.rmtree(self.memory, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def drop_dead_runs(runs):
    """Takes away what a killed harness left behind."""
    for folder in runs.iterdir():
        pid = folder.name.split("-", 1)[0]
        if pid.isdigit() and not pathlib.Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(f"/dev/shm/cdm-vm-{folder.name}", ignore_errors=True)


def die_with_parent():
    """QEMU ends when the harness does, however that happens."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def drain(sock):
    copy_through(sock, None)


def copy_through(sock, target):
    try:
        while data := sock.recv(65536):
            if target:
                target.write(data)
                target.flush()
    except (OSError, ValueError):
        pass


class raw_terminal:
    """Joins this terminal and the guest's console."""

    def __init__(self, sock):
        self.sock = sock

    def __enter__(self):
        self.saved = termios.tcgetattr(0) if os.isatty(0) else None
        if self.saved:
            tty.setraw(0)
        for work in self.typed, self.shown:
            threading.Thread(target=work, daemon=True).start()

    def typed(self):
        try:
            while data := os.read(0, 4096):
                self.sock.sendall(data)
        except OSError:
            pass

    def shown(self):
        copy_through(self.sock, sys.stdout.buffer)

    def __exit__(self, *_):
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)
