// MemoryTrim: keeping the resident memory of a program that runs for weeks as small as its work.

#pragma once

namespace gnomon {

// bound_heap makes the allocator give memory back: one arena for both threads, and blocks of 128
// KiB and more (a pushed rule pack, a batch) always as mappings of their own, which end when they
// are freed. Before threads start.
void bound_heap();

// trim_memory gives back what is resident and not in use: free heap, and clean pages of files.
// Those are code of the program and its libraries that only starting ran, and parts of the rule
// pack that some question touched long ago; what is needed again comes back from the system's page
// cache. Only mappings that cannot be written and hold no page of our own are touched. Safe from
// every thread; takes some milliseconds.
void trim_memory();

}  // namespace gnomon
