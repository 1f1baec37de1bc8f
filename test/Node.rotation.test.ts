/** Secrets and certificates that go from old to new in any order of the nodes, while these connect: nobody is ever refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { Node, Transport } from "../src/index.ts"
import { areLinked, areParted, connect, isUp, makeWorld, type TestNode, until, type World } from "./harness.ts"
import { MemoryPerl } from "./memoryPerl.ts"
import { SeededRandom } from "./simulation/random.ts"
import { seeds } from "./size.ts"

const fixture = (name: string): string =>
  fs.readFileSync(new URL(`fixtures/certs/${name}.pem`, import.meta.url), "utf8")
const trusted = (pem: string): string => pem.slice(pem.indexOf("-----BEGIN CERTIFICATE"))
const [oldPem, newPem] = [fixture("shared"), fixture("stranger")]

/** What a node has before, in between, and in the end: it goes one step when all others have gone the one before. */
const certificates = [oldPem, oldPem + trusted(newPem), newPem + trusted(oldPem), newPem].map((cert) => ({ cert }))
const secrets = ["old", ["new", "old"], "new"].map((secret) => ({ secret }))
const together = certificates.map(({ cert }, step) => ({ cert, secret: ["new", "old"].slice(step < 2 ? 1 : 0) }))

/** All links are broken, and made anew, while one node takes its next step. */
const stepAmidst = (world: World, nodes: ReadonlyArray<TestNode>, renew: Effect.Effect<void>, random: SeededRandom) =>
  Effect.gen(function*() {
    const pairs = nodes.flatMap((one, at) => nodes.slice(at + 1).map((other) => random.shuffle([one, other])))
    yield* world.cut
    yield* until("all are parted", () => allOf(pairs, areParted))
    const turns = random.int(0, 12)
    const later = Effect.andThen(Effect.forEach(Array.from({ length: turns }), () => turn, { discard: true }), renew)
    const connecting = random.shuffle(pairs).map(([one, other]) => connect(one!, other!))
    yield* Effect.all([...connecting, later], { concurrency: "unbounded" })
    assert.isTrue(yield* allOf(pairs, areLinked))
  })

const turn: Effect.Effect<void> = Effect.callback((resume) => void setImmediate(() => resume(Effect.void)))

const allOf = (
  pairs: ReadonlyArray<ReadonlyArray<TestNode>>,
  holds: (one: TestNode, other: TestNode) => Effect.Effect<boolean>
): Effect.Effect<boolean> =>
  Effect.map(Effect.forEach(pairs, ([one, other]) => holds(one!, other!)), (all) => all.every(Boolean))

const run = (
  seed: number,
  proofs: ReadonlyArray<Node.Renewal>,
  hasPerl: boolean
): Effect.Effect<void, unknown, Scope.Scope | Transport.Transport> =>
  Effect.gen(function*() {
    const random = new SeededRandom(`rotation ${seed}`)
    const world = yield* makeWorld
    const [first = {}, ...steps] = proofs
    const nodes: Array<TestNode> = []
    for (const nodeId of ["a", "b", "z"]) nodes.push(yield* world.start(nodeId, { secret: undefined, ...first }))
    const perl = new MemoryPerl(yield* Transport.Transport, "perl")
    yield* perl.listen()
    for (const [nth, step] of steps.entries()) {
      // It has one secret: the old one, until all know both.
      perl.secret = nth === 0 ? "old" : "new"
      for (const node of random.shuffle(nodes)) {
        const renew = Effect.orDie(node.run(Node.renew(step)))
        yield* stepAmidst(world, nodes, renew, random)
        if (!hasPerl) continue
        const other = random.pick(nodes)!
        if (random.chance(0.5)) yield* other.dial(perl.address)
        else yield* perl.dial(other.address)
        yield* until(
          "the Perl node is up",
          () => Effect.map(isUp(other, "perl"), (up) => up && perl.link !== undefined)
        )
      }
    }
    assert.deepStrictEqual(world.logs, [])
  })

describe("three nodes that go from old to new in any order, while they connect,", () => {
  for (
    const [what, proofs, hasPerl] of [
      ["secrets, with a Perl node among them", secrets, true],
      ["certificates and authorities", certificates, false],
      ["certificates and secrets at once", together, false]
    ] as const
  ) {
    it.live.each(seeds(12, 60))(
      `refuse nobody: ${what}, seed %i`,
      (seed) => Effect.provide(run(seed, proofs, hasPerl), Transport.layerMemory)
    )
  }
})
