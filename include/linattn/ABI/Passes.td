//===- Passes.td - passes that give functions the C ABI ----*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_ABI_PASSES_TD
#define LINATTN_ABI_PASSES_TD

include "mlir/Pass/PassBase.td"

def LinattnOutlineSizes : Pass<"linattn-outline-sizes", "mlir::ModuleOp"> {
  let summary = "Outline the computation of the sizes of results";
  let description = [{
    For every public function, creates a private function that computes the
    sizes of its results from the sizes of its arguments. It keeps the
    `cf.assert`s that compare sizes, and builds those that the lowerings of
    `linattn` ops will build, so that a caller who asks for the sizes hears of
    arguments that do not fit together. A function that cannot be
    called through the C ABI, or whose result has a size that depends on the
    values of an argument, is an error.

    Runs before any lowering: ops must still say what shape they produce.

    Before:

    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> { ... }
    ```

    After:

    ```mlir
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
        attributes {linattn.interface = {sizes = @f.sizes, ...}} { ... }
    func.func private @f.sizes(%d0: index, %d1: index) -> (index, index) {
      return %d0, %c4 : index, index
    }
    ```
  }];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::cf::ControlFlowDialect", "mlir::func::FuncDialect",
    "mlir::memref::MemRefDialect", "mlir::tensor::TensorDialect"];
}

def LinattnResultsToDestinations
    : Pass<"linattn-results-to-destinations", "mlir::ModuleOp"> {
  let summary = "Let results be written to buffers of the caller";
  let description = [{
    Turns the tensor arguments of public functions into memrefs of unit inner
    stride, and their results into trailing memref arguments that
    `bufferization.materialize_in_destination` fills. With empty tensor
    elimination, one-shot bufferization then makes no copies.

    A result that an argument is tied to by `linattn.inplace = <result>` is
    written to the buffer of that argument and gets no destination of its own:
    a state that is read and updated exists once.

    Functions that are called by others must have been inlined.

    Before:

    ```mlir
    func.func @f(%q: tensor<?x4xf32>,
                 %s: tensor<4x4xf32> {linattn.inplace = 1 : i64})
        -> (tensor<?x4xf32>, tensor<4x4xf32>) {
      ...
      return %o, %s1 : tensor<?x4xf32>, tensor<4x4xf32>
    }
    ```

    After:

    ```mlir
    func.func @f(%qm: memref<?x4xf32, strided<[?, 1]>>,
                 %sm: memref<4x4xf32, strided<[?, 1]>>,
                 %om: memref<?x4xf32, strided<[?, 1]>>) {
      %q = bufferization.to_tensor %qm restrict : ...
      %s = bufferization.to_tensor %sm restrict writable : ...
      ...
      bufferization.materialize_in_destination %o in restrict writable %om : ...
      %s2 = bufferization.materialize_in_destination %s1 in %s : ...
      bufferization.materialize_in_destination %s2 in writable %sm : ...
      return
    }
    ```
  }];
  let dependentDialects = [
    "mlir::bufferization::BufferizationDialect", "mlir::func::FuncDialect",
    "mlir::memref::MemRefDialect", "mlir::tensor::TensorDialect"];
}

def LinattnAllocsToWorkspace
    : Pass<"linattn-allocs-to-workspace", "mlir::ModuleOp"> {
  let summary = "Take temporaries from the workspace of the caller";
  let description = [{
    Replaces every `memref.alloc` of an entry function by a view into one more
    argument, the workspace, at offsets that are multiples of 64 bytes, and
    creates a private function that computes the size of the workspace from
    the sizes of the arguments and results. Deallocations disappear.

    An allocation of static size in a parallel loop, such as tiles that do not
    fit on the stack, gets one place for each iteration. One of dynamic size
    there, one whose size depends on values, and one that is carried from one
    iteration of a loop to the next are errors: compiled code allocates nothing
    at run time.

    Before:

    ```mlir
    func.func @f(%x: memref<?x4xf32>) {
      %n = memref.dim %x, %c0 : memref<?x4xf32>
      %t = memref.alloc(%n) : memref<?x4xf32>
      ...
    }
    ```

    After:

    ```mlir
    func.func @f(%x: memref<?x4xf32>, %workspace: memref<?xi8>) {
      %t = memref.view %workspace[%c0][%n] : memref<?xi8> to memref<?x4xf32>
      ...
    }
    func.func private @f.workspace(%d0: index, %d1: index) -> index
    ```
  }];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::func::FuncDialect", "mlir::memref::MemRefDialect"];
}

def LinattnAssertsToStatus
    : Pass<"linattn-asserts-to-status", "mlir::ModuleOp"> {
  let summary = "Return the message of a failed check instead of aborting";
  let description = [{
    Gives every entry function, and every function that computes sizes for one,
    a first result: a pointer to the message of the check that failed, or null.
    A `cf.assert` becomes a branch to a return; sequential `scf` ops around it
    become branches, too. A `cf.assert` in a parallel loop has nowhere to return
    to: it is an error.

    Before:

    ```mlir
    func.func @f(%x: memref<?xf32>) {
      cf.assert %ok, "expects four tokens"
      ...
      return
    }
    ```

    After:

    ```mlir
    func.func @f(%x: memref<?xf32>) -> !llvm.ptr {
      cf.cond_br %ok, ^checked, ^failed
    ^checked:
      ...
      return %null : !llvm.ptr
    ^failed:
      return %message : !llvm.ptr
    }
    ```
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect",
    "mlir::func::FuncDialect", "mlir::LLVM::LLVMDialect",
    "mlir::scf::SCFDialect"];
}

def LinattnEmitCInterface
    : Pass<"linattn-emit-c-interface", "mlir::ModuleOp"> {
  let summary = "Emit the C entry points of a lowered module";
  let description = [{
    For every entry function `f`, which by now is an `llvm.func`, emits the
    symbols of `docs/ABI.md`: `f`, which checks the descriptors that the caller
    passes, unpacks them and runs the function, `f_query`, which computes the
    sizes of the results and of the workspace, and `f_signature`, which
    describes the arguments and results. Everything else becomes internal.

    Before:

    ```mlir
    llvm.func @f(%base: !llvm.ptr, %data: !llvm.ptr, %offset: i64, %size: i64,
                 %stride: i64, ...) -> !llvm.ptr
    ```

    After:

    ```mlir
    llvm.func internal @f.impl(...) -> !llvm.ptr
    llvm.func @f(%args: !llvm.ptr, %num_args: i64, %workspace: !llvm.ptr,
                 %workspace_size: i64, %status: !llvm.ptr) -> i32
    llvm.func @f_query(%args: !llvm.ptr, %num_args: i64,
                       %workspace_size: !llvm.ptr, %status: !llvm.ptr) -> i32
    llvm.mlir.global constant @f_signature(...)
    ```
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

#endif // LINATTN_ABI_PASSES_TD
