/** `emp run` on hosts of their own, with streams of counted messages between all nodes: what tests of networks look at. */
import { devNull } from "node:os"
import { emp, type Process, start } from "../processes.ts"
import type { Host } from "./namespaces.ts"

const streams = ["--service", "test/fixtures/streams.ts"]

/** A link that was lost, or a message. Commands come and go. */
export const lost = /^(Down (?!emp\/)|misses)/m

/** `emp run` on a host, without watchdog: signals are for the node. */
export const runNode = (
  host: Host,
  nodeId: string,
  args: ReadonlyArray<string>,
  env: Record<string, string | undefined> = {}
): Process =>
  start(
    [emp, "run", "--no-watchdog", "--node-id", nodeId, ...streams, ...args],
    { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull, ...env },
    host.run
  )

/** Waits until each of the nodes hears each other one. Only over a link of their own they do. */
export const hearEachOther = async (nodes: Readonly<Record<string, Process>>): Promise<void> => {
  for (const [name, node] of Object.entries(nodes)) {
    for (const other of Object.keys(nodes)) if (other !== name) await node.sees(new RegExp(`^hears ${other} `, "m"))
  }
}

/** What a node tells others of where it listens. Nothing if it cannot be asked. */
export const told = async (host: Host, nodeId: string, seed: string): Promise<ReadonlyArray<string> | undefined> => {
  const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull }
  const { code, stdout } = await start([emp, "status", nodeId, "--json", "--seed", seed], env, host.run).exits()
  return code === 0 ? (JSON.parse(stdout) as { readonly addresses: ReadonlyArray<string> }).addresses : undefined
}

/** Waits until each of the nodes has heard more of each other one. */
export const hearEachOtherAgain = async (nodes: Readonly<Record<string, Process>>): Promise<void> => {
  const before = new Map(Object.entries(nodes).map(([name, node]) => [name, node.stdout.length]))
  for (const [name, node] of Object.entries(nodes)) {
    for (const other of Object.keys(nodes)) {
      if (other !== name) await node.sees(new RegExp(`^[^]{${before.get(name)},}hears ${other} `))
    }
  }
}

/** The addresses at the other ends of a node's connections. */
export const peersOf = (host: Host, node: Process): ReadonlyArray<string> =>
  host.output("ss", "--no-header", "--numeric", "--tcp", "--processes", "state", "established")
    .split("\n")
    .filter((line) => line.includes(`pid=${node.pid},`))
    .map((line) => line.trim().split(/\s+/)[3] ?? "")
