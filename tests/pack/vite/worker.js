import { connect } from "premium-recorder";
import { record } from "./app.js";

onmessage = async ({ data }) => postMessage(await record(connect, data));
