import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import { isFull } from "./test/size.ts"

/** The test files that have a full size, and nothing else of it to repeat. */
const withSizes = globSync("test/**/*.test.ts").filter((file) => readFileSync(file, "utf8").includes("/size.ts\""))

/** Those that start processes take long, and wait for them. They come first: at the end there would be nothing to do meanwhile. */
class ProcessesFirst extends BaseSequencer {
  override async sort(files: ReadonlyArray<TestSpecification>): Promise<Array<TestSpecification>> {
    const isFirst = ({ moduleId }: TestSpecification) =>
      /"(?:[./]+\/processes\.ts|node:child_process)"/.test(readFileSync(moduleId, "utf8"))
    const sorted = await super.sort([...files])
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))]
  }
}

/** Suites of the core run over what pages have in the place of Node's modules, too: `TEST_PLATFORM=browser`. */
const platform = process.env["TEST_PLATFORM"] === "browser"
  ? { "#platform": fileURLToPath(new URL("src/internal/platform/browser.ts", import.meta.url)) }
  : {}

export default defineConfig({
  resolve: { alias: platform },
  test: {
    include: isFull ? withSizes : ["test/**/*.test.ts"],
    // Generous: a busy machine makes a test slow, and that is no failure. What hangs is told by name in any case.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // On two cores: most of the time a test waits for a process or for a timeout, and others can use that time.
    maxWorkers: 6,
    sequence: { sequencer: ProcessesFirst },
    // A node says what happens in its life. Of tests that pass nobody reads it.
    silent: "passed-only",
    // Loading the modules anew for each file would take as long as all unit tests together. No module of ours keeps anything
    // but the run queue of ports, which is empty when a test is over.
    isolate: false,
    // The many processes that tests start need not compile the same modules again and again.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compile", import.meta.url)) }
  }
})
