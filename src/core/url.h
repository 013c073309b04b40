// Takes a broker URL apart (leat/open.h tells which ones there are).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "leat/result.h"

namespace leat {

struct Url {
  struct Host {
    std::string name;
    std::optional<std::uint16_t> port;
  };

  std::string scheme;                         // lower case
  std::optional<std::string> user;            // decoded; secret
  std::optional<std::string> password;        // decoded; secret
  std::vector<Host> hosts;                    // after `//`; IPv6 addresses without their brackets
  std::string path;                           // decoded: after the hosts, or all after `scheme:` where no `//` is
  std::map<std::string, std::string> params;  // decoded

  // The URL with `***` for what is secret: for logs and messages.
  std::string redacted() const;
};

// Errors: kInvalidArgument naming the part that is wrong; the message never repeats user or password.
Result<Url> parse_url(std::string_view text);

}  // namespace leat
