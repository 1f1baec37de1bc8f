/** W11: one process, messages in bursts to 100 ports: to each in turn, or to members of a group that are chosen for each message. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Global, Node, Port, Transport } from "../../src/index.ts"
import { makeSignal, numbersTo, rate, type Side, textOf, type Workload } from "../workload.ts"

const burst = 100_000
const members = 100
const numbers = numbersTo(burst)

const node = Layer.provideMerge(
  Global.layer({ global: true }),
  Node.layer({ nodeId: "measured", secret: "bench" })
).pipe(Layer.provide(Transport.layerMemory))

/** Ports in a group, that tell when they have handled a burst together. */
const makeMembers = Effect.gen(function*() {
  const signal = makeSignal()
  let handled = 0
  const item = (): void => {
    if (++handled % burst === 0) signal.tell()
  }
  const make = Effect.tap(Port.make({ item }), Global.register("members"))
  const ports = yield* Effect.forEach(Array.from({ length: members }), () => make)
  const group = yield* Global.group("members")
  yield* group.awaitMembers(members)
  return { group, ports, handled: signal.wait }
})

type Members = Effect.Success<typeof makeMembers>

/** Sends each message of a burst to a port that is chosen for it. */
const side = (
  choose: (made: Members) => (n: number) => Effect.Effect<Port.PortId, unknown, Node.Node>
): Side => ({
  measure: () =>
    Effect.gen(function*() {
      const made = yield* makeMembers
      const chosen = choose(made)
      const sendOne = (n: number) => Effect.flatMap(chosen(n), (port) => Port.snd(port, "item", n, textOf(n)))
      return yield* rate(burst, Effect.andThen(Effect.forEach(numbers, sendOne, { discard: true }), made.handled))
    }).pipe(Effect.provide(node))
})

export const choices: Workload = {
  name: "W11",
  title: "one process, 100,000 messages to 100 ports",
  unit: "/s",
  sides: {
    "snd": side(({ ports }) => (n) => Effect.succeed(ports[n % members]!)),
    "pick, random": side(({ group }) => () => group.pick()),
    "pick, round robin": side(({ group }) => () => group.pick({ choose: "round-robin" })),
    "pick, key": side(({ group }) => (n) => group.pick({ choose: { key: textOf(n) } })),
    "pick, least pending": side(({ group }) => () => group.pick({ choose: "least-pending" }))
  },
  lines: [
    { side: "pick, random", peer: "snd" },
    { side: "pick, round robin", peer: "snd" },
    { side: "pick, key", peer: "snd" },
    { side: "pick, least pending", peer: "snd" }
  ]
}
