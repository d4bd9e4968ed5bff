// Runs other programs, and says what is going on. Progress goes to stderr, so that stdout carries only results.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { constants as os } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const targetDir = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

export const ENDINGS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** An expected failure: its message is all that the reader needs. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs `main` if the module is what Node was started with, and turns what it throws into a message and an exit code. */
export function asCommand(meta, main) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(meta.url)) return;
  main().catch((error) => {
    say(error instanceof Failure ? `\nerror: ${error.message}` : error.stack);
    process.exit(error.exitCode ?? 1);
  });
}

/** Runs a program to its end. `onLine` sees each line of its stdout, which is passed through all the same. */
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

// A signal sent to this process alone must not leave a compiler or a server behind.
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

/** What a program prints, or undefined if it cannot run or fails. */
export function output(command, args, env) {
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** Where a program is found, on PATH or at the path given. */
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
