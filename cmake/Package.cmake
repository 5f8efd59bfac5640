# The installed libraries, both exporting tidal_* alone:
#   libtidal.so   hidden visibility and a version script
#   libtidal.a    one object, linked by ld -r, in which objcopy makes every other symbol local
# and what finds them: tidal.pc, tidalConfig.cmake.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# tidal_package(OBJECT...): targets tidal_shared and tidal_static, and the rules of `make install`.
function(tidal_package)
  set(_soname ${PROJECT_VERSION_MAJOR})
  set(_libraries RocksDB::c Threads::Threads m)
  if(BLAKE3_FOUND)
    list(APPEND _libraries BLAKE3::blake3)
  endif()
  set(_script ${PROJECT_SOURCE_DIR}/cmake/exports.map)

  add_library(tidal_shared SHARED ${ARGN})
  set_target_properties(tidal_shared PROPERTIES OUTPUT_NAME tidal LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION ${_soname} LINK_DEPENDS ${_script})
  target_link_options(tidal_shared PRIVATE -Wl,--version-script=${_script})
  if(NOT TIDAL_SANITIZE)
    target_link_options(tidal_shared PRIVATE -Wl,--no-undefined) # sanitizers' runtimes come later
  endif()
  target_link_libraries(tidal_shared PRIVATE tidal_flags ${_libraries})

  set(_archive ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/libtidal.a)
  set(_object ${CMAKE_CURRENT_BINARY_DIR}/tidal.o)
  add_custom_command(OUTPUT ${_archive}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}
    COMMAND ${CMAKE_LINKER} -r -o ${_object} ${ARGN}
    COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=tidal_* ${_object}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${_archive}
    COMMAND ${CMAKE_AR} rcs ${_archive} ${_object}
    DEPENDS ${ARGN} COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking C static library libtidal.a")
  add_custom_target(tidal_archive ALL DEPENDS ${_archive})
  add_library(tidal_static INTERFACE)
  add_dependencies(tidal_static tidal_archive)
  target_include_directories(tidal_static INTERFACE ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(tidal_static INTERFACE ${_archive} ${_libraries})

  set(_generated ${CMAKE_CURRENT_BINARY_DIR}/package)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/tidal.pc.in ${_generated}/tidal.pc @ONLY)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tidalConfig.cmake.in
    ${_generated}/tidalConfig.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tidal
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
  write_basic_package_version_file(${_generated}/tidalConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)

  install(TARGETS tidal_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${_archive} DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/include/tidal/tidal.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tidal)
  install(FILES ${_generated}/tidal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(FILES ${_generated}/tidalConfig.cmake ${_generated}/tidalConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/tidal)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
  if(EXISTS ${PROJECT_SOURCE_DIR}/profiles)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/profiles DESTINATION ${CMAKE_INSTALL_DATADIR}/tidal
      FILES_MATCHING PATTERN "*.tidal")
  endif()
  foreach(_section 1 3)
    file(GLOB _pages ${PROJECT_SOURCE_DIR}/docs/man/*.${_section})
    if(_pages)
      install(FILES ${_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${_section})
    endif()
  endforeach()
endfunction()
