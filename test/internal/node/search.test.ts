import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { NodeLog } from "../../../src/internal/node/nodeLog.ts"
import { search } from "../../../src/internal/node/search.ts"
import type { Link } from "../../../src/internal/transport/link.ts"
import { LinkError } from "../../../src/internal/transport/linkError.ts"

/** What stands at an address: nobody who answers, somebody who greets and no more, somebody who refuses, or the node. */
type Place = "black hole" | "own kind" | "other kind" | "other kind for a second" | "refuses" | "the node"

const isTheNode = { nodeId: "wanted" } as Link

/** Searches for a node with these addresses. Answers when each was dialled, in milliseconds, and how it ended when all is over. */
const searched = (places: ReadonlyArray<Place>, connectIntervalMillis = 2000, waitMillis = 2 * connectIntervalMillis) =>
  Effect.gen(function*() {
    const dialled: Array<number> = []
    const dial = (address: string, greeted: (isOwnKind: boolean) => void): Effect.Effect<Link, LinkError> =>
      Effect.gen(function*() {
        dialled.push(yield* Clock.currentTimeMillis)
        const place = places[Number(address)]!
        const refused = new LinkError({ reason: "connect_failed", peer: address })
        if (place === "refuses") return yield* refused
        if (place === "the node") return isTheNode
        if (place !== "black hole") greeted(place === "own kind")
        if (place === "other kind for a second") return yield* Effect.andThen(Effect.sleep("1 second"), refused)
        return yield* Effect.never
      })
    const searching = yield* Effect.forkChild(
      search({
        nodeId: "wanted",
        addresses: places.map((_, i) => String(i)),
        dial,
        isWanted: () => true,
        connectIntervalMillis,
        monitorTimeoutMillis: 30_000,
        log: new NodeLog("a", yield* Effect.context<Scope.Scope>()),
        scope: yield* Effect.scope
      }),
      { startImmediately: true }
    )
    // What takes no time happens first.
    yield* Effect.repeat(Effect.yieldNow, { times: 100 })
    yield* TestClock.adjust(waitMillis)
    return { dialled, exit: searching.pollUnsafe(), stop: Fiber.interrupt(searching) }
  })

const pauses = (dialled: ReadonlyArray<number>): ReadonlyArray<number> =>
  dialled.slice(1).map((time, i) => time - dialled[i]!)

describe("the addresses of a node", () => {
  it.effect("are dialled one beside the other, a quarter of a second apart, if nobody answers", () =>
    Effect.gen(function*() {
      const { dialled, exit, stop } = yield* searched(["black hole", "black hole", "black hole", "the node"])
      for (const pause of pauses(dialled)) {
        assert.isAtLeast(pause, 225)
        assert.isAtMost(pause, 250)
      }
      assert.deepStrictEqual([dialled.length, exit?._tag], [4, "Success"])
      yield* stop
    }))

  for (const count of [2, 5, 20, 300]) {
    it.effect(`all get their try within the time of a search, with half of it left for the last one: ${count}`, () =>
      Effect.gen(function*() {
        const places = Array.from({ length: count - 1 }, (): Place => "black hole")
        const { dialled, exit, stop } = yield* searched([...places, "the node"], 2000, 1000)
        assert.deepStrictEqual([dialled.length, exit?._tag], [count, "Success"])
        yield* stop
      }))
  }

  it.effect("are dialled at once when the one before has refused", () =>
    Effect.gen(function*() {
      const { dialled, exit } = yield* searched(["refuses", "refuses", "the node"])
      assert.deepStrictEqual([pauses(dialled), exit?._tag], [[0, 0], "Success"])
    }))

  it.effect("do not wait for a node of our own kind that has greeted: a second handshake costs it nothing", () =>
    Effect.gen(function*() {
      const { dialled, stop } = yield* searched(["own kind", "the node"])
      assert.isAtMost(pauses(dialled)[0]!, 250)
      yield* stop
    }))

  it.effect("wait for a node of another kind that has greeted, which logs each further handshake", () =>
    Effect.gen(function*() {
      const { dialled, stop } = yield* searched(["other kind", "the node"])
      assert.isAtLeast(pauses(dialled)[0]!, 1800)
      yield* stop
    }))

  it.effect("wait for it no longer than it is there, wherever in the list it stands", () =>
    Effect.gen(function*() {
      const { dialled, stop } = yield* searched(["black hole", "other kind for a second", "black hole", "the node"])
      const [first, second, third] = pauses(dialled)
      assert.isAtMost(first!, 250)
      assert.approximately(second!, 1000, 1)
      assert.isAtMost(third!, 250)
      yield* stop
    }))
})
