#!/usr/bin/env bash
# lint.sh [BUILD_DIR]: checks the sources: format, licence headers, that the
# generated pages in docs/generated are current, and that no file is too long.
# `lint.sh --fix [BUILD_DIR]` formats the sources and updates the pages.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fix=
if [[ ${1:-} == --fix ]]; then
  fix=1
  shift
fi
build=${1:-$root/build}
cd "$root"
failed=0
shopt -s nullglob
complain() {
  echo "lint: $*" >&2
  failed=1
}

# Tracked and new files, without what git ignores.
mapfile -t files < <(git ls-files --cached --others --exclude-standard | sort -u)
mapfile -t cxx < <(printf '%s\n' "${files[@]}" | grep -E '\.(cpp|h|c)$')
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep -E '\.(cpp|h|c|td|py|cmake)$' | grep -vE '(^|/)lit\.')

if [[ $fix ]]; then
  clang-format-22 -i "${cxx[@]}"
else
  clang-format-22 --dry-run --Werror "${cxx[@]}" ||
    complain "clang-format-22 wants changes: run scripts/lint.sh --fix"
fi

for file in "${sources[@]}"; do
  case $file in
    *.cpp | *.h | *.c | *.td)
      head -n 8 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception' ||
        complain "$file: expects the licence header of the other files"
      ;;
  esac
  lines=$(wc -l <"$file")
  ((lines <= 700)) || complain "$file: expects at most 700 lines, but got $lines"
done

# Generated pages.
cmake --build "$build" --target mlir-doc >/dev/null
mkdir -p docs/generated
for page in "$build"/docs/*/*.md; do
  name=docs/generated/$(basename "$page")
  if cmp -s "$page" "$name"; then
    continue
  elif [[ $fix ]]; then
    cp "$page" "$name"
  else
    complain "$name: differs from what the TableGen files say: run scripts/lint.sh --fix"
  fi
done
for name in docs/generated/*.md; do
  compgen -G "$build/docs/*/$(basename "$name")" >/dev/null ||
    complain "$name: no TableGen file generates this page"
done

((failed == 0)) || exit 1
echo "lint: ${#sources[@]} files checked"
