#!/usr/bin/env bash
# Installs what is missing, builds, and runs the examples on the text in
# examples/: a TransNormerLLM token mixer, an HGRN2 token mixer, and decoding.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/build.sh" dev
echo
LINATTN_TOOLS=$root/build/bin exec "$python" "$root/examples/run.py" "$@"
