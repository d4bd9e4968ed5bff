// A reporter of Node's test runner: a line of JSON for each test, with its outcome, and the reason if it is skipped.

export default async function* outcomes(events) {
  for await (const { type, data } of events) {
    const outcome = { "test:pass": "passed", "test:fail": "failed" }[type];
    const isSkipped = data.skip !== undefined;
    // Of a suite that is skipped, no test is reported.
    if (!outcome || (data.details.type === "suite" && !isSkipped)) continue;
    yield `${JSON.stringify({ outcome: isSkipped ? "skipped" : outcome, reason: data.skip })}\n`;
  }
}
