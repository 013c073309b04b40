// Addresses on HTTP servers.
#pragma once

#include <string>
#include <string_view>

#include "leat/result.h"

namespace leat {

// Ok, or kInvalidArgument saying what is wrong. The message never repeats user or password.
Result<void> check_http_url(std::string_view url);

// "https://hooks.example:8443/orders": without what may be secret, which is user, password and query. For logs and
// messages; "(no URL)" for what is none.
std::string public_part(std::string_view url);

}  // namespace leat
