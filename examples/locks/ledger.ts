/**
 * A store that refuses what comes late: each token has a file of its own, and of those with one name the file with the largest token counts. Nobody
 * waits for anybody: a store with locks of its own, as SQLite has, would be locked as long as somebody is frozen in the midst of a write.
 */
import * as Effect from "effect/Effect"
import { mkdir, readdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** All processes of an example have the same one. */
const folder = process.env["LEDGER"] ?? join(tmpdir(), "effect-mp-ledger")

/** Whether it counts: who has a larger token has not written yet. */
export const write = (name: string, token: number, text: string): Effect.Effect<boolean> =>
  // Whoever is interrupted waits for it: what was begun is not left behind.
  Effect.uninterruptible(Effect.promise(async () => {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `${name}.${token}`), text)
    const files = await readdir(folder)
    return files.every((file) => !file.startsWith(`${name}.`) || Number(file.slice(name.length + 1)) <= token)
  }))
