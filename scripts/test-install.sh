#!/usr/bin/env bash
# test-install.sh [BUILD_DIR]: installs a build into an empty folder, and builds
# and runs the project in test/consumer on what is there.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=${1:-$root/build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/installed" >/dev/null
cmake -G Ninja -S "$root/test/consumer" -B "$scratch/consumer" \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER=/usr/bin/clang-22 -DCMAKE_CXX_COMPILER=/usr/bin/clang++-22 \
  -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld \
  -DCMAKE_PREFIX_PATH="$scratch/installed;/usr/lib/llvm-22"
cmake --build "$scratch/consumer" -j "$jobs"

"$scratch/consumer/consumer"
"$scratch/consumer/consumer-c" | grep -q 'dialect linattn'
for tool in linattn-opt linattn-compile linattn-run; do
  "$scratch/installed/bin/$tool" --version >/dev/null
done
mlir-opt-22 --load-dialect-plugin="$scratch/installed/lib/LinattnPlugin.so" --show-dialects |
  grep -q linattn
# The installed Python module finds the installed tools.
cd "$scratch"
env -u LINATTN_TOOLS PYTHONPATH="$scratch/installed/share/linattn/python" "$python" - <<'PYTHON'
import numpy as np
import linattn
from linattn.program import find_tool
assert find_tool().endswith("/installed/bin/linattn-compile"), find_tool()
text = """
func.func @twice(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = arith.addf %x, %x : tensor<?xf32>
  return %0 : tensor<?xf32>
}
"""
assert linattn.compile(text)["twice"](np.ones(3, np.float32)).tolist() == [2, 2, 2]
PYTHON
