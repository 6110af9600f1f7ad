# cmake -DGNOMON=<program> -DRULES=<folder> -DKEYS=<folder> -DSHARE=<folder> -P GnomonCatalogue.cmake
# Compiles the rules to the default pack of this build tree. The keys are made on first use and
# belong to the tree alone: a release is signed again with its own (docs/catalogue.md).
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${output}")
  endif()
endfunction()

if(NOT EXISTS ${KEYS}/catalogue.trust)
  run(${GNOMON} rules keygen --out ${KEYS})
endif()
file(MAKE_DIRECTORY ${SHARE})
file(COPY ${KEYS}/catalogue.trust DESTINATION ${SHARE})
run(${GNOMON} rules compile ${RULES} --out ${SHARE}/catalogue.pack --key ${KEYS}/pack.key)
