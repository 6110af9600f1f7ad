// Runs a fuzz target over every file of a corpus folder, with any compiler, and over every file's
// proper prefixes of up to 64 bytes less: the fuzzer's little brother, in every build.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      std::ifstream stream{file, std::ios::binary};
      const std::vector<char> text{std::istreambuf_iterator<char>{stream}, {}};
      const std::vector<std::uint8_t> bytes{text.begin(), text.end()};
      const std::size_t shortest = bytes.size() > 64 ? bytes.size() - 64 : 0;
      for (std::size_t size = bytes.size() + 1; size-- > shortest;) {
        // A copy of exactly this size, so that a sanitizer sees a read behind its end.
        const std::vector<std::uint8_t> input{bytes.begin(),
                                              bytes.begin() + static_cast<std::ptrdiff_t>(size)};
        LLVMFuzzerTestOneInput(input.data(), input.size());
        ++inputs;
      }
    }
  }
  static_cast<void>(std::printf("%zu inputs\n", inputs));
  return inputs == 0 ? 1 : 0;
}
