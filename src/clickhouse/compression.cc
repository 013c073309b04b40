#include "clickhouse/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>

namespace leat {
namespace {

constexpr int kZstdLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // the largest window; 16 asks for gzip's header
constexpr int kMemoryLevel = 8;       // zlib's default

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  std::size_t taken = 0;
  int ended = Z_OK;
  while (ended == Z_OK) {
    const std::size_t piece = std::min<std::size_t>(bytes.size() - taken, std::numeric_limits<std::int32_t>::max());
    const std::size_t room =
        std::min<std::size_t>(out.size() - stream.total_out, std::numeric_limits<std::int32_t>::max());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + taken));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + stream.total_out);
    stream.avail_out = static_cast<uInt>(room);
    ended = deflate(&stream, taken + piece == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    taken += piece - stream.avail_in;
  }
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return ended == Z_STREAM_END ? out : std::string();
}

std::string zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0) return {};
  out.resize(size);
  return out;
}

}  // namespace

std::string_view content_encoding(Compression how) {
  return how == Compression::kGzip ? "gzip" : how == Compression::kZstd ? "zstd" : "";
}

std::string compress(std::string_view bytes, Compression how) {
  if (how == Compression::kGzip) return gzip(bytes);
  return how == Compression::kZstd ? zstd(bytes) : std::string();
}

}  // namespace leat
