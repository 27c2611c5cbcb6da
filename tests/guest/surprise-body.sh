# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A card whose slot loses its power: sourced with the region's level in $level.
. "$(dirname "$0")/kmod-lib.sh"

# Slot Control, with the mask of what is written: power and its indicator off, and no
# interrupts yet; then on again, as the kernel takes a slot that is off for one that
# it has put off itself, and interrupts.
SLTCTL_OFF=0700:0720
SLTCTL_ON=0120:0720

# shellcheck disable=SC2154 # who sources this sets it
regions_up 1 "$level"
"$here/surprise-owner" 0 >owner.out &
owner=$!
wait_until 30 "the owner is not ready" grep -q ready owner.out
pages=$(used 0)
[ "$pages" -gt 0 ] || fail "nothing is on the region"
memdev=$(memdev_of exp0)
port=$(basename "$(dirname "$(dirname "$(readlink -f "/sys/bus/cxl/devices/$memdev")")")")
monitor_start events --property

setpci -s "$port" CAP_EXP+18.w=$SLTCTL_OFF CAP_EXP+18.w=$SLTCTL_ON
wait_until 30 "the card is still there" eval "hw list | grep -q 'exp0 absent'"
wait_until 60 "the region is still there" test ! -e "$regions/cdm0"
wait_until 30 "nobody was told that $pages pages are lost" grep -q "^CDM_LOST=$pages$" events
kill "$monitor"
echo "$pages pages were lost, and user space was told"

kill -USR1 $owner
wait $owner || { cat owner.out; fail "the owner of lost pages: $?"; }
cat owner.out
unload
expect "HardwareCorrupted" "0 kB" "$(sed -n 's/^HardwareCorrupted: *//p' /proc/meminfo)"
