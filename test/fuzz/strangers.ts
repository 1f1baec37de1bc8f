/**
 * Strangers at the addresses of seeds, and at the doors of nodes, while real nodes come and go: in a world that is made up, from
 * one seed. They do not have the secret. They hear what nodes greet them with, and say it again; they greet as nodes that exist;
 * they echo, stall, talk nonsense, and leave. Whatever they do: nobody becomes a global node or gets a master by it, every seed
 * that is really there is reached, and nobody's log grows beyond bounds.
 *
 * One thing they do not do: pass on what one handshake of a node says to another one that is open, and back. Whoever does that
 * is no more than a way from the node to itself, which cannot be told from a virtual address.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Global from "../../src/Global.ts"
import { type Mesh, NodeMesh } from "../../src/internal/global/mesh.ts"
import { NodeRouter, type Router } from "../../src/internal/node/router.ts"
import type { Wire } from "../../src/internal/transport/wire.ts"
import { IdentitySource } from "../../src/internal/values/names.ts"
import * as Node from "../../src/Node.ts"
import * as Transport from "../../src/Transport.ts"
import { ProcessClock, SimulatedClock } from "../simulation/clock.ts"
import { Network } from "../simulation/network.ts"
import { SeededRandom } from "../simulation/random.ts"
import { randomBytes } from "./inputs.ts"

/** Handshakes, and the longest pause between two rounds of dialling seeds: milliseconds. */
const patienceMillis = 2000
/** How long strangers stand in the places of seeds; and how long after that everybody must have found them. */
const troubleMillis = 20_000
const boundMillis = 8 * patienceMillis
const stepMillis = 100

const seedIds = ["s1", "s2", "s3"] as const
const addressOf = (id: string): string => `memory:${["x", "c1", "c2", ...seedIds].indexOf(id) + 1}`
/** No node tells more than this in the whole time, whatever comes to its door. */
const mostLines = 120

/** A real node. */
interface RealNode {
  readonly id: string
  readonly scope: Scope.Closeable
  readonly clock: ProcessClock
  readonly router: Router
  readonly mesh: Mesh
  readonly lines: Array<string>
}

/** What a node said to a stranger: its two lines. */
interface Heard {
  readonly nodeId: string
  readonly text: string
  isOpen: boolean
}

class Strangers {
  private readonly random: SeededRandom
  private readonly network: Network
  private readonly fork: (effect: Effect.Effect<unknown>) => void
  private readonly heard: Array<Heard> = []
  private readonly incarnations = new Map<string, string>()
  readonly did = new Map<string, number>()

  constructor(random: SeededRandom, network: Network, context: Context.Context<never>) {
    this.random = random
    this.network = network
    this.fork = (effect) => void Effect.runForkWith(context)(effect)
  }

  /** Stands at an address until the scope closes. */
  stand(address: string, scope: Scope.Scope): void {
    const accept = (wire: Wire): void => this.meet(wire, undefined)
    Effect.runSync(Scope.provide(Effect.ignore(this.network.carrier.listen(address, accept, "stranger")), scope))
  }

  /** Comes to the door of a node. */
  come(nodeId: string): void {
    this.fork(
      Effect.match(this.network.carrier.dial(addressOf(nodeId), "stranger"), {
        onFailure: () => {},
        onSuccess: (wire) => this.meet(wire, nodeId)
      })
    )
  }

  /** `host`: whose door it is, where the stranger has come. */
  private meet(wire: Wire, host: string | undefined): void {
    const behaviours = this.behaviours(wire, host)
    const name = this.random.pick(Object.keys(behaviours))!
    this.did.set(name, (this.did.get(name) ?? 0) + 1)
    let text = ""
    let entry: Heard | undefined
    let hear: (chunk: Uint8Array) => void = () => {}
    wire.start({
      data: (chunk) => {
        text += Buffer.from(chunk).toString("latin1")
        const [greeting, nonce, rest] = text.split("\n")
        if (entry === undefined && rest !== undefined && host === undefined) {
          entry = { nodeId: greeting!.split(";")[2]!, text: `${greeting}\n${nonce}\n`, isOpen: true }
          this.heard.push(entry)
          this.incarnations.set(entry.nodeId, /effect-mp=(\w+)/.exec(greeting!)?.[1] ?? "none")
        }
        hear(chunk)
      },
      drained: () => {},
      closed: () => {
        if (entry !== undefined) entry.isOpen = false
      }
    })
    hear = behaviours[name]!() ?? hear
    // They do not stay for ever.
    this.fork(Effect.andThen(Effect.sleep(this.random.int(1, 4000)), Effect.sync(() => wire.destroy())))
  }

  private behaviours(wire: Wire, host: string | undefined): Record<string, () => ((chunk: Uint8Array) => void) | void> {
    const { random } = this
    const say = (text: string): void => wire.write(Buffer.from(text, "latin1"))
    const replay = (): string => {
      const entries = this.heard.filter(({ isOpen, nodeId }) => !isOpen || nodeId !== host)
      return random.pick(entries)?.text ?? this.forged()
    }
    return {
      echoes: () => (chunk) => wire.write(Uint8Array.from(chunk)),
      "says what a node has said": () => say(replay()),
      "says it, and authenticates with nothing": () => say(replay() + this.authLine()),
      "greets as a node": () => say(this.forged()),
      "greets as a node, and closes": () => {
        say(this.forged())
        wire.end(() => {})
      },
      "greets as a node, and authenticates with nothing": () => say(this.forged() + this.authLine()),
      "is silent": () => {},
      "talks nonsense": () => wire.write(randomBytes(random, random.int(1, 200))),
      "speaks another version": () => say(this.forged().replace("aemp;1;", "aemp;2;")),
      leaves: () => wire.destroy(),
      "is slow": () => this.drip(wire, this.forged())
    }
  }

  private drip(wire: Wire, text: string): void {
    const pauseMillis = this.random.int(5, 60)
    this.fork(Effect.forEach(text, (letter) =>
      Effect.andThen(
        Effect.sync(() => wire.write(Buffer.from(letter, "latin1"))),
        Effect.sleep(pauseMillis)
      ), { discard: true }))
  }

  private forged(): string {
    const { random } = this
    const nodeId = random.pick(["x", "c1", "c2", ...seedIds, "nobody"])!
    const incarnation = random.chance(0.7) ? this.incarnations.get(nodeId) ?? "made up" : "another"
    const kind = random.chance(0.7) ? `;effect-mp=${incarnation};effect-mp-timeout=1000` : ""
    return `aemp;1;${nodeId};hmac_sha3_512,cleartext;cbor,json${kind}\n${randomBytes(random, 66).toString("hex")}\n`
  }

  private authLine(): string {
    const { random } = this
    const refused = random.pick(["", ";refused=crossing_connection", ";refused=already_connected", ";refused=x"])!
    const method = random.pick(["hmac_sha3_512", "cleartext", "tls_anon"])!
    return `${method};${randomBytes(random, 64).toString("hex")};json${refused}\n`
  }
}

/** One run. */
class World {
  readonly violations = new Set<string>()
  readonly strangers: Strangers
  private readonly clock = new SimulatedClock()
  private readonly random: SeededRandom
  private readonly network: Network
  private readonly nodes = new Map<string, RealNode>()
  private readonly places = new Map<string, Scope.Closeable>()
  private starts = 0

  constructor(seed: number) {
    this.random = new SeededRandom(`strangers ${seed}`)
    this.network = new Network(new ProcessClock(this.clock), this.random.derive("network"))
    const context = Context.make(Clock.Clock, new ProcessClock(this.clock))
    this.strangers = new Strangers(this.random.derive("strangers"), this.network, context)
  }

  async run(): Promise<void> {
    await this.start("x", [])
    for (const at of this.random.shuffle(Array.from({ length: 4 }, () => this.random.int(0, troubleMillis / 2)))) {
      if (at % 2 === 0) this.flood(at)
    }
    let nextTrouble = 0
    while (this.clock.now < troubleMillis) {
      if (this.clock.now >= nextTrouble) {
        await this.trouble()
        nextTrouble = this.clock.now + this.random.int(100, 1500)
      }
      await this.step()
    }
    for (const id of seedIds) await this.real(id)
    for (const id of ["c1", "c2"]) if (!this.nodes.has(id)) await this.start(id, seedIds.map(addressOf))
    const end = this.clock.now + boundMillis
    while (this.clock.now < end) await this.step()
    this.checkEnd()
    await this.stopAll()
  }

  /** One more thing happens: strangers and real nodes take the places of seeds, nodes come and go, strangers come to doors. */
  private async trouble(): Promise<void> {
    const { random } = this
    const seed = random.pick(seedIds)!
    switch (random.int(0, 5)) {
      case 0:
      case 1:
        await this.leave(seed)
        return this.stranger(seed)
      case 2:
        return this.real(seed)
      case 3:
        return this.leave(seed)
      case 4: {
        const client = random.pick(["c1", "c2"])!
        if (this.nodes.has(client)) return this.leave(client)
        await this.start(client, seedIds.map(addressOf))
        return this.meetX(client)
      }
      default:
        for (let i = random.int(1, 20); i > 0; i--) {
          this.strangers.come(random.pick(["x", "c1", "c2", ...seedIds])!)
        }
    }
  }

  /** Hundreds come to the door of a node. */
  private flood(at: number): void {
    const target = this.random.pick(["x", "c1"])!
    const context = Context.make(Clock.Clock, new ProcessClock(this.clock))
    const come = Effect.sync(() => {
      for (let i = 0; i < 300; i++) this.strangers.come(target)
    })
    Effect.runForkWith(context)(Effect.andThen(Effect.sleep(at), come))
  }

  /** A link between a client and the node that nobody has as a seed. */
  private meetX(client: string): void {
    const { router } = this.nodes.get(client)!
    router.fork(Effect.ignore(router.network.dial(addressOf("x"))))
  }

  private stranger(id: string): void {
    const scope = Scope.makeUnsafe()
    this.places.set(id, scope)
    this.strangers.stand(addressOf(id), scope)
  }

  private async real(id: string): Promise<void> {
    if (this.nodes.has(id)) return
    await this.leave(id)
    const others = seedIds.filter((other) => other !== id && this.random.chance(0.5))
    await this.start(id, others.map(addressOf))
  }

  /** Whoever stands there goes. */
  private async leave(id: string): Promise<void> {
    const place = this.places.get(id)
    this.places.delete(id)
    if (place !== undefined) await Effect.runPromise(Scope.close(place, Exit.void))
    const node = this.nodes.get(id)
    this.nodes.delete(id)
    if (node !== undefined) await this.stop(node)
  }

  private async start(id: string, seeds: ReadonlyArray<string>): Promise<void> {
    const random = this.random.derive(`${id} ${++this.starts}`)
    const clock = new ProcessClock(this.clock)
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Warn" || logLevel === "Error") lines.push([message].flat().map(String).join(" "))
    })
    const context = Context.empty().pipe(
      Context.add(Clock.Clock, clock),
      Context.add(Random.Random, random),
      Context.add(IdentitySource, (bound) => Math.floor(random.nextDoubleUnsafe() * bound)),
      Context.add(Logger.CurrentLoggers, new Set([logger])),
      Context.add(Transport.Transport, this.network.carrier)
    )
    const scope = Scope.makeUnsafe()
    const layer = Layer.provideMerge(
      Global.layer({ seeds }),
      Node.layer({
        nodeId: id,
        secret: "nobody knows it",
        binds: [addressOf(id)],
        monitorTimeout: patienceMillis,
        connectInterval: 1000
      })
    )
    const exit = Effect.runForkWith(context)(Layer.buildWithScope(layer, scope))
    await this.clock.settle()
    const built = exit.pollUnsafe()
    if (built?._tag !== "Success") throw new Error(`${id} did not start`, { cause: built })
    const router = Context.get(built.value, NodeRouter)
    this.nodes.set(id, { id, scope, clock, router, mesh: Context.get(built.value, NodeMesh), lines })
  }

  private async step(): Promise<void> {
    await this.clock.advanceTo(this.clock.now + stepMillis)
    for (const node of this.nodes.values()) this.checkNow(node)
  }

  private checkNow({ id, lines, mesh }: RealNode): void {
    const isSeed = (other: string): boolean => seedIds.some((seed) => seed === other)
    if (!isSeed(id) && mesh.isGlobal) this.violations.add(`${id}, which is nobody's seed, is a global node`)
    const { master } = mesh
    const mayBe = master === undefined || isSeed(master)
    if (!mayBe) this.violations.add(`the master of ${id} is ${master}, which is no seed`)
    for (const other of ["x", "c1", "c2", "nobody"]) {
      if (mesh["follower"]["seeds"].isSeed(other)) this.violations.add(`${id} takes ${other} for a seed`)
    }
    if (lines.length > mostLines) this.violations.add(`${id} has logged more than ${mostLines} lines`)
  }

  private checkEnd(): void {
    for (const id of ["c1", "c2"]) {
      const { mesh, router } = this.nodes.get(id)!
      for (const seed of seedIds) if (!router.isUp(seed)) this.violations.add(`${id} has not found ${seed}`)
      if (mesh.master === undefined) this.violations.add(`${id} has no master`)
    }
    for (const id of seedIds) {
      if (!this.nodes.get(id)!.mesh.isGlobal) this.violations.add(`${id} was never told that it is a seed`)
    }
  }

  private async stop({ clock, id, scope }: RealNode): Promise<void> {
    const closing = Effect.runForkWith(Context.make(Clock.Clock, clock))(Scope.close(scope, Exit.void))
    await this.clock.settle()
    await this.clock.advanceTo(this.clock.now + 3000)
    if (closing.pollUnsafe() === undefined) this.violations.add(`${id} does not stop`)
    if (clock.sleeping > 0) this.violations.add(`${id} has left ${clock.sleeping} sleeping fibers`)
  }

  private async stopAll(): Promise<void> {
    for (const id of Array.from(this.nodes.keys())) await this.leave(id)
    for (const id of Array.from(this.places.keys())) await this.leave(id)
    await this.clock.advanceTo(this.clock.now + 10_000)
    if (this.network.connections > 0) this.violations.add(`${this.network.connections} connections are left`)
  }
}

/** What a run has shown. */
export interface StrangersReport {
  readonly violations: ReadonlyArray<string>
  /** How often strangers did what. */
  readonly did: ReadonlyMap<string, number>
}

export const runStrangers = async (seed: number): Promise<StrangersReport> => {
  const world = new World(seed)
  await world.run()
  return { violations: Array.from(world.violations), did: world.strangers.did }
}
