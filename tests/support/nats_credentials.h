// Keys, certificates and credentials for the servers of tests; made when they are needed, worth nothing elsewhere.
#pragma once

#include <filesystem>
#include <string>

namespace leat::test {

// An ed25519 key as NATS writes it: public "U...", seed "SU..." (A for accounts, O for operators).
class Nkey {
 public:
  enum class Kind { kUser, kAccount, kOperator };
  explicit Nkey(Kind kind);

  const std::string& public_key() const { return public_key_; }
  const std::string& seed() const { return seed_; }
  std::string sign(const std::string& text) const;  // base 64 for URLs

 private:
  std::string raw_;  // 32 bytes
  std::string public_key_;
  std::string seed_;
};

// An operator with one account that has JetStream, and a user of it.
struct JwtSetup {
  JwtSetup();
  std::string server_config;  // operator, resolver and system account
  std::string creds;          // what a user's .creds file holds
};

// A CA, and certificates by it for a server with these names and a client, as PEM files in `directory`:
// ca.pem, server.pem, server.key, client.pem, client.key. Throws std::runtime_error.
void make_certificates(const std::filesystem::path& directory, const std::string& names = "IP:127.0.0.1,DNS:localhost");

}  // namespace leat::test
