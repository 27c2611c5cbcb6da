# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What move-two-windows and move-one-window have in common: two regions, of which
# each keeps to itself, and memory that goes from one to the other.
. "$(dirname "$0")/kmod-lib.sh"

# Small: with two cards QEMU does each access by hand, about 5 MB/s.
MIBS=4 PAGES=$((4 * 256))

regions_up 2
workload_start one $MIBS
workload_start two $MIBS

expect "one moves to cdm0" $PAGES "$(workload one in 0)"
expect "two moves to cdm1" $PAGES "$(workload two in 1)"
expect "used of cdm0" $PAGES "$(used 0)"
expect "used of cdm1" $PAGES "$(used 1)"

expect "one moves from region to region" $PAGES "$(workload one in 1)"
expect "used of cdm0" 0 "$(used 0)"
expect "used of cdm1" $((2 * PAGES)) "$(used 1)"
expect "pages of one on cdm1" $PAGES "$(workload one where 1)"
expect "pages of one on cdm0" 0 "$(workload one where 0)"
expect "one moves back to cdm0" $PAGES "$(workload one in 0)"

# One region goes; nothing of the other moves.
dax=$(attr 0 dax)
if [ -n "${card_of_region_0:-}" ]; then
	hw unplug "$card_of_region_0"
	wait_until 5 "cdm0 gone" test ! -e $regions/cdm0
else
	echo "$dax" >/sys/bus/dax/drivers/cdm/unbind
fi
[ ! -e /dev/cdm0 ] || fail "/dev/cdm0 is still there"
expect "used of the other" $PAGES "$(used 1)"
expect "pages of two where they were" $PAGES "$(workload two where 1)"
before=$(workload two rounds)
goes_on() { [ "$(workload two rounds)" -gt "$before" ]; }
wait_until 30 "two stands still after $before rounds" goes_on
expect "one moves to what is left" $PAGES "$(workload one in 1)"
expect "and back" $PAGES "$(workload one out 1)"
expect "two too" $PAGES "$(workload two out 1)"

workload_end one
workload_end two
regions_down
