#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selftests/fuzz/run.sh SECONDS TARGET...: fuzz each for so long, by libFuzzer,
# or if $ENGINE is afl by AFL++.  What they find new is kept in
# $O/corpus/TARGET; what breaks them in $O/crashes, and `$O/selftests/fuzz/TARGET
# FILE` does it again.
set -eu

seconds=$1
shift
case $seconds in
'' | *[!0-9]*)
	echo "usage: make fuzz T=SECONDS" >&2
	exit 2
	;;
esac
failed=''

libfuzzer()
{
	"$O/selftests/fuzz/$1.fuzz" -max_total_time="$seconds" -timeout=20 \
		-rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
		-verbosity=0 -artifact_prefix="$O/crashes/$1-" \
		"$O/corpus/$1" "selftests/fuzz/corpus/$1" 2>&1 |
		tee "$O/corpus/$1.log" |
		sed -n 's/^stat::number_of_executed_units: */# executed: /p
			s/^stat::new_units_added: */# new inputs: /p'
	# The pipe hides how it ended; it writes the sizes only at a good end.
	grep -q '^stat::number_of_executed_units' "$O/corpus/$1.log" &&
		! grep -q '^SUMMARY: ' "$O/corpus/$1.log"
}

afl()
{
	AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
		AFL_NO_UI=1 AFL_BENCH_UNTIL_CRASH=1 \
		afl-fuzz -V "$seconds" -i "selftests/fuzz/corpus/$1" \
		-o "$O/corpus/$1.afl" -- "$O/selftests/fuzz/$1" \
		>"$O/corpus/$1.log" 2>&1 || return 1
	sed -n 's/^execs_done *: /# executed: /p' \
		"$O/corpus/$1.afl/default/fuzzer_stats"
	! ls "$O/corpus/$1.afl/default/crashes/"id* >/dev/null 2>&1
}

mkdir -p "$O/crashes"
for target in "$@"; do
	mkdir -p "$O/corpus/$target"
	echo "# $target, $seconds s"
	if "${ENGINE:-libfuzzer}" "$target"; then
		echo "ok - $target"
	else
		echo "not ok - $target"
		tail -40 "$O/corpus/$target.log"
		failed="$failed $target"
	fi
done
[ -z "$failed" ] || {
	echo "FAILED:$failed; see $O/crashes" >&2
	exit 1
}
