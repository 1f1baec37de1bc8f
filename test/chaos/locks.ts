/**
 * `node test/chaos/locks.ts SECONDS SEED`: real processes that share locks, three of which vote. They are killed, stopped for a while and ended in
 * order at random; then what each of them believed to hold is held against the checker of the simulation.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { locks } from "../simulation/locks.ts"
import { SeededRandom } from "../simulation/random.ts"
import type { Stamped } from "../simulation/trace.ts"
import type { LocksWorkerOptions } from "./locksWorker.ts"

export interface LocksSummary {
  readonly kills: number
  readonly freezes: number
  readonly ends: number
  /** How often a process got a key, and how many had one at some time. */
  readonly grants: number
  readonly owners: number
  readonly violation: string | undefined
}

interface Place {
  readonly nodeId: string
  readonly address: string
  lives: number
  child: ChildProcess | undefined
}

const worker = fileURLToPath(new URL("locksWorker.ts", import.meta.url))

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const freeAddress = (): Promise<string> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(`127.0.0.1:${port}`))
    })
  })

class LocksChaos {
  private readonly random: SeededRandom
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "effect-mp-locks-"))
  private places: ReadonlyArray<Place> = []
  private readonly counts = { kills: 0, freezes: 0, ends: 0 }

  constructor(seed: number) {
    this.random = new SeededRandom(`chaos of locks ${seed}`)
  }

  async run(millis: number): Promise<LocksSummary> {
    try {
      this.places = await Promise.all(
        ["a", "b", "c", "d", "e"].map(async (nodeId) => ({
          nodeId,
          address: await freeAddress(),
          lives: 0,
          child: undefined
        }))
      )
      for (const place of this.places) this.start(place)
      // Voters grant nothing at first.
      await sleep(4_000)
      const end = performance.now() + millis
      while (performance.now() < end) {
        await sleep(this.random.between(100, 1_200))
        await this.disturb(this.random.pick(this.places)!)
      }
      await sleep(3_000)
      return { ...this.counts, ...this.judge() }
    } finally {
      for (const { child } of this.places) child?.kill("SIGKILL")
      fs.rmSync(this.folder, { recursive: true, force: true })
    }
  }

  private start(place: Place): void {
    const { address, nodeId } = place
    const life = `${nodeId}/${++place.lives}`
    const options: LocksWorkerOptions = {
      life,
      nodeId,
      address,
      seeds: this.places.slice(0, 2).map((seed) => seed.address),
      voters: this.places.slice(0, 3).map((voter) => voter.nodeId),
      log: path.join(this.folder, life.replace("/", "-"))
    }
    place.child = spawn(process.execPath, [worker, JSON.stringify(options)], { stdio: "ignore" })
  }

  private async disturb(place: Place): Promise<void> {
    const { child } = place
    if (child === undefined) return
    const what = this.random.weighted({ freezes: 4, kills: 3, ends: 1 })
    this.counts[what]++
    if (what === "freezes") {
      child.kill("SIGSTOP")
      await sleep(this.random.between(50, 2_500))
      child.kill("SIGCONT")
      return
    }
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill(what === "kills" ? "SIGKILL" : "SIGTERM")
    await ended
    await sleep(this.random.pick([0, 0, 500])!)
    this.start(place)
  }

  private judge(): Pick<LocksSummary, "grants" | "owners" | "violation"> {
    const events = fs.readdirSync(this.folder).flatMap((name) => readEvents(path.join(this.folder, name)))
      .toSorted((a, b) => a.at - b.at)
    const grants = new Set(events.flatMap((event) => event._tag === "Holds" ? [`${event.key} ${event.token}`] : []))
    const owners = new Set(events.flatMap((event) => event._tag === "Holds" ? [event.life] : []))
    const see = locks()
    const violation = events.map((event, at) => see(event, at)).find((wrong) => wrong !== undefined)
    return { grants: grants.size, owners: owners.size, violation }
  }
}

/** A process that is killed may have written its last line in part. */
const readEvents = (file: string): ReadonlyArray<Stamped> =>
  fs.readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line) as Stamped)

const [seconds = "10", seed = "1"] = process.argv.slice(2)
const summary = await new LocksChaos(Number(seed)).run(Number(seconds) * 1_000)
console.log(JSON.stringify(summary))
if (summary.violation !== undefined) process.exitCode = 1
