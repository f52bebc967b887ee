import { defineConfig } from "vitest/config"

/** The environment has two cores: two test files at a time, and no per-test limit shorter than a slow proof needs. */
export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/slow/**", "node_modules/**"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ["default", ["json", { outputFile: ".reports/tests.json" }]],
  },
})
