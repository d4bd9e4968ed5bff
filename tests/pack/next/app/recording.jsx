"use client";

import { useEffect, useState } from "react";
import { connect } from "premium-recorder";
import { given, record } from "../app.js";

export function Recording({ version }) {
  const [outcome, setOutcome] = useState();
  useEffect(() => {
    record(connect, given()).then((ended) => setOutcome({ ...ended, version }));
  }, [version]);
  return <pre id="outcome">{outcome && JSON.stringify(outcome)}</pre>;
}
