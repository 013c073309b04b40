// Everything a program needs to enqueue and run jobs. Add leat/json.h for job types as JSON.
#pragma once

#include "leat/broker.h"
#include "leat/dead_letters.h"
#include "leat/inspector.h"
#include "leat/job.h"
#include "leat/job_control.h"
#include "leat/log.h"
#include "leat/open.h"
#include "leat/outcome.h"
#include "leat/queue.h"
#include "leat/queue_control.h"
#include "leat/result.h"
#include "leat/results.h"
#include "leat/retry_policy.h"
#include "leat/worker.h"
#include "leat/workflow.h"
