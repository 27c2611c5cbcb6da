# SPDX-License-Identifier: GPL-2.0-only
"""What every module here needs: the error, the folders, locks, host packages."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys


class Failure(Exception):
    """Something that a person has to be told, in one line."""


def say(text):
    print(f"vm: {text}", file=sys.stderr, flush=True)


def source_root():
    """The source tree that this harness belongs to."""
    return pathlib.Path(__file__).resolve().parents[3]


def cache_root():
    """Where everything downloaded or built is kept, outside the source tree."""
    named = os.environ.get("CDM_CACHE")
    if named:
        root = pathlib.Path(named)
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        root = pathlib.Path(base) / "cdm"
    root.mkdir(parents=True, exist_ok=True)
    return root.resolve()


@contextlib.contextmanager
def locked(path, shared=False, waiting=None):
    """Holds a lock file; says WAITING once if somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with open(path, "a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(handle, kind)
        yield


def need_root():
    if os.geteuid() != 0:
        raise Failure("has to run as root (chroot and mount namespaces)")


def host_packages(wanted):
    """Installs Debian packages on this machine; WANTED is {program or file: package}."""
    missing = []
    for probe, package in wanted.items():
        there = os.path.exists(probe) if probe.startswith("/") else shutil.which(probe)
        if not there and package not in missing:
            missing.append(package)
    if not missing:
        return
    say("installing on this machine: " + " ".join(missing))
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    result = quiet(command, env)
    if result.returncode != 0:
        quiet(["apt-get", "update", "-q"], env)
        result = quiet(command, env)
    if result.returncode != 0:
        last = (result.stdout.strip().splitlines() or ["no output"])[-1]
        raise Failure(f"apt-get cannot install {' '.join(missing)}: {last}")


def quiet(command, env=None):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def parse_size(text):
    """512M, 1g, 0x1000, bytes: binary units as ndctl has them."""
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
    digits, unit = text.strip(), 1
    if digits and digits[-1].lower() in units and not digits.lower().startswith("0x"):
        unit = units[digits[-1].lower()]
        digits = digits[:-1]
    try:
        value = int(digits, 0) * unit
    except ValueError:
        raise Failure(f"not a size: {text!r}") from None
    if value <= 0:
        raise Failure(f"not a size: {text!r}")
    return value
