//===- Elf.cpp - bounds of ELF files --------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Artifact.h"

#include <cstring>
#include <elf.h>

using namespace linattn::runtime;

/// Whether `count` entries of `entryBytes` at `offset` lie in `size` bytes.
static bool isInside(uint64_t offset, uint64_t count, uint64_t entryBytes,
                     uint64_t size) {
  uint64_t bytes;
  return !__builtin_mul_overflow(count, entryBytes, &bytes) && offset <= size &&
         bytes <= size - offset;
}

bool linattn::runtime::checkElf(const char *data, int64_t size, int machine,
                                const char *what, Diagnostic &diag) {
  auto fail = [&](const char *problem) {
    return diag.fail(LINATTN_BAD_ARTIFACT, "%s: %s", what, problem);
  };
  Elf64_Ehdr header;
  if (size < static_cast<int64_t>(sizeof(header)))
    return fail("too small for an ELF file");
  memcpy(&header, data, sizeof(header));
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB)
    return fail("expected a 64-bit little-endian ELF file");
  if (header.e_machine != machine)
    return diag.fail(LINATTN_BAD_ARTIFACT,
                     "%s: expected code for ELF machine %d, but got %d", what,
                     machine, header.e_machine);
  if ((header.e_phnum && header.e_phentsize != sizeof(Elf64_Phdr)) ||
      (header.e_shnum && header.e_shentsize != sizeof(Elf64_Shdr)) ||
      !isInside(header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr), size) ||
      !isInside(header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr), size))
    return fail("the ELF headers end behind the blob");
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    memcpy(&segment, data + header.e_phoff + i * sizeof(segment),
           sizeof(segment));
    if (!isInside(segment.p_offset, 1, segment.p_filesz, size))
      return fail("an ELF segment ends behind the blob");
  }
  for (int i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    memcpy(&section, data + header.e_shoff + i * sizeof(section),
           sizeof(section));
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !isInside(section.sh_offset, 1, section.sh_size, size))
      return fail("an ELF section ends behind the blob");
  }
  return true;
}
