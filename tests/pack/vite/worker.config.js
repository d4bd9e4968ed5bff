import { defineConfig } from "vite";

export default defineConfig({ build: { outDir: "dist-worker", rollupOptions: { input: "worker.html" } } });
