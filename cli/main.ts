// First, so that all modules are loaded under them.
import "./engine-settings.ts";
import "./schema-settings.ts";
import { Command, CommanderError } from "commander";
import { borealVersion } from "../api/version.ts";
import { BorealError, formatProblem, type Problem } from "../base/errors.ts";
import { type CommandEntry, commands } from "./commands/table.ts";
import { makeOption, type Options } from "./options.ts";
import { writeError, writeOut } from "./output.ts";

/** The exit codes beside those of errors. */
const exitCodes = { ok: 0, wrongUse: 2, bug: 70 } as const;

function makeCommand(entry: CommandEntry): Command {
  const command = new Command(entry.name).description(entry.summary);
  if (entry.argument !== null) command.arguments(entry.argument);
  for (const name of entry.options) command.addOption(makeOption(name));
  return command.action(async () => {
    const { execute } = await entry.load();
    const [argument, second] = command.args;
    await execute(argument, command.opts<Options>(), second);
  });
}

function makeProgram(): Command {
  const program = new Command("boreal")
    .description("Compiles neural networks for an inference chip and simulates answers, time and energy.")
    .version(borealVersion())
    .helpCommand(false);
  for (const entry of commands) program.addCommand(makeCommand(entry));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut, writeErr: () => undefined, outputError: () => undefined });
  }
  return program;
}

/** What commander says is wrong, as a problem. */
function usageProblem({ code, message }: CommanderError): Problem {
  const text = message
    .replace(/^error: /, "")
    .split("\n")
    .join(" ")
    .replace(/\.$/, "");
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  const problem: Problem = { code: "B601", message: sentence, at: {} };
  return code === "commander.missingArgument"
    ? { ...problem, hint: "It comes first, before options that take files; see --help." }
    : problem;
}

/** Prints what went wrong, one problem a line, and gives the exit code. */
function report(error: unknown, program: Command): number {
  if (error instanceof CommanderError) {
    if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return exitCodes.ok;
    if (error.code === "commander.help") writeError(program.helpInformation());
    else writeError(`${formatProblem(usageProblem(error))}\n`);
    return exitCodes.wrongUse;
  }
  if (error instanceof BorealError) {
    for (const problem of error.problems) writeError(`${formatProblem(problem)}\n`);
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  writeError(`${formatProblem({ code: "B901", message: `${message}.`, at: {} })}\n`);
  return exitCodes.bug;
}

/** A reader that has read enough closes the pipe: that is no error. */
function quietOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
}

process.stdout.on("error", quietOnClosedPipe);
process.stderr.on("error", quietOnClosedPipe);
const program = makeProgram();
program.parseAsync().catch((error: unknown) => {
  process.exitCode = report(error, program);
});
