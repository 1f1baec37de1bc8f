/**
 * The gate that all goes through which a guest sends: what of it is carried out, what is left alone, and what ends its link (pure). A guest
 * may do what is named here, and nothing else.
 *
 * To a guest a port that is not open to it is like one that does not exist. What it sends may not name others either: whoever is handed the
 * ID of a port, by a call or in a message, may send there.
 *
 * @internal
 */
import { ownRequests, readAside } from "../transport/ownRequests.ts"
import type { Message } from "../values/plainData.ts"
import { isPortId, nameOf, nodeOf, portName, readName } from "../values/portId.ts"
import { drainRequests } from "./drain.ts"
import { abandonedRequest, refusedRequest, spawnRequest, ticketRequest } from "./fullRequests.ts"
import { dataRequests } from "./noData.ts"

/** What is open, and to whom. */
export interface Open {
  /** The node ID of the guest, and of this node. */
  readonly guest: string
  readonly host: string
  /** Whether the port of this node that has this name takes messages of the guest. */
  readonly isOpen: (name: string) => boolean
  /** Whether that port knows the word that a message for it begins with: then it is a tag, and names nobody. */
  readonly isTag: (name: string, message: Message) => boolean
  /** Whether a message for that port is a call, as its protocol says. */
  readonly isCall: (name: string, message: Message) => boolean
  /** Whether the guest may have ports made by the function of this name. */
  readonly isOpenFunction: (name: string) => boolean
  /** Whether bytes of the guest are awaited under this ID. */
  readonly isOpenPlace: (id: string) => boolean
  /** Whether another node than the guest has this ID, this one among them. */
  readonly isNode: (nodeId: string) => boolean
}

export type Verdict =
  /** A message for a port. Nobody knows how long its sender waits, unless it says so. */
  | { readonly _tag: "Message"; readonly name: string; readonly message: Message; readonly patienceMillis?: number }
  | { readonly _tag: "Request"; readonly request: string; readonly args: ReadonlyArray<unknown> }
  /** The port of this name is monitored, and is not there. */
  | { readonly _tag: "NoSuchPort"; readonly name: string }
  /** As what is sent to a port that is not there. */
  | { readonly _tag: "Drop" }
  /** An open port does not take this message: its caller, if it is a call, is told. */
  | { readonly _tag: "Refuse"; readonly name: string; readonly message: Message }
  /** No guest sends such a thing: its link ends. */
  | { readonly _tag: "End"; readonly what: string }

const drop: Verdict = { _tag: "Drop" }

/** What is done with a request: `undefined` ends the link. */
type Rule = (open: Open, args: ReadonlyArray<unknown>, request: string) => Verdict | undefined

const passes: Rule = (_open, args, request) => ({ _tag: "Request", request, args })
const isIgnored: Rule = () => drop
const passesIf = (holds: (open: Open, args: ReadonlyArray<unknown>) => boolean): Rule => (open, args, request) =>
  holds(open, args) ? passes(open, args, request) : drop

/** A port's name, as a guest gives it: that of the node port is none. */
const nameFrom = (value: unknown): string | undefined => readName(value) || undefined

/** Whether it is the ID of a port of the guest: not of its node, nor of anybody else. */
const isOwnPort = ({ guest }: Open, value: unknown): boolean =>
  isPortId(value) && nodeOf(value) === guest && nameOf(value) !== ""

const isAtOpenPort = (open: Open, [name]: ReadonlyArray<unknown>): boolean => {
  const port = nameFrom(name)
  return port !== undefined && open.isOpen(port)
}

/** A spawned name, as our own kind makes them: ten characters, the last of which is none of a local name, and a counter. */
const spawnedName = /^[0-9A-Za-z]{9}[0-9A-Z][a-z]{1,20}$/

/** An empty table: nothing is given with it. */
const isEmpty = (db: unknown): boolean =>
  db === undefined || typeof db === "object" && db !== null && Object.keys(db).length === 0

/** All that a guest may ask of the node itself. */
const rules: ReadonlyMap<unknown, Rule> = new Map<string, Rule>([
  ["", isIgnored],
  ["devnull", isIgnored],

  ["mon1", (open, args, request) => {
    const name = nameFrom(args[0])
    if (name === undefined) return drop
    return open.isOpen(name) ? passes(open, [name], request) : { _tag: "NoSuchPort", name }
  }],
  ["mon0", passesIf((_open, [name]) => nameFrom(name) !== undefined)],
  ["kil0", passesIf((_open, [name]) => nameFrom(name) !== undefined)],
  // The answer goes to whoever is named: to the guest alone.
  ["time", (open, args, request) => isOwnPort(open, args[0]) ? passes(open, args, request) : undefined],

  [ownRequests.probe, passes],
  [ownRequests.probed, passes],
  [ownRequests.bye, passes],
  [ownRequests.end, passes],
  // It would raise an alarm.
  [ownRequests.duplicate, isIgnored],
  [drainRequests.begins, passes],
  // Nobody waits for a guest.
  [drainRequests.answered, isIgnored],
  [ticketRequest, passes],

  [abandonedRequest, passesIf(isAtOpenPort)],
  [refusedRequest, passesIf(isAtOpenPort)],

  [
    spawnRequest,
    passesIf((open, [name, functionName, client]) =>
      typeof name === "string" && spawnedName.test(name) && typeof functionName === "string" &&
      open.isOpenFunction(functionName) && isOwnPort(open, client)
    )
  ],

  [dataRequests.begin, (open, args, request) => {
    const [id] = args
    // One that is awaited by others is not known to it.
    return passes(open, typeof id === "string" && open.isOpenPlace(id) ? args : [null, args[1]], request)
  }],
  [dataRequests.dial, passes],
  [dataRequests.off, passes],

  // A node without data may have a master, whom it asks.
  ["g_slave", (_open, [db]) => isEmpty(db) ? drop : undefined],
  ["g_find", passes],
  ["g_mon1", passes],
  ["g_mon0", passes],
  ["g_db_family", passes],
  ["g_db_keys", passes],
  ["g_db_values", passes]
])

/** What a guest may ask, for those who look for what it may not. */
export const guestRequests: ReadonlyArray<unknown> = Array.from(rules.keys())

/** What becomes of what a guest sends under this name. */
export const judge = (open: Open, to: unknown, message: Message): Verdict => {
  const name = portName(to)
  if (name === undefined) return { _tag: "End", what: "something that is not a message" }
  const held = name === "" ? readAside(message) : undefined
  if (held === undefined) return name === "" ? judgeRequest(open, message) : judgeMessage(open, name, message)
  const inner = portName(held.to)
  if (inner === undefined) return { _tag: "End", what: "something that is not a message" }
  if (inner === "") return judgeRequest(open, held.message)
  const verdict = judgeMessage(open, inner, held.message)
  const patienceMillis = patienceOf(held.aside)
  return verdict._tag !== "Message" || patienceMillis === undefined ? verdict : { ...verdict, patienceMillis }
}

/** Of what goes beside a message, this alone: a guest has no part in the spans of others. */
const patienceOf = (aside: unknown): number | undefined => {
  const patience = typeof aside === "object" && aside !== null && "patience" in aside ? aside.patience : undefined
  return typeof patience === "number" ? patience : undefined
}

const judgeRequest = (open: Open, [request = "", ...args]: Message): Verdict =>
  rules.get(request)?.(open, args, String(request)) ?? { _tag: "End", what: `the request ${shown(request)}` }

const shown = (request: unknown): string => JSON.stringify(typeof request === "string" ? request.slice(0, 40) : "?")

const judgeMessage = (open: Open, name: string, message: Message): Verdict => {
  if (!open.isOpen(name)) return drop
  // By its answer the port would speak to whoever is named.
  const isForOthers = open.isCall(name, message) && !isOwnPort(open, message.at(-1))
  // An answer begins with what was asked for, and so may what a port takes that has no tags.
  const said = open.isTag(name, message) ? message.slice(1) : message
  return { _tag: isForOthers || namesOthers(open, said) ? "Refuse" : "Message", name, message }
}

/**
 * Whether a value has in it the ID of a port that the guest cannot reach itself, on this node or on another one. That of a node is its node
 * port's, which would take what it is sent for a request.
 */
const namesOthers = (open: Open, value: unknown): boolean => {
  if (typeof value === "string") return isOfOthers(open, value)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false
  if (Array.isArray(value)) return value.some((inner) => namesOthers(open, inner))
  return Object.entries(value).some(([key, inner]) => isOfOthers(open, key) || namesOthers(open, inner))
}

const isOfOthers = (open: Open, text: string): boolean => {
  if (!isPortId(text)) return false
  const node = nodeOf(text)
  return open.isNode(node) && !(node === open.host && open.isOpen(nameOf(text)))
}
