/* mmap64: mmap by its other name. musl has the name as a macro only. */
#define FUNCTION "mmap64"
#define MAP mmap64
#include "mmap.c"
