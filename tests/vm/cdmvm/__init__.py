# SPDX-License-Identifier: GPL-2.0-only
"""The virtual machine that cdm is tried in."""
