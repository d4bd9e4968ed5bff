import { connect } from "premium-recorder";
import wasm from "premium-recorder/premium_recorder_bg.wasm";
import { given, record, show } from "./app.js";

show(record(connect, given(), { wasm }));
