#!/usr/bin/env bash
# Installs what the build and the tests need on Debian 12 or 13, and makes a
# Python environment in the tree. Does nothing where nothing is missing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(
  # The compiler that is built on, and the compiler that builds.
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools
  clang-22 lld-22 libomp-22-dev libclang-rt-22-dev
  # What MLIR's CMake files look for.
  zlib1g-dev libzstd-dev libedit-dev libcurl4-openssl-dev
  # The build and the tests.
  cmake ninja-build ccache libgtest-dev python3 python3-venv
  # The runtime.
  rapidjson-dev
  # scripts/lint.sh
  clang-format-22 git
)

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      echo "$package"
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    echo "error: '$*' needs root: run this script as root, or install sudo" >&2
    return 1
  fi
}

install_packages() {
  as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends "$@"
}

make_venv() {
  python3 -m venv "$root/.venv" &&
    "$python" -m pip install --disable-pip-version-check -r "$root/scripts/requirements.txt" &&
    cp "$root/scripts/requirements.txt" "$root/.venv/installed.txt"
}

if ! command -v apt-get >/dev/null; then
  echo "error: this script installs Debian packages, and found no apt-get" >&2
  exit 1
fi
mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
  step "Install ${#missing[@]} Debian packages" install_packages "${missing[@]}" || {
    echo "error: LLVM and MLIR 22 come from Debian 12 (with its security archive) or 13" >&2
    exit 1
  }
fi
if ! cmp -s "$root/scripts/requirements.txt" "$root/.venv/installed.txt"; then
  step "Make the Python environment .venv" make_venv
fi
