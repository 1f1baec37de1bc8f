/** What a log, a debugger or JSON shows of the values that programs are handed: what they are, and not the process behind them with its secrets. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { inspect } from "node:util"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs } from "./harness.ts"

const secret = "sw0rdf1sh"
const node = Layer.provideMerge(
  Global.layer({ global: true }),
  Node.layer({ nodeId: "a", secret, binds: ["memory:1"] })
)
/** So much fits a line or two of a log. */
const most = 1000

it.live("shows no secret and is short, whoever looks at it", () =>
  Effect.gen(function*() {
    const locks = yield* Global.locks({ voters: ["a"], lease: "100 millis" })
    const values = {
      Node: yield* Node.Node,
      Global: yield* Global.Global,
      Transport: yield* Transport.Transport,
      MemoryNetwork: yield* Transport.MemoryNetwork,
      Locks: locks,
      Lease: yield* locks.hold("key"),
      Supervisor: yield* Supervisor.restart(Port.make({})),
      Failover: yield* Supervisor.failover(Port.make({}), { name: "one", nodes: ["a"], voters: ["a"] })
    }
    for (const [name, value] of Object.entries(values)) {
      for (const shown of [inspect(value, { depth: Infinity }), JSON.stringify(value), String(value)]) {
        assert.notInclude(shown, secret, name)
        assert.isBelow(shown.length, most, `${name}: ${shown.slice(0, most)}`)
      }
    }
  }).pipe(Effect.scoped, Effect.provide(node), Effect.provide(Transport.layerMemory), Effect.provide(makeLogs().layer)))
