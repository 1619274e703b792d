# add_dashkv_library(name files... [DEPENDS targets] [LINK_LIBS ours] [MLIR_LIBS upstream])
#
# MLIR libraries go only through mlir_target_link_libraries: a static archive
# beside libMLIR.so registers every option twice.
function(add_dashkv_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS;MLIR_LIBS" ${ARGN})
  add_mlir_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS}
    DEPENDS ${ARG_DEPENDS}
    LINK_LIBS PUBLIC ${ARG_LINK_LIBS}
    EXCLUDE_FROM_LIBMLIR DISABLE_INSTALL PARTIAL_SOURCES_INTENDED)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  mlir_target_link_libraries(${name} PUBLIC MLIRIR ${ARG_MLIR_LIBS})
  target_link_libraries(${name} PUBLIC LLVM) # headers call into libLLVM directly
endfunction()

# add_dashkv_tool(name files... [LINK_LIBS ours])
function(add_dashkv_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_llvm_executable(${name} ${ARG_UNPARSED_ARGUMENTS} PARTIAL_SOURCES_INTENDED)
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  llvm_update_compile_flags(${name})
endfunction()
