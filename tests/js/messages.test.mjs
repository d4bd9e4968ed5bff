// An app may show the hint after the message: `${message} ${hint}`. So each message ends with exactly one full stop.
import assert from "node:assert/strict";
import { test } from "node:test";
import { closed, initConflict, panicError, timedOut, wasmBlocked } from "../../src/js/errors.js";
import { readRequest } from "../../src/js/request.js";

test("an error that the module does not make ends with a full stop", () => {
  const refused = (given) => {
    try {
      readRequest("https://api.example", "/", given, [], true);
    } catch (error) {
      return error;
    }
  };
  const errors = [
    wasmBlocked(),
    initConflict(),
    closed(),
    timedOut("the connection", 1),
    panicError("panicked: RangeError: Maximum call stack size exceeded."),
    panicError("panicked: RangeError: Maximum call stack size exceeded", true),
    panicError("panicked at src/lib.rs:1:1:\nno"),
    refused({ body: "x" }),
    refused({ json: 1, body: "x" }),
    refused({ headers: 7 }),
  ];
  for (const { message } of errors) assert.match(message, /[^.]\.$/);
});
