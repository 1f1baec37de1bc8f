/**
 * How the nodes of a network find each other, and a database that they share.
 *
 * A node with the layer of this module connects to its *seeds*, the addresses that it is given, and stays connected. A node that others
 * use as a seed becomes a *global* one, which keeps a copy of the whole database. Every other node has one of its seeds as its *master*,
 * which keeps its entries and answers its questions. Over them each node reaches all others by their IDs.
 *
 * The database has *families*: tables of keys and values. What a node sets is there until it deletes it, the scope closes that it was set
 * in, or the node goes down. A *group* is a family whose keys are the IDs of ports: services that are found by a name.
 *
 * | you want to                  | begin with                                                                                         |
 * | ---------------------------- | -------------------------------------------------------------------------------------------------- |
 * | join a network               | {@link layer}; {@link layerConfig} and {@link layerProfile} read its options; {@link joined} waits |
 * | offer a service under a name | {@link register}                                                                                   |
 * | send to those who offer it   | {@link group}; {@link pick} for a single time                                                      |
 * | know who offers it           | {@link find} now, {@link watch} from now on, {@link awaitGroup} until there are enough             |
 * | share data                   | {@link typed}, or without a schema {@link set}, {@link family} and {@link mon}                     |
 * | wait for a node              | {@link awaitNode}                                                                                  |
 * | do something in one place    | {@link locks}: leases that a split cannot double                                                    |
 *
 * `docs/mesh.md` says what the database promises, in a split too; `docs/groups.md` how members of groups are chosen; `docs/locks.md` what leases are;
 * `docs/operating.md` how a network is configured.
 *
 * @since 0.1.0
 */
import { loadProfile, loadVariables } from "#config"
import type * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as configErrors from "./internal/config/errors.ts"
import * as choices from "./internal/global/choice.ts"
import * as emptyGroup from "./internal/global/emptyGroup.ts"
import { isFamilyName, listenersFamily, longestFamilyName } from "./internal/global/families.ts"
import { type FamilyChange as CopyChange, Unread } from "./internal/global/familyCopy.ts"
import type { Question } from "./internal/global/follower.ts"
import type { Group as View } from "./internal/global/group.ts"
import * as calls from "./internal/global/groupCalls.ts"
import { membersOf, movedBetween } from "./internal/global/member.ts"
import { Mesh, NodeMesh } from "./internal/global/mesh.ts"
import { connectGlobals, Seeds } from "./internal/global/seeds.ts"
import * as service from "./internal/global/service.ts"
import { checker, type Misfit, sift, siftChange } from "./internal/global/typedFamily.ts"
import * as tables from "./internal/locks/locks.ts"
import * as lockRules from "./internal/locks/rules.ts"
import { NodeRouter } from "./internal/node/router.ts"
import { isOwnSeed, splitAddresses } from "./internal/values/address.ts"
import { readName } from "./internal/values/portId.ts"
import { isOrderly, reasonFromExit, showReason } from "./internal/values/reason.ts"
import * as Node from "./Node.ts"
import * as Port from "./Port.ts"
import type { Messages, PortId } from "./Port.ts"
import type { LinkError, Transport } from "./Transport.ts"

/**
 * How a node gets its place in the network: the options of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Addresses (`host:port`) of nodes to connect to, at start and for ever. An element may hold several, separated by commas. A host name
   * may have several addresses, of one node or of many, and others later: the node connects to each. An address of this very node makes it a
   * global one; `*:port` stands for all addresses of this machine, and `*` for this node, wherever it listens. An address with a label is for
   * nodes that have that label in their `scopes` (`Node.Options`). What is no address is logged and left out. Default: none.
   */
  readonly seeds?: ReadonlyArray<string> | undefined
  /**
   * Whether the node is a global one from the start: it keeps the whole database. A node that others use as a seed becomes one anyway.
   * Default: `false`.
   */
  readonly global?: boolean | undefined
}

/**
 * What has happened to a family since it was looked at last: the keys that were `added`, `changed` and `deleted`, and all `entries` as they
 * are now.
 *
 * **Gotchas**
 *
 * In `changed` a key may have the value that it had before: when a Perl node has set it again, and when a new master tells of it.
 *
 * Values may be those of the database itself: do not change them.
 *
 * @see {@link mon} for the stream of them
 * @category models
 * @since 0.1.0
 */
export interface FamilyChange extends CopyChange {
  /** The name of the family. */
  readonly family: string
}

/**
 * A `family`, a key or a value that the database refuses, and what the `problem` is. Nothing was set or asked.
 *
 * **Details**
 *
 * - The name of a family is text of at most 1,000 characters that begins with a letter and has no `'` in it.
 * - A value is plain data that JSON carries: `docs/messages.md` has the table.
 * - An entry (family, key and value) has at most 1 MiB as it travels, and no more than this node and its master take as a message.
 * - The value of a {@link typed} family fits the schema.
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
 * Nobody has answered a question about a `family` within ten seconds (`patienceMillis`): no seed of the node is up (`master` is `null`), or
 * its `master` is silent. And the node does not know the answer itself.
 *
 * **Details**
 *
 * {@link family}, {@link keys}, {@link values}, {@link find} and {@link pick} fail with it. A node answers them without a master for families
 * that it follows, with {@link mon}, {@link watch} or {@link group}, and for all families if it has no seeds. {@link joined} waits for a
 * master, however long that takes.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoMaster extends Schema.TaggedError<NoMaster>()("NoMaster", {
  family: Schema.String,
  master: Schema.NullOr(Schema.String),
  patienceMillis: Schema.Number
}) {
  override get message(): string {
    const who = this.master === null ? "no seed of this node is up" : `its master ${this.master} is silent`
    return `family ${JSON.stringify(this.family)}: no master has answered within ${this.patienceMillis} ms; ${who}`
  }
}

/**
 * The `group` has no member that this node could choose, and `whenEmpty` does not say to wait for one.
 *
 * @see {@link group} whose `pick` and `call` fail with it
 * @category errors
 * @since 0.1.0
 */
export const EmptyGroup = emptyGroup.EmptyGroup

/**
 * The type of an {@link EmptyGroup}.
 *
 * @category errors
 * @since 0.1.0
 */
export type EmptyGroup = emptyGroup.EmptyGroup

/**
 * What a program can read of its node's place in the network.
 *
 * **Details**
 *
 * - `master`: the ID of the node that keeps this node's entries and answers its questions, one of its seeds; its own ID if it is a global
 *   node; `undefined` while no seed answers.
 * - `isGlobal`: whether the node is a global one. Once it is, it stays one.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Service = service.GlobalService

/**
 * The node's place in the network. {@link layer} provides it.
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
 * The service {@link Global}, as a requirement.
 *
 * @category services
 * @since 0.1.0
 */
export type Global = service.Global

/**
 * Connects the node to its seeds, and gives it a part in the database.
 *
 * **When to use**
 *
 * When the program has the options in its hands. {@link layerConfig} has them from variables, for programs in containers;
 * {@link layerProfile} from the configuration file that `emp` edits, and makes the node as well.
 *
 * **Details**
 *
 * The layer stands on `Node.layer`, and is ready at once: it cannot fail. While no seed answers, that is logged, and the node goes on trying:
 * every 1.2 to 2.4 seconds at first, then less and less often, up to `monitorTimeout`. `joined`, `awaitNode` and `awaitGroup` wait for what a
 * program needs.
 *
 * **Gotchas**
 *
 * Without seeds a node stands alone until another one uses it as a seed.
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
 * @see {@link layerConfig} for options from variables
 * @see {@link layerProfile} for options from the configuration file
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
      const mesh = new Mesh(router, seeds)
      yield* Effect.acquireRelease(Effect.sync(() => mesh.install()), (uninstall) => Effect.sync(uninstall))
      yield* Node.addressBook((nodeId) =>
        Effect.callback((resume) => Effect.sync(mesh.find(nodeId, (found) => resume(Effect.succeed(found)))))
      )
      if (options.global === true && !network.isGuest) mesh.becomeGlobal()
      else if ((options.seeds ?? []).length === 0) {
        router.log.of("Global").life(
          "seeds",
          `node ${router.nodeId} has no seeds: it joins when others use it as theirs`
        )
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
        get failures() {
          return seeds.failures
        },
        tryNow: () => seeds.tryNow(),
        use: (names: ReadonlyArray<string>) => {
          const all = splitAddresses(names)
          if (all.some(isOwnSeed)) mesh.becomeGlobal()
          seeds.use(all)
        }
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => router.observed.seeds(seeding)),
        (takeBack) => Effect.sync(takeBack)
      )
      yield* Effect.forkScoped(seeds.run(mesh))
      yield* Effect.forkScoped(connectGlobals(router, network, mesh))
      yield* Effect.forkScoped(mesh.groups.lookForNodes)
      return mesh
    })
  )

/**
 * `layer` with the seeds of the variable `EMP_SEEDS`.
 *
 * **When to use**
 *
 * Beside `Node.layerConfig`, for programs that are configured by their environment. {@link layer} takes options; {@link layerProfile} reads the
 * configuration file.
 *
 * **Details**
 *
 * Seeds have commas between them. The `ConfigProvider` has the variable; an option that is given takes its place, as a value or as a
 * `Config`. `global` has no variable. It fails with a `ConfigError` when a value cannot be read.
 *
 * **Example** (A program that finds its network by variables)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const node = Layer.provideMerge(Global.layerConfig(), Node.layerConfig())
 *
 * const start = (env: Record<string, string>) =>
 *   Layer.build(node.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))), Layer.fresh))
 *
 * const program = Effect.gen(function*() {
 *   yield* start({ EMP_NODEID: "seed", EMP_SECRET: "swordfish", EMP_BINDS: "memory:1" })
 *   const other = yield* start({ EMP_NODEID: "other", EMP_SECRET: "swordfish", EMP_BINDS: "[]", EMP_SEEDS: "memory:1" })
 *   yield* Effect.provide(Global.awaitNode("seed"), other)
 *   return yield* Effect.provide(Node.upNodes, other)
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide([Transport.layerMemory, NodeFileSystem.layer]), Effect.scoped)
 * ) // => ["seed"]
 * ```
 *
 * @see {@link layer} for options in the program
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options> = {}
): Layer.Layer<Global, Config.ConfigError, Node.Node> =>
  Layer.unwrap(Effect.gen(function*() {
    const { placeConfig } = yield* loadVariables
    return layer(yield* placeConfig(options))
  }))

/**
 * A key of the configuration has a value that cannot be used: which `key`, what the `problem` is, and where the value comes `from`
 * (`undefined`: the command line).
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidConfig = configErrors.InvalidConfig

/**
 * The type of an {@link InvalidConfig}.
 *
 * @category errors
 * @since 0.1.0
 */
export type InvalidConfig = configErrors.InvalidConfig

/**
 * The configuration `file` cannot be read or understood: what the `problem` is, and in which `line` and `column` if it is in one.
 *
 * @category errors
 * @since 0.1.0
 */
export const ConfigFileError = configErrors.ConfigFileError

/**
 * The type of a {@link ConfigFileError}.
 *
 * @category errors
 * @since 0.1.0
 */
export type ConfigFileError = configErrors.ConfigFileError

/**
 * What a program that has a profile says itself, in the place of the file: the options of {@link layer} and of `Node.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProfileOptions extends Options, Node.Options {
  /**
   * The path of the configuration file. Default: what the variable `EFFECT_MP_RC` names, or else `~/.effect-mp.json`.
   */
  readonly file?: string | undefined
}

/**
 * A node and its place in the network, as a profile of the configuration file has them: AEMP's `configure profile => "seed"`.
 *
 * **When to use**
 *
 * For programs that are nodes of a network whose operators run others by `emp run profile NAME`: secret, addresses and seeds stand in
 * one file, which `emp` edits and `emp doctor` checks, and in no program. `Node.layer` with {@link layer} takes them from the program,
 * `Node.layerConfig` with {@link layerConfig} from the environment.
 *
 * **Details**
 *
 * The strongest source first:
 *
 * - the options that are given here, as the flags of `emp run`;
 * - the environment: `EMP_SECRET` and `EMP_CERT`;
 * - the profile, its parent, and so on;
 * - the top of the file;
 * - the defaults of `Node.layer`, but for the node ID, which is the name of the profile and random characters.
 *
 * `docs/operating-reference.md` has the keys. Without a name it is the profile that is called like the host. A profile or a parent that is
 * not there is a warning in the log, as with `emp run`, and has no values. Without seeds the node is a global one, unless `global` says
 * otherwise.
 *
 * It fails with `ConfigFileError` and `InvalidConfig` when the file or a value in it is wrong, and as `Node.layer` does: with
 * `InvalidOption`, or a `LinkError` when the node cannot listen.
 *
 * **Gotchas**
 *
 * What is given here beats the file. In AEMP the file beats the arguments of `configure`, unless it is told `force`. So leave out what
 * operators are to decide.
 *
 * The services of the file are for `emp run`, and are not started here. A program starts its own.
 *
 * **Example** (A seed by its profile, and what the program says itself)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { Effect, FileSystem, Layer } from "effect"
 *
 * // A program provides `NodeFileSystem.layer` of `@effect/platform-node` instead.
 * const files = FileSystem.layerNoop({
 *   readFile: () => Effect.succeed(new TextEncoder().encode(`{
 *     "secret": "swordfish",
 *     "profile": { "seed": { "nodeid": "seed1", "binds": ["*:4040"] } },
 *   }`))
 * })
 *
 * const node = Global.layerProfile("seed", { binds: ["memory:1"] })
 *
 * const program = Effect.gen(function*() {
 *   const { isGlobal } = yield* Global.Global
 *   return [yield* Node.id, yield* Node.addresses, isGlobal]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.provide(node.pipe(Layer.provide([Transport.layerMemory, files]))))
 * ) // => ["seed1", ["memory:1"], true]
 * ```
 *
 * @see {@link layer} for options in the program
 * @category layers
 * @since 0.1.0
 */
export const layerProfile = (
  profile?: string,
  options: ProfileOptions = {}
): Layer.Layer<
  Global | Node.Node,
  InvalidConfig | ConfigFileError | Config.ConfigError | Node.InvalidOption | LinkError,
  Transport | FileSystem.FileSystem
> =>
  Layer.unwrap(Effect.gen(function*() {
    const { profileOptions } = yield* loadProfile
    const { seeds, ...node } = yield* profileOptions(profile, options)
    const global = options.global ?? seeds.length === 0
    return Layer.provideMerge(layer({ seeds, global }), Node.layer(node))
  }))

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
 * Sets a key of a family, until the scope closes or `del` deletes it.
 *
 * **When to use**
 *
 * For data: settings, prices, who is responsible for what. {@link typed} does it for values of one schema; {@link reg} and {@link register}
 * for ports, whose entries end as the ports do.
 *
 * **Details**
 *
 * The value is plain data, and is copied; `undefined` is set as `null`. Something that cannot be set is an `InvalidEntry`. The effect waits
 * for nobody: others see the entry when the master has told them.
 *
 * A scope that sets a key again replaces its value. Several scopes of this node may set one key: the value of the one that set it last
 * counts, and when that closes, the one before it again.
 *
 * **Gotchas**
 *
 * Every node may set any key. When several nodes set the same one, `docs/mesh.md` says whose value is seen: that is no lock.
 *
 * **Example** (A setting, for as long as it is needed)
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
 * const program = Effect.gen(function*() {
 *   yield* Global.set("prices", "tea", 3)
 *   const during = yield* Effect.scoped(Effect.andThen(Global.set("prices", "tea", 2), Global.values("prices")))
 *   return [during, Array.from(yield* Global.family("prices"))]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [[2], [["tea", 3]]]
 * ```
 *
 * @see {@link typed} for values of a schema
 * @see {@link family} to read them
 * @category database
 * @since 0.1.0
 */
export const set = (
  family: string,
  key: string,
  value: unknown
): Effect.Effect<void, InvalidEntry, Global | Scope.Scope> => hold("set", family, key, value, () => Effect.void)

/**
 * Deletes keys of a family that this node has set, whichever of its scopes has. Keys that only other nodes have set are left alone.
 *
 * @category database
 * @since 0.1.0
 */
export const del = (family: string, ...keys: ReadonlyArray<string>): Effect.Effect<void, InvalidEntry, Global> =>
  Effect.andThen(checkFamily(family), Effect.map(NodeMesh, (mesh) => mesh.delete(family, keys)))

/**
 * Registers a port with a value: its ID becomes a key of the family, until the port ends or the scope closes.
 *
 * **When to use**
 *
 * Where the members of a group say something of themselves, such as what they can do. Without a value {@link register} does it, in a pipe too; of
 * data that is no port's, {@link set}.
 *
 * **Details**
 *
 * To register a port again, in the same scope, gives it another value. An end of the port that is not in order is logged, as a warning. What
 * is no family or no value is an `InvalidEntry`.
 *
 * **Gotchas**
 *
 * The port comes first, then the family: both are plain strings, and the compiler does not notice when they are swapped.
 *
 * A port of another node counts as ended when the link to that node is lost: register it where it lives.
 *
 * @see {@link register} the same without a value, for pipes
 * @see {@link family} for the ports of a family with their values
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
          router.log.of("Global").warnSome(`registered in ${family}`, text)
        }
        router.fork(Scope.close(own, Exit.void))
      })
      return Scope.addFinalizer(own, Effect.sync(cancel))
    })
  })

/** So long a master may take to answer, or to be there. */
const patienceMillis = 10_000

const query = <A>(
  question: Question,
  family: string,
  read: (result: unknown) => A
): Effect.Effect<A, InvalidEntry | NoMaster, Global> =>
  Effect.gen(function*() {
    yield* checkFamily(family)
    const mesh = yield* NodeMesh
    const answer = Effect.callback<unknown>((resume) =>
      Effect.sync(mesh.query(question, family, (result) => resume(Effect.succeed(result)), "anyone"))
    )
    const otherwise = (): Effect.Effect<unknown, NoMaster> => {
      const known = mesh.knownAnswer(question, family)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.fail(new NoMaster({ family, master: mesh.master ?? null, patienceMillis }))
    }
    return read(yield* Effect.timeoutOrElse(answer, { duration: patienceMillis, orElse: otherwise }))
  })

/**
 * All entries of a family, key by key, as the node's master has them now.
 *
 * **When to use**
 *
 * To look once. {@link keys} and {@link values} answer less of it, and {@link find} the members of a group. Who looks again and again
 * follows the family with {@link mon}, and asks nobody.
 *
 * **Details**
 *
 * A family that nobody has set anything in is empty. Without a master, the answer is what the node knows: all of a family that it follows, and
 * what it has set itself if it has no seeds. Otherwise it waits for a master, for ten seconds, and fails with `NoMaster`.
 *
 * **Gotchas**
 *
 * What other nodes set reaches this one in a moment, and not at once: a value that is needed is waited for with `mon`.
 *
 * @see {@link typed} for values that fit a schema
 * @category database
 * @since 0.1.0
 */
export const family = (name: string): Effect.Effect<ReadonlyMap<string, unknown>, InvalidEntry | NoMaster, Global> =>
  query("g_db_family", name, (result) => new Map(Object.entries(result ?? {})))

/**
 * The keys of a family, as the node's master has them now.
 *
 * **When to use**
 *
 * When values do not matter. Of a group, {@link find} leaves out the keys that are no members.
 *
 * **Details**
 *
 * Without a master as `family`: it may fail with `NoMaster` after ten seconds.
 *
 * @see {@link find} for those keys alone that are port IDs
 * @category database
 * @since 0.1.0
 */
export const keys = (name: string): Effect.Effect<ReadonlyArray<string>, InvalidEntry | NoMaster, Global> =>
  query(
    "g_db_keys",
    name,
    (result) => Array.isArray(result) ? result.flatMap((key: unknown) => readName(key) ?? []) : []
  )

/**
 * The values of a family, as the node's master has them now, in any order.
 *
 * **When to use**
 *
 * When keys do not matter: two that have the same value are there twice. {@link family} has both.
 *
 * **Details**
 *
 * Without a master as `family`: it may fail with `NoMaster` after ten seconds.
 *
 * @category database
 * @since 0.1.0
 */
export const values = (name: string): Effect.Effect<ReadonlyArray<unknown>, InvalidEntry | NoMaster, Global> =>
  query("g_db_values", name, (result) => Array.isArray(result) ? result : [])

/**
 * A family whose values fit a schema: what {@link typed} makes.
 *
 * @category models
 * @since 0.1.0
 */
export interface TypedFamily<A> {
  /** The name of the family. */
  readonly name: string
  /**
   * As {@link set}. A value that does not fit is an `InvalidEntry`.
   */
  readonly set: (key: string, value: A) => Effect.Effect<void, InvalidEntry, Global | Scope.Scope>
  /**
   * As {@link del}.
   */
  readonly del: (...keys: ReadonlyArray<string>) => Effect.Effect<void, InvalidEntry, Global>
  /**
   * As {@link family}: the entries that fit.
   */
  readonly entries: Effect.Effect<ReadonlyMap<string, A>, InvalidEntry | NoMaster, Global>
  /**
   * As {@link mon}: the entries that fit, and their changes.
   */
  readonly mon: Stream.Stream<TypedChange<A>, InvalidEntry, Global>
}

/**
 * A {@link FamilyChange} whose values fit a schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface TypedChange<A> extends Omit<FamilyChange, "entries"> {
  /** All entries that fit, as they are now. */
  readonly entries: ReadonlyMap<string, A>
}

/** Of so many entries a typed family knows what was logged of them. */
const mostLogged = 1000

/**
 * A family whose values fit a schema.
 *
 * **When to use**
 *
 * For all data that programs share: both sides declare the family once, and no reader has to doubt what it reads. {@link set},
 * {@link family} and {@link mon} do the same without a schema, such as for keys alone.
 *
 * **Details**
 *
 * The schema validates and does not transform: values are plain data. What other nodes have put there and does not fit is left out, and
 * logged once, with its key and what is wrong with it.
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
 * @see {@link set} for what it means to set a key
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
      const text = `family ${name}: the value of ${key} does not fit: ${problem}`
      return Effect.annotateLogs(Effect.logWarning(text), "module", "Global")
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

/**
 * The members of a group as they are now: the keys of a family that are the IDs of ports, or of nodes.
 *
 * **When to use**
 *
 * To look once. {@link keys} has those keys too that are no members, and {@link awaitGroup} waits until there are some, {@link watch} tells
 * who comes and goes, {@link pick} chooses one. Who sends to members again and again looks at the group with {@link group}, and asks
 * nobody.
 *
 * **Details**
 *
 * The node's master is asked. Without one, as of `family`, the answer is what this node knows, or `NoMaster` after ten seconds.
 *
 * **Gotchas**
 *
 * Right after the start of a program a group may seem empty, since its members are not known yet: `awaitGroup` waits.
 *
 * Any text could be the ID of a node: such a key is a member if it was registered without a value, as by `register`.
 *
 * @see {@link keys} for all keys
 * @see {@link awaitGroup} to wait for members
 * @category groups
 * @since 0.1.0
 */
export const find = (group: string): Effect.Effect<ReadonlyArray<PortId>, InvalidEntry | NoMaster, Global> =>
  Effect.map(family(group), membersOf)

/**
 * Follows a family: first its present state, as soon as a master tells it, then every change. AEMP's `db_mon`.
 *
 * **When to use**
 *
 * For data that may change while the program runs. {@link family} looks once; of a group {@link watch} tells who comes and goes, and
 * {@link group} is for whoever sends to members. {@link typed} has its own.
 *
 * **Details**
 *
 * The first element has all keys as `added`, even if there are none. While there is no master, the stream goes on with what the node itself
 * sets and deletes. A node without seeds begins with that at once; a node none of whose seeds answers, after ten seconds.
 *
 * The stream has no end. It fails only with the `InvalidEntry` of a name that cannot be.
 *
 * **Gotchas**
 *
 * When the master is lost the stream goes on: the next master's state shows as one change. So does all that happens while
 * whoever runs the stream is busy: a key that was added and deleted meanwhile is not in it.
 *
 * **Example** (What is there, and what comes)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { Effect, Layer, Stream } from "effect"
 *
 * const node = Layer.provideMerge(
 *   Global.layer({ global: true }),
 *   Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 * )
 *
 * const program = Effect.gen(function*() {
 *   yield* Global.set("colours", "sky", "blue")
 *   return yield* Global.mon("colours").pipe(
 *     Stream.tap(({ entries }) => entries.has("sea") ? Effect.void : Global.set("colours", "sea", "green")),
 *     Stream.map(({ added }) => added),
 *     Stream.take(2),
 *     Stream.runCollect
 *   )
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [["sky"], ["sea"]]
 * ```
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
          return Effect.acquireRelease(follow, (cancel) => Effect.sync(cancel)).pipe(
            Effect.andThen(Effect.sleep(patienceMillis)),
            Effect.andThen(Effect.sync(() => mesh.assume(name)))
          )
        }, { bufferSize: 1, strategy: "sliding" }))
    )
  ).pipe(
    Stream.map((unread) => unread.take()),
    Stream.filter((change) => change !== undefined),
    Stream.map((change) => ({ family: name, ...change }))
  )

/**
 * Waits until a group has at least `count` members, and answers them all.
 *
 * **When to use**
 *
 * At the start of a program that needs others: {@link joined} says nothing of them, and {@link find} answers at once; a view that
 * {@link group} has made waits with its own `awaitMembers`.
 *
 * **Details**
 *
 * It waits for as long as it takes: `Effect.timeout` limits that. What this node has registered itself counts at once, whoever its
 * master is.
 *
 * @see {@link group} to choose among them
 * @category groups
 * @since 0.1.0
 */
export const awaitGroup = (
  group: string,
  count: number
): Effect.Effect<ReadonlyArray<PortId>, InvalidEntry, Global> =>
  Effect.scoped(Effect.flatMap(viewOf(group), (view) => calls.awaitMembers(view, count)))

/**
 * Who has joined and who has left a group, and all members that there are now. In the first one of a stream all members have joined.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupChange {
  /** The name of the group. */
  readonly group: string
  /** All members as they are now. */
  readonly members: ReadonlyArray<PortId>
  /** Those of them that are new. */
  readonly joined: ReadonlyArray<PortId>
  /** Those that are members no longer. */
  readonly left: ReadonlyArray<PortId>
}

/**
 * Registers a port as a member of a group, until the port ends or the scope closes.
 *
 * **When to use**
 *
 * For every service that is to be found by a name: workers, subscribers of a topic. It is {@link reg} without a value, and takes the port from a
 * pipe too. On a single node, `Supervisor.Registry` gives a port a name without a network.
 *
 * **Details**
 *
 * A group is there as soon as somebody is in it. A supervised service registers in its start: so the next port is a member too. What cannot
 * be the name of a group is an `InvalidEntry`.
 *
 * **Gotchas**
 *
 * The port comes first, then the group: both are plain strings.
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
 * @see {@link group} to send to members
 * @category groups
 * @since 0.1.0
 */
export const register: {
  /** To be piped into: registers a port as a member of a group, until the port ends or the scope closes. */
  (group: string): (port: PortId) => Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope>
  /** Registers a port as a member of a group, until the port ends or the scope closes. The port comes first, then the group. */
  (port: PortId, group: string): Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope>
} = dual(
  2,
  (port: PortId, group: string): Effect.Effect<void, InvalidEntry, Global | Node.Node | Scope.Scope> => reg(port, group)
)

/**
 * Follows a group as the database has it: first its present members, then everybody who comes and goes.
 *
 * **When to use**
 *
 * To react to members: to show them, or as the nodes of `Supervisor.pool`. It is {@link mon} without the keys that are no members, and without
 * changes of values alone. The `changes` of a {@link group} tell of those members that this node can reach.
 *
 * **Details**
 *
 * Without a master, and while its reader is busy, as `mon`.
 *
 * **Gotchas**
 *
 * A member that has left may live: its node may have lost its master, and will say so to the next one. Whether a port has ended
 * tells a monitor, `Port.mon`.
 *
 * @see {@link mon} for all that changes
 * @see {@link group} for members that this node can reach
 * @category groups
 * @since 0.1.0
 */
export const watch = (group: string): Stream.Stream<GroupChange, InvalidEntry, Global> =>
  mon(group).pipe(
    Stream.mapAccum((): ReadonlyArray<string> | undefined => undefined, (before, { entries }) => {
      const members = membersOf(entries)
      const { joined, left } = movedBetween(before ?? [], members)
      const visible = before === undefined || joined.length > 0 || left.length > 0
      return [members, visible ? [{ group, members, joined, left }] : []] as const
    })
  )

/**
 * How {@link pick} chooses a member: `"random"`, any one; `"round-robin"`, one after the other in the order of their IDs, each node for itself;
 * `"nearest"`, one on this very node if there is any, or else one on a node that there is a link to, or else any.
 *
 * **Details**
 *
 * Of several nodes with a link those are near that answer within twice the time of the quickest one, or within 5 ms more. The first choice
 * has that measured, each node is asked every ten seconds at most, and the quickest of its last three answers counts. A node that was not
 * measured so far, or is of another kind, counts as near. `Node.peers` shows the times.
 *
 * @see {@link Strategy} for how a view of a group chooses
 * @category models
 * @since 0.1.0
 */
export type Choice = choices.Choice

/**
 * One member of a group, if it has any: `None` otherwise.
 *
 * **When to use**
 *
 * To choose once, or now and then. Every pick asks the node's master, as {@link find} does: a program that picks often looks at the group with
 * {@link group}, whose `pick` and `call` ask nobody, and know more ways to choose.
 *
 * **Details**
 *
 * It chooses at random, unless `choice` says otherwise. Members of a node that stops in order are not chosen. It may fail with `NoMaster`
 * after ten seconds.
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
 * @see {@link group} to choose again and again
 * @category groups
 * @since 0.1.0
 */
export const pick = (
  group: string,
  choice: Choice = "random"
): Effect.Effect<Option.Option<PortId>, InvalidEntry | NoMaster, Global | Node.Node> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const members = (yield* find(group)).filter((member) => !router.drains(Port.nodeOf(member)))
    if (members.length === 0) return Option.none()
    if (choice === "round-robin") {
      return Option.some(members.toSorted()[(yield* NodeMesh).rounds.take(group) % members.length]!)
    }
    const candidates = choice === "nearest" ? choices.nearest(members, router) : members
    return Option.fromUndefinedOr(choices.oneOf(candidates, yield* Random.next))
  })

/**
 * How a view of a group chooses a member: as {@link pick} does; `"least-pending"`, the one with the fewest calls of this node under way; or
 * `{ key }`, the one that the key belongs to.
 *
 * **Details**
 *
 * For one key every node that sees the same members chooses the same one, for as long as that stays. When a member comes or goes, only
 * the keys that it gets or had go to another one.
 *
 * @see {@link ChooseOptions} where it is said
 * @category models
 * @since 0.1.0
 */
export type Strategy = choices.Strategy

/**
 * How a member of a {@link group} is chosen.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChooseOptions {
  /** Which member. Default: `"random"`. */
  readonly choose?: Strategy | undefined
  /**
   * What happens while there is no member: `"fail"` with an `EmptyGroup` at once, or `"wait"` for one, for as long as that takes. Default:
   * `"fail"`.
   */
  readonly whenEmpty?: "fail" | "wait" | undefined
}

/**
 * How a member of a {@link group} is called: how it is chosen, and what is repeated.
 *
 * **Gotchas**
 *
 * What fails is repeated with another member only where `retry` says so: for calls that may run twice.
 *
 * A message that ends whoever handles it ends the next one too: `while` says which failures are repeated, such as those with the reason
 * `transport_error`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions<in E> extends ChooseOptions {
  /** Which calls that failed are made again. Default: none. */
  readonly retry?: {
    /** So many times after the first one, each time with a member that has not failed yet. */
    readonly times: number
    /** For which failures. Default: all. */
    readonly while?: ((error: E) => boolean) | undefined
  } | undefined
}

/** The messages that a port with this protocol takes, as one list. */
type MessageTo<M extends Messages> = Parameters<typeof Port.snd<M>> extends readonly [unknown, ...infer Message] ?
  Message
  : never

/**
 * A group as this node sees it: to choose a member asks nobody. {@link group} makes one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group<M extends Messages = any> {
  /** The name of the group. */
  readonly name: string
  /** The members that this node knows of, and takes for reachable, in the order of their IDs. */
  readonly members: Effect.Effect<ReadonlyArray<PortId<M>>>
  /** The members as they are, then whoever comes and goes. */
  readonly changes: Stream.Stream<GroupChange>
  /** Waits until there are at least `count` members, for as long as that takes, and answers them all. */
  readonly awaitMembers: (count: number) => Effect.Effect<ReadonlyArray<PortId<M>>>
  /** A member. Fails with `EmptyGroup` while there is none, unless it is to wait. */
  readonly pick: (options?: ChooseOptions) => Effect.Effect<PortId<M>, EmptyGroup>
  /**
   * Chooses a member and does something with it, such as `Port.cal`. It fails as that does, or with `EmptyGroup`. Meanwhile the member counts
   * as busy, for those who choose by `"least-pending"`.
   */
  readonly call: <A, E, R>(
    use: (member: PortId<M>) => Effect.Effect<A, E, R>,
    options?: CallOptions<E>
  ) => Effect.Effect<A, E | EmptyGroup, R>
  /**
   * Does something with all members at once, and collects what comes of it, by member. `within` is how long each may take: one that takes longer
   * has a `TimeoutError`. Default: any time. It does not fail, and of an empty group it answers an empty map.
   */
  readonly callAll: <A, E, R>(
    use: (member: PortId<M>) => Effect.Effect<A, E, R>,
    options?: { readonly within?: Duration.Input | undefined }
  ) => Effect.Effect<ReadonlyMap<PortId<M>, Exit.Exit<A, E | Cause.TimeoutError>>, never, R>
  /**
   * Sends a message to all members: at most once to each, and in order from one publisher. It waits as `Port.snd` does; a node that takes
   * nothing keeps no member elsewhere waiting.
   */
  readonly publish: (...message: MessageTo<M>) => Effect.Effect<void>
}

/** Looks at a group until the scope closes. */
const viewOf = (name: string): Effect.Effect<View, InvalidEntry, Global | Scope.Scope> =>
  Effect.gen(function*() {
    yield* checkFamily(name)
    const mesh = yield* NodeMesh
    const { group } = yield* Effect.acquireRelease(
      Effect.sync(() => mesh.groups.view(name)),
      ({ close }) => Effect.sync(close)
    )
    return group
  })

/**
 * Looks at a group until the scope closes: its members are followed, so that to choose one asks nobody, and works while the node has no
 * master.
 *
 * **When to use**
 *
 * For a service with several workers, and for topics: who subscribes to a topic is registered in its group, and who publishes sends to all
 * members. A program that chooses once may as well {@link pick}; one that only wants to know who is there has {@link find} and
 * {@link watch}. Of servers of rpc, `Rpc.group` calls their functions.
 *
 * **Details**
 *
 * The members are what the database tells, and at once what this node has registered itself. A member of another node is monitored from
 * when it is chosen for the first time. One that ends is gone as soon as this node hears of it, and so are all members of a node that is
 * lost; that node is looked for, and its members are back when it is. Views of one group on one node share their turns, and what they know of
 * calls under way.
 *
 * The effect succeeds when a master has told who is in the group; at once on a node without seeds; or after ten seconds, with what the node
 * has registered itself. A name that cannot be is an `InvalidEntry`.
 *
 * The type says which messages the members take, and nobody checks that they do: `group<typeof Worker.messages>("workers")`.
 *
 * **Gotchas**
 *
 * Make a view once and keep it: to make one asks the master. When its scope has closed the view stays as it was, and nobody is told.
 *
 * Two nodes may see a group differently, for a moment or in a split: a key then has an owner on either side.
 *
 * A member may have ended before the message reaches it. What may run twice can be repeated, with `retry`; what may not is for the caller to
 * decide. Members of a node that stops in order are chosen no more, and a call that such a node has refused goes to another member, without
 * `retry` too: nothing of it has begun.
 *
 * **Example** (Workers behind a group)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Worker = Port.protocol({ double: Port.message(Schema.Number).replies(Schema.Number) })
 * const worker = Port.make(Worker, { double: (n) => Effect.succeed(2 * n) }).pipe(Effect.tap(Global.register("workers")))
 *
 * const node = Layer.provideMerge(Global.layer(), Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] }))
 *
 * const program = Effect.gen(function*() {
 *   yield* worker
 *   const last = yield* worker
 *   const workers = yield* Global.group<typeof Worker.messages>("workers")
 *   const double = workers.call((member) => Port.cal(member, "double", 21), {
 *     choose: "least-pending",
 *     retry: { times: 1 }
 *   })
 *   yield* Port.kil(last)
 *   return [yield* double, (yield* workers.members).length]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [42, 1]
 * ```
 *
 * @see {@link register} to be a member
 * @see {@link ChooseOptions} for how one is chosen
 * @category groups
 * @since 0.1.0
 */
export const group = <M extends Messages = any>(
  name: string
): Effect.Effect<Group<M>, InvalidEntry, Global | Node.Node | Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const mesh = yield* NodeMesh
    const view = yield* viewOf(name)
    yield* Effect.timeoutOption(calls.awaitKnown(view), patienceMillis)
    mesh.assume(name)
    const named = { name, group: view }
    return {
      name,
      members: Effect.sync(() => view.members),
      changes: calls.changes(named),
      awaitMembers: (count) => calls.awaitMembers(view, count),
      pick: (options = {}) => calls.choose(named, options),
      call: (use, options = {}) => calls.call(named, use, options),
      callAll: (use, { within } = {}) => calls.callAll(view, use, within),
      publish: (...message) => Effect.provideService(sendToAll(view, message), NodeRouter, router)
    }
  })

/** Sends first to those that there is room for: nobody waits for another one's node. */
const sendToAll = (view: View, message: ReadonlyArray<unknown>): Effect.Effect<void, never, Node.Node> =>
  Effect.flatMap(NodeRouter, (router) => {
    const send = (member: PortId): Effect.Effect<void, never, Node.Node> => Port.snd(member, ...message)
    const { members } = view
    const free = members.filter((member) => router.hasRoom(member))
    if (free.length === members.length) return Effect.forEach(free, send, { discard: true })
    const busy = members.filter((member) => !router.hasRoom(member))
    return Effect.andThen(
      Effect.forEach(free, send, { discard: true }),
      Effect.forEach(busy, send, { concurrency: "unbounded", discard: true })
    )
  })

/**
 * Waits until there is a link to a node, and sees to it that there will be one.
 *
 * **When to use**
 *
 * At the start of a program that needs one certain node. {@link joined} waits for any seed, {@link awaitGroup} for services on whichever nodes.
 *
 * **Details**
 *
 * The node is looked for every two seconds, for as long as it takes: `Effect.timeout` limits that. This very node is always there.
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
 * **When to use**
 *
 * At the start of a program that asks the database. {@link awaitNode} waits for a certain node, {@link awaitGroup} for services.
 *
 * **Details**
 *
 * It waits for as long as it takes. A node without seeds waits until another one uses it as one.
 *
 * @category nodes
 * @since 0.1.0
 */
export const joined: Effect.Effect<void, never, Global> = Effect.flatMap(
  NodeMesh,
  (mesh) =>
    Effect.callback<void>((resume) => Effect.sync(mesh.query("g_db_keys", listenersFamily, () => resume(Effect.void))))
)

/**
 * The options of {@link locks}. All nodes that have to do with one table of locks must give the same.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type LocksOptions = lockRules.LocksOptions

/**
 * A key that an owner holds.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Grant = tables.Grant

/**
 * A key that {@link Locks} `hold` has: it is refreshed by itself, and released when the scope closes.
 *
 * **Gotchas**
 *
 * What is lost is not had again: close the scope, and hold the key anew.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Lease = tables.Lease

/**
 * A table of locks, as one owner sees it. {@link locks} makes one; each is an owner of its own.
 *
 * **Gotchas**
 *
 * A key is text of 1 to 255 characters; any other one is a defect. A voter keeps 10,000 keys for one owner, and 100,000 in all.
 *
 * `acquire` of a key that this owner holds answers what it holds: two parts of a program that have to keep out of each other's way use `hold`,
 * or have a table each.
 *
 * When the scope of the table has closed, or its port was killed, nothing is held: `acquire` answers none, and `hold` and `ready` wait for ever.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Locks = tables.Locks

/**
 * No majority of the voters has answered within half a term, so that it is not known which keys are still held; `silent` are those that there
 * is no link with. What was held is held until its time is over (`Grant.until`).
 *
 * @see {@link Locks} whose `refresh` fails with it
 * @category errors
 * @since 0.1.0
 */
export const NoMajority = lockRules.NoMajority

/**
 * The type of a {@link NoMajority}.
 *
 * @category errors
 * @since 0.1.0
 */
export type NoMajority = lockRules.NoMajority

/**
 * A wrong option of {@link locks}: `option` is its name, `problem` says what is wrong with it.
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidLocks = lockRules.InvalidLocks

/**
 * The type of an {@link InvalidLocks}.
 *
 * @category errors
 * @since 0.1.0
 */
export type InvalidLocks = lockRules.InvalidLocks

/**
 * Leases at a majority of voters: who holds a key is its only owner in the network, in a split too, for as long as the owner itself believes
 * so. The node takes part until the scope closes; if it is one of the voters, it votes as well.
 *
 * **When to use**
 *
 * For what must not happen in two places at once: a job that one of several nodes does, the owner of a shard. To do without voters, and rather
 * twice than not at all, there is `Supervisor.failover`; to find who does something, {@link register} it in a group.
 *
 * **Details**
 *
 * Every node that uses the table makes the same call. Voters keep it in memory: for which owner, and until when. An owner has a key as soon as
 * more than half of the voters keep it for that owner, and goes by an answer of theirs for a term from when its question left: 95 % of the
 * grace, so that clocks may differ by 5 % in how fast they run. Two majorities have a voter in common, which gives a key to the next owner
 * only when the term of the one before is over:
 *
 * | what happens to an owner                         | others may have its keys                          |
 * | ------------------------------------------------ | ------------------------------------------------- |
 * | it releases them, or its scope closes              | at once                                           |
 * | its node stops, and it has done neither            | after the `grace` (default: 5 seconds)            |
 * | its process is killed, or a link with it is reset  | after the `grace`                                 |
 * | it is silent: cut off, frozen, without power       | after the `lease` (default: 15 seconds)           |
 *
 * A voter that starts grants nothing for one lease, since it does not know any more what it has granted: so does a network that starts. What an
 * owner holds it keeps meanwhile, as long as a majority of others answers it.
 *
 * The `token` of a grant is larger than those of all grants of the key before, while no voters restart; when they do, as long as the wall clocks of
 * nodes differ by less than a lease.
 *
 * **Gotchas**
 *
 * A lease keeps nobody from acting late: a process may be frozen between a look at `isHeld` and what it does next. What the owner changes
 * elsewhere must bear a late write, or refuse tokens that are smaller than the largest it has seen.
 *
 * While more than half of the voters are out of reach, nobody gets a key, and owners lose theirs within a term: `grace` is also how long a
 * network may hiccup. With one voter the locks are as available as that node.
 *
 * All nodes must give the same options. Those whose voters or times differ from a voter's get no vote of it, and both log why; see
 * `docs/locks.md` on how to replace a voter.
 *
 * **Example** (A job that only one node does at a time)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
 *
 * const program = Effect.gen(function*() {
 *   const locks = yield* Global.locks({ voters: ["here"], lease: "300 millis" })
 *   const other = yield* Global.locks({ voters: ["here"], lease: "300 millis" })
 *   const lease = yield* locks.hold("nightly-report")
 *   const before = yield* other.acquire(["nightly-report"])
 *   yield* locks.releaseAll
 *   const [grant] = yield* other.acquire(["nightly-report"])
 *   return [before.length, yield* lease.isHeld, grant!.token > lease.token]
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 * ) // => [0, false, true]
 * ```
 *
 * @see {@link Locks} for what can be done with them
 * @category leases
 * @since 0.1.0
 */
export const locks = (options: LocksOptions): Effect.Effect<Locks, InvalidLocks, Node.Node | Scope.Scope> =>
  tables.make(options)
