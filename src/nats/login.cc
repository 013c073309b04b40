#include "nats/login.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace leat::nats {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kSeedBytes = 2 + 32 + 2;  // prefix, ed25519 seed, CRC
constexpr unsigned char kSeedPrefix = 18 << 3;
constexpr unsigned char kUserPrefix = 20 << 3;

// A secret in memory: wiped when it dies.
struct Secret {
  std::string text;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

Error bad_file(std::string_view what, const std::string& path, std::string_view reason) {
  return {ErrorCode::kInvalidArgument, std::string(what) + " file " + path + ": " + std::string(reason)};
}

Result<void> check_readable(std::string_view what, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return bad_file(what, path, "cannot be read");
  std::fclose(file);
  return {};
}

std::uint16_t crc16(std::string_view bytes) {
  std::uint16_t crc = 0;
  for (const char byte : bytes) {
    crc = static_cast<std::uint16_t>(crc ^ (static_cast<unsigned char>(byte) << 8));
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<std::uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

std::string base32(std::string_view bytes) {
  std::string text;
  unsigned buffer = 0;
  int bits = 0;
  for (const char byte : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 5; bits -= 5) text += kBase32[(buffer >> (bits - 5)) & 31];
  }
  if (bits > 0) text += kBase32[(buffer << (5 - bits)) & 31];
  return text;
}

bool from_base32(std::string_view text, std::string& bytes) {
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = kBase32.find(c);
    if (value == kBase32.npos) return false;
    buffer = buffer << 5 | static_cast<unsigned>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits);
    }
  }
  return true;
}

// The line of a seed file that is the seed; other lines may be a frame of dashes or empty.
Result<Secret> read_seed(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (file == nullptr) return bad_file("nkey", path, "cannot be read");
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), file.get()) != nullptr) {
    std::string_view text(line.data());
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
    if (text.starts_with("SU")) {
      Secret seed{std::string(text)};
      OPENSSL_cleanse(line.data(), line.size());
      return seed;
    }
  }
  return bad_file("nkey", path, "holds no user seed (a line that begins with SU)");
}

Result<void> apply_tls(natsOptions* to, const ConnectionOptions& options) {
  const bool files = !options.tls_ca.empty() || !options.tls_cert.empty() || !options.tls_key.empty();
  if (!options.tls && !files) return {};
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return Error(ErrorCode::kInvalidArgument, "tls_cert and tls_key belong together: give both or neither");
  }
  natsOptions_SetSecure(to, true);
  if (!options.tls_ca.empty()) {
    if (auto readable = check_readable("tls_ca", options.tls_ca); !readable) return readable;
    if (natsOptions_LoadCATrustedCertificates(to, options.tls_ca.c_str()) != NATS_OK) {
      return bad_file("tls_ca", options.tls_ca, "holds no PEM certificate");
    }
  }
  if (!options.tls_cert.empty()) {
    if (auto readable = check_readable("tls_cert", options.tls_cert); !readable) return readable;
    if (auto readable = check_readable("tls_key", options.tls_key); !readable) return readable;
    if (natsOptions_LoadCertificatesChain(to, options.tls_cert.c_str(), options.tls_key.c_str()) != NATS_OK) {
      return bad_file("tls_cert", options.tls_cert, "and tls_key are no PEM certificate with its key");
    }
  }
  return {};
}

Result<void> apply_nkey(natsOptions* to, const std::string& path) {
  auto seed = read_seed(path);
  if (!seed) return seed.error();
  auto key = public_nkey(seed->text);
  if (!key) return key.error().with_context("nkey file " + path);
  if (natsOptions_SetNKeyFromSeed(to, key->c_str(), path.c_str()) != NATS_OK) {
    return bad_file("nkey", path, "is refused by nats.c");
  }
  return {};
}

}  // namespace

Result<std::string> public_nkey(std::string_view seed) {
  const Error invalid(ErrorCode::kInvalidArgument, "this is no nkey user seed (58 characters that begin with SU)");
  Secret raw;
  if (!from_base32(seed, raw.text) || raw.text.size() != kSeedBytes) return invalid;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(raw.text[i]); };
  const bool user = (byte(0) & 0xf8) == kSeedPrefix && ((byte(0) & 7) << 5 | (byte(1) & 0xf8) >> 3) == kUserPrefix;
  const std::uint16_t crc = crc16(std::string_view(raw.text).substr(0, kSeedBytes - 2));
  if (!user || (crc & 0xff) != byte(kSeedBytes - 2) || crc >> 8 != byte(kSeedBytes - 1)) return invalid;
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.text.data());
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes + 2, 32), EVP_PKEY_free);
  std::string encoded(33, static_cast<char>(kUserPrefix));
  std::size_t length = 32;
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(encoded.data()) + 1, &length) != 1) {
    return invalid;
  }
  const std::uint16_t check = crc16(encoded);
  encoded += static_cast<char>(check & 0xff);
  encoded += static_cast<char>(check >> 8);
  return base32(encoded);
}

Result<void> apply_login(natsOptions* to, const ConnectionOptions& options) {
  if (auto tls = apply_tls(to, options); !tls) return tls;
  natsStatus status = NATS_OK;
  if (!options.user.empty()) status = natsOptions_SetUserInfo(to, options.user.c_str(), options.password.c_str());
  if (status == NATS_OK && !options.token.empty()) status = natsOptions_SetToken(to, options.token.c_str());
  if (!options.creds_file.empty()) {
    if (auto readable = check_readable("creds", options.creds_file); !readable) return readable;
    if (status == NATS_OK) {
      status = natsOptions_SetUserCredentialsFromFiles(to, options.creds_file.c_str(), nullptr);
    }
  }
  if (status != NATS_OK) return Error(ErrorCode::kInvalidArgument, "the credentials cannot be used together");
  if (!options.nkey_seed_file.empty()) return apply_nkey(to, options.nkey_seed_file);
  return {};
}

}  // namespace leat::nats
