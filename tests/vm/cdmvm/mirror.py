# SPDX-License-Identifier: GPL-2.0-only
"""Which package mirror to use: the one that this machine's apt is set up with."""

import os
import pathlib
import re
import subprocess

from .base import Failure

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# What goes into the tree, and from which of the two archives.
MAIN_SUITES = ("trixie", "trixie-updates", "trixie-backports", "bookworm")
SECURITY_SUITES = ("trixie-security", "bookworm-security")


def entries(etc="/etc/apt"):
    """Yields (uri, suite) of each enabled binary source, in apt's order."""
    etc = pathlib.Path(etc)
    lists = [etc / "sources.list"]
    lists += sorted((etc / "sources.list.d").glob("*.list"))
    for path in lists:
        if path.is_file():
            yield from one_line(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        yield from deb822(path.read_text(encoding="utf-8", errors="replace"))


def one_line(text):
    for line in text.splitlines():
        line = re.sub(r"\[[^]]*\]", " ", line.split("#", 1)[0])
        words = line.split()
        if len(words) >= 3 and words[0] == "deb":
            yield words[1], words[2]


def deb822(text):
    for stanza in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in " \t":
                if name:
                    fields[name] += " " + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite


def find(etc="/etc/apt", environ=None):
    """Returns (main, security) mirror addresses; security may be None."""
    environ = os.environ if environ is None else environ
    named = environ.get("DEBIAN_MIRROR")
    security = environ.get("DEBIAN_SECURITY_MIRROR")
    if named:
        return named.rstrip("/"), security
    main = None
    debian = re.compile(r"^(bookworm|trixie|stable|oldstable|testing|sid|forky)")
    for uri, suite in entries(etc):
        if not re.match(r"^(https?|file|copy|mirror\+\w+):", uri):
            continue
        uri = uri.rstrip("/")
        if re.search(r"-security$|/updates$", suite):
            security = security or uri
        elif debian.match(suite):
            main = main or uri
    if not main:
        raise Failure("apt on this machine names no Debian mirror; "
                      "set DEBIAN_MIRROR to the address of one")
    return main, security


def sources(etc="/etc/apt", environ=None):
    """The one-line sources of the guest tree."""
    main, security = find(etc, environ)
    option = f"[signed-by={KEYRING}]"
    lines = [f"deb {option} {main} {suite} main" for suite in MAIN_SUITES]
    if security:
        lines += [f"deb {option} {security} {suite} main" for suite in SECURITY_SUITES]
    return lines


def apt_options():
    """The host apt's ways of reaching its mirror (proxies and the like), to be kept."""
    dump = subprocess.run(["apt-config", "dump"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    kept = re.compile(r"^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries|"
                      r"ForceIPv[46])(::\S+)? \"[^\"]")
    return [line for line in dump.splitlines() if kept.match(line)]
