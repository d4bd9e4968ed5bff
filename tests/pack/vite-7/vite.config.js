import { defineConfig } from "vite";

export default defineConfig({ optimizeDeps: { exclude: ["premium-recorder"] } });
