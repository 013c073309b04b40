# find_package(leat) and pkg-config for what is installed.
include(CMakePackageConfigHelpers)

install(TARGETS leat_jobs leat_nats leat_clickhouse leat_all EXPORT leatTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS leat RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/leat DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${leat_generated}/leat/processed_envelope.pb.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/leat)
install(DIRECTORY proto/leat DESTINATION ${CMAKE_INSTALL_DATADIR}/leat/proto)
install(EXPORT leatTargets NAMESPACE leat:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/leat)

configure_package_config_file(cmake/leatConfig.cmake.in ${PROJECT_BINARY_DIR}/leatConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/leat)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/leatConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/leatConfig.cmake ${PROJECT_BINARY_DIR}/leatConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/leat)

# Relative to the file itself: an installation can be moved, and `cmake --install --prefix` decides late.
file(RELATIVE_PATH leat_prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/leat.pc.in ${PROJECT_BINARY_DIR}/leat.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/leat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
