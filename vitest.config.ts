import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    // Two cores: tests that start processes of their own must not crowd out each other.
    maxWorkers: 2
  }
})
