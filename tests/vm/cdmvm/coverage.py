# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the module the guests of a debug kernel have run (gcov)."""

import base64
import json
import pathlib
import shutil
import subprocess
import tempfile

NOTES = ".gcno"
COUNTS = ".gcda"


class Coverage:
    """Gathers the counters of several guests, for one build of the module."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cdm-gcov-"))
        self.guests = 0

    def add(self, records):
        """RECORDS: (name of a file of counters, its content in base64), of a guest."""
        if not records:
            return
        folder = self.folder / str(self.guests)
        folder.mkdir()
        self.guests += 1
        for name, content in records:
            (folder / pathlib.Path(name).name).write_bytes(base64.b64decode(content))

    def lines(self, tree, notes):
        """{source file: {line: times it ran}}; NOTES is the module's build folder."""
        found = {}
        for number in range(self.guests):
            folder = self.folder / str(number)
            for path in notes.rglob("*" + NOTES):
                shutil.copy2(path, folder / path.name)
            result = tree.run(
                ["sh", "-c", f"gcov --json-format --stdout -o . *{COUNTS}"],
                binds=[(folder, "/mnt/gcov")], cwd="/mnt/gcov", text=True,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for line in result.stdout.splitlines():
                if line.startswith("{"):
                    add_lines(found, json.loads(line))
        return found

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def add_lines(found, report):
    """Adds what gcov says of one object; headers of the kernel are not ours."""
    for one in report["files"]:
        name = one["file"].removeprefix("/mnt/src/kmod/")
        if name.startswith("/") or name.startswith("include/") or "linux/" in name:
            continue
        lines = found.setdefault(name, {})
        for line in one["lines"]:
            number = line["line_number"]
            lines[number] = lines.get(number, 0) + line["count"]


def table(found):
    """Lines of text: of each file how much has run and which lines have not."""
    rows, all_run, all_lines = [], 0, 0
    for name, lines in sorted(found.items()):
        run = sum(1 for count in lines.values() if count)
        all_run, all_lines = all_run + run, all_lines + len(lines)
        never = [number for number, count in sorted(lines.items()) if not count]
        rows.append(f"{100 * run / max(len(lines), 1):5.1f}% {run:4}/{len(lines):<4} "
                    f"{name:22} {' '.join(spans(never))}")
    rows.append(f"{100 * all_run / max(all_lines, 1):5.1f}% {all_run:4}/{all_lines:<4} "
                "lines of the module")
    return rows


def spans(numbers):
    """[1, 2, 3, 7] as ["1-3", "7"]."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [f"{first}-{last}" if first != last else str(first) for first, last in found]
