//===- TestArtifact.cpp - artifacts for tests -----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestArtifact.h"

#include "Support.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

// scan(scale, x[B, N, 64], state[B, 64] in place) -> o[B, N, 64], with a kernel
// that the workspace connects to a second one if there are few sequences.
const char *const kTestManifest = R"({
"abi_version": 1, "producer": "test", "source_hash": "0123",
"blobs": [{"kind": "constants", "offset": 0, "size": 48},
          {"kind": "ptx", "offset": 64, "size": 12},
          {"kind": "ptx", "offset": 128, "size": 13}],
"targets": [
  {"images": [{"arch": "compute_90a", "blob": 1}],
   "kernels": [{"name": "whole", "max_shared_memory": 213120},
               {"name": "part", "max_shared_memory": 1024,
                "non_portable_cluster": true}, {"name": "join"}]},
  {"images": [{"arch": "compute_80", "blob": 2}],
   "kernels": [{"name": "simple", "schedule": "any text"}]}],
"functions": [{"name": "scan",
  "arguments": [
    {"name": "scale", "dtype": "f32", "sizes": [], "space": "host"},
    {"name": "x", "dtype": "bf16", "sizes": ["B", "N", 64], "alignment": 16,
     "strides": [{"symbol": "xb", "multiple": 8},
                 {"symbol": "xn", "multiple": 8}, 1]},
    {"name": "state", "dtype": "f32", "sizes": ["B", 64],
     "strides": [64, 1]}],
  "define": [["chunks", ["ceildiv", "N", 64]]],
  "results": [
    {"name": "o", "dtype": "bf16", "sizes": ["B", ["*", "N", 1], 64],
     "alignment": 16, "strides": ["ob", {"symbol": "on", "multiple": 8}, 1]},
    {"inplace": "state"}],
  "require": [{"condition": ["<=", "N", 1000000],
               "message": "expects at most a million tokens"}],
  "plans": [
    {"target": 0,
     "define": [["splits", ["max", 1, ["floordiv", "sm_count",
                                       ["max", "B", 1]]]]],
     "variants": [
       {"name": "whole", "when": ["or", ["<", "splits", 2], ["==", "N", 0]],
        "launches": [{"kernel": "whole", "grid": ["B", 1, 1],
          "when": [">=", "compute_capability", 90],
          "block": [384, 1, 1], "shared_memory": ["*", 1024, 200],
          "parameters": [
            {"kind": "address", "address": {"tensor": "x"}},
            {"kind": "address", "address": {"tensor": "o"}},
            {"kind": "integer", "type": "i32", "value": "N"}]}]},
       {"name": "split", "workspace": ["*", "B", "splits", 256],
        "launches": [
          {"kernel": "part", "grid": [["*", "B", "splits"], 1, 1],
           "block": [128, 1, 1], "cluster": ["splits", 1, 1],
           "shared_memory": 1024,
           "parameters": [
             {"kind": "tensor_map", "address": {"tensor": "x"},
              "element": "bf16", "sizes": [64, "N", "B"],
              "strides": ["xn", "xb"], "box": [64, 32, 1],
              "swizzle": "128B", "l2_promotion": "256B", "fill": "nan"},
             {"kind": "tensor_map",
              "address": {"base": "workspace", "offset": 0},
              "element": "f32", "sizes": [64, ["*", "B", "splits"]],
              "strides": [64], "box": [32, 1], "element_strides": [1, 1],
              "swizzle": "none"},
             {"kind": "value", "tensor": "scale"},
             {"kind": "address",
              "address": {"base": "constants", "offset": 16}}]},
          {"kernel": "join", "grid": ["B", 1, 1], "block": [32, 2, 1],
           "programmatic": true,
           "parameters": [
             {"kind": "address", "address": {"base": "workspace"}},
             {"kind": "address", "address": {"tensor": "state", "offset": 8}},
             {"kind": "bits", "bytes": 4, "value": 1065353216},
             {"kind": "integer", "type": "u8", "value": "chunks"}]}]}]},
    {"target": 1,
     "variants": [{"name": "only", "when": [">", "N", 0],
       "launches": [{"kernel": "simple", "grid": ["B", 1, 1],
                     "block": [64, 1, 1], "parameters": []}]}]}]}]
})";

std::string getTestBlobs() {
  std::string blobs(128 + 13, '\0');
  for (int i = 0; i < 48; ++i)
    blobs[i] = static_cast<char>('A' + i);
  memcpy(&blobs[64], "ptx for 90a", 11);
  memcpy(&blobs[128], "ptx for rest", 12);
  return blobs;
}

std::string assemble(const std::string &manifest, const std::string &blobs) {
  std::string file("\x7fLNA\r\n\x1a\n", 8);
  file.resize(64);
  uint32_t version = 1;
  memcpy(&file[8], &version, 4);
  uint64_t manifestBytes = manifest.size();
  memcpy(&file[24], &manifestBytes, 8);
  file += manifest;
  if (!blobs.empty())
    file.resize((file.size() + 63) / 64 * 64);
  file += blobs;
  uint64_t fileBytes = file.size();
  memcpy(&file[16], &fileBytes, 8);
  seal(file);
  return file;
}

void seal(std::string &file) {
  memset(&file[12], 0, 4);
  uint32_t crc = linattn::runtime::computeCrc32(file.data(), file.size());
  memcpy(&file[12], &crc, 4);
}

std::string replaced(const std::string &text, const std::string &from,
                     const std::string &to) {
  size_t position = text.find(from);
  if (position == text.npos || text.find(from, position + 1) != text.npos)
    abort(); // The test itself is wrong.
  return text.substr(0, position) + to + text.substr(position + from.size());
}

ArtifactPtr load(const std::string &file, linattn_error &error) {
  linattn_artifact *artifact = nullptr;
  linattn_artifact_load_memory(file.data(), file.size(), &artifact, &error);
  return ArtifactPtr(artifact);
}

FakeState *openFakeDriver() {
  setenv("LINATTN_LIBCUDA", FAKE_DRIVER, 1);
  void *library = dlopen(FAKE_DRIVER, RTLD_NOW);
  if (!library)
    abort();
  using GetState = FakeState *(*)();
  using Reset = void (*)();
  reinterpret_cast<Reset>(dlsym(library, "resetFakeState"))();
  FakeState *state =
      reinterpret_cast<GetState>(dlsym(library, "getFakeState"))();
  state->kernels = {{"whole", {8, 8, 4}},
                    {"part", {128, 128, 4, 8}},
                    {"join", {8, 8, 4, 1}},
                    {"simple", {}}};
  return state;
}

static void setTensor(linattn_tensor &tensor, int32_t dtype, uintptr_t data,
                      std::initializer_list<int64_t> sizes) {
  tensor = {};
  tensor.data = reinterpret_cast<void *>(data);
  tensor.dtype = dtype;
  tensor.rank = static_cast<int32_t>(sizes.size());
  int64_t stride = 1, dim = tensor.rank;
  for (auto size = sizes.end(); size != sizes.begin();) {
    --size;
    tensor.sizes[--dim] = *size;
    tensor.strides[dim] = stride;
    stride *= *size;
  }
}

ScanCall::ScanCall(int64_t batch, int64_t tokens) {
  setTensor(tensors[0], LINATTN_F32, reinterpret_cast<uintptr_t>(&scale), {});
  setTensor(tensors[1], LINATTN_BF16, 0x1000000, {batch, tokens, 64});
  setTensor(tensors[2], LINATTN_F32, 0x2000000, {batch, 64});
  setTensor(tensors[3], LINATTN_BF16, 0x3000000, {batch, tokens, 64});
}

int32_t ScanCall::query(const linattn_entry *entry) {
  return linattn_entry_query(entry, 0, tensors, 4, &workspaceSize, &error);
}

int32_t ScanCall::launch(const linattn_entry *entry, void *stream) {
  return linattn_entry_launch(entry, 0, tensors, 4, workspace,
                              workspaceSize < 0 ? INT64_MAX : workspaceSize,
                              stream, &error);
}
