import { defineConfig } from "vite";

export default defineConfig({
  build: { outDir: "dist-library", lib: { entry: "main.js", formats: ["es"], fileName: "main" } },
});
