# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the harness that need no guest."""

import pathlib
import tempfile
import unittest

from cdmvm import catalog, machine, mirror
from cdmvm.base import Failure, parse_size
from cdmvm.verdict import KernelLog


def folder_with(files):
    folder = tempfile.TemporaryDirectory()
    for name, text in files.items():
        path = pathlib.Path(folder.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


class Mirror(unittest.TestCase):
    def found(self, files, environ=None):
        with folder_with({"sources.list.d/.keep": "", **files}) as etc:
            return mirror.find(etc, environ or {})

    def test_mirror_deb822(self):
        text = ("# our own\nTypes: deb deb-src\nURIs: http://one.example/debian/\n"
                "Suites: bookworm bookworm-updates\nComponents: main\n\n"
                "Types: deb\nURIs: http://two.example/sec\nSuites: bookworm-security\n")
        self.assertEqual(self.found({"sources.list.d/debian.sources": text}),
                         ("http://one.example/debian", "http://two.example/sec"))

    def test_mirror_one_line(self):
        text = ("#deb http://zero.example/debian bookworm main\n"
                "deb-src http://zero.example/debian bookworm main\n"
                "deb [arch=amd64 signed-by=/k] https://one.example/debian bookworm main\n")
        self.assertEqual(self.found({"sources.list": text}),
                         ("https://one.example/debian", None))

    def test_mirror_disabled_and_foreign(self):
        files = {"sources.list.d/a.sources":
                 "Enabled: no\nTypes: deb\nURIs: http://off.example/d\nSuites: trixie\n",
                 "sources.list.d/b.list": "deb http://other.example/x nodistro main\n"}
        with self.assertRaisesRegex(Failure, "DEBIAN_MIRROR"):
            self.found(files)

    def test_mirror_by_environment(self):
        self.assertEqual(self.found({}, {"DEBIAN_MIRROR": "http://my.example/d/"}),
                         ("http://my.example/d", None))


class Log(unittest.TestCase):
    def findings(self, text, announced=()):
        with folder_with({"log": text}) as folder:
            log = KernelLog(pathlib.Path(folder, "log"))
            for expression in announced:
                log.announce(expression)
            return log.findings()

    def test_log_reports_are_found(self):
        for line in ("[ 1.0] WARNING: CPU: 0 PID: 1 at mm/memremap.c:1 foo+0x1/0x2",
                     "[ 1.0] BUG: sleeping function called from invalid context",
                     "[ 1.0] Oops: general protection fault", "[ 1.0] UBSAN: shift",
                     "[ 1.0] BUG: KASAN: slab-use-after-free in x",
                     "[ 1.0] INFO: task rmmod:812 blocked for more than 120 seconds.",
                     "[ 1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!",
                     "[ 1.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
                     "[ 1.0] WARNING: possible circular locking dependency detected",
                     "[ 1.0] BUG: Bad page state in process a",
                     "[ 1.0] list_del corruption. prev->next should be x",
                     "[ 1.0] kmemleak: 3 new suspected memory leaks"):
            self.assertEqual(len(self.findings(f"quiet\n{line}\nCall Trace:\n x\n")), 1, line)

    def test_log_clean(self):
        self.assertEqual(self.findings("[ 1.0] all is well\n[ 2.0] Memory: 1G\n"), [])

    def test_log_announced_is_accepted(self):
        text = "[ 1.0] WARNING: at foo\n[ 1.1] ---[ end trace ]---\n[ 2.0] WARNING: at bar\n"
        found = self.findings(text, ["at foo"])
        self.assertEqual([block[0] for block in found], ["[ 2.0] WARNING: at bar"])


    def test_log_kernel_s_own_lock_order(self):
        text = ("[ 1.0] WARNING: possible circular locking dependency detected\n[ 1.0] 7.2\n"
                "[ 1.0] ---\n[ 1.0] irq/24-{0}/46 is trying to acquire lock:\n"
                "[ 1.0] ff11 (&{1}){{+.+.}}-{{4:4}}, at: {0}_unconfigure_device+0x1/0x2\n")
        self.assertEqual(self.findings(text.format("pciehp", "ctrl->reset_lock")), [])
        self.assertEqual(len(self.findings(text.format("pciehp", "region->grow"))), 1)


class Hardware(unittest.TestCase):
    def test_sizes(self):
        self.assertEqual([parse_size(text) for text in ("512M", "1g", "0x1000", "7")],
                         [512 << 20, 1 << 30, 4096, 7])
        for wrong in ("", "x", "-1M", "0", "1Q", "M"):
            with self.assertRaises(Failure, msg=wrong):
                parse_size(wrong)

    def test_windows_hold_their_cards(self):
        cards = machine.expanders(["256M", "512M@1", "1G"], absent=False)
        self.assertEqual(machine.windows(cards), {0: 1280 << 20, 1: 512 << 20})
        self.assertEqual([card.name for card in cards], ["exp0", "exp1", "exp2"])
        with self.assertRaises(Failure):
            machine.expanders(["100M"], absent=False)

    def test_replug_has_a_backend_of_its_own(self):
        card = machine.expanders(["256M"], absent=True)[0]
        first, second = card.backend("/m", False), card.backend("/m", False)
        self.assertNotEqual(first["id"], second["id"])
        self.assertEqual(first["mem-path"], second["mem-path"])
        self.assertEqual(card.device()["volatile-memdev"], second["id"])


class Catalog(unittest.TestCase):
    def read(self, text, name="area-behaviour"):
        with folder_with({name: text}) as folder:
            return catalog.read(pathlib.Path(folder, name))

    def test_header_shell_and_c(self):
        shell = "#!/bin/bash\n# kernels: 7.2 6.1\n# vm: --expander 512M@1 --ram 3G\n# quick: yes\n"
        c = "/* SPDX */\n/*\n * kernels: 7.2 6.1\n * vm: --expander 512M@1 --ram 3G\n * quick: yes\n */\n"
        for text, name in ((shell, "a-b"), (c, "a-b.c")):
            test = self.read(text, name)
            self.assertEqual((test.name, test.kernels, test.quick, test.timeout),
                             ("a-b", ("7.2", "6.1", "debug", "kcsan"), True, 60))
            self.assertEqual(test.options("7.2"), ("--expander", "512M@1", "--ram", "3G"))
            self.assertEqual(test.options("6.1"), ("--soft-reserved", "512M", "--ram", "3G"))
            self.assertEqual(test.options("debug"), test.options("7.2"))

    def test_debug_kernels_run_what_the_newest_runs(self):
        self.assertEqual(self.read("# kernels: 6.1\n").kernels, ("6.1",))
        self.assertEqual(self.read("# kernels: debug\n").kernels, ("debug",))
        self.assertEqual([kernel for kernel in catalog.KERNELS if catalog.by_default(kernel)],
                         ["7.2", "6.12", "6.1"])

    def test_header_of_one_kernel(self):
        test = self.read("# kernels: all\n# vm: --expander 1G\n# vm 6.1: --soft-reserved 1G\n")
        self.assertEqual(test.kernels, catalog.KERNELS)
        self.assertEqual(test.options("6.1"), ("--soft-reserved", "1G"))

    def test_header_missing_or_wrong(self):
        self.assertIsNone(self.read("#!/bin/bash\necho helper\n"))
        with self.assertRaises(Failure):
            self.read("# kernels: 5.4\n")

    def test_skip_list(self):
        with folder_with({"skips": "# c\na-* 6.1 no regions there\n"}) as folder:
            listed = catalog.skips(pathlib.Path(folder, "skips"))
        self.assertEqual(catalog.skip_reason(listed, "a-b", "6.1"), "no regions there")
        self.assertIsNone(catalog.skip_reason(listed, "a-b", "7.2"))
        with folder_with({"skips": "a-b 6.1\n"}) as folder, self.assertRaises(Failure):
            catalog.skips(pathlib.Path(folder, "skips"))

    def test_groups_share_a_guest(self):
        one = self.read("# kernels: 7.2\n# vm: --expander 1G\n", "a-one")
        two = self.read("# kernels: 7.2\n# vm: --expander 1G\n", "a-two")
        alone = self.read("# kernels: 7.2\n# vm: --expander 1G\n# fresh: yes\n", "a-alone")
        found = catalog.groups([(test, "7.2") for test in (one, two, alone)])
        self.assertEqual([[test.name for test in members] for _, _, members in found],
                         [["a-one", "a-two"], ["a-alone"]])


if __name__ == "__main__":
    unittest.main()
