# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How the demo tells its story: a heading for each step, the commands as a person
# would type them, what they print, and a check of everything that is claimed.
set -u

bold='' plain=''
if [ "${DEMO_COLOR-}" = yes ]; then
	bold=$'\033[1m' plain=$'\033[0m'
fi
number=0

step() {
	number=$((number + 1))
	printf '\n%s== %s%d. %s%s\n\n' "$bold" "${DEMO_PART-}" "$number" "$*" "$plain"
}

tell() { printf '   %s\n' "$@"; }

# type_ COMMAND-LINE: shows and runs it.
type_() {
	printf '   %s# %s%s\n' "$bold" "$1" "$plain"
	eval "$1" 2>&1 | sed 's/^/     /'
}

# seen WHAT COMMAND...: what the story claims has to be so.
seen() {
	local what=$1
	shift
	if "$@"; then
		printf '   %s->%s %s\n' "$bold" "$plain" "$what"
	else
		printf '\n   NOT SO: %s (%s)\n' "$what" "$*"
		dmesg | tail -n 20
		exit 1
	fi
}

soon() {
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

# The MiB in use on a node; nothing when the node has no memory.
used_mib() {
	awk '/MemTotal/ { total = $4 } /MemFree/ { free = $4 }
		END { print int((total - free) / 1024) }' "/sys/devices/system/node/node$1/meminfo"
}

start_worker() {
	/usr/lib/cdm-tests/demo-worker "$1" /run/worker &
	worker=$!
	soon grep -q 'passes=[1-9]' /run/worker
}

passes() { sed 's/passes=\([0-9]*\).*/\1/' /run/worker; }
passes_grow() { [ "$(passes)" -gt "$1" ]; }
worker_well() {
	local before
	before=$(passes)
	soon passes_grow "$((before + 1))" && grep -q 'wrong=0 ' /run/worker &&
		kill -0 "$worker"
}
