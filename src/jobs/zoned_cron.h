// Cron on the clocks of a zone: which instants a local time stands for when clocks are put forward or back
// (leat/recurrence.h has the rules).
#pragma once

#include <optional>

#include "jobs/cron_expression.h"
#include "jobs/time_zone.h"
#include "leat/clock.h"

namespace leat {

// The first instant after `after`; empty when there is none that SystemTime can hold.
std::optional<SystemTime> next_due(const CronExpression& cron, const TimeZone& zone, SystemTime after);

}  // namespace leat
