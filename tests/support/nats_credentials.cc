#include "tests/support/nats_credentials.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace leat::test {
namespace {

constexpr unsigned char kSeed = 18 << 3;
constexpr unsigned char kUser = 20 << 3;
constexpr unsigned char kAccount = 0;
constexpr unsigned char kOperator = 14 << 3;

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Key private_key(const std::string& raw) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes(raw), raw.size()), EVP_PKEY_free};
}

std::string with_crc(std::string text) {
  unsigned crc = 0;
  for (const char c : text) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  text += static_cast<char>(crc & 0xff);
  text += static_cast<char>(crc >> 8);
  return text;
}

std::string encode(const std::string& raw, const char* alphabet, int bits_each) {
  std::string text;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : raw) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= bits_each; bits -= bits_each) {
      text += alphabet[(buffer >> (bits - bits_each)) & ((1U << bits_each) - 1)];
    }
  }
  if (bits > 0) text += alphabet[(buffer << (bits_each - bits)) & ((1U << bits_each) - 1)];
  return text;
}

std::string base32(const std::string& raw) {
  return encode(raw, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
}
std::string base64url(const std::string& raw) {
  return encode(raw, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6);
}

unsigned char prefix_of(Nkey::Kind kind) {
  switch (kind) {
    case Nkey::Kind::kUser: return kUser;
    case Nkey::Kind::kAccount: return kAccount;
    case Nkey::Kind::kOperator: return kOperator;
  }
  return kUser;
}

std::string make_jwt(const Nkey& issuer, const Nkey& subject, const std::string& name, nlohmann::json nats) {
  nats["version"] = 2;
  const nlohmann::json header{{"typ", "JWT"}, {"alg", "ed25519-nkey"}};
  const nlohmann::json claims{
      {"jti", name},  {"iat", 1700000000}, {"iss", issuer.public_key()}, {"sub", subject.public_key()},
      {"name", name}, {"nats", nats}};
  const std::string text = base64url(header.dump()) + "." + base64url(claims.dump());
  return text + "." + issuer.sign(text);
}

nlohmann::json account_claims(bool jetstream) {
  nlohmann::json limits{{"subs", -1},    {"data", -1},        {"payload", -1}, {"imports", -1},
                        {"exports", -1}, {"wildcards", true}, {"conn", -1},    {"leaf", -1}};
  if (jetstream) limits.update({{"mem_storage", -1}, {"disk_storage", -1}, {"streams", -1}, {"consumer", -1}});
  return {{"type", "account"}, {"limits", limits}};
}

void run(const std::string& command) {
  if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace

Nkey::Nkey(Kind kind) : raw_(32, '\0') {
  RAND_bytes(bytes(raw_), static_cast<int>(raw_.size()));
  const Key key = private_key(raw_);
  const unsigned char prefix = prefix_of(kind);
  std::string encoded(33, static_cast<char>(prefix));
  std::size_t length = 32;
  EVP_PKEY_get_raw_public_key(key.get(), bytes(encoded) + 1, &length);
  public_key_ = base32(with_crc(encoded));
  std::string seed;
  seed += static_cast<char>(kSeed | prefix >> 5);
  seed += static_cast<char>((prefix & 31) << 3);
  seed_ = base32(with_crc(seed + raw_));
}

std::string Nkey::sign(const std::string& text) const {
  const Key key = private_key(raw_);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(64, '\0');
  std::size_t length = signature.size();
  EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get());
  EVP_DigestSign(context.get(), bytes(signature), &length, bytes(text), text.size());
  return base64url(signature);
}

JwtSetup::JwtSetup() {
  const Nkey owner(Nkey::Kind::kOperator);
  const Nkey system(Nkey::Kind::kAccount);
  const Nkey account(Nkey::Kind::kAccount);
  const Nkey user(Nkey::Kind::kUser);
  server_config = "operator: " + make_jwt(owner, owner, "operator", {{"type", "operator"}}) +
                  "\nsystem_account: " + system.public_key() + "\nresolver: MEMORY\nresolver_preload: {\n  " +
                  system.public_key() + ": " + make_jwt(owner, system, "system", account_claims(false)) + "\n  " +
                  account.public_key() + ": " + make_jwt(owner, account, "account", account_claims(true)) + "\n}\n";
  const nlohmann::json rights{{"type", "user"}, {"subs", -1}, {"data", -1}, {"payload", -1}};
  creds = "-----BEGIN NATS USER JWT-----\n" + make_jwt(account, user, "user", rights) +
          "\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n" + user.seed() +
          "\n------END USER NKEY SEED------\n";
}

void make_certificates(const std::filesystem::path& directory, const std::string& names) {
  const std::string at = "cd '" + directory.string() + "' && ";
  const std::string fresh = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ";
  run(at + fresh + "-x509 -days 2 -subj /CN=ca -keyout ca.key -out ca.pem");
  std::ofstream(directory / "names") << "subjectAltName=" << names << "\n";
  for (const std::string name : {"server", "client"}) {
    run(at + fresh + "-subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr");
    run(at + "openssl x509 -req -days 2 -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names " +
        "-out " + name + ".pem");
  }
}

}  // namespace leat::test
