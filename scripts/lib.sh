# Sourced by the other scripts: where the tree is, and steps that show progress.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
log_dir=$root/build/logs
jobs=${LINATTN_JOBS:-$(nproc)}
python=$root/.venv/bin/python3

mkdir -p "$log_dir"

# Prints a line every few seconds while lines come in: enough to see that work
# goes on, and not so much that results drown in it.
show_progress() {
  local line start=$SECONDS next=$((SECONDS + 5))
  while IFS= read -r line; do
    if ((SECONDS >= next)); then
      printf '    %4d s  %s\n' $((SECONDS - start)) "${line:0:100}"
      next=$((SECONDS + 10))
    fi
  done
}

# step TITLE COMMAND...: runs COMMAND, shows progress, keeps its output in a
# log, and prints the end of the log if it fails.
step() {
  local title=$1 start=$SECONDS log
  shift
  log=$log_dir/$(tr -cs '[:alnum:]\n' - <<<"$title" | sed 's/-$//').log
  printf '==> %s\n' "$title"
  if "$@" </dev/null 2>&1 | tee "$log" | show_progress; then
    printf '    done in %d s\n' $((SECONDS - start))
  else
    printf '    FAILED after %d s; the end of %s:\n' $((SECONDS - start)) "$log" >&2
    tail -n 40 "$log" | sed 's/^/    | /' >&2
    return 1
  fi
}
