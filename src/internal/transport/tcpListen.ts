/**
 * Listening over TCP, and which addresses others can dial then. What stands for all interfaces follows them: addresses come and go
 * while a node runs.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import * as os from "node:os"
import { type Address, formatAddress, isWildcard, parseAddress } from "../values/address.ts"
import { LinkError } from "./linkError.ts"
import { reachable } from "./reachable.ts"
import { accepted } from "./sharedReads.ts"
import * as sockets from "./sockets.ts"
import { errorText, SocketWire } from "./socketWire.ts"
import type { Carrier, Wire } from "./wire.ts"

/** What addresses and names stand for on a machine. */
export interface Machine {
  /** How names become addresses; `dns.lookup` is one. */
  readonly lookup: net.LookupFunction
  /** The addresses of all interfaces, now. */
  readonly interfaces: () => ReadonlyArray<string>
}

/** So often it is looked which addresses the interfaces have. */
const lookEveryMillis = 2000

export const malformed = (text: string) => new LinkError({ reason: "malformed_address", peer: text })

const failedToListen = (peer: string, error: NodeJS.ErrnoException) =>
  new LinkError({ reason: "listen_failed", peer, detail: errorText(error) })

// ---- what a host stands for

/** Addresses of the machine that others can dial; itself, as long as there are none. */
const dialable = ({ interfaces }: Machine, fits: (ip: string) => boolean): ReadonlyArray<string> => {
  const found = reachable(interfaces()).filter(fits)
  return found.length > 0 ? found : ["127.0.0.1"]
}

/** The addresses that a host stands for: those of all interfaces, all that a name has, or itself. */
export const hostsOf = (
  machine: Machine,
  host: string
): Effect.Effect<ReadonlyArray<string>, NodeJS.ErrnoException> => {
  if (host === "*") return Effect.sync(() => dialable(machine, () => true))
  return net.isIP(host) !== 0 ? Effect.succeed([host]) : lookUp(machine, host)
}

/** All addresses of a name, each once. */
const lookUp = ({ lookup }: Machine, name: string): Effect.Effect<ReadonlyArray<string>, NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    lookup(name, { all: true }, (error, found) => {
      if (error !== null) return resume(Effect.fail(error))
      const all = new Set(Array.isArray(found) ? found.map(({ address }) => address) : [found])
      const none = Object.assign(new Error("no address"), { code: "ENOTFOUND" })
      resume(all.size > 0 ? Effect.succeed(Array.from(all)) : Effect.fail(none))
    })
  })

// ---- one address

/** Opens a server that listens at an address. */
export type OpenServer = (address: Address) => Effect.Effect<net.Server, NodeJS.ErrnoException>

/** Listens at one address until the scope closes, and answers it with its real port. */
const listenOn = (
  address: Address,
  open: OpenServer
): Effect.Effect<Address, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.map(
    // It stops listening at once. Connections have an owner of their own.
    Effect.acquireRelease(open(address), (server) => Effect.sync(() => server.close()), {
      interruptible: true
    }),
    (server) => {
      const bound = server.address() as net.AddressInfo
      // The system leaves out the interface that an address is good for.
      const [, zone = ""] = /(%.*)$/.exec(address.host) ?? []
      return { host: `${bound.address}${zone}`, port: bound.port }
    }
  )

const openTcp = (accept: (wire: Wire) => void): OpenServer => ({ host, port }) =>
  sockets.openServer({ host, port }, (socket) => {
    const remote = formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 })
    accept(new SocketWire(accepted(socket), remote))
  })

const isNotHere = (error: NodeJS.ErrnoException): boolean =>
  error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT"

// ---- a bind

/** What a bind listens on. */
interface Listening {
  /** Where others can dial it, now. */
  readonly addresses: () => ReadonlyArray<Address>
  /** Looks which addresses the interfaces have. A bind that stands for itself has nothing to look at. */
  readonly look: Effect.Effect<void> | undefined
}

export const listenWith = (machine: Machine): Carrier["listen"] => (bind, accept, _host, moved = () => {}) => {
  const address = parseAddress(bind, os.hostname())
  return address === undefined
    ? Effect.fail(malformed(bind))
    : listenAt(machine, bind, address, openTcp(accept), (found) => moved(found.map(formatAddress)))
      .pipe(Effect.map((found) => found.map(formatAddress)))
}

/** Listens at all that an address stands for, with servers of any kind. Answers what others can dial, and tells when that changes. */
export const listenAt = (
  machine: Machine,
  bind: string,
  address: Address,
  open: OpenServer,
  moved: (addresses: ReadonlyArray<Address>) => void
): Effect.Effect<ReadonlyArray<Address>, LinkError, Scope.Scope> =>
  Effect.gen(function*() {
    const { addresses, look } = address.host === "*"
      ? yield* listenOnEach(machine, bind, address.port, open)
      : yield* listenOnHosts(machine, bind, address, open)
    let known = addresses()
    if (look !== undefined) {
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(
        Effect.sleep(lookEveryMillis),
        Effect.map(look, () => {
          const now = addresses()
          if (textOf(now) === textOf(known)) return
          known = now
          moved(now)
        })
      )))
    }
    return known
  })

const textOf = (addresses: ReadonlyArray<Address>): string => addresses.map(formatAddress).join()

/**
 * A name with several addresses is listened on at all of them. One that this host does not have (`localhost` may name an
 * IPv6 address where there is no IPv6) is left out, as long as there is another one.
 */
const listenOnHosts = (
  machine: Machine,
  bind: string,
  { host, port }: Address,
  open: OpenServer
): Effect.Effect<Listening, LinkError, Scope.Scope> =>
  Effect.gen(function*() {
    const hosts = yield* hostsOf(machine, host).pipe(Effect.mapError((error) => failedToListen(bind, error)))
    const bound = new Array<Address>()
    const missing = new Array<NodeJS.ErrnoException>()
    for (const one of hosts) {
      yield* listenOn({ host: one, port }, open).pipe(
        Effect.matchEffect({
          onSuccess: (address) => Effect.sync(() => bound.push(address)),
          onFailure: (error) =>
            isNotHere(error)
              ? Effect.sync(() => missing.push(error))
              : Effect.fail(failedToListen(formatAddress({ host: one, port }), error))
        })
      )
    }
    const [first] = missing
    if (first !== undefined && bound.length === 0) return yield* failedToListen(bind, first)
    const addresses = (): ReadonlyArray<Address> => bound.flatMap((address) => told(machine, address))
    if (first !== undefined) {
      const text = `${bind} also stands for an address that this host does not have: listening on ${
        addresses().map(formatAddress).join(", ")
      }`
      yield* ofTransport(Effect.logInfo(text))
    }
    return { addresses, look: bound.some((address) => isWildcard(address.host)) ? Effect.void : undefined }
  })

/** A line of the log that names its room. */
const ofTransport = Effect.annotateLogs({ module: "Transport" })

/** What others can dial: `0.0.0.0` is listened on at every interface of IPv4, `::` at those of both families. */
export const told = (machine: Machine, { host, port }: Address): ReadonlyArray<Address> => {
  if (!isWildcard(host)) return [{ host, port }]
  return dialable(machine, (ip) => host === "::" || net.isIPv4(ip)).map((ip) => ({ host: ip, port }))
}

/** Each address of the machine has a listener of its own, for as long as the machine has it. */
const listenOnEach = (
  machine: Machine,
  bind: string,
  port: number,
  openServer: OpenServer
): Effect.Effect<Listening, LinkError, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const listeners = new Map<string, { readonly address: Address; readonly scope: Scope.Closeable }>()
    const warned = new Set<string>()
    const failedAt = (host: string, error: NodeJS.ErrnoException) =>
      failedToListen(formatAddress({ host, port }), error)
    const open = (host: string): Effect.Effect<void, NodeJS.ErrnoException> =>
      Effect.flatMap(Scope.fork(scope), (own) =>
        listenOn({ host, port }, openServer).pipe(
          Scope.provide(own),
          Effect.tap((address) => Effect.sync(() => listeners.set(host, { address, scope: own }))),
          Effect.onError(() => Scope.close(own, Exit.void)),
          Effect.asVoid
        ))
    const tryToOpen = (host: string): Effect.Effect<void> =>
      Effect.catch(open(host), (error) => {
        const text = `${bind} stands for a new address: ${failedAt(host, error).message}; trying on`
        // An address that has just come may not be ready yet.
        if (isNotHere(error) || warned.has(host)) return ofTransport(Effect.logDebug(text))
        warned.add(host)
        return ofTransport(Effect.logWarning(text))
      })
    const wanted = (): ReadonlyArray<string> => dialable(machine, () => true)
    const look = Effect.suspend(() => {
      const hosts = wanted()
      const gone = Array.from(listeners).filter(([host]) => !hosts.includes(host) && !isOwn(host))
      for (const host of warned) if (!hosts.includes(host)) warned.delete(host)
      return Effect.andThen(
        Effect.forEach(gone, ([host, listener]) => {
          listeners.delete(host)
          return Scope.close(listener.scope, Exit.void)
        }),
        Effect.forEach(hosts.filter((host) => !listeners.has(host)), tryToOpen, { discard: true })
      )
    })
    for (const host of wanted()) {
      yield* Effect.catch(open(host), (error) => isNotHere(error) ? Effect.void : Effect.fail(failedAt(host, error)))
    }
    const addresses = (): ReadonlyArray<Address> => wanted().flatMap((host) => listeners.get(host)?.address ?? [])
    return { addresses, look }
  })

/** The listener of a machine that had no network stays when there is one: links may come to it from the same machine. */
const isOwn = (host: string): boolean => host === "127.0.0.1"
