#!/usr/bin/env bash
# gpu.sh pack [FILTER]: compiles the programs of the tests and of the benchmark,
#   and packs them with the runtime into build/linattn-gpu.tar.gz: all that a
#   GPU machine needs besides its driver, Python and torch.
# gpu.sh test [FILTER]: tests on this machine's GPU. Works in the unpacked
#   bundle, and in a tree that has been packed.
# gpu.sh bench [FILTER]: times on this machine's GPU, in the same places.
#
# FILTER: a part of the names of programs. LINATTN_GPU_RESULTS names a folder
# for the tables as JSON and the plot (default: results beside the artifacts).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command=${1:-}
filter=${2:-}

usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 2
}

# The bundle: this folder, if it has been unpacked here.
bundle=$root
[[ -d $root/artifacts ]] || bundle=$root/build/linattn-gpu

pack() {
  local build=$root/build folder=$bundle
  cmake --build "$build" --target linattn-compile linattn_runtime >/dev/null
  rm -rf "$folder"
  mkdir -p "$folder"/{lib,python,test,bench,scripts}
  "$root/.venv/bin/python3" "$root/test/gpu/matrix.py" --compile "$build/bin/linattn-compile" \
    --folder "$folder/artifacts" --jobs "${LINATTN_JOBS:-$(nproc)}" --filter "$filter"
  cp "$build"/lib/liblinattn_runtime.so* "$folder/lib"
  cp -r "$root/python/linattn" "$folder/python"
  cp -r "$root/test/gpu" "$folder/test"
  cp "$root/bench/gpu.py" "$folder/bench"
  cp "$root/scripts/gpu.sh" "$folder/scripts"
  find "$folder" -name __pycache__ -prune -exec rm -r {} +
  tar -C "$build" -czf "$build/linattn-gpu.tar.gz" linattn-gpu
  local size
  size=$(stat -c %s "$build/linattn-gpu.tar.gz")
  echo "build/linattn-gpu.tar.gz: $((size / 1000)) kB"
  ((size < 40000000)) || { echo "gpu.sh: expects a bundle below 40 MB" >&2; exit 1; }
}

run_python() {
  [[ -f $bundle/artifacts/cases.json ]] || {
    echo "gpu.sh: found no artifacts in $bundle: run gpu.sh pack where the compiler is" >&2
    exit 1
  }
  results=${LINATTN_GPU_RESULTS:-$bundle/results}
  mkdir -p "$results"
  local program=$1
  shift
  LINATTN_RUNTIME=$bundle/lib/liblinattn_runtime.so PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=$bundle/python${PYTHONPATH:+:$PYTHONPATH} \
    python3 "$bundle/$program" --bundle "$bundle/artifacts" --filter "$filter" "$@"
}

case $command in
  pack) pack ;;
  test) run_python test/gpu/run.py --json "${LINATTN_GPU_RESULTS:-$bundle/results}/test.json" ;;
  bench)
    run_python bench/gpu.py --json "${LINATTN_GPU_RESULTS:-$bundle/results}/bench.json" \
      --plot "${LINATTN_GPU_RESULTS:-$bundle/results}/bench.svg"
    ;;
  *) usage ;;
esac
