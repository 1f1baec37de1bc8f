/**
 * The requests of the node port that make the network: `g_*` as all nodes know them, `emp_*` between nodes of our own kind. Anyone
 * who has authenticated may ask; arguments that make no sense are logged and dropped. Follows protocol sections 13 and 15 to 17.
 *
 * @internal
 */
import type { Request, Router } from "../node/router.ts"
import { isPortId, readName } from "../values/portId.ts"
import type { Entries } from "./delivery.ts"
import { isFamilyName } from "./families.ts"
import type { Follower } from "./follower.ts"
import type { GlobalNode } from "./globalNode.ts"
import type { OwnData } from "./ownData.ts"
import type { Family } from "./shards.ts"
import { ownGlobal, readAddresses, readChange, readFamily, readKeys, readShards, readStamp, readTable } from "./wire.ts"

/**
 * Requests of operators: `emp_db_set FAMILY KEY VALUE REPLYPORT`, answered by true or false; `emp_db_del FAMILY KEYS REPLYPORT`,
 * answered by the keys that this node had not set, or by null if it makes no sense.
 */
export const operatorRequests = { set: "emp_db_set", delete: "emp_db_del" } as const

/** What the requests are about: the parts of a node's place in the network. */
export interface Parts {
  readonly router: Router
  readonly ownData: OwnData
  readonly follower: Follower
  /** `undefined` until the node is a global one. */
  readonly globalNode: () => GlobalNode | undefined
  /** Makes the node a global one, if it is not. */
  readonly becomeGlobal: () => GlobalNode
  /** Another node says that it is a global one. */
  readonly greeted: (nodeId: string) => void
}

type Args = ReadonlyArray<unknown>

/** What a node port does with a request of this name. */
type Handler = (parts: Parts, name: string) => Request

/** What to do with each request, by its name. */
type Handlers = Readonly<Record<string, Handler>>

const dropMalformed = ({ router }: Parts, from: string, name: string): void =>
  router.log.of("Global").warnSome(
    `malformed requests of ${from}`,
    `node ${from} sent a malformed ${name}, which was dropped`
  )

/** A request whose arguments are read first: `read` answers `undefined` for what makes no sense, which is dropped. */
const reading =
  <A>(read: (args: Args) => A | undefined, handle: (parts: Parts, from: string, data: A) => void): Handler =>
  (parts, name) =>
  (from, args) => {
    const data = read(args)
    if (data === undefined) dropMalformed(parts, from, name)
    else handle(parts, from, data)
  }

/** A request that counts only if it comes from the present master of this node. */
const ifMaster = <A>(handle: (parts: Parts, from: string, data: A) => void) =>
(
  parts: Parts,
  from: string,
  data: A
): void => {
  if (parts.follower.isMaster(from)) handle(parts, from, data)
}

/** A request about a name, of a family or of a node, that global nodes alone do something with. */
const ifGlobal = <A>(
  read: (args: Args) => A | undefined,
  handle: (globalNode: GlobalNode, from: string, about: string, data: A, router: Router) => void
): Handler =>
(parts, name) =>
(from, [about, ...rest]) => {
  const text = readName(about)
  if (text === undefined) return dropMalformed(parts, from, name)
  const globalNode = parts.globalNode()
  if (globalNode === undefined) return
  const data = read(rest)
  if (data === undefined) dropMalformed(parts, from, name)
  else handle(globalNode, from, text, data, parts.router)
}

/** A request between global nodes of our own kind: nobody else can know what it means. */
const ifOwnKind = (handler: Handler): Handler => (parts, name) => {
  const handle = handler(parts, name)
  return (from, args) => parts.router.isOwnKind(from) ? handle(from, args) : dropMalformed(parts, from, name)
}

/** What a node is told by its master. Addresses count whoever tells them. */
const toFollowers: Handlers = {
  g_found: reading(
    ([nodeId, addresses, scoped]) =>
      typeof nodeId === "string"
        ? { nodeId, addresses: readAddresses(addresses), scoped: readAddresses(scoped) }
        : undefined,
    // Our own kind tells those with labels too.
    ({ follower, router }, from, { addresses, nodeId, scoped }) =>
      follower.found(nodeId, router.isOwnKind(from) ? [...scoped, ...addresses] : addresses)
  ),

  // Our own kind says how many portions follow.
  g_reply: ({ follower, router }) => (from, [id, part, left]) => {
    if (typeof id !== "string" || !follower.isMaster(from)) return
    follower.answered(id, part, typeof left === "number" && router.isOwnKind(from) ? left : 0)
  },

  g_chg1: reading(
    ([family, entries, portions]) => {
      const all = readFamily(entries)
      return typeof family === "string" && all !== undefined ? { family, all, portions } : undefined
    },
    ifMaster(({ follower, router }, from, { all, family, portions }) =>
      // Our own kind says how many portions follow. From nodes of other kinds a third argument means nothing.
      follower.familyCame(family, all, typeof portions === "number" && router.isOwnKind(from) ? portions : 0)
    )
  ),

  g_chg2: reading(
    ([family, set, deleted]) => {
      const change = readChange(set, deleted)
      return typeof family === "string" && change !== undefined ? { family, change } : undefined
    },
    ifMaster(({ follower }, _from, { change, family }) => follower.familyChanged(family, change))
  )
}

/**
 * A question about a family: what of it is asked for, and how that is answered. The asking node knows the answer by the ID that it
 * gave to its question.
 */
const question = (answer: (set: Entries) => unknown, about = (family: Family): Family => family): Handler =>
  ifGlobal(
    ([id]) => ({ id }),
    (globalNode, from, family, { id }, router) =>
      globalNode.answerInParts(from, family, about(globalNode.family(family)), (set, left) =>
        router.requestIfCarried(from, "g_reply", id, answer(set), ...left > 0 ? [left] : []))
  )

const keysAlone = (family: Family): Family => new Map(Array.from(family.keys(), (key) => [key, null]))

/** What any node may ask of a global one. */
const toGlobals: Handlers = {
  // Whoever gets it becomes a global node, even if the rest makes no sense.
  g_slave: (parts, name) => (from, [db, stamp]) => {
    const globalNode = parts.becomeGlobal()
    if (db === undefined) return
    const table = readTable(db)
    if (table === undefined) dropMalformed(parts, from, name)
    else globalNode.addSlave(from, readStamp(stamp), table)
  },

  g_upd: ifGlobal(
    ([set, deleted]) => readChange(set, deleted),
    (globalNode, from, family, change) => globalNode.update(from, family, change)
  ),

  g_find: ifGlobal(
    (args) => args,
    (globalNode, from, nodeId, _args, router) => {
      const scoped = router.isOwnKind(from) ? globalNode.scopedOf(nodeId) : undefined
      const addresses = [globalNode.listenersOf(nodeId) ?? null, ...scoped === undefined ? [] : [scoped]]
      // Whoever asked waits for an answer, also where nobody could use it.
      if (router.requestIfCarried(from, "g_found", nodeId, ...addresses)) return
      router.request(from, "g_found", nodeId, null)
    }
  ),

  g_db_family: question((set) => set),
  g_db_keys: question((set) => Object.keys(set), keysAlone),
  g_db_values: question((set) => Object.values(set)),

  g_mon1: ifGlobal((args) => args, (globalNode, from, family) => globalNode.watch(from, family)),
  g_mon0: ifGlobal((args) => args, (globalNode, from, family) => globalNode.unwatch(from, family))
}

/** What global nodes tell each other. */
const amongGlobals: Handlers = {
  g_global: (parts) => (from) => parts.greeted(from),

  g_set: reading(([db]) => readTable(db), ({ globalNode }, from, table) => globalNode()?.merge(from, table)),

  [ownGlobal.set]: ifOwnKind(reading(([all]) => readShards(all), ({ globalNode }, from, shards) => {
    for (const { origin, stamp, table } of shards) globalNode()?.beginVia(from, origin, stamp, table)
  })),

  [ownGlobal.update]: ifOwnKind(reading(
    ([origin, stamp, family, set, deleted]) => {
      const change = readChange(set, deleted)
      return typeof origin === "string" && typeof family === "string" && change !== undefined
        ? { origin, stamp: readStamp(stamp), family, change }
        : undefined
    },
    ({ globalNode }, from, { change, family, origin, stamp }) =>
      globalNode()?.updateVia(from, origin, stamp, family, change)
  )),

  [ownGlobal.gone]: ifOwnKind(reading(
    ([origin]) => typeof origin === "string" ? origin : undefined,
    ({ globalNode }, from, origin) => globalNode()?.goneVia(from, origin)
  ))
}

/** What operators ask of any node. What they set becomes that node's own, and stays as long as the node. */
const ofOperators: Handlers = {
  [operatorRequests.set]: ({ ownData, router }) => (from, [family, key, value, to, ...rest]) => {
    const isTaken = isFamilyName(family) && typeof key === "string" && ownData.wrong(family, key, value) === undefined
    if (isTaken) ownData.set(family, key, value ?? null)
    if (isPortId(to)) router.relay(from, to, [...rest, isTaken])
  },

  [operatorRequests.delete]: ({ ownData, router }) => (from, [family, keys, to, ...rest]) => {
    const list = isFamilyName(family) ? readKeys(keys) : undefined
    const own = new Set(list && ownData.delete(String(family), list))
    if (isPortId(to)) router.relay(from, to, [...rest, list?.filter((key) => !own.has(key)) ?? null])
  }
}

/** Whether a node gets it of its master: a guest gets nothing else. */
export const isForFollowers = (name: string): boolean => Object.hasOwn(toFollowers, name)

/** All of them, by name, as the node port takes them. */
export const requests = (parts: Parts): ReadonlyArray<readonly [string, Request]> =>
  Object.entries({ ...toFollowers, ...toGlobals, ...amongGlobals, ...ofOperators })
    .map(([name, handler]) => [name, handler(parts, name)] as const)
