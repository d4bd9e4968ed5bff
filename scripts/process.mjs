// Runs other programs and reports progress. Progress goes to stderr, so that stdout has only results.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { constants as os } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const targetDir = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

const ENDINGS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** An expected failure, which is reported without a stack trace. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs `main` if Node was started with this module. Turns exceptions into a message and an exit code. */
export function asCommand(meta, main) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(meta.url)) return;
  main().catch((error) => {
    say(error instanceof Failure ? `\nerror: ${error.message}` : error.stack);
    process.exit(error.exitCode ?? 1);
  });
}

/** Runs a program to its end. `onLine` gets each line of the program's stdout, which is also passed through. */
export function run(command, args, { env, cwd = root, stdout = process.stderr, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", onLine ? "pipe" : stdout, process.stderr],
    });
    const release = endWith(child);
    if (onLine) {
      child.stdout.pipe(stdout, { end: false });
      eachLine(child.stdout, onLine);
    }
    child.on("error", (error) => {
      release();
      reject(new Failure(`cannot run ${command}: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      release();
      if (code === 0) resolve();
      else reject(new Failure(`${command} ${args.join(" ")} ended with ${signal ?? `exit code ${code}`}`, code ?? 1));
    });
  });
}

export function eachLine(stream, onLine) {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    lines.forEach((line) => onLine(line));
  });
  stream.on("end", () => rest && onLine(rest));
}

// If only this process gets a signal, the child process (a compiler, a server) must end too.
function endWith(child) {
  const handlers = ENDINGS.map((signal) => {
    const handler = () => {
      child.kill(signal);
      child.once("close", (code) => process.exit(code ?? 128 + os.signals[signal]));
    };
    process.once(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => handlers.forEach((off) => off());
}

/** Resolves when a signal asks this process to end. Further signals do not end it, so that its servers can still be closed. */
export function askedToEnd() {
  return new Promise((resolve) => ENDINGS.forEach((signal) => process.on(signal, resolve)));
}

/** What a program prints, or undefined if it cannot run or fails. */
export function output(command, args, env) {
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: Infinity,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** The path of a program: from PATH, or `name` itself if it is a path. */
export function which(name) {
  const places = name.includes("/") ? [name] : (process.env.PATH ?? "").split(delimiter).map((dir) => join(dir, name));
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
