// The program `leat`: parses the command line, runs one command, and turns its error into an exit code.
#include "cli/command_line.h"

int main(int argc, char** argv) {
  return leat::cli::run_command_line(argc, argv);
}
