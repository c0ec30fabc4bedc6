# -*- Python -*-
"""What the lit tests may use: tools, substitutions and features."""

import os
import shutil

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "LINATTN"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "lib", "consumer"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.linattn_obj_root, "test")

config.linattn_tools_dir = os.path.join(config.linattn_obj_root, "bin")
config.linattn_lib_dir = os.path.join(config.linattn_obj_root, "lib")

llvm_config.use_default_substitutions()
llvm_config.with_environment("PATH", config.linattn_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)

config.substitutions.append(("%linattn_src", config.linattn_src_root))
config.substitutions.append(("%linattn_obj", config.linattn_obj_root))
config.substitutions.append(("%linattn_lib", config.linattn_lib_dir))
config.substitutions.append(("%mlir_lib", config.mlir_lib_dir))
config.substitutions.append(("%shlibext", config.llvm_shlib_ext))
# A stock mlir-opt with this project as a plugin.
plugin = os.path.join(config.linattn_lib_dir, "LinattnPlugin" + config.llvm_shlib_ext)
config.substitutions.append(
    ("%plugin_opt", f"mlir-opt --load-dialect-plugin={plugin} --load-pass-plugin={plugin}")
)
# Lit has a %python of its own, which need not have numpy.
config.substitutions.append(("%venv_python", config.python))
config.substitutions.append(("%host_cc", config.host_cc))

# A tool that was not built is left alone: the tests that need it fail, and
# say which tool they miss.
tools = [
    "linattn-opt",
    "linattn-artifact",
    "linattn-compile",
    "linattn-run",
    "linattn-reduce",
    "linattn-lsp-server",
    "linattn-capi-test",
]
llvm_config.add_tool_substitutions(
    [ToolSubst(tool, unresolved="ignore") for tool in tools],
    [config.linattn_tools_dir],
)
llvm_config.add_tool_substitutions(
    [ToolSubst(tool) for tool in ["mlir-opt", "mlir-runner", "mlir-translate", "llc", "llvm-objdump"]],
    [config.llvm_tools_dir],
)

# Debian's tools are not instrumented, so they cannot load an instrumented
# plugin.
if not config.linattn_sanitizer:
    config.available_features.add("plugins")
if config.linattn_sanitizer:
    config.available_features.add("sanitizer")
if shutil.which("ptxas"):
    config.available_features.add("ptxas")
