// This project lies in another one, whose lock file Next.js would take for its own.
export default { turbopack: { root: import.meta.dirname }, outputFileTracingRoot: import.meta.dirname };
