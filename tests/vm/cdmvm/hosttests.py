# SPDX-License-Identifier: GPL-2.0-only
"""The tests that need no guest: meson's on this machine, and the harness's own."""

import json
import os
import pathlib
import shutil
import subprocess
import time
import unittest

from . import static
from .base import Failure, host_packages, locked, source_root
from .build import make_home

# {program or file: package} for building cdm on this machine.
NEEDED = {
    "gcc": "build-essential", "make": "build-essential", "clang": "clang",
    "meson": "meson", "ninja": "ninja-build", "pkg-config": "pkgconf",
    "scdoc": "scdoc", "jq": "jq", "/usr/include/cmocka.h": "libcmocka-dev",
    "/usr/include/cxl/libcxl.h": "libcxl-dev",
    "/usr/include/daxctl/libdaxctl.h": "libdaxctl-dev",
    "/usr/include/libkmod.h": "libkmod-dev", "/usr/include/libudev.h": "libudev-dev",
    "/usr/include/systemd/sd-device.h": "libsystemd-dev",
    "/usr/include/json-c/json.h": "libjson-c-dev",
    "/usr/include/libsmartcols/libsmartcols.h": "libsmartcols-dev",
    "/usr/include/numa.h": "libnuma-dev",
}

# name: (compiler, more options of meson setup)
FLAVOURS = {
    "gcc": ("gcc", ["-Dwerror=true"]),
    "clang": ("clang", ["-Dwerror=true"]),
    "sanitized": ("gcc", ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
}


def meson_build(home, flavour):
    """Configures and builds one flavour; returns its folder."""
    compiler, options = FLAVOURS[flavour]
    folder = home / f"host-{flavour}"
    environ = dict(os.environ, CC=compiler, LC_ALL="C.UTF-8")
    if not (folder / "build.ninja").exists():
        shutil.rmtree(folder, ignore_errors=True)
        must(["meson", "setup", "--prefix=/usr", *options, str(folder), str(source_root())],
             environ, folder)
    must(["ninja", "-C", str(folder)], environ, folder)
    return folder


def must(command, environ, folder):
    result = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        raise Failure(f"{folder.name}: {command[0]} failed", result.stdout.splitlines()[-40:])


def run_tidy(home, results):
    """clang-tidy reads the sources as meson has clang compile them."""
    began = time.monotonic()
    try:
        with locked(home / "host.lock", waiting="another session tests this tree"):
            folder = meson_build(home, "clang")
    except Failure as failure:
        results.not_ok("static-clang-tidy", "host", time.monotonic() - began, failure.args[0],
                       failure.args[1] if len(failure.args) > 1 else ())
        return
    static.tidy(results, folder)


def run_meson(home, flavour, results, matches):
    """Runs meson's tests whose names MATCHES accepts."""
    with locked(home / "host.lock", waiting="another session tests this tree"):
        run_meson_alone(home, flavour, results, matches)


def run_meson_alone(home, flavour, results, matches):
    where = f"host {flavour}"
    began = time.monotonic()
    try:
        folder = meson_build(home, flavour)
    except Failure as failure:
        results.not_ok("build", where, time.monotonic() - began, failure.args[0],
                       failure.args[1] if len(failure.args) > 1 else ())
        return
    listed = subprocess.run(["meson", "introspect", "--tests", str(folder)], text=True,
                            stdout=subprocess.PIPE, check=True)
    names = [test["name"] for test in json.loads(listed.stdout)]
    names = [name for name in names if matches(name)]
    if not names:
        return
    log = folder / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    environ = dict(os.environ, LC_ALL="C.UTF-8",
                   ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                   UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
    subprocess.run(["meson", "test", "-C", str(folder), "--no-rebuild", *names],
                   env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    seen = set()
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        test = json.loads(line)
        name = test["name"].split(" / ")[-1]
        seen.add(name)
        if test["result"] == "OK":
            results.ok(name, where, test["duration"])
        else:
            output = (test.get("stdout") or "") + (test.get("stderr") or "")
            results.not_ok(name, where, test["duration"], test["result"].lower(),
                           output.splitlines()[-60:])
    for name in names:
        if name not in seen:
            results.not_ok(name, where, 0, "meson did not run it")


class Reporter(unittest.TestResult):
    """The harness's own tests, told as all the others are."""

    def __init__(self, results):
        super().__init__()
        self.results, self.began = results, 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def took(self):
        return time.monotonic() - self.began

    def addSuccess(self, test):
        self.results.ok(name_of(test), "host", self.took())

    def addFailure(self, test, err):
        self.results.not_ok(name_of(test), "host", self.took(), str(err[1]).split("\n")[0],
                            self._exc_info_to_string(err, test).splitlines()[-20:])

    addError = addFailure


def name_of(test):
    return "vm-" + test._testMethodName.removeprefix("test_").replace("_", "-")


def run_own(results, matches, quick):
    """The quick run leaves out those that boot a guest only to see it die."""
    folder = pathlib.Path(__file__).resolve().parent.parent / "selftest"
    pattern = "parts_test.py" if quick else "*_test.py"
    suite = unittest.defaultTestLoader.discover(str(folder), pattern=pattern,
                                                top_level_dir=str(folder))
    reporter = Reporter(results)
    for test in flat(suite):
        if isinstance(test, unittest.loader._FailedTest) or matches(name_of(test)):
            test.run(reporter)


def flat(suite):
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from flat(part)
        else:
            yield part


def prepare():
    host_packages(NEEDED)
    return make_home(source_root())
