import { connect } from "premium-recorder";
import { given, record, show } from "./app.js";

// A classic script does not know its own address.
// #region
const wasm = "/dist/premium_recorder_bg.wasm";
// #endregion

show(record(connect, given(), { wasm }));
