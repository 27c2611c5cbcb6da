# SPDX-License-Identifier: GPL-2.0-only
# For the tests of cdmctl on the host: no module, no hardware and no privileges
# are needed. $CDMCTL is the command under test. Prints TAP.
# shellcheck shell=bash
set -u
export LC_ALL=C
unset LIBCDM_ROOT LIBCDM_LOG
: "${CDMCTL:?the command to test}"
PATH=$(dirname "$CDMCTL"):$PATH

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck disable=SC2034 # for the tests
man_pages=$top/docs/man
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0

ok()
{
	number=$((number + 1))
	echo "ok $number - $1"
}

not_ok()
{
	number=$((number + 1))
	echo "not ok $number - $1"
	shift
	printf '# %s\n' "$@"
}

# run CMD...: sets $code, $out, $err
run()
{
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	code=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}

# refused NAME CODE WORDS ARGS...: cdmctl ends with CODE, prints nothing on
# stdout, and one line on stderr that begins "cdmctl: " and has WORDS in it.
refused()
{
	local name=$1 want=$2 words=$3 lines
	shift 3
	run "$CDMCTL" "$@"
	lines=$(wc -l <"$tmp/err")
	if [[ $code -eq $want && -z $out && $lines -eq 1 &&
	      $err == "cdmctl: "* && $err == *"$words"* ]]; then
		ok "$name"
	else
		not_ok "$name" "cdmctl $*" "exit code $code, want $want" \
			"stdout: $out" "stderr, $lines lines: $err" "want: $words"
	fi
}

# check NAME CONDITION...: the words are run as a command
check()
{
	local name=$1
	shift
	if "$@" >"$tmp/check" 2>&1; then
		ok "$name"
	else
		not_ok "$name" "$*" "$(head -c 600 "$tmp/check")"
	fi
}

finish()
{
	echo "1..$number"
}

# verbs: as the command itself lists them
verbs()
{
	"$CDMCTL" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

# fake_root NAME: an empty root folder in which the library looks for hardware
fake_root()
{
	mkdir -p "$tmp/$1"/{sys,proc,dev,run,etc}
	export LIBCDM_ROOT=$tmp/$1
}

# region N NAME=VALUE...: attributes as docs/abi/ has them
region()
{
	local folder=$LIBCDM_ROOT/sys/bus/cdm/devices/cdm$1 pair
	mkdir -p "$folder"
	shift
	for pair in "$@"; do
		echo "${pair#*=}" >"$folder/${pair%%=*}"
	done
}

# model ARGS...: runs cdmctl where model.c plays the module, as run does
model()
{
	# a library that is built with sanitizers is loaded before theirs
	run env LD_PRELOAD="${MODEL:?what to preload}" \
		ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
		"$CDMCTL" "$@"
}
