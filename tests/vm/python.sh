# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by the entry points: the harness is written in python, which the
# smallest Debian 12 does not have.
if ! command -v python3 >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	{
		apt-get install -y -q python3 ||
		{ apt-get update -q && apt-get install -y -q python3; }
	} >/dev/null 2>&1 || {
		echo "no python3 here, and apt-get cannot install it" >&2
		exit 125
	}
fi
