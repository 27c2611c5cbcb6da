# SPDX-License-Identifier: GPL-2.0-only
"""What `vm run` says of guests that end well and badly. Each test is a boot or two."""

import pathlib
import subprocess
import tempfile
import unittest

VM = pathlib.Path(__file__).resolve().parent.parent / "vm"


def run(*words):
    done = subprocess.run([VM, "run", "--no-cdm", *words], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)
    done.stderr = done.stderr.replace("vm: waiting for another guest\n", "")
    return done


class Boot(unittest.TestCase):
    def test_boot_passes_output_status_and_files(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "a file").write_text("from outside\n", encoding="utf-8")
            done = run("--copy", f"{folder}/a file", "--", "sh", "-c",
                       'cat "$1"; echo aside >&2; hw expect-log "made up"; '
                       "echo 'WARNING: made up' >/dev/kmsg; exit 7", "sh", "a file")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(done.stdout, "from outside\n")
        self.assertEqual(done.stderr, "aside\n")

    def test_boot_kernel_report_is_125(self):
        done = run("--", "echo 'WARNING: nobody told' >/dev/kmsg; echo end")
        self.assertEqual(done.returncode, 125)
        self.assertEqual(done.stdout, "end\n")
        self.assertIn("WARNING: nobody told", done.stderr)
        kept = done.stderr.split("kernel log kept: ")[1].strip()
        self.assertIn("nobody told", pathlib.Path(kept).read_text(errors="replace"))

    def test_boot_panic_is_125(self):
        done = run("--", "echo c >/proc/sysrq-trigger; sleep 60")
        self.assertEqual(done.returncode, 125)
        self.assertIn("the guest died", done.stderr)

    def test_boot_hang_is_125(self):
        done = run("--timeout", "2", "--", "sleep 100")
        self.assertEqual(done.returncode, 125)
        self.assertIn("no end within 2 s", done.stderr)
        left = [path for path in pathlib.Path("/dev/shm").glob("cdm-vm-*")
                if not pathlib.Path("/proc", path.name.split("-")[2]).exists()]
        self.assertEqual(left, [])

    def test_boot_refuses_nonsense(self):
        for words in (["--kernel", "5.4", "--", "true"], ["--expander", "7M", "--", "true"],
                      ["--ram", "100M", "--", "true"], ["--copy", "/none", "--", "true"], []):
            done = run(*words)
            self.assertEqual(done.returncode, 125, words)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
