/**
 * Erlang, where `erl` and `erlc` are: `bench.erl`, in processes of their own. Two of its nodes find each other without a name
 * server, which would be left behind: both know the TCP port, and only the partner listens.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Program } from "../workload.ts"

const port = "47369"

/** Compiles the program. Answers whether that was possible. */
export const prepare = (): boolean => {
  const made = mkdtempSync(join(tmpdir(), "bench-"))
  process.on("exit", () => rmSync(made, { recursive: true }))
  // Processes of the bench inherit it.
  process.env["ERL_AFLAGS"] = `-pa ${made}`
  process.env["ERL_CRASH_DUMP_SECONDS"] = "0"
  const source = fileURLToPath(new URL("bench.erl", import.meta.url))
  return spawnSync("erlc", ["-o", made, source], { stdio: ["ignore", 2, 2] }).status === 0
}

/** The program's side of a workload. */
export const erlang = (workload: string, ...args: ReadonlyArray<number>): Program => {
  const node = workload === "partner" ? ["-sname", "partner"] : ["-sname", "measured", "-dist_listen", "false"]
  const distribution = ["-start_epmd", "false", "-erl_epmd_port", port, "-setcookie", "bench", ...node]
  const program = ["-noshell", "+P", "1000000", "-run", "bench", "main", workload]
  return { command: "erl", args: [...distribution, ...program, ...args.map(String)] }
}
