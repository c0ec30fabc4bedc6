// The code of a chunk calls no library: neither for exponentials nor for
// conversions nor for copies. What is called is OpenMP, memset, and the
// functions themselves.

// RUN: linattn-compile %s --mcpu=x86-64-v3 --emit=asm -o - | FileCheck %s --implicit-check-not='{{call[a-z]*[[:space:]]+(_*exp|_*log|_*pow|__trunc|__extend|__gnu|memref|memcpy|malloc)}}'
// RUN: linattn-compile %s --mcpu=x86-64-v4 --emit=asm -o - | FileCheck %s --implicit-check-not='{{call[a-z]*[[:space:]]+(_*exp|_*log|_*pow|__trunc|__extend|__gnu|memref|memcpy|malloc)}}'

// CHECK: __kmpc_fork_call
func.func @vector_bf16(%q: tensor<?x?x8x64xbf16>, %g: tensor<?x?x8x64xf32>, %o: tensor<?x?x8x64xbf16>) -> tensor<?x?x8x64xbf16> {
  %r = linattn.attention ins(%q, %q, %q : tensor<?x?x8x64xbf16>, tensor<?x?x8x64xbf16>, tensor<?x?x8x64xbf16>)
      key_decay(%g : tensor<?x?x8x64xf32>) outs(%o : tensor<?x?x8x64xbf16>) -> tensor<?x?x8x64xbf16>
  return %r : tensor<?x?x8x64xbf16>
}

func.func @scalar_f16(%q: tensor<?x?x8x60xf16>, %g: tensor<?x?x8xbf16>, %o: tensor<?x?x8x60xf16>) -> tensor<?x?x8x60xf16> {
  %r = linattn.attention ins(%q, %q, %q : tensor<?x?x8x60xf16>, tensor<?x?x8x60xf16>, tensor<?x?x8x60xf16>)
      key_decay(%g : tensor<?x?x8xbf16>) outs(%o : tensor<?x?x8x60xf16>) -> tensor<?x?x8x60xf16>
  return %r : tensor<?x?x8x60xf16>
}
