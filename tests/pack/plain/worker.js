// An import map does not count in a worker.
import { connect } from "./node_modules/premium-recorder/dist/index.js";
import { record } from "./app.js";

onmessage = async ({ data }) => postMessage(await record(connect, data));
