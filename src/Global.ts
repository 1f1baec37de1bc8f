/**
 * How nodes find each other, and a database that they share.
 *
 * A node that is given seeds connects to them and stays connected; every seed becomes a global node, which keeps the
 * whole database and answers the others. The database has families of keys and values; what a node sets is there until
 * it deletes it, its scope closes or the node goes down.
 *
 * A group is a family whose keys are port IDs. Three of its functions are those of the database in the terms of groups:
 *
 * | group      | family | what it does differently                                                        |
 * | ---------- | ------ | ------------------------------------------------------------------------------- |
 * | `register` | `reg`  | the port has no value; it can end a pipe                                        |
 * | `find`     | `keys` | keys that are no port IDs are left out                                          |
 * | `watch`    | `mon`  | tells who joined and left; is silent when nobody did, as when only values change |
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isFamilyName, listenersFamily, longestFamilyName } from "./internal/global/families.ts"
import { type FamilyChange as CopyChange, Unread } from "./internal/global/familyCopy.ts"
import type { Question } from "./internal/global/follower.ts"
import { Mesh, NodeMesh } from "./internal/global/mesh.ts"
import { connectGlobals, Seeds } from "./internal/global/seeds.ts"
import * as service from "./internal/global/service.ts"
import { checker, type Misfit, sift, siftChange } from "./internal/global/typedFamily.ts"
import { NodeRouter } from "./internal/node/router.ts"
import { splitAddresses } from "./internal/values/address.ts"
import { isPortId, nodeOf, readName } from "./internal/values/portId.ts"
import { isOrderly, reasonFromExit, showReason } from "./internal/values/reason.ts"
import * as Node from "./Node.ts"
import type { PortId } from "./Port.ts"

/**
 * How a node gets its place in the network.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Addresses (`host:port`) of nodes to connect to, at start and for ever. An element may hold several, separated by
   * commas. A name may have several addresses, of one node or of many, and others later: each is connected to. The address of this
   * very node makes it a global one; `*:port` stands for all addresses of this machine, and `*` for this node, wherever it
   * listens. One with a label is for nodes that have it in their `scopes`. One that is none is logged. Default: none.
   */
  readonly seeds?: ReadonlyArray<string> | undefined
  /** Whether the node is a global one from the start. A node that others use as seed becomes one anyway. */
  readonly global?: boolean | undefined
}

/**
 * A change of a family: the keys that were added, changed and deleted, and all entries as they are now.
 *
 * **Gotchas**
 *
 * A key that a Perl node has set again shows as changed, also when the value is the same; so do all keys that a new master
 * tells of. Values may be those of the database itself: they are not to be changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface FamilyChange extends CopyChange {
  readonly family: string
}

/**
 * A family, key or value that the database refuses. Families of programs begin with a letter; values are plain data. An entry has at
 * most 1 MiB on its way, and no more than this node and its master take as a message.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidEntry extends Schema.TaggedError<InvalidEntry>()("InvalidEntry", {
  family: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `family ${JSON.stringify(this.family)}: ${this.problem}`
  }
}

/**
 * What a program can read of its node's place in the network: which node is its `master`, and whether it `isGlobal`.
 *
 * @category models
 * @since 0.1.0
 */
export type Service = service.GlobalService

/**
 * The node's place in the network. `layer` provides it.
 *
 * **When to use**
 *
 * Most programs only have it in their requirements: it is what the functions of this module work on. Read it to show an operator
 * how the node stands.
 *
 * **Gotchas**
 *
 * `master` and `isGlobal` are read anew each time: a node that loses its master chooses another one. `joined` waits for a master.
 *
 * **Example** (A node that is its own master)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Layer.provideMerge(
 *   Global.layer({ global: true }),
 *   Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * )
 *
 * const program = Effect.map(Global.Global, ({ isGlobal, master }) => [isGlobal, master])
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [true, "here"]
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Global = service.Global

/**
 * @category services
 * @since 0.1.0
 */
export type Global = service.Global

/**
 * Connects the node to its seeds, and gives it a part in the database.
 *
 * **Details**
 *
 * The layer is ready at once: that no seed answers yet is logged, and the node goes on trying, every 1.2 to 2.4 seconds
 * at first and less and less often up to `monitorTimeout`. `awaitNode` and `awaitGroup` wait for what a program needs.
 *
 * **Example** (A seed, and a node that finds a service through it)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = (nodeId: string, bind: string, seeds: ReadonlyArray<string>) =>
 *   Layer.provideMerge(Global.layer({ seeds }), Node.layer({ nodeId, secret: "swordfish", binds: [bind] }))
 *
 * const program = Effect.gen(function*() {
 *   const seed = yield* Layer.build(node("seed", "memory:1", []))
 *   const other = yield* Layer.build(node("other", "memory:2", ["memory:1"]))
 *   const service = yield* Port.make({ double: (n: number, reply) => Port.snd(reply, 2 * n) }).pipe(
 *     Effect.tap(Global.register("doublers")),
 *     Effect.provide(other)
 *   )
 *   const [found] = yield* Effect.provide(Global.awaitGroup("doublers", 1), seed)
 *   return [found === service, yield* Effect.provide(Port.cal(service, "double", 21), seed)]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Transport.layerMemory), Effect.scoped)) // => [true, 42]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Global, never, Node.Node> =>
  Layer.effect(
    Global,
    Effect.gen(function*() {
      const router = yield* NodeRouter
      const { network } = router
      const seeds = new Seeds(router, network, splitAddresses(options.seeds ?? []))
      const mesh = new Mesh(router, (nodeId) => seeds.isSeed(nodeId))
      yield* Effect.acquireRelease(Effect.sync(() => mesh.install()), (uninstall) => Effect.sync(uninstall))
      yield* Node.addressBook((nodeId) =>
        Effect.callback((resume) => Effect.sync(mesh.find(nodeId, (found) => resume(Effect.succeed(found)))))
      )
      if (options.global === true) mesh.becomeGlobal()
      else if ((options.seeds ?? []).length === 0) {
        yield* Effect.logInfo(`node ${router.nodeId} has no seeds: it joins when others use it as theirs`)
      }
      const seeding = {
        get hasOthers() {
          return seeds.hasOthers
        },
        get isAwaited() {
          return seeds.isAwaited
        },
        get isCutOff() {
          return mesh.master === undefined
        },
        tryNow: () => seeds.tryNow()
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => router.observed.seeds(seeding)),
        (takeBack) => Effect.sync(takeBack)
      )
      yield* Effect.forkScoped(seeds.run(mesh))
      yield* Effect.forkScoped(connectGlobals(router, network, mesh))
      return mesh
    })
  )

const checkFamily = (family: string): Effect.Effect<void, InvalidEntry> =>
  isFamilyName(family)
    ? Effect.void
    : Effect.fail(
      new InvalidEntry({
        family,
        problem:
          `the name must be text of at most ${longestFamilyName} characters that begins with a letter and holds no '`
      })
    )

/** Sets a key for the scope: with one claim to it, however often the scope sets it. `begin` runs with a new claim. */
const hold = <E = never, R = never>(
  way: "set" | "reg",
  family: string,
  key: string,
  given: unknown,
  begin: (own: Scope.Closeable) => Effect.Effect<void, E, R>
): Effect.Effect<void, InvalidEntry | E, Global | Scope.Scope | R> =>
  Effect.uninterruptible(Effect.gen(function*() {
    yield* checkFamily(family)
    // JSON would drop an entry without a value.
    const value = given === undefined ? null : given
    const mesh = yield* NodeMesh
    const problem = mesh.wrongEntry(family, key, value)
    if (problem !== undefined) return yield* new InvalidEntry({ family, problem })
    const scope = yield* Effect.scope
    const holding = { owner: scope, way, family, key }
    if (mesh.holdAgain(holding, value)) return
    // Nothing of it stays in the caller's scope when the key is deleted.
    const own = yield* Scope.fork(scope)
    const fiberContext = yield* Effect.context<never>()
    const close = (): void => void Effect.runForkWith(fiberContext)(Scope.close(own, Exit.void))
    yield* Scope.addFinalizer(own, Effect.sync(mesh.hold(holding, value, close)))
    yield* begin(own)
  }))

/**
 * Sets a key of a family, until the scope closes or `del` deletes it. The value is plain data.
 *
 * **Details**
 *
 * A scope that sets a key again replaces its value. Several scopes of this node may set one key: the value of the one that set it last
 * counts, and when that closes, the one before it again. When several nodes set one key, see `docs/mesh.md` for which of them is seen.
 *
 * @category database
 * @since 0.1.0
 */
export const set = (
  family: string,
  key: string,
  value: unknown
): Effect.Effect<void, InvalidEntry, Global | Scope.Scope> => hold("set", family, key, value, () => Effect.void)

/**
 * Deletes keys that this node has set. Keys of others are left alone.
 *
 * @category database
 * @since 0.1.0
 */
export const del = (family: string, ...keys: ReadonlyArray<string>): Effect.Effect<void, InvalidEntry, Global> =>
  Effect.andThen(checkFamily(family), Effect.map(NodeMesh, (mesh) => mesh.delete(family, keys)))

/**
 * Registers a port with a value: its ID becomes a key of the family, until the port ends or the scope closes. To register it again, in
 * the same scope, gives it another value. An end that is not in order is logged.
 *
 * **Gotchas**
 *
 * The port comes first, then the family: both are plain strings, and the compiler does not notice when they are swapped.
 *
 * A port of another node counts as ended when the link to that node is lost: register it where it lives.
 *
 * @see {@link register} the same without a value, for pipes
 * @see {@link find} for the ports of a family
 * @category database
 * @since 0.1.0
 */
export const reg = (
  port: PortId,
  family: string,
  value: unknown = null
): Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    yield* hold("reg", family, port, value, (own) => {
      const cancel = router.monitor(port, (exit) => {
        if (!isOrderly(reasonFromExit(exit))) {
          const text = `port ${port}, registered in ${family}, has ended: ${showReason(exit)}`
          router.log.warnSome(`registered in ${family}`, text)
        }
        router.fork(Scope.close(own, Exit.void))
      })
      return Scope.addFinalizer(own, Effect.sync(cancel))
    })
  })

const query = <A>(
  question: Question,
  family: string,
  read: (result: unknown) => A
): Effect.Effect<A, InvalidEntry, Global> =>
  Effect.andThen(
    checkFamily(family),
    Effect.flatMap(NodeMesh, (mesh) =>
      Effect.callback<A>((resume) =>
        Effect.sync(mesh.query(question, family, (result) =>
          resume(Effect.succeed(read(result)))))
      ))
  )

/**
 * All entries of a family, as the node's master has them. Waits while there is no master.
 *
 * @category database
 * @since 0.1.0
 */
export const family = (name: string): Effect.Effect<ReadonlyMap<string, unknown>, InvalidEntry, Global> =>
  query("g_db_family", name, (result) => new Map(Object.entries(result ?? {})))

/**
 * The keys of a family, as the node's master has them. Waits while there is no master.
 *
 * @see {@link find} for those keys alone that are port IDs
 * @category database
 * @since 0.1.0
 */
export const keys = (name: string): Effect.Effect<ReadonlyArray<string>, InvalidEntry, Global> =>
  query(
    "g_db_keys",
    name,
    (result) => Array.isArray(result) ? result.flatMap((key: unknown) => readName(key) ?? []) : []
  )

/**
 * The values of a family, as the node's master has them. Waits while there is no master.
 *
 * @category database
 * @since 0.1.0
 */
export const values = (name: string): Effect.Effect<ReadonlyArray<unknown>, InvalidEntry, Global> =>
  query("g_db_values", name, (result) => Array.isArray(result) ? result : [])

/**
 * A family whose values fit a schema, as `typed` makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TypedFamily<A> {
  readonly name: string
  /** As `set`, for values that fit. */
  readonly set: (key: string, value: A) => Effect.Effect<void, InvalidEntry, Global | Scope.Scope>
  /** As `del`. */
  readonly del: (...keys: ReadonlyArray<string>) => Effect.Effect<void, InvalidEntry, Global>
  /** As `family`: the entries that fit. */
  readonly entries: Effect.Effect<ReadonlyMap<string, A>, InvalidEntry, Global>
  /** As `mon`: the entries that fit. */
  readonly mon: Stream.Stream<TypedChange<A>, InvalidEntry, Global>
}

/**
 * A `FamilyChange` whose values fit a schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface TypedChange<A> extends Omit<FamilyChange, "entries"> {
  readonly entries: ReadonlyMap<string, A>
}

/** Of so many entries a typed family knows what was logged of them. */
const mostLogged = 1000

/**
 * A family whose values fit a schema. What other nodes have put there and does not fit is logged, with its key and what is
 * wrong with it, and left out.
 *
 * **Details**
 *
 * The schema validates and does not transform: values are plain data.
 *
 * **Example** (Settings that every node reads the same way)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const limits = Global.typed("limits", Schema.Struct({ requests: Schema.Number, seconds: Schema.Number }))
 *
 * const node = Layer.provideMerge(
 *   Global.layer({ global: true }),
 *   Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * )
 *
 * const program = Effect.gen(function*() {
 *   yield* limits.set("api", { requests: 100, seconds: 60 })
 *   yield* Global.set("limits", "broken", "many")
 *   return Array.from((yield* limits.entries).values(), (limit) => limit.requests)
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [100]
 * ```
 *
 * @category database
 * @since 0.1.0
 */
export const typed = <S extends Schema.Codec<any, any>>(name: string, schema: S): TypedFamily<S["Type"]> => {
  type A = S["Type"]
  const check = checker(schema)
  // What fits the schema is what the schema says.
  const trusted = (entries: ReadonlyMap<string, unknown>) => entries as ReadonlyMap<string, A>
  /** What is wrong with a key, which is logged once, however often somebody reads the family. */
  const logged = new Map<string, string>()
  const log = (misfits: ReadonlyArray<Misfit>): Effect.Effect<void> =>
    Effect.forEach(misfits, ({ key, problem }) => {
      if (logged.get(key) === problem) return Effect.void
      logged.delete(key)
      logged.set(key, problem)
      const [oldest] = logged.keys()
      if (oldest !== undefined && logged.size > mostLogged) logged.delete(oldest)
      return Effect.logWarning(`family ${name}: the value of ${key} does not fit: ${problem}`)
    }, { discard: true })
  return {
    name,
    set: (key, value) => {
      const problem = check(value)
      return problem === undefined
        ? set(name, key, value)
        : Effect.fail(new InvalidEntry({ family: name, problem: `the value of ${key} does not fit: ${problem}` }))
    },
    del: (...keys) => del(name, ...keys),
    entries: Effect.flatMap(family(name), (entries) => {
      const { fit, misfits } = sift(entries, check)
      return Effect.as(log(misfits), trusted(fit))
    }),
    mon: mon(name).pipe(
      Stream.mapAccum((): ReadonlyMap<string, unknown> | undefined => undefined, (before, all) => {
        const { change, misfits } = siftChange(before ?? new Map(), all, check)
        const visible = change.added.length + change.changed.length + change.deleted.length > 0
        return [change.entries, [{ change, misfits, visible: visible || before === undefined }]] as const
      }),
      Stream.tap(({ misfits }) => log(misfits)),
      Stream.filter(({ visible }) => visible),
      Stream.map(({ change }) => ({ ...change, family: name, entries: trusted(change.entries) }))
    )
  }
}

/** A bare node ID addresses a node port, which nobody registers: such a key is somebody's data. */
const isGroupMember = (key: string): boolean => isPortId(key) && key.includes("#")

/**
 * The ports that are registered in a family, on any node: those of its `keys` that are port IDs. Waits while there is no master.
 *
 * @see {@link keys} for all keys
 * @see {@link pick} for one member
 * @category groups
 * @since 0.1.0
 */
export const find = (group: string): Effect.Effect<ReadonlyArray<PortId>, InvalidEntry, Global> =>
  Effect.map(keys(group), (all) => all.filter(isGroupMember))

/**
 * Follows a family: first its present state (once the node has a master), then every change.
 *
 * **Gotchas**
 *
 * When the master is lost the stream goes on: the next master's state shows as one change. So does all that happens while
 * whoever runs the stream is busy: a key that was added and deleted meanwhile is not in it.
 *
 * @see {@link watch} for the members of a group
 * @category database
 * @since 0.1.0
 */
export const mon = (name: string): Stream.Stream<FamilyChange, InvalidEntry, Global> =>
  Stream.unwrap(
    Effect.andThen(
      checkFamily(name),
      Effect.map(NodeMesh, (mesh) =>
        Stream.callback<Unread>((queue) => {
          const unread = new Unread()
          const follow = Effect.sync(() =>
            mesh.monitor(name, (change) => {
              unread.add(change)
              Queue.offerUnsafe(queue, unread)
            })
          )
          return Effect.acquireRelease(follow, (cancel) => Effect.sync(cancel))
        }, { bufferSize: 1, strategy: "sliding" }))
    )
  ).pipe(
    Stream.map((unread) => unread.take()),
    Stream.filter((change) => change !== undefined),
    Stream.map((change) => ({ family: name, ...change }))
  )

/**
 * Waits until at least `count` ports are registered in a family, and answers them.
 *
 * @category groups
 * @since 0.1.0
 */
export const awaitGroup = (
  group: string,
  count: number
): Effect.Effect<ReadonlyArray<PortId>, InvalidEntry, Global> =>
  mon(group).pipe(
    Stream.map((change) => Array.from(change.entries.keys()).filter(isGroupMember)),
    Stream.filter((ports) => ports.length >= count),
    Stream.runHead,
    Effect.flatMap((found) => found._tag === "Some" ? Effect.succeed(found.value) : Effect.never)
  )

/**
 * The members of a group that came and went, and all that there are now.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupChange {
  readonly group: string
  readonly members: ReadonlyArray<PortId>
  readonly joined: ReadonlyArray<PortId>
  readonly left: ReadonlyArray<PortId>
}

/**
 * Registers a port as a member of a group, until the port ends or the scope closes. It is `reg` without a value, and takes the port
 * from a pipe too.
 *
 * **Example** (A port that is made as a member)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Layer.provideMerge(
 *   Global.layer({ global: true }),
 *   Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * )
 *
 * const program = Effect.gen(function*() {
 *   const piped = yield* Port.make({}).pipe(Effect.tap(Global.register("workers")))
 *   const other = yield* Port.make({})
 *   yield* Global.register(other, "workers")
 *   const members = yield* Global.find("workers")
 *   return [members.includes(piped), members.includes(other)]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [true, true]
 * ```
 *
 * @see {@link reg} which takes a value too
 * @category groups
 * @since 0.1.0
 */
export const register: {
  (group: string): (port: PortId) => Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope>
  (port: PortId, group: string): Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope>
} = dual(
  2,
  (port: PortId, group: string): Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope> => reg(port, group)
)

/**
 * Follows a group: first its present members (once the node has a master), then everybody who comes and goes. It is `mon` without
 * the keys that are no port IDs, and without changes of values alone.
 *
 * **Gotchas**
 *
 * A member that has left may live: its node may have lost its master, and will say so to the next one. Whether a port has ended
 * tells a monitor.
 *
 * @see {@link mon} for all that changes
 * @category groups
 * @since 0.1.0
 */
export const watch = (group: string): Stream.Stream<GroupChange, InvalidEntry, Global> =>
  mon(group).pipe(
    Stream.mapAccum(() => true, (isFirst, { added, deleted, entries }) => {
      const joined = added.filter(isGroupMember)
      const left = deleted.filter(isGroupMember)
      const members = Array.from(entries.keys()).filter(isGroupMember)
      const visible = isFirst || joined.length > 0 || left.length > 0
      return [false, visible ? [{ group, members, joined, left }] : []] as const
    })
  )

/**
 * How `pick` chooses: any member; one after the other, in the order of their IDs; or one on this very node if there is
 * any.
 *
 * @category models
 * @since 0.1.0
 */
export type Choice = "random" | "round-robin" | "nearest"

/**
 * One member of a group, if it has any.
 *
 * **Details**
 *
 * Every pick asks the node's master, and waits while there is none. Rounds are counted by each node for itself.
 *
 * **Gotchas**
 *
 * The member may end before a message reaches it: only a monitor, or a call, tells.
 *
 * **Example** (Asking the members in turn)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer, Option } from "effect"
 *
 * const node = Layer.provideMerge(
 *   Global.layer({ global: true }),
 *   Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * )
 *
 * const program = Effect.gen(function*() {
 *   for (const _ of [1, 2]) yield* Port.make({}).pipe(Effect.tap(Global.register("workers")))
 *   const picked: Array<string> = []
 *   for (const _ of [1, 2, 3]) picked.push(Option.getOrThrow(yield* Global.pick("workers", "round-robin")))
 *   return [new Set(picked).size, picked[0] === picked[2]]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [2, true]
 * ```
 *
 * @category groups
 * @since 0.1.0
 */
export const pick = (
  group: string,
  choice: Choice = "random"
): Effect.Effect<Option.Option<PortId>, InvalidEntry, Global | Node.Node> =>
  Effect.gen(function*() {
    const members = yield* find(group)
    if (members.length === 0) return Option.none()
    if (choice === "round-robin") {
      return Option.some(members.toSorted()[(yield* NodeMesh).rounds.take(group) % members.length]!)
    }
    const own = yield* Node.id
    const near = choice === "nearest" ? members.filter((port) => nodeOf(port) === own) : []
    const candidates = near.length > 0 ? near : members
    return Option.some(candidates[yield* Random.nextIntBetween(0, candidates.length, { halfOpen: true })]!)
  })

/**
 * Waits until there is a link to a node, and sees to it that there will be: the node is looked for every two seconds. This very
 * node is always there.
 *
 * @category nodes
 * @since 0.1.0
 */
export const awaitNode = (nodeId: string): Effect.Effect<void, never, Node.Node> =>
  Effect.flatMap(NodeRouter, (router) => {
    if (nodeId === router.nodeId) return Effect.void
    const up = Node.events.pipe(
      Stream.filter((event) => event._tag === "Up" && event.nodeId === nodeId),
      Stream.take(1),
      Stream.runDrain
    )
    const dial = Effect.sync(() => router.peer(nodeId).wake())
    return Effect.raceFirst(up, Effect.forever(Effect.andThen(dial, Effect.sleep("2 seconds"))))
  })

/**
 * Waits until the node has a part in the network: it is a global node, or has a seed that answers it.
 *
 * @category nodes
 * @since 0.1.0
 */
export const joined: Effect.Effect<void, never, Global> = Effect.flatMap(
  NodeMesh,
  (mesh) =>
    Effect.callback<void>((resume) => Effect.sync(mesh.query("g_db_keys", listenersFamily, () => resume(Effect.void))))
)
