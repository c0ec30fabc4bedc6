#!/usr/bin/env bash
# test.sh [PRESET]: builds, and runs every test: the lit suite, the unit tests,
# the numeric tests against the recurrence in f64, tile programs on the host, the
# PTX simulator, an installed copy through a project that uses it, and the checks
# of the sources. Fails if any part fails or ran no test.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preset=${1:-dev}
case $preset in
  dev) build=$root/build ;;
  *) build=$root/build-$preset ;;
esac
"$root/scripts/build.sh" "$preset"
cd "$root"

declare -a summary
failures=0

# part NAME COUNT_PATTERN COMMAND...: one part of the tests. The pattern is an
# extended regular expression; the last number in what it matches in the output
# is how many tests passed.
part() {
  local name=$1 pattern=$2 status passed log
  shift 2
  log=$log_dir/part-$name.log
  if step "Test: $name" run_logged "$log" "$@"; then status=ok; else status=FAILED; fi
  # No match is no test.
  passed=$({ grep -oE "$pattern" "$log" || true; } | 
    awk '{for (i = NF; i > 0; i--) if ($i ~ /^[0-9]+$/) {n += $i; break}} END {print n + 0}')
  if [[ $status == ok && $passed == 0 ]]; then status="FAILED: no test ran"; fi
  [[ $status == ok ]] || failures=$((failures + 1))
  summary+=("$(printf '%-10s %5d passed   %s' "$name" "$passed" "$status")")
}

run_logged() {
  local log=$1
  shift
  "$@" 2>&1 | tee "$log"
}

part lit '^ +Passed *: +[0-9]+' \
  cmake --build "$build" --target check-linattn
part unit '^[0-9]+% tests passed, 0 tests failed out of [0-9]+' \
  ctest --test-dir "$build/unittests" --output-on-failure --no-tests=error -j "$jobs"
part numeric '[0-9]+ passed' \
  env LINATTN_BUILD_DIR="$build" "$python" -m pytest -q -n "$jobs" "$root/test/numeric"
if [[ $preset == dev ]]; then
  part tilehost '[0-9]+ passed' \
    env LINATTN_BUILD_DIR="$build" "$python" -m pytest -q -n "$jobs" "$root/test/tilehost"
  part ptxsim '[0-9]+ passed' \
    env LINATTN_BUILD_DIR="$build" "$python" -m pytest -q -n "$jobs" "$root/test/ptxsim"
  part install '^consumer: [0-9]+' "$root/scripts/test-install.sh" "$build"
  part lint '^lint: [0-9]+' "$root/scripts/lint.sh" "$build"
fi

echo
echo "Summary ($preset)"
printf '  %s\n' "${summary[@]}"
if ((failures)); then
  echo "FAILED: $failures of ${#summary[@]} parts; logs in ${log_dir#"$root"/}"
  exit 1
fi
echo "All ${#summary[@]} parts passed."
