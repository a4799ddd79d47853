// Creates the folders named on the command line; a portable `mkdir -p`.
import { mkdirSync } from "node:fs";

for (const folder of process.argv.slice(2)) mkdirSync(folder, { recursive: true });
