#!/usr/bin/env bash
# build.sh [PRESET] [TARGET...]: sets up what is missing, then configures and
# builds with a preset of CMakePresets.json (dev, debug or asan).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preset=${1:-dev}
shift || true
"$root/scripts/setup.sh"
cd "$root"
step "Configure the $preset build" cmake --preset "$preset"
step "Build the $preset build" cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
