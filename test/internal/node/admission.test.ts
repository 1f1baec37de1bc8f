/** Which of several connections with one node stays. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Transport from "../../../src/Transport.ts"
import { connect, isDown, isUp, testOver, until } from "../../harness.ts"
import { greeting, listenRaw, ownKind } from "../../rawPeer.ts"

const test = testOver(Transport.layerTcp)

describe("a stranger that greets as a node which is connected, incarnation and all,", () => {
  test("that we dial beside its link keeps nobody out when that is lost", (world) =>
    Effect.gen(function*() {
      const [a, x] = [yield* world.start("a"), yield* world.start("x")]
      yield* connect(a, x)
      const { incarnation } = a.router.peers.get("x")!.link!
      const stranger = yield* listenRaw({ opening: greeting("x", ownKind(60_000, incarnation)) })
      yield* Effect.forkScoped(Effect.exit(a.dial(stranger.address)))
      yield* until("we want to know who it is", () => stranger.peers[0]?.lines.length === 3)
      assert.isTrue(yield* isUp(a, "x"))
      yield* world.cutOff("x")
      yield* until("the link is lost", () => isDown(a, "x"))
      yield* connect(a, x)
    }))
})
