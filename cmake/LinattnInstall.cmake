# What `cmake --install` puts where, and the package that find_package(linattn)
# finds there.

include(CMakePackageConfigHelpers)

set(LINATTN_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/linattn)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc"
  PATTERN "CMakeFiles" EXCLUDE)

get_property(libraries GLOBAL PROPERTY LINATTN_LIBS)
install(TARGETS ${libraries} EXPORT linattnTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT linattnTargets DESTINATION ${LINATTN_CMAKE_DIR})

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/linattnConfig.cmake.in
  ${PROJECT_BINARY_DIR}/linattnConfig.cmake
  INSTALL_DESTINATION ${LINATTN_CMAKE_DIR}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/linattnConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/linattnConfig.cmake
  ${PROJECT_BINARY_DIR}/linattnConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/MLIRSharedCAPI.cmake
  DESTINATION ${LINATTN_CMAKE_DIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/python
  DESTINATION ${CMAKE_INSTALL_DATADIR}/linattn
  FILES_MATCHING PATTERN "*.py")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
