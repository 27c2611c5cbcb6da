# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by the guest tests: `. "$(dirname "$0")/lib.sh"`. A test is a program
# named AREA-BEHAVIOUR that exits 0 when it saw what it should see, with a header:
#
#   kernels: 7.2 6.12 6.1       (or: all)
#   vm: --expander 512M         (the guest it wants; `vm 6.1:` for one kernel)
#   timeout: 60
#   quick: yes                  (part of ./test --quick)
#   fresh: yes                  (a guest to itself, for what cannot be put back)
#
# It begins with module cdm not loaded, no CXL region and every card as the vm:
# line says; the runner puts that back and reads the kernel log after it. A test
# cannot skip itself: tests/skips is the list for that.
set -euo pipefail

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# expect WHAT WANTED FOUND: both are the same, or the test ends.
expect() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"
	echo "$1: $3"
}

# wait_until SECONDS WHAT COMMAND...: until COMMAND succeeds. A machine that does
# other work as well may take four times as long.
wait_until() {
	local limit=$((4 * $1)) what=$2 end
	shift 2
	end=$((${EPOCHREALTIME%.*} + limit))
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME%.*}" -le "$end" ] || fail "$what: not within $limit s"
		sleep 0.1
	done
}

# refused WHAT COMMAND...: COMMAND has to fail, and its words are shown.
refused() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		fail "$what: was not refused: $output"
	fi
	echo "$what: refused: $output"
}

has_cxl() { [ -e /sys/bus/cxl/devices/root0 ]; }

# The memdev of card expN (cards are told apart by their serial numbers).
memdev_of() {
	local serial
	serial=$(hw list | sed -n "s/^$1 .*serial=//p")
	cxl list -M 2>/dev/null |
		jq -r --argjson serial "$((serial))" '.[] | select(.serial == $serial) | .memdev'
}

has_memdev() { [ -n "$(memdev_of "$1")" ]; }

# make_dax [expN]: a dax device out of card expN (exp0), by a new CXL region; where
# the kernel makes no regions, the one that firmware made. Prints its name.
make_dax() {
	local number=${1:-exp0} memdev region
	if ! has_cxl; then
		number=${number#exp}
		echo "dax$number.0"
		return
	fi
	wait_until 10 "make_dax: card $number has no memdev" has_memdev "$number"
	memdev=$(memdev_of "$number")
	# A memdev is there a moment before its decoders are.
	wait_until 10 "make_dax: no region out of $memdev" \
		region_of_memdev "$memdev" "$(decoder_of "$number")"
	wait_until 10 "the dax device of $region" \
		test -e "/sys/bus/cxl/devices/$region/dax_$region"
	wait_until 10 "the dax device of $region" dax_of "$region"
	dax_of "$region"
}

# Sets $region, of make_dax.
region_of_memdev() {
	region=$(cxl create-region -m -t ram -d "$2" "$1" 2>/dev/null | jq -r .region)
	[ -n "$region" ]
}

dax_of() {
	local path
	path=$(compgen -G "/sys/bus/cxl/devices/$1/dax_$1/dax*.*" | head -n 1)
	[ -n "$path" ] && basename "$path"
}

# The root decoder (a CXL window) that card expN is behind.
decoder_of() {
	local window
	window=$(hw list | sed -n "s/^$1 .*window=\([0-9]*\).*/\1/p")
	# Windows come in the order of their numbers, and are numbered without holes.
	window=$(hw list | sed -n 's/.*window=\([0-9]*\).*/\1/p' | sort -un |
		grep -n "^$window\$" | cut -d: -f1)
	echo "decoder0.$((window - 1))"
}

# Deletes the regions whose card was taken out; the cxl command cannot.
delete_empty_regions() {
	local path region
	for path in /sys/bus/cxl/devices/decoder0.*/delete_region; do
		for region in /sys/bus/cxl/devices/region*; do
			[ ! -e "$region" ] || basename "$region" >"$path" 2>/dev/null || true
		done
	done
}

driver_of() {
	local link
	link=$(readlink "/sys/bus/dax/devices/$1/driver") && basename "$link"
}

node_of() { cat "/sys/bus/dax/devices/$1/target_node"; }
