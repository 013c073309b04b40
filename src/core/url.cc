#include "core/url.h"

#include <algorithm>

#include "core/text.h"

namespace leat {
namespace {

Error invalid_url(std::string message) {
  return {ErrorCode::kInvalidArgument, "broker URL: " + std::move(message)};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> percent_decode(std::string_view text, std::string_view part) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return invalid_url("the " + std::string(part) +
                         " has a % that two hex digits do not follow; write %25 for a plain %");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.find('\0') != out.npos) return invalid_url("the " + std::string(part) + " holds a zero byte");
  return out;
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_address_character(char c) {
  return is_host_character(c) || c == ':' || c == '%';  // `%` begins an IPv6 zone
}

Result<Url::Host> parse_host(std::string_view text) {
  Url::Host host;
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return invalid_url("\"" + std::string(text) + "\": the address has no closing bracket");
    host.name = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    host.name = text.substr(0, text.find(':'));
    rest = text.substr(host.name.size());
  }
  if (host.name.empty()) return invalid_url("a host is empty; expected host or host:port");
  const auto fits = text.starts_with('[') ? is_address_character : is_host_character;
  if (!std::all_of(host.name.begin(), host.name.end(), fits)) {
    return invalid_url(
        "\"" + host.name +
        "\" is no host: a host is letters, digits, `.`, `-` and `_`; hosts are separated by commas alone");
  }
  if (rest.empty()) return host;
  const auto port = rest.starts_with(':') ? parse_number(rest.substr(1)) : std::nullopt;
  if (!port || *port == 0 || *port > 65'535) {
    return invalid_url("\"" + std::string(text) + "\": the port must be a number from 1 to 65535");
  }
  host.port = static_cast<std::uint16_t>(*port);
  return host;
}

Result<void> parse_user_info(Url& url, std::string_view text) {
  const std::size_t colon = text.find(':');
  auto user = percent_decode(text.substr(0, colon), "user");
  if (!user) return user.error();
  url.user = std::move(*user);
  if (colon == text.npos) return {};
  auto password = percent_decode(text.substr(colon + 1), "password");
  if (!password) return password.error();
  url.password = std::move(*password);
  return {};
}

Result<void> parse_authority(Url& url, std::string_view text) {
  if (const std::size_t at = text.rfind('@'); at != text.npos) {
    if (auto user = parse_user_info(url, text.substr(0, at)); !user) return user;
    text.remove_prefix(at + 1);
  }
  if (text.empty()) return invalid_url("no host after \"" + url.scheme + "://\"");
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    auto host = parse_host(text.substr(begin, end - begin));
    if (!host) return host.error();
    url.hosts.push_back(std::move(*host));
    begin = end + 1;
  }
  return {};
}

Result<void> parse_params(Url& url, std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), "parameter name");
    if (!name) return name.error();
    if (equals == pair.npos) return invalid_url("parameter \"" + *name + "\" has no value; expected " + *name + "=...");
    auto value = percent_decode(pair.substr(equals + 1), "parameter \"" + *name + "\"");
    if (!value) return value.error();
    if (!url.params.emplace(*name, std::move(*value)).second)
      return invalid_url("parameter \"" + *name + "\" stands twice");
  }
  return {};
}

}  // namespace

std::string Url::redacted() const {
  std::string out = scheme + ":";
  if (!hosts.empty()) out += "//";
  if (user) out += password ? "***:***@" : "***@";
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool v6 = hosts[i].name.find(':') != std::string::npos;
    out += (i > 0 ? "," : "") + (v6 ? "[" + hosts[i].name + "]" : hosts[i].name);
    if (hosts[i].port) out += ":" + std::to_string(*hosts[i].port);
  }
  return out + path;
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  const std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0) {
    return invalid_url("no scheme; expected memory:, sqlite:FILE, nats://HOST or tls://HOST");
  }
  url.scheme = text.substr(0, colon);
  for (char& c : url.scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-')) {
      return invalid_url("no scheme; expected memory:, sqlite:FILE, nats://HOST or tls://HOST");
    }
  }
  std::string_view rest = text.substr(colon + 1);
  if (const std::size_t question = rest.find('?'); question != rest.npos) {
    if (auto params = parse_params(url, rest.substr(question + 1)); !params) return params.error();
    rest = rest.substr(0, question);
  }
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    if (rest.substr(0, slash).ends_with(':') && rest.substr(slash).starts_with("//")) {
      return invalid_url("the scheme stands once, before all hosts; expected " + url.scheme +
                         "://HOST[:PORT],HOST[:PORT]");
    }
    if (rest.find('@', slash) != rest.npos) {
      return invalid_url("a `/` stands before the `@`; write %2F for it in a user or password");
    }
    if (auto authority = parse_authority(url, rest.substr(0, slash)); !authority) return authority.error();
    rest.remove_prefix(slash);
  }
  auto path = percent_decode(rest, "path");
  if (!path) return path.error();
  url.path = std::move(*path);
  return url;
}

}  // namespace leat
