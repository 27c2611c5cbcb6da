# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the tests of the command in a guest. A test ends at the first thing that is
# not as it should be, and says what that was.
set -u
here=$(dirname "${BASH_SOURCE[0]}")
out='' err='' code=0

fail()
{
	echo "FAILED: $*"
	echo "  exit code $code"
	echo "  stdout: ${out:0:3000}"
	echo "  stderr: ${err:0:1000}"
	cdmctl list 2>&1 | sed 's/^/  list: /'
	journalctl -b -u 'cdm-online@*' --no-pager -o cat 2>/dev/null | tail -n 20 |
		sed 's/^/  unit: /'
	exit 1
}

step()
{
	echo "-- $*"
}

# run CODE CMDCTL-ARGS...: the command must end with CODE; sets $out and $err
run()
{
	local want=$1
	shift
	cdmctl "$@" >out 2>err </dev/null
	code=$? out=$(cat out) err=$(cat err)
	[[ $code -eq $want ]] || fail "cdmctl $*: want exit code $want"
}

# refused CODE WORDS ARGS...: and one line on stderr that has WORDS in it
refused()
{
	local want=$1 words=$2
	shift 2
	run "$want" "$@"
	[[ $(wc -l <err) -eq 1 && $err == "cdmctl: "*"$words"* ]] ||
		fail "cdmctl $*: want one line with \"$words\""
}

# is FILTER [WHAT]: jq says that it is true of the last answer
is()
{
	jq -e "$1" <<<"$out" >/dev/null || fail "${2:-not so}: $1"
}

# regions: all that can be seen of them, to see that nothing changed
regions()
{
	cdmctl list --json -R 2>/dev/null
}

region()
{
	cdmctl list --json -R -r "$1" | jq -r ".[0].$2"
}

# region_is REGION KEY VALUE: for wait_until
region_is()
{
	[[ $(region "$1" "$2") == "$3" ]]
}

# wait_until SECONDS COMMAND...: wait for it; four times as long on a busy machine
wait_until()
{
	local tries=$(($1 * 80))
	shift
	while ! "$@" >/dev/null 2>&1; do
		((tries--)) || fail "waited in vain for: $*"
		sleep 0.05
	done
}

units_are_done()
{
	udevadm settle
	! systemctl list-jobs --no-legend 'cdm-online@*' 'cdm-poison@*' | grep -q .
}

# settle: udev's units have looked at all that appeared
settle()
{
	wait_until 30 units_are_done
}

# cdm0: an online region of the first expander (6.1: of soft-reserved memory)
bring_up()
{
	# loads the module: in front of a kmem that an earlier test left behind
	if [[ -e /sys/bus/cxl/devices/mem0 ]]; then
		run 0 online mem0 "$@"
	else
		run 0 online all "$@"
	fi
	wait_until 5 test -e /sys/bus/cdm/devices/cdm0
	[[ $(region cdm0 state) == online ]] || fail "cdm0 is not online"
}

# victim NAME ARGS...: starts one; sets $pid, $addr, $length
victim()
{
	local name=$1
	shift
	: >"$name.out"
	"$here/cli-victim" "$@" >"$name.out" &
	pid=$!
	wait_until 30 eval "test -s $name.out || ! kill -0 $pid"
	[[ -s $name.out ]] || fail "cli-victim $* did not start"
	# shellcheck disable=SC2034 # for the test
	read -r addr length <"$name.out"
}

# ask NAME SIGNAL WANT: what the victim answers
ask()
{
	local lines
	lines=$(wc -l <"$1.out")
	kill -"$2" "$pid" || fail "the victim is dead"
	while [[ $(wc -l <"$1.out") -eq $lines ]]; do
		kill -0 "$pid" 2>/dev/null || fail "the victim died"
		sleep 0.05
	done
	[[ $(tail -n 1 "$1.out") == "$3" ]] || fail "the victim says $(tail -n 1 "$1.out"), want $3"
}

# In the order of pages: PFNs of /proc/PID/pagemap, the oracle for where a page is
# in_region PID ADDRESS: is this page within the physical range of cdm0?
in_region()
{
	local pfn start size
	# od would read all that it is to skip
	pfn=$(dd "if=/proc/$1/pagemap" bs=8 skip=$((0x$2 / 4096)) count=1 status=none |
		od -An -t u8)
	pfn=$((pfn & ((1 << 55) - 1)))
	start=$(region cdm0 resource) size=$(region cdm0 size)
	((pfn * 4096 >= start && pfn * 4096 < start + size))
}
