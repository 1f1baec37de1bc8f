/** What locks and fencing tokens are worth, with real processes: who has them is killed, and frozen until somebody else has them. */
import { assert, describe, it } from "@effect/vitest"
import { makeFolder } from "./folders.ts"
import { eventually, freePort, type Process, startNode } from "./processes.ts"
import { sized } from "./size.ts"

const ids = ["a", "b", "c"]

/** Somebody who has a lock, by what its process says. */
interface Owner {
  readonly id: string
  readonly token: number
}

/** Three processes that vote, and run both examples. */
class Trio {
  private readonly nodes = new Map<string, Process>()
  private readonly ledger = makeFolder()
  /** Two seeds: when one is killed, those that are left find each other again. */
  private readonly binds: Readonly<Record<string, string>>
  /** What processes have said that are gone. */
  private said = ""

  constructor(a: string, b: string) {
    this.binds = { a, b }
  }

  of(id: string): Process {
    return this.nodes.get(id)!
  }

  async start(id: string): Promise<void> {
    const bind = this.binds[id]
    const seeds = ["--seed", Object.values(this.binds).join(",")]
    const services = ["writer", "report"].flatMap((name) => ["--service", `examples/locks/${name}.ts`])
    const args = [...(bind === undefined ? [] : ["--bind", bind]), ...seeds, ...services]
    this.nodes.set(id, (await startNode(id, args, { LEDGER: this.ledger })).node)
  }

  async kill(id: string): Promise<void> {
    this.said += (await this.of(id).end("SIGKILL")).stdout
  }

  /** Who has begun last to write, or to report. */
  last(what: "writes" | "reports"): Owner {
    const said = this.said + ids.map((id) => this.nodes.get(id)?.stdout ?? "").join("")
    return Array.from(
      said.matchAll(new RegExp(`^(\\w) ${what}, with token (\\d+)$`, "gm")),
      ([, id = "", token]): Owner => ({ id, token: Number(token) })
    ).reduce((last, one) => one.token > last.token ? one : last, { id: "nobody", token: 0 })
  }

  async next(what: "writes" | "reports", before: Owner): Promise<Owner> {
    await eventually(`somebody ${what} after ${before.id}`, () => this.last(what).token > before.token)
    return this.last(what)
  }

  /** Who has begun last to write, and has not ended: on a slow machine somebody may lose the lock, and nobody have it for a moment. */
  async writer(): Promise<Owner> {
    await eventually("somebody writes", () => isWriting(this.nodes.get(this.last("writes").id)))
    return this.last("writes")
  }
}

/** How often a pattern is found. */
const times = ({ stdout }: Process, pattern: RegExp): number => Array.from(stdout.matchAll(pattern)).length

const isWriting = (process: Process | undefined): boolean =>
  process !== undefined && times(process, /writes, with/g) > times(process, /writes no more/g)

describe("examples/locks", () => {
  it("have one owner: one that was frozen ends when it thaws, and what it writes late is refused; one that is killed is replaced", async () => {
    const trio = new Trio(`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`)
    await Promise.all(ids.map((id) => trio.start(id)))
    await trio.next("reports", { id: "nobody", token: 0 })
    for (let round = 0; round < sized(1, 6); round++) {
      const writing = await trio.writer()
      const frozen = trio.of(writing.id)
      const refused = times(frozen, /is refused/g)
      frozen.child.kill("SIGSTOP")
      const next = await trio.next("writes", writing)
      assert.notStrictEqual(next.id, writing.id)
      frozen.child.kill("SIGCONT")
      await eventually("all that it had begun has ended", () => !isWriting(frozen))
      assert.isAbove(times(frozen, /is refused/g), refused)

      const reporting = trio.last("reports")
      await trio.kill(reporting.id)
      assert.notStrictEqual((await trio.next("reports", reporting)).id, reporting.id)
      await trio.start(reporting.id)
    }
  })
})
