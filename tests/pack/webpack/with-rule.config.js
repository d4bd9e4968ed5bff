export default {
  entry: "./main.js",
  output: { filename: "with-rule.js" },
  experiments: { asyncWebAssembly: true },
  module: {
    // `not: ["url"]` leaves the file alone that premium-recorder fetches by its address.
    rules: [{ test: /\.wasm$/, type: "webassembly/async", dependency: { not: ["url"] } }],
  },
};
