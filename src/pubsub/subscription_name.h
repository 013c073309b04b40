// What the broker's subscription for one of several filters is called: `mailer-1f3b5c7d`. The same filter has the same
// name whatever else is subscribed to, so filters can be added and taken away.
#pragma once

#include <string>
#include <string_view>

namespace leat {

std::string subscription_name(std::string_view name, std::string_view filter);

}  // namespace leat
