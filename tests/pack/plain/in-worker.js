import { given, show } from "./app.js";

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
worker.postMessage(given());
show(new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data))));
