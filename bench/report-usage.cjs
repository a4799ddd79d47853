// Loaded before a command: writes the peak of the process's memory, in KiB, and its processor time, in microseconds, to file descriptor 3
// when it ends.
const { writeSync } = require("node:fs");

process.on("exit", () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  writeSync(3, [maxRSS, userCPUTime + systemCPUTime].join(" "));
});
