/** Folders for what tests write. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { root } from "./processes.ts"

const made = (above: string): string => {
  mkdirSync(above, { recursive: true })
  const folder = mkdtempSync(join(above, "effect-mp-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A folder that is gone after the test. */
export const makeFolder = (): string => made(tmpdir())

/** The same within the repository, so that packages resolve as they do for everybody else. */
export const makeFolderInside = (): string => made(join(root, ".examples"))
