#include "cli/group_guard.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace leat::cli {
namespace {

// That what is noted dies with the worker is a matter of whole processes: tests/scenario/program_handlers_test.cc.
TEST(GroupGuardTest, TheChildNotesItself) {
  const auto guard = GroupGuard::start().value();
  GroupGuard::Note note = guard->note();
  const pid_t child =
      start_child({.arguments = {"/bin/sleep", "300"}, .environment = {}, .place = note.place()}).value();
  while (note.place()->load() != child) {  // it is on its way
  }
  kill(child, SIGKILL);
  note.release();
  collect_child(child);
}

TEST(GroupGuardTest, PlacesAreUsedAgain) {
  const auto guard = GroupGuard::start().value();
  for (int i = 0; i < 25'000; ++i) ASSERT_NE(guard->note().place(), nullptr) << i;
}

}  // namespace
}  // namespace leat::cli
